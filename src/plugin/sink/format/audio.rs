//! Sound.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    kind::Unit,
    template::{codec_data, stream_headers},
};
use crate::media::{
    AudioConfig, Config,
    aac::{Adts, AudioSpecificConfig},
    catalog::Common,
    flac, mpeg_audio, opus, pcm,
};

/// Packets of sound, each in a buffer of its own.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Audio {
    /// The configuration, where it lies in the caps; else every packet says it.
    config: Option<AudioConfig>,
    packets: Packets,
}

/// What the buffers hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packets {
    /// What is published.
    Whole,
    /// AAC with headers that are not published.
    Adts,
    /// Frames of MPEG audio, which describe themselves.
    Mpeg,
    /// Frames of FLAC, and headers that muxers put before them.
    Flac,
    /// Packets of Opus, and the same.
    Opus,
    /// Integers of 16 bits that are published as floats.
    S16,
}

impl Audio {
    pub(super) fn new(caps: &gst::StructureRef) -> Result<Self, String> {
        let (config, packets) = match caps.name().as_str() {
            "audio/mpeg" => match caps.get::<i32>("mpegversion") {
                Ok(1) => (None, mpeg(caps)?),
                Ok(2 | 4) if caps.get::<&str>("stream-format") == Ok("adts") => (None, Packets::Adts),
                Ok(2 | 4) => (Some(aac(caps)?), Packets::Whole),
                _ => return Err("MPEG audio caps need an mpegversion: put aacparse or mpegaudioparse before the sink".into()),
            },
            "audio/x-opus" => (Some(opus(caps)?), Packets::Opus),
            "audio/x-flac" => (Some(flac(caps)?), Packets::Flac),
            "audio/x-raw" => raw(caps)?,
            name => (Some(ac3(caps, name)?), Packets::Whole),
        };
        Ok(Self { config, packets })
    }

    pub(super) fn config(&self) -> Option<AudioConfig> {
        self.config.clone()
    }

    pub(super) fn read(&self, packet: Bytes) -> Result<Option<Unit>, String> {
        let (config, payload) = match self.packets {
            Packets::Whole => (self.config.clone(), packet),
            Packets::Flac if !flac::is_frame(&packet) => return Ok(None),
            Packets::Opus if opus::is_header(&packet) => return Ok(None),
            Packets::Flac | Packets::Opus => (self.config.clone(), packet),
            Packets::S16 => (self.config.clone(), pcm::from_s16(&packet)),
            Packets::Adts => {
                let adts = Adts::parse(&packet)
                    .ok()
                    .filter(|adts| adts.size == packet.len())
                    .ok_or(
                        "The AAC stream does not come frame by frame: put aacparse before the sink",
                    )?;
                let config = from_asc(&adts.config, adts.config.to_bytes());
                (Some(config), packet.slice(adts.header..))
            }
            Packets::Mpeg => {
                let header = mpeg_audio::Header::parse(&packet)
                    .ok()
                    .filter(|header| header.size == packet.len())
                    .ok_or("The MPEG audio stream does not come frame by frame: put mpegaudioparse before the sink")?;
                let config = AudioConfig {
                    codec: header.codec().into(),
                    sample_rate: header.sample_rate,
                    number_of_channels: header.channels.into(),
                    common: lasting(header.samples, header.sample_rate),
                    ..AudioConfig::default()
                };
                (Some(config), packet)
            }
        };
        Ok(Some(Unit {
            keyframe: true,
            config: config.map(Config::Audio),
            payload,
        }))
    }
}

/// A packet of so many samples waits as long as it lasts: it is sent when it is whole.
fn lasting(samples: u32, rate: u32) -> Common {
    Common {
        jitter: (rate > 0).then(|| samples.saturating_mul(1000).div_ceil(rate)),
        ..Common::default()
    }
}

fn aac(caps: &gst::StructureRef) -> Result<AudioConfig, String> {
    if caps
        .get::<&str>("stream-format")
        .is_ok_and(|format| format != "raw")
    {
        return Err(
            "AAC needs stream-format=raw or stream-format=adts: put aacparse before the sink"
                .into(),
        );
    }
    let data = codec_data(caps).ok_or(
        "AAC caps have no codec_data: put aacparse before the sink, or use an encoder that gives it",
    )?;
    let config = AudioSpecificConfig::parse(&data)
        .map_err(|error| format!("The codec_data of the AAC caps cannot be read: {error}"))?;
    Ok(from_asc(&config, Some(data)))
}

fn from_asc(config: &AudioSpecificConfig, description: Option<Bytes>) -> AudioConfig {
    AudioConfig {
        codec: config.codec(),
        sample_rate: config.sample_rate,
        number_of_channels: config.channels.into(),
        description,
        common: lasting(1024, config.sample_rate),
        ..AudioConfig::default()
    }
}

