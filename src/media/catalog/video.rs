//! The video section of the catalog.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Container, VIDEO_PRIORITY, lenient};

/// The video section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Video {
    /// Configuration by track name.
    #[serde(deserialize_with = "lenient::renditions")]
    pub renditions: BTreeMap<String, VideoConfig>,
    /// Required by readers of January 2026, ignored since.
    #[serde(deserialize_with = "lenient::video_priority")]
    pub priority: u8,
    /// The size at which to show the picture.
    #[serde(
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub display: Option<Display>,
    /// Degrees clockwise, in quarter turns.
    #[serde(
        deserialize_with = "lenient::optional_float",
        skip_serializing_if = "lenient::not_finite"
    )]
    #[serde(serialize_with = "lenient::integer_if_whole")]
    pub rotation: Option<f64>,
    /// Whether to mirror the picture.
    #[serde(
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub flip: Option<bool>,
}

impl Default for Video {
    fn default() -> Self {
        Self {
            renditions: BTreeMap::new(),
            priority: VIDEO_PRIORITY,
            display: None,
            rotation: None,
            flip: None,
        }
    }
}

/// The size at which to show a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    /// In pixels.
    #[serde(deserialize_with = "lenient::integer")]
    pub width: u32,
    /// In pixels.
    #[serde(deserialize_with = "lenient::integer")]
    pub height: u32,
}

/// A video rendition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoConfig {
    /// The WebCodecs codec string, such as `avc1.64001f`.
    pub codec: String,
    /// The decoder's out-of-band configuration. Its presence, not the codec string, says that the
    /// payload is length-prefixed; without it the payload is a self-contained byte-stream.
    #[serde(
        default,
        with = "lenient::hex",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<Bytes>,
    /// Encoded width in pixels.
    #[serde(
        default,
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub coded_width: Option<u32>,
    /// Encoded height in pixels.
    #[serde(
        default,
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub coded_height: Option<u32>,
    /// Width of the shape in which to show the picture.
    #[serde(default, alias = "displayRatioWidth")]
    #[serde(
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub display_aspect_width: Option<u32>,
    /// Height of the shape in which to show the picture.
    #[serde(default, alias = "displayRatioHeight")]
    #[serde(
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub display_aspect_height: Option<u32>,
    /// Frames per second.
    #[serde(
        default,
        deserialize_with = "lenient::optional_float",
        skip_serializing_if = "lenient::not_finite"
    )]
    #[serde(serialize_with = "lenient::integer_if_whole")]
    pub framerate: Option<f64>,
    /// The highest bit rate, in bit/s.
    #[serde(
        default,
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    #[serde(serialize_with = "lenient::safe_integer")]
    pub bitrate: Option<u64>,
    /// A hint to decode without reordering delay; readers assume true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimize_for_latency: Option<bool>,
    /// The longest time that a frame waits before it is sent, in ms; written as at least 1.
    #[serde(
        default,
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    #[serde(serialize_with = "lenient::at_least_one")]
    pub jitter: Option<u32>,
    /// How far this rendition trails the earliest one, in ms.
    #[serde(
        default,
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub delay: Option<u32>,
    /// How frames are laid out.
    #[serde(default, skip_serializing_if = "Container::is_legacy")]
    pub container: Container,
    /// Relative path of the broadcast that holds the track; `None` for this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<String>,
    /// The language, as a BCP 47 tag. A member of this project's own, which other readers skip.
    #[serde(
        default,
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub lang: Option<String>,
    /// What a viewer's menu shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Advice to avoid this rendition while it stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<bool>,
}
