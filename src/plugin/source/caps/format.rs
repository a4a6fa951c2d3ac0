//! The format of a rendition.

use gst::{Caps, ClockTime};

use super::{audio, other, video};
use crate::media::{Config, container};

/// How buffers of a rendition are described.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Format {
    pub(in super::super) caps: Caps,
    /// How long one buffer lasts, where all last equally long.
    pub(in super::super) duration: Option<ClockTime>,
    pub(in super::super) payload: Payload,
}

/// What becomes of a sample's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Payload {
    /// A buffer.
    Whole,
    /// A buffer for each cue of a WebVTT document.
    Cues,
}

impl Format {
    /// The caps of a rendition, or why it cannot be played.
    pub(in super::super) fn new(config: &Config) -> Result<Self, String> {
        match &container::describe(config).map_err(|error| error.to_string())? {
            Config::Video(config) => video::format(config),
            Config::Audio(config) => audio::format(config),
            Config::Text(config) => other::text(config),
            Config::Data(config) => other::data(config),
        }
    }

    /// Of buffers that are a sample each.
    pub(in super::super) fn whole(caps: Caps, duration: Option<ClockTime>) -> Self {
        Self {
            caps,
            duration,
            payload: Payload::Whole,
        }
    }
}

/// A number of the catalog as caps have it.
pub(super) fn integer(value: u32) -> Result<i32, String> {
    match i32::try_from(value) {
        Ok(value) if value > 0 => Ok(value),
        _ => Err(format!("{value} is no rate or number of channels")),
    }
}

#[cfg(test)]
mod tests;
