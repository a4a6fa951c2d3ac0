//! The catalog as a whole.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Audio, Binary, Clock, Config, MAX_RENDITIONS, MAX_SIZE, Text, Video, lenient,
    lenient::is_absent,
};
use crate::media::Error;

/// Every track of a broadcast. A section that is `None` and one that names no track are written
/// alike, as nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Catalog {
    /// The video section.
    #[serde(
        deserialize_with = "lenient::section",
        skip_serializing_if = "is_absent"
    )]
    pub video: Option<Video>,
    /// The audio section.
    #[serde(
        deserialize_with = "lenient::section",
        skip_serializing_if = "is_absent"
    )]
    pub audio: Option<Audio>,
    /// The text section: subtitles and captions.
    #[serde(
        deserialize_with = "lenient::section",
        skip_serializing_if = "is_absent"
    )]
    pub text: Option<Text>,
    /// The binary section: tracks of data that is not media.
    #[serde(
        deserialize_with = "lenient::section",
        skip_serializing_if = "is_absent"
    )]
    pub binary: Option<Binary>,
    /// What media time zero was on the wall clock.
    #[serde(
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub clock: Option<Clock>,
    /// What the broadcast is called. A member of this project's own, which other readers skip.
    #[serde(
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub title: Option<String>,
}

impl Catalog {
    /// Reads one catalog frame.
    ///
    /// Fails when it is larger than [`MAX_SIZE`], is not a JSON object or names more than
    /// [`MAX_RENDITIONS`] tracks. Members that are unknown, and tracks that cannot be understood,
    /// are left out.
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
        let sections = ["video", "audio", "text", "binary"];
        let count: usize = sections
            .map(|section| lenient::count(&value[section]))
            .iter()
            .sum();
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
                let section = self.video.get_or_insert_default();
                section.renditions.insert(name, config);
            }
            Config::Audio(config) => {
                let section = self.audio.get_or_insert_default();
                section.renditions.insert(name, config);
            }
            Config::Text(config) => {
                let section = self.text.get_or_insert_default();
                section.renditions.insert(name, config);
            }
            Config::Data(config) => {
                let section = self.binary.get_or_insert_default();
                section.tracks.insert(name, config);
            }
        }
    }

    /// Removes the rendition of track `name`; true if there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let video = (self.video.as_mut()).and_then(|section| section.renditions.remove(name));
        let audio = (self.audio.as_mut()).and_then(|section| section.renditions.remove(name));
        let text = (self.text.as_mut()).and_then(|section| section.renditions.remove(name));
        let data = (self.binary.as_mut()).and_then(|section| section.tracks.remove(name));
        video.is_some() || audio.is_some() || text.is_some() || data.is_some()
    }

    /// Every rendition with the name of its track: video first, then audio, text and data, each
    /// kind sorted by name.
    pub fn renditions(&self) -> impl Iterator<Item = (&str, Config)> {
        let video = self.video.iter().flat_map(|section| &section.renditions);
        let audio = self.audio.iter().flat_map(|section| &section.renditions);
        let text = self.text.iter().flat_map(|section| &section.renditions);
        let data = self.binary.iter().flat_map(|section| &section.tracks);
        video
            .map(|(name, config)| (name, Config::Video(config.clone())))
            .chain(audio.map(|(name, config)| (name, Config::Audio(config.clone()))))
            .chain(text.map(|(name, config)| (name, Config::Text(config.clone()))))
            .chain(data.map(|(name, config)| (name, Config::Data(config.clone()))))
            .map(|(name, config)| (name.as_str(), config))
    }

    /// Whether there is no rendition at all.
    pub fn is_empty(&self) -> bool {
        self.renditions().next().is_none()
    }
}
