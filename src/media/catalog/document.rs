//! The catalog as a whole.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Audio, Binary, Clock, Config, MAX_RENDITIONS, MAX_SIZE, Text, Video, lenient, section,
    section::is_absent,
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
            Config::Video(config) => section::insert(&mut self.video, name, config),
            Config::Audio(config) => section::insert(&mut self.audio, name, config),
            Config::Text(config) => section::insert(&mut self.text, name, config),
            Config::Data(config) => section::insert(&mut self.binary, name, config),
        }
    }

    /// Removes the rendition of track `name`; true if there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let removed = [
            section::remove(&mut self.video, name),
            section::remove(&mut self.audio, name),
            section::remove(&mut self.text, name),
            section::remove(&mut self.binary, name),
        ];
        removed.contains(&true)
    }

    /// Every rendition with the name of its track: video first, then audio, text and data, each
    /// kind sorted by name.
    pub fn renditions(&self) -> impl Iterator<Item = (&str, Config)> {
        section::list(&self.video)
            .chain(section::list(&self.audio))
            .chain(section::list(&self.text))
            .chain(section::list(&self.binary))
    }

    /// Whether there is no rendition at all.
    pub fn is_empty(&self) -> bool {
        self.renditions().next().is_none()
    }
}
