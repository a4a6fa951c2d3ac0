//! Caps into what the catalog says, and what is to be done with the buffers.

use bytes::Bytes;

use crate::media::{AudioConfig, Config, VideoConfig, aac, h264, opus};

/// How to treat the buffers of a pad.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Format {
    /// H.264 whose configuration the caps carry.
    Avc {
        config: VideoConfig,
        layout: h264::Format,
    },
    /// H.264 with parameter sets in the stream: the configuration is known with the first keyframe.
    ByteStream { hints: Hints },
    /// Packets of sound.
    Audio(AudioConfig),
    /// Fragmented MP4, which says itself what it holds.
    Mp4,
}

/// What caps say about a picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hints {
    width: Option<u32>,
    height: Option<u32>,
    framerate: Option<f64>,
}

impl Format {
    /// Reads caps; the error is a sentence.
    pub(super) fn new(caps: &gst::CapsRef) -> Result<Self, String> {
        let caps = caps.structure(0).ok_or("The caps are empty")?;
        match caps.name().as_str() {
            "video/x-h264" => h264(caps),
            "audio/mpeg" => aac(caps).map(Self::Audio),
            "audio/x-opus" => opus(caps).map(Self::Audio),
            "video/quicktime" => Ok(Self::Mp4),
            name => Err(format!(
                "{name} cannot be published: H.264, AAC, Opus and fragmented MP4 can"
            )),
        }
    }

    /// Whether decoding can start with this access unit.
    pub(super) fn is_keyframe(&self, payload: &[u8]) -> bool {
        match self {
            Self::Avc { layout, .. } => h264::is_keyframe(payload, *layout),
            Self::ByteStream { .. } => h264::is_keyframe(payload, h264::Format::ByteStream),
            Self::Audio(_) | Self::Mp4 => true,
        }
    }

