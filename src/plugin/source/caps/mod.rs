//! What a rendition of the catalog is called in GStreamer.

mod audio;
mod format;
mod other;
mod template;
mod video;

pub(super) use format::{Format, Payload};
pub(super) use template::template;
