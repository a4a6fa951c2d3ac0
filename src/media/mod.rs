//! Pure media code: what a frame's bytes mean. No sockets, no runtime, no GStreamer.
//!
//! | module | holds |
//! |---|---|
//! | [`catalog`] | the hang catalog: which renditions a broadcast has |
//! | [`container`] | how a timestamp and a codec payload share one frame |
//! | [`h264`], [`h265`], [`av1`], [`vp8`], [`vp9`] | keyframes, configuration records, codec strings |
//! | [`video`] | the same, whatever the codec |
//! | [`aac`], [`opus`], [`flac`], [`mpeg_audio`] | configuration records and headers of frames |
//! | [`pcm`], [`klv`] | what is not coded |
//! | [`nal`] | the units of H.264 and H.265 |
//! | [`iso`] | byte-streams of them into the form that MP4 has |
//! | [`vtt`] | text and when it is shown |
//! | [`fmp4`] | fragmented MP4 into samples, fed in any split |
//! | [`reorder`] | decoding times where there are presentation times alone |
//! | [`timeline`] | media time into running time |

pub mod aac;
pub mod av1;
mod bits;
pub mod catalog;
pub mod container;
mod error;
pub mod flac;
pub mod fmp4;
pub mod h264;
pub mod h265;
pub mod iso;
pub mod klv;
pub mod mpeg_audio;
pub mod nal;
pub mod opus;
pub mod pcm;
pub mod reorder;
#[cfg(test)]
mod samples;
pub mod timeline;
pub mod video;
pub mod vp8;
pub mod vp9;
pub mod vtt;
mod vui;

pub use catalog::{
    AudioConfig, Catalog, Config, Container, DataConfig, Kind, TextConfig, VideoConfig,
};
pub use container::legacy;
pub use error::Error;
pub use reorder::Reorder;
pub use timeline::{Keep, Timeline};

/// Media time in microseconds, the unit of every container on the wire.
pub type Micros = crate::moq_lite::Timescale<1_000_000>;
