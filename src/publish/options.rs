//! What the user says of a track.

use std::time::Duration;

use crate::media::{Config, catalog::Kind, container};

/// How a track is published.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrackOptions {
    /// Its name; `None` names it after its kind.
    pub name: Option<String>,
    /// Its priority in the network, higher first; `None` goes by its kind.
    pub priority: Option<u8>,
    /// How its frames are laid out.
    pub container: container::Kind,
    /// What may change while it is published.
    pub policy: Policy,
    /// What the catalog says besides what decoders need.
    pub details: Details,
}

/// What is kept together, and for how long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Of sound and other tracks whose every sample is a keyframe.
    pub grouping: Grouping,
    /// For how long a group is kept once a newer one has begun; `None` for as long as the model does.
    pub max_latency: Option<Duration>,
}

/// Which samples share a group, where each could begin one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Grouping {
    /// Each sample is a group, so that none waits for another.
    #[default]
    Single,
    /// A group lasts this long.
    Every(Duration),
    /// A group begins with each group of pictures of the broadcast.
    WithVideo,
}

/// What the catalog says of a track besides what its decoder needs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Details {
    /// What a viewer's menu shows.
    pub label: Option<String>,
    /// The language, as a BCP 47 tag.
    pub language: Option<String>,
    /// The highest bit rate, in bit/s.
    pub bitrate: Option<u64>,
    /// Frames per second, where the configuration does not say.
    pub framerate: Option<f64>,
    /// The longest time that a frame waits before it is sent, in ms, where the configuration says less.
    pub jitter: Option<u32>,
}

impl Details {
    /// These, and what they leave open as in `other`.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            label: self.label.or_else(|| other.label.clone()),
            language: self.language.or_else(|| other.language.clone()),
            bitrate: self.bitrate.or(other.bitrate),
            framerate: self.framerate.or(other.framerate),
            jitter: self.jitter.or(other.jitter),
        }
    }

    /// The configuration with these details in it.
    pub(super) fn complete(&self, mut config: Config) -> Config {
        if let Config::Video(video) = &mut config {
            video.framerate = video.framerate.or(self.framerate);
        }
        let kind = config.kind();
        let common = config.common_mut();
        if kind != Kind::Data {
            common.label = self.label.clone().or(common.label.take());
            common.lang = self.language.clone().or(common.lang.take());
        }
        if matches!(kind, Kind::Video | Kind::Audio) {
            common.bitrate = self.bitrate.or(common.bitrate);
            common.jitter = common.jitter.max(self.jitter);
        }
        config
    }
}
