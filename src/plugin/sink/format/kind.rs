//! What a pad carries, and what its buffers become.

use bytes::Bytes;

use super::{audio::Audio, data, template::stream_headers, text::Text, video::Video};
use crate::media::{Config, DataConfig};

/// How to treat the buffers of a pad.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Format {
    /// Pictures.
    Video(Video),
    /// Packets of sound.
    Audio(Audio),
    /// Lines of text.
    Text(Text),
    /// Anything else, as it is.
    Data(DataConfig),
    /// Fragmented MP4, which says itself what it holds. What the caps have of it is what it begins with, for
    /// those who come when that has passed; else this is empty.
    Mp4(Bytes),
}

/// What a buffer holds.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Unit {
    /// Whether decoding can start here.
    pub(in super::super) keyframe: bool,
    /// The configuration from here on, as far as it is known.
    pub(in super::super) config: Option<Config>,
    /// As the codec made it.
    pub(in super::super) payload: Bytes,
}

impl Format {
    /// Reads caps; the error is a sentence.
    pub(in super::super) fn new(caps: &gst::CapsRef) -> Result<Self, String> {
        let caps = caps.structure(0).ok_or("The caps are empty")?;
        let name = caps.name().as_str();
        match name {
            "video/x-h264" | "video/x-h265" | "video/x-av1" | "video/x-vp8" | "video/x-vp9" => {
                Video::new(caps).map(Self::Video)
            }
            "audio/mpeg" | "audio/x-opus" | "audio/x-flac" | "audio/x-raw" | "audio/x-ac3"
            | "audio/x-eac3" => Audio::new(caps).map(Self::Audio),
            "text/x-raw" | "application/x-subtitle-vtt" => Text::new(caps).map(Self::Text),
            "meta/x-klv" | "application/octet-stream" => Ok(Self::Data(data::config(name))),
            "video/quicktime" => Ok(Self::Mp4(stream_headers(caps).concat().into())),
            "video/x-raw" => Err(
                "Raw video cannot be published: put an encoder, such as x264enc, before the sink"
                    .into(),
            ),
            name => Err(format!(
                "{name} cannot be published. H.264, H.265, AV1, VP8 and VP9 can, and AAC, Opus, FLAC, MP3, AC-3 \
                 and raw sound, text, WebVTT, KLV, application/octet-stream and fragmented MP4"
            )),
        }
    }

    /// The configuration as far as the caps tell it.
    pub(in super::super) fn config(&self) -> Option<Config> {
        match self {
            Self::Video(video) => video.config().map(Config::Video),
            Self::Audio(audio) => audio.config().map(Config::Audio),
            Self::Text(text) => Some(Config::Text(text.config())),
            Self::Data(config) => Some(Config::Data(config.clone())),
            Self::Mp4(_) => None,
        }
    }

    /// Whether it is of pictures.
    pub(in super::super) fn is_video(&self) -> bool {
        matches!(self, Self::Video(_))
    }

    /// What a buffer holds; `None` for what viewers do not get, such as headers that the catalog
    /// carries. The error is a sentence.
    pub(in super::super) fn read(&self, payload: Bytes) -> Result<Option<Unit>, String> {
        match self {
            Self::Video(video) => Ok(Some(video.read(payload))),
            Self::Audio(audio) => audio.read(payload),
            Self::Text(_) | Self::Data(_) | Self::Mp4(_) => Ok(Some(Unit {
                keyframe: true,
                config: self.config(),
                payload,
            })),
        }
    }
}
