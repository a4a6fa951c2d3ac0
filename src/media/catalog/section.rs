//! What the sections of the catalog have in common: tracks by name.

use std::collections::BTreeMap;

use super::{Audio, AudioConfig, Binary, Config, DataConfig, Text, TextConfig, Video, VideoConfig};

/// A section of the catalog.
pub(super) trait Section: Default {
    /// The configuration of one of its tracks.
    type Config: Clone + Into<Config>;

    fn tracks(&self) -> &BTreeMap<String, Self::Config>;
    fn tracks_mut(&mut self) -> &mut BTreeMap<String, Self::Config>;
}

macro_rules! section {
    ($section:ident.$tracks:ident, $config:ident is $kind:ident) => {
        impl Section for $section {
            type Config = $config;

            fn tracks(&self) -> &BTreeMap<String, $config> {
                &self.$tracks
            }

            fn tracks_mut(&mut self) -> &mut BTreeMap<String, $config> {
                &mut self.$tracks
            }
        }

        impl From<$config> for Config {
            fn from(config: $config) -> Self {
                Self::$kind(config)
            }
        }
    };
}

section!(Video.renditions, VideoConfig is Video);
section!(Audio.renditions, AudioConfig is Audio);
section!(Text.renditions, TextConfig is Text);
section!(Binary.tracks, DataConfig is Data);

/// Whether a section has nothing to be written.
pub(super) fn is_absent<S: Section>(section: &Option<S>) -> bool {
    section
        .as_ref()
        .is_none_or(|section| section.tracks().is_empty())
}

/// Adds a track, and the section where it is missing.
pub(super) fn insert<S: Section>(section: &mut Option<S>, name: String, config: S::Config) {
    let section = section.get_or_insert_default();
    section.tracks_mut().insert(name, config);
}

/// Removes a track; true if there was one.
pub(super) fn remove<S: Section>(section: &mut Option<S>, name: &str) -> bool {
    let section = section.as_mut();
    section.is_some_and(|section| section.tracks_mut().remove(name).is_some())
}

/// Each track with its name, sorted by name.
pub(super) fn list<S: Section>(section: &Option<S>) -> impl Iterator<Item = (&str, Config)> {
    let tracks = section.iter().flat_map(|section| section.tracks());
    tracks.map(|(name, config)| (name.as_str(), config.clone().into()))
}
