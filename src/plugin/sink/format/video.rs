//! Pictures.

use bytes::Bytes;

use super::{kind::Unit, template::codec_data};
use crate::media::{
    Config, VideoConfig, av1, h264, h265,
    nal::Format as Layout,
    video::{self, Codec},
};

/// Coded pictures, each in a buffer of its own.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Video {
    pub(in super::super) codec: Codec,
    /// The configuration, where it lies in the caps; else it is known with the first keyframe.
    config: Option<VideoConfig>,
    hints: Hints,
}

/// What caps say about a picture.
#[derive(Debug, Clone, Default, PartialEq)]
struct Hints {
    width: Option<u32>,
    height: Option<u32>,
    framerate: Option<f64>,
}

impl Video {
    pub(super) fn new(caps: &gst::StructureRef) -> Result<Self, String> {
        let hints = Hints::new(caps);
        let in_band = |codec| {
            Ok(Self {
                codec,
                config: None,
                hints: hints.clone(),
            })
        };
        match caps.name().as_str() {
            "video/x-h264" => nal_units(caps, "H.264", "h264parse", &["avc", "avc3"])?.map_or_else(
                || in_band(Codec::H264(Layout::ByteStream)),
                |data| {
                    let avcc = h264::Avcc::parse(&data).map_err(|e| unreadable("H.264", &e))?;
                    let config = match avcc.sps() {
                        Some(sps) => video::from_h264(avcc.codec(), &sps),
                        None => hints.config(avcc.codec()),
                    };
                    Ok(hints.out_of_band(Codec::H264(avcc.format()), config, data))
                },
            ),
            "video/x-h265" => nal_units(caps, "H.265", "h265parse", &["hvc1", "hev1"])?
                .map_or_else(
                    || in_band(Codec::H265(Layout::ByteStream)),
                    |data| {
                        let hvcc = h265::Hvcc::parse(&data).map_err(|e| unreadable("H.265", &e))?;
                        let config = match hvcc.sps() {
                            Some(sps) => video::from_h265(hvcc.codec(), &sps),
                            None => hints.config(hvcc.codec()),
                        };
                        Ok(hints.out_of_band(Codec::H265(hvcc.format()), config, data))
                    },
                ),
            "video/x-av1" => {
                let is = |field, wanted| caps.get::<&str>(field).is_ok_and(|value| value != wanted);
                if is("stream-format", "obu-stream") || is("alignment", "tu") {
                    return Err("AV1 needs stream-format=obu-stream and alignment=tu: put \
                                \"av1parse ! video/x-av1,stream-format=obu-stream,alignment=tu\" before the sink"
                        .into());
                }
                in_band(Codec::Av1)
            }
            "video/x-vp8" => in_band(Codec::Vp8),
            _ => {
                if caps
                    .get::<&str>("alignment")
                    .is_ok_and(|value| value == "frame")
                {
                    return Err("VP9 needs alignment=super-frame: put \
                                \"vp9parse ! video/x-vp9,alignment=super-frame\" before the sink"
                        .into());
                }
                in_band(Codec::Vp9)
            }
        }
    }

    pub(super) fn config(&self) -> Option<VideoConfig> {
        self.config.clone()
    }

    pub(super) fn read(&self, picture: Bytes) -> Unit {
        let keyframe = self.codec.is_keyframe(&picture);
        let config = match &self.config {
            Some(config) => Some(config.clone()),
            None if keyframe => self
                .codec
                .config(&picture, self.hints.framerate)
                .map(|config| self.hints.complete(config)),
            None => None,
        };
        let payload = match self.codec {
            Codec::Av1 => av1::without_delimiter(picture),
            _ => picture,
        };
        Unit {
            keyframe,
            config: config.map(Config::Video),
            payload,
        }
    }

    /// What to do about a stream whose keyframes lack what a decoder needs; a sentence.
    pub(in super::super) fn parameters_missing(&self) -> String {
        let parser = match self.codec {
            Codec::H264(_) => "h264parse config-interval=-1",
            Codec::H265(_) => "h265parse config-interval=-1",
            Codec::Av1 => "av1parse",
            Codec::Vp8 => "vp8dec and an encoder",
            Codec::Vp9 => "vp9parse",
        };
        format!(
            "The {} stream has no parameter sets that can be read and cannot be published without: put \
             \"{parser}\" before the sink",
            self.codec.name()
        )
    }
}

impl Hints {
    fn new(caps: &gst::StructureRef) -> Self {
        let size = |name| {
            caps.get::<i32>(name)
                .ok()
                .and_then(|size| u32::try_from(size).ok())
        };
        let framerate = caps.get::<gst::Fraction>("framerate").ok();
        Self {
            width: size("width"),
            height: size("height"),
            framerate: framerate
                .filter(|rate| rate.numer() > 0)
                .map(|rate| f64::from(rate.numer()) / f64::from(rate.denom())),
        }
    }

    /// All that is known where the stream itself cannot be read.
    fn config(&self, codec: String) -> VideoConfig {
        VideoConfig {
            codec,
            coded_width: self.width,
            coded_height: self.height,
            ..VideoConfig::default()
        }
    }

    fn out_of_band(&self, codec: Codec, config: VideoConfig, data: Bytes) -> Video {
        let config = VideoConfig {
            description: Some(data),
            framerate: self.framerate.or(config.framerate),
            ..config
        };
        Video {
            codec,
            config: Some(self.complete(config)),
            hints: self.clone(),
        }
    }

    fn complete(&self, mut config: VideoConfig) -> VideoConfig {
        // A frame may have to wait for the time of one before it is sent.
        let jitter = config.framerate.map(|rate| (1000.0 / rate).ceil() as u32);
        config.common.jitter = jitter;
        config
    }
}

/// The codec_data of a stream of NAL units; `None` for a byte-stream.
fn nal_units(
    caps: &gst::StructureRef,
    codec: &str,
    parser: &str,
    prefixed: &[&str],
) -> Result<Option<Bytes>, String> {
    if caps
        .get::<&str>("alignment")
        .is_ok_and(|value| value != "au")
    {
        return Err(format!(
            "{codec} needs alignment=au, a whole picture in each buffer: put {parser} before the sink"
        ));
    }
    match caps.get::<&str>("stream-format") {
        Ok("byte-stream") => Ok(None),
        Ok(format) if prefixed.contains(&format) => codec_data(caps).map(Some).ok_or_else(|| {
            format!("{codec} caps with stream-format={format} have no codec_data: put {parser} before the sink")
        }),
        _ => Err(format!(
            "{codec} caps need stream-format {}, {} or byte-stream: put {parser} before the sink",
            prefixed[0], prefixed[1]
        )),
    }
}

fn unreadable(codec: &str, error: &crate::media::Error) -> String {
    format!("The codec_data of the {codec} caps cannot be read: {error}")
}
