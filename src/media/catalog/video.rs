//! The video section of the catalog.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Common, Container, VIDEO_PRIORITY, lenient};

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
    /// What it says as tracks of other kinds do.
    #[serde(flatten)]
    pub common: Common,
    /// A hint to decode without reordering delay; readers assume true.
    #[serde(
        default,
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub optimize_for_latency: Option<bool>,
    /// How frames are laid out.
    #[serde(default, skip_serializing_if = "Container::is_legacy")]
    pub container: Container,
    /// Advice to avoid this rendition while it stands still.
    #[serde(
        default,
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub stalled: Option<bool>,
}
