//! The hang catalog: a JSON document that names every rendition of a broadcast.
//!
//! What is written here is read by the hang 0.11 line (January 2026) and by today's players alike:
//! sections carry a `priority`, the legacy container is left out, numbers are integers where the
//! schema wants integers, and absent is written as absent, never as null. What is read is anything
//! seen in the wild: a rendition that makes no sense is left out and the others stay.

mod lenient;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Error;

/// The name of the track that carries the catalog.
pub const TRACK: &str = "catalog.json";
/// Transport priority of the catalog track.
pub const PRIORITY: u8 = 100;
/// Transport priority of audio tracks, and the `priority` of the audio section.
pub const AUDIO_PRIORITY: u8 = 80;
/// Transport priority of video tracks, and the `priority` of the video section.
pub const VIDEO_PRIORITY: u8 = 60;
/// The largest catalog that is read, in bytes.
pub const MAX_SIZE: usize = 1 << 20;
/// The most renditions that a catalog may have, video and audio together.
pub const MAX_RENDITIONS: usize = 64;

/// Every rendition of a broadcast.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Catalog {
    /// The video section; `None` and a section without renditions are written alike, as nothing.
    #[serde(
        deserialize_with = "lenient::section",
        skip_serializing_if = "Video::is_absent"
    )]
    pub video: Option<Video>,
    /// The audio section.
    #[serde(
        deserialize_with = "lenient::section",
        skip_serializing_if = "Audio::is_absent"
    )]
    pub audio: Option<Audio>,
}

impl Catalog {
    /// Reads one catalog frame.
    ///
    /// Fails when it is larger than [`MAX_SIZE`], is not a JSON object or has more than
    /// [`MAX_RENDITIONS`]. Members that are unknown, and renditions that cannot be understood, are
    /// left out.
    pub fn from_slice(json: &[u8]) -> Result<Self, Error> {
        if json.len() > MAX_SIZE {
            let size = json.len();
            return Err(Error::Catalog(format!(
                "{size} bytes are more than the {MAX_SIZE} allowed"
            )));
        }
        let value: Value =
            serde_json::from_slice(json).map_err(|e| Error::Catalog(e.to_string()))?;
        if !value.is_object() {
            return Err(Error::Catalog("it is not a JSON object".into()));
        }
        let count = lenient::count(&value["video"]) + lenient::count(&value["audio"]);
        if count > MAX_RENDITIONS {
            return Err(Error::Catalog(format!(
                "{count} renditions are more than the {MAX_RENDITIONS} allowed"
            )));
        }
        serde_json::from_value(value).map_err(|e| Error::Catalog(e.to_string()))
    }

    /// The JSON to publish. Equal catalogs give equal bytes.
    pub fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self)
            .expect("string keys and plain values always serialize")
            .into()
    }

    /// Adds the rendition of track `name`, or replaces it, whichever kind it was.
    pub fn insert(&mut self, name: impl Into<String>, config: Config) {
        let name = name.into();
        self.remove(&name);
        match config {
            Config::Video(config) => {
                self.video
                    .get_or_insert_default()
                    .renditions
                    .insert(name, config);
            }
            Config::Audio(config) => {
                self.audio
                    .get_or_insert_default()
                    .renditions
                    .insert(name, config);
            }
        }
    }

    /// Removes the rendition of track `name`; true if there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let video = self
            .video
            .as_mut()
            .and_then(|section| section.renditions.remove(name));
        let audio = self
            .audio
            .as_mut()
            .and_then(|section| section.renditions.remove(name));
        video.is_some() || audio.is_some()
    }

    /// Every rendition with the name of its track, video first, each kind sorted by name.
    pub fn renditions(&self) -> impl Iterator<Item = (&str, Config)> {
        let video = self.video.iter().flat_map(|section| &section.renditions);
        let audio = self.audio.iter().flat_map(|section| &section.renditions);
        video
            .map(|(name, config)| (name.as_str(), Config::Video(config.clone())))
            .chain(audio.map(|(name, config)| (name.as_str(), Config::Audio(config.clone()))))
    }

    /// Whether there is no rendition at all.
    pub fn is_empty(&self) -> bool {
        Video::is_absent(&self.video) && Audio::is_absent(&self.audio)
    }
}

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

impl Video {
    fn is_absent(section: &Option<Self>) -> bool {
        section
            .as_ref()
            .is_none_or(|section| section.renditions.is_empty())
    }
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

impl Audio {
    fn is_absent(section: &Option<Self>) -> bool {
        section
            .as_ref()
            .is_none_or(|section| section.renditions.is_empty())
    }
}

impl Default for Audio {
    fn default() -> Self {
        Self {
            renditions: BTreeMap::new(),
            priority: AUDIO_PRIORITY,
        }
    }
}

/// The configuration of one rendition.
#[derive(Debug, Clone, PartialEq)]
pub enum Config {
    /// A video rendition.
    Video(VideoConfig),
    /// An audio rendition.
    Audio(AudioConfig),
}

impl Config {
    /// The WebCodecs codec string.
    pub fn codec(&self) -> &str {
        match self {
            Self::Video(config) => &config.codec,
            Self::Audio(config) => &config.codec,
        }
    }

    /// The decoder's out-of-band configuration.
    pub fn description(&self) -> Option<&Bytes> {
        match self {
            Self::Video(config) => config.description.as_ref(),
            Self::Audio(config) => config.description.as_ref(),
        }
    }

    /// How frames are laid out.
    pub fn container(&self) -> &Container {
        match self {
            Self::Video(config) => &config.container,
            Self::Audio(config) => &config.container,
        }
    }

    /// The transport priority of a track of this kind.
    pub fn priority(&self) -> u8 {
        match self {
            Self::Video(_) => VIDEO_PRIORITY,
            Self::Audio(_) => AUDIO_PRIORITY,
        }
    }
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
    /// What a viewer's menu shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Advice to avoid this rendition while it stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<bool>,
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
    /// What a viewer's menu shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// How the frames of a rendition are laid out. A kind that is not listed drops its rendition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Container {
    /// A varint of microseconds, then the payload: [`legacy`](super::container::legacy).
    #[default]
    Legacy,
    /// One movie fragment per frame.
    Cmaf {
        /// `ftyp` and `moov` in base64.
        init: String,
    },
    /// A property block, then the payload.
    Loc,
}

impl Container {
    fn is_legacy(&self) -> bool {
        *self == Self::Legacy
    }
}

#[cfg(test)]
mod tests;
