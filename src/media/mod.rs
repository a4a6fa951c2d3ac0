//! Pure media code: what a frame's bytes mean. No sockets, no runtime, no GStreamer.
//!
//! | module | holds |
//! |---|---|
//! | [`catalog`] | the hang catalog: which renditions a broadcast has |
//! | [`container`] | how a timestamp and a codec payload share one frame |
//! | [`h264`], [`aac`], [`opus`] | codec configuration records and codec strings |
//! | [`fmp4`] | fragmented MP4 into samples, fed in any split |
//! | [`reorder`] | decoding times where there are presentation times alone |
//! | [`timeline`] | media time into running time |

pub mod aac;
mod bits;
pub mod catalog;
pub mod container;
mod error;
pub mod fmp4;
pub mod h264;
pub mod opus;
pub mod reorder;
pub mod timeline;

pub use catalog::{
    AudioConfig, Catalog, Config, Container, DataConfig, Kind, TextConfig, VideoConfig,
};
pub use container::legacy;
pub use error::Error;
pub use reorder::Reorder;
pub use timeline::{Keep, Timeline};

/// Media time in microseconds, the unit of every container on the wire.
pub type Micros = crate::moq_lite::Timescale<1_000_000>;
