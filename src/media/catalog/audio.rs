//! The audio section of the catalog.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{AUDIO_PRIORITY, Common, Container, lenient};

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
    /// What it says as tracks of other kinds do.
    #[serde(flatten)]
    pub common: Common,
    /// The decoder's out-of-band configuration: AudioSpecificConfig, OpusHead.
    #[serde(
        default,
        with = "lenient::hex",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<Bytes>,
    /// How frames are laid out.
    #[serde(default, skip_serializing_if = "Container::is_legacy")]
    pub container: Container,
}