    /// The configuration as far as the caps tell it.
    pub(super) fn config(&self) -> Option<Config> {
        match self {
            Self::Avc { config, .. } => Some(Config::Video(config.clone())),
            Self::Audio(config) => Some(Config::Audio(config.clone())),
            Self::ByteStream { .. } | Self::Mp4 => None,
        }
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

    /// The configuration of a byte-stream whose access unit holds parameter sets; `None` if it holds
    /// none that can be read. With a record of them for a container that has no byte-streams.
    pub(super) fn config(&self, access_unit: &[u8], with_record: bool) -> Option<Config> {
        let sps = h264::nal_units(access_unit, h264::Format::ByteStream)
            .find(|unit| h264::kind(unit) == h264::SPS)
            .and_then(|unit| h264::Sps::parse(unit).ok())?;
        let mut config = self.complete(sps.profile.avc3(), Some(&sps));
        if with_record {
            config.description = Some(h264::Avcc::from_access_unit(access_unit)?);
            config.codec = sps.profile.avc1();
        }
        Some(Config::Video(config))
    }

    fn complete(&self, codec: String, sps: Option<&h264::Sps>) -> VideoConfig {
        let framerate = self.framerate.or_else(|| sps.and_then(|sps| sps.framerate));
        VideoConfig {
            codec,
            coded_width: sps.map(|sps| sps.width).or(self.width),
            coded_height: sps.map(|sps| sps.height).or(self.height),
            framerate,
            // A frame may have to wait for the time of one before it is sent.
            jitter: framerate.map(|rate| (1000.0 / rate).ceil() as u32),
            ..VideoConfig::default()
        }
    }
}

fn h264(caps: &gst::StructureRef) -> Result<Format, String> {
    let hints = Hints::new(caps);
    let data = codec_data(caps);
    match caps.get::<&str>("stream-format") {
        Ok("byte-stream") => Ok(Format::ByteStream { hints }),
        Ok(format @ ("avc" | "avc3")) => {
            let data = data.ok_or_else(|| {
                format!(
                    "H.264 caps with stream-format={format} have no codec_data: put h264parse before the sink"
                )
            })?;
            let avcc = h264::Avcc::parse(&data).map_err(|error| {
                format!("The codec_data of the H.264 caps cannot be read: {error}")
            })?;
            let config = VideoConfig {
                description: Some(data),
                ..hints.complete(avcc.codec(), avcc.sps().as_ref())
            };
            Ok(Format::Avc {
                config,
                layout: avcc.format(),
            })
        }
        _ => Err(
            "H.264 caps need stream-format avc, avc3 or byte-stream: put h264parse before the sink"
                .into(),
        ),
    }
}

fn aac(caps: &gst::StructureRef) -> Result<AudioConfig, String> {
    if caps
        .get::<&str>("stream-format")
        .is_ok_and(|format| format != "raw")
    {
        return Err("AAC needs stream-format=raw: put aacparse before the sink".into());
    }
    let data = codec_data(caps).ok_or(
        "AAC caps have no codec_data: put aacparse before the sink, or use an encoder that gives it",
    )?;
    let config = aac::AudioSpecificConfig::parse(&data)
        .map_err(|error| format!("The codec_data of the AAC caps cannot be read: {error}"))?;
    // A configuration may leave the channels to the stream.
    let channels = match config.channels {
        0 => caps
            .get::<i32>("channels")
            .ok()
            .and_then(|count| u32::try_from(count).ok()),
        count => Some(count.into()),
    };
    let channels = channels
        .filter(|count| *count > 0)
        .ok_or("The AAC caps do not say how many channels there are")?;
    Ok(AudioConfig {
        codec: config.codec(),
        sample_rate: config.sample_rate,
        number_of_channels: channels,
        description: Some(data),
        // A packet is sent when it is whole.
        jitter: (config.sample_rate > 0).then(|| (1024 * 1000_u32).div_ceil(config.sample_rate)),
        ..AudioConfig::default()
    })
}

fn opus(caps: &gst::StructureRef) -> Result<AudioConfig, String> {
    let family = caps.get::<i32>("channel-mapping-family").unwrap_or(0);
    let channels = caps.get::<i32>("channels").ok();
    let channels = match (family, channels) {
        (0, None) => 2,
        (0, Some(channels @ 1..=2)) => channels as u32,
        (_, Some(channels)) => {
            return Err(format!(
                "Opus with {channels} channels (mapping family {family}) cannot be published: mono and stereo can"
            ));
        }
        (_, None) => {
            return Err(format!(
                "Opus with mapping family {family} cannot be published: mono and stereo can"
            ));
        }
    };
    Ok(AudioConfig {
        codec: opus::CODEC.into(),
        sample_rate: opus::SAMPLE_RATE,
        number_of_channels: channels,
        ..AudioConfig::default()
    })
}

fn codec_data(caps: &gst::StructureRef) -> Option<Bytes> {
    let buffer = caps.get::<gst::Buffer>("codec_data").ok()?;
    let map = buffer.map_readable().ok()?;
    (!map.is_empty()).then(|| Bytes::copy_from_slice(&map))
}

/// What the pads accept; what needs no parser comes first.
pub(super) fn caps() -> gst::Caps {
    let mut caps = gst::Caps::new_empty();
    {
        let caps = caps.make_mut();
        for format in ["avc", "avc3", "byte-stream"] {
            caps.append_structure(
                gst::Structure::builder("video/x-h264")
                    .field("stream-format", format)
                    .field("alignment", "au")
                    .build(),
            );
        }
        caps.append_structure(
            gst::Structure::builder("audio/mpeg")
                .field("mpegversion", 4)
                .field("stream-format", "raw")
                .build(),
        );
        caps.append_structure(gst::Structure::new_empty("audio/x-opus"));
        caps.append_structure(
            gst::Structure::builder("video/quicktime")
                .field("variant", gst::List::new(["iso-fragmented", "cmaf", "iso"]))
                .build(),
        );
        // Without a variant: what typefind says of a file.
        caps.append_structure(gst::Structure::new_empty("video/quicktime"));
    }
    caps
}
