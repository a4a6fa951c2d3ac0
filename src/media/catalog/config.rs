//! The configuration of one track, of whichever kind.

use bytes::Bytes;

use super::{
    AUDIO_PRIORITY, AudioConfig, Common, Container, DATA_PRIORITY, DataConfig, TEXT_PRIORITY,
    TextConfig, VIDEO_PRIORITY, VideoConfig,
};

/// The configuration of one rendition.
#[derive(Debug, Clone, PartialEq)]
pub enum Config {
    /// A video rendition.
    Video(VideoConfig),
    /// An audio rendition.
    Audio(AudioConfig),
    /// Subtitles or captions.
    Text(TextConfig),
    /// Data that is not media.
    Data(DataConfig),
}

/// What a track is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Subtitles or captions.
    Text,
    /// Data that is not media.
    Data,
}

impl Kind {
    /// In one word, as in the names of tracks and pads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Text => "text",
            Self::Data => "data",
        }
    }
}

impl Config {
    /// What it is of.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Video(_) => Kind::Video,
            Self::Audio(_) => Kind::Audio,
            Self::Text(_) => Kind::Text,
            Self::Data(_) => Kind::Data,
        }
    }

    /// The WebCodecs codec string; the format of text, the media type of data.
    pub fn codec(&self) -> &str {
        match self {
            Self::Video(config) => &config.codec,
            Self::Audio(config) => &config.codec,
            Self::Text(config) => &config.format,
            Self::Data(config) => config.mime.as_deref().unwrap_or_default(),
        }
    }

    /// The decoder's out-of-band configuration.
    pub fn description(&self) -> Option<&Bytes> {
        match self {
            Self::Video(config) => config.description.as_ref(),
            Self::Audio(config) => config.description.as_ref(),
            Self::Text(_) | Self::Data(_) => None,
        }
    }

    /// How frames are laid out; `None` where a frame is the payload and nothing else, and its time
    /// is known to the transport alone.
    pub fn container(&self) -> Option<&Container> {
        match self {
            Self::Video(config) => Some(&config.container),
            Self::Audio(config) => Some(&config.container),
            Self::Text(config) => Some(&config.container),
            Self::Data(_) => None,
        }
    }

    /// Changes how frames are laid out, except those of data.
    pub fn set_container(&mut self, container: Container) {
        match self {
            Self::Video(config) => config.container = container,
            Self::Audio(config) => config.container = container,
            Self::Text(config) => config.container = container,
            Self::Data(_) => {}
        }
    }

    /// What it says as tracks of other kinds do.
    pub fn common(&self) -> &Common {
        match self {
            Self::Video(config) => &config.common,
            Self::Audio(config) => &config.common,
            Self::Text(config) => &config.common,
            Self::Data(config) => &config.common,
        }
    }

    /// What it says as tracks of other kinds do, to change it.
    pub fn common_mut(&mut self) -> &mut Common {
        match self {
            Self::Video(config) => &mut config.common,
            Self::Audio(config) => &mut config.common,
            Self::Text(config) => &mut config.common,
            Self::Data(config) => &mut config.common,
        }
    }

    /// The relative path of the broadcast that holds the track; `None` for this one.
    pub fn broadcast(&self) -> Option<&str> {
        self.common().broadcast.as_deref()
    }

    /// The language, as a BCP 47 tag.
    pub fn lang(&self) -> Option<&str> {
        self.common().lang.as_deref()
    }

    /// What a viewer's menu shows.
    pub fn label(&self) -> Option<&str> {
        self.common().label.as_deref()
    }

    /// The highest bit rate, in bit/s.
    pub fn bitrate(&self) -> Option<u64> {
        self.common().bitrate
    }

    /// The longest time that a frame waits before it is sent, in ms.
    pub fn jitter(&self) -> Option<u32> {
        self.common().jitter
    }

    /// How far this rendition trails the earliest one, in ms.
    pub fn delay(&self) -> Option<u32> {
        self.common().delay
    }

    /// The transport priority of a track of this kind.
    pub fn priority(&self) -> u8 {
        match self {
            Self::Video(_) => VIDEO_PRIORITY,
            Self::Audio(_) => AUDIO_PRIORITY,
            Self::Text(_) => TEXT_PRIORITY,
            Self::Data(_) => DATA_PRIORITY,
        }
    }
}
