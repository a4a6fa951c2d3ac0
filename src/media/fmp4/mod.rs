//! Fragmented MP4 into samples.
//!
//! [`Demuxer`] takes bytes in any split and gives tracks and samples as soon as their last byte is
//! there. It decodes box contents with `mp4-atom`; the walk over boxes, the addresses of samples
//! and the limits are its own.

mod boxes;
mod codec;
mod demuxer;
mod error;
mod fragment;
mod input;
mod movie;
mod visual;
mod whole;

pub use demuxer::{Demuxer, Event, Sample, is_beginning};
pub use error::Error;
pub use movie::{Track, Unsupported};
pub use whole::{Fragment, Init};