fn mpeg(caps: &gst::StructureRef) -> Result<Packets, String> {
    match caps.get::<i32>("layer") {
        Ok(2 | 3) => Ok(Packets::Mpeg),
        Ok(layer) => Err(format!("MPEG audio of layer {layer} cannot be published")),
        Err(_) => {
            Err("MPEG audio caps do not name a layer: put mpegaudioparse before the sink".into())
        }
    }
}

fn opus(caps: &gst::StructureRef) -> Result<AudioConfig, String> {
    let family = caps.get::<i32>("channel-mapping-family").unwrap_or(0);
    let channels = caps.get::<i32>("channels").ok();
    let config = AudioConfig {
        codec: opus::CODEC.into(),
        sample_rate: opus::SAMPLE_RATE,
        number_of_channels: 2,
        ..AudioConfig::default()
    };
    if family == 0
        && let Some(channels @ 1..=2) = channels.or(Some(2))
    {
        return Ok(AudioConfig {
            number_of_channels: channels as u32,
            ..config
        });
    }
    let head = match header(caps) {
        Some(header) => opus::Head::parse(&header)
            .map_err(|error| format!("The streamheader of the Opus caps cannot be read: {error}"))?,
        None => mapping(caps, family).ok_or_else(|| {
            format!("Opus caps with mapping family {family} do not say how channels are mapped: put opusparse before the sink")
        })?,
    };
    Ok(AudioConfig {
        number_of_channels: head.channels.into(),
        description: Some(head.to_bytes()),
        ..config
    })
}

/// The identification header that fields of caps amount to.
fn mapping(caps: &gst::StructureRef, family: i32) -> Option<opus::Head> {
    let byte = |field| u8::try_from(caps.get::<i32>(field).ok()?).ok();
    let table = caps.get::<gst::Array>("channel-mapping").ok()?;
    let table = table.iter().map(|channel| {
        channel
            .get::<i32>()
            .ok()
            .and_then(|channel| u8::try_from(channel).ok())
    });
    let mut head = BytesMut::from(&b"OpusHead\x01"[..]);
    head.put_u8(byte("channels")?);
    head.put_slice(&[0; 2 + 4 + 2]);
    head.put_u8(u8::try_from(family).ok()?);
    head.put_u8(byte("stream-count")?);
    head.put_u8(byte("coupled-count")?);
    head.extend(table.collect::<Option<Vec<_>>>()?);
    opus::Head::parse(&head).ok()
}

fn flac(caps: &gst::StructureRef) -> Result<AudioConfig, String> {
    let header = header(caps)
        .or_else(|| codec_data(caps))
        .ok_or("FLAC caps have no streamheader: put flacparse before the sink")?;
    let info = flac::StreamInfo::parse_header(&header)
        .map_err(|error| format!("The streamheader of the FLAC caps cannot be read: {error}"))?;
    Ok(AudioConfig {
        codec: flac::CODEC.into(),
        sample_rate: info.sample_rate,
        number_of_channels: info.channels.into(),
        description: Some(info.description()),
        common: info.block.map_or_else(Common::default, |samples| {
            lasting(samples.into(), info.sample_rate)
        }),
        ..AudioConfig::default()
    })
}

fn raw(caps: &gst::StructureRef) -> Result<(Option<AudioConfig>, Packets), String> {
    const ADVICE: &str =
        "put \"audioconvert ! audio/x-raw,format=F32LE,layout=interleaved\" before the sink";
    let packets = match caps.get::<&str>("format") {
        Ok("F32LE") => Packets::Whole,
        Ok("S16LE") => Packets::S16,
        _ => return Err(format!("Raw sound is published as floats: {ADVICE}")),
    };
    if caps
        .get::<&str>("layout")
        .is_ok_and(|layout| layout != "interleaved")
    {
        return Err(format!("Raw sound is published interleaved: {ADVICE}"));
    }
    Ok((Some(sized(caps, pcm::CODEC)?), packets))
}

fn ac3(caps: &gst::StructureRef, name: &str) -> Result<AudioConfig, String> {
    let codec = match name {
        "audio/x-ac3" => "ac-3",
        _ => "ec-3",
    };
    sized(caps, codec).map_err(|error| format!("{error}: put ac3parse before the sink"))
}

/// A configuration whose rate and channels only the caps tell.
fn sized(caps: &gst::StructureRef, codec: &str) -> Result<AudioConfig, String> {
    let number = |field| {
        let number = caps
            .get::<i32>(field)
            .ok()
            .and_then(|number| u32::try_from(number).ok());
        number.filter(|number| *number > 0)
    };
    let (rate, channels) = number("rate")
        .zip(number("channels"))
        .ok_or_else(|| format!("The caps {} do not say rate and channels", caps.name()))?;
    Ok(AudioConfig {
        codec: codec.into(),
        sample_rate: rate,
        number_of_channels: channels,
        ..AudioConfig::default()
    })
}

/// The first header of the stream.
fn header(caps: &gst::StructureRef) -> Option<Bytes> {
    stream_headers(caps).into_iter().next()
}
