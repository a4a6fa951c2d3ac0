//! The audio section of the catalog.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{AUDIO_PRIORITY, Container, lenient};

/// The audio section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Audio {
    /// Configuration by track name.
    #[serde(deserialize_with = "lenient::renditions")]
    pub renditions: BTreeMap<String, AudioConfig>,
    /// Required by readers of January 2026, ignored since.
    #[serde(deserialize_with = "lenient::audio_priority")]
    pub priority: u8,
}

impl Default for Audio {
    fn default() -> Self {
        Self {
            renditions: BTreeMap::new(),
            priority: AUDIO_PRIORITY,
        }
    }
}

/// An audio rendition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AudioConfig {
    /// The WebCodecs codec string, such as `opus` or `mp4a.40.2`.
    pub codec: String,
    /// In Hz.
    #[serde(deserialize_with = "lenient::integer")]
    pub sample_rate: u32,
    /// At least 1.
    #[serde(deserialize_with = "lenient::integer")]
    pub number_of_channels: u32,
    /// The highest bit rate, in bit/s.
    #[serde(
        default,
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    #[serde(serialize_with = "lenient::safe_integer")]
    pub bitrate: Option<u64>,
    /// The decoder's out-of-band configuration: AudioSpecificConfig, OpusHead.
    #[serde(
        default,
        with = "lenient::hex",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<Bytes>,
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
}
