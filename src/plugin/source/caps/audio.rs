//! Sound.

use gst::{Caps, ClockTime};

use super::format::{Format, integer};
use crate::media::{
    AudioConfig,
    aac::AudioSpecificConfig,
    flac::{self, StreamInfo},
    opus, pcm,
};

pub(super) fn format(config: &AudioConfig) -> Result<Format, String> {
    match config.codec.as_str() {
        codec if codec.starts_with("mp4a.40.") => aac(config),
        opus::CODEC => opus(config),
        flac::CODEC => flac(config),
        "mp3" => mpeg(config, 3),
        "mp2" => mpeg(config, 2),
        "ac-3" => sized(framed("audio/x-ac3").field("alignment", "frame"), config),
        "ec-3" => sized(framed("audio/x-eac3").field("alignment", "frame"), config),
        pcm::CODEC => pcm(config),
        codec => Err(format!("its codec {codec} is not supported")),
    }
}

fn aac(config: &AudioConfig) -> Result<Format, String> {
    let description = match &config.description {
        Some(description) => Some(description.clone()),
        // Publishers of January 2026 send raw AAC-LC and leave its configuration to be guessed.
        None => u8::try_from(config.number_of_channels)
            .ok()
            .and_then(|channels| AudioSpecificConfig::lc(config.sample_rate, channels).ok())
            .and_then(|config| config.to_bytes()),
    };
    let description = description.ok_or("it says nothing of its AAC configuration")?;
    let parsed = AudioSpecificConfig::parse(&description).map_err(|error| error.to_string())?;
    let data = gst::Buffer::from_slice(description);
    let caps = Caps::builder("audio/mpeg")
        .field("mpegversion", 4)
        .field("stream-format", "raw")
        .field("framed", true)
        .field("codec_data", data)
        .field("rate", integer(parsed.sample_rate)?)
        .field("channels", i32::from(parsed.channels))
        .build();
    let is_lc = parsed.object_type == AAC_LC;
    let duration = is_lc.then(|| lasting(AAC_FRAME, parsed.sample_rate));
    Ok(Format::whole(caps, duration))
}

fn opus(config: &AudioConfig) -> Result<Format, String> {
    let description = config.description.as_ref().filter(|head| !head.is_empty());
    let head = description.map(|head| opus::Head::parse(head)).transpose();
    let head = head.map_err(|error| error.to_string())?;
    let channels = match &head {
        Some(head) => head.channels.into(),
        None => config.number_of_channels,
    };
    let mut caps = Caps::builder("audio/x-opus")
        .field("rate", integer(opus::SAMPLE_RATE)?)
        .field("channels", integer(channels)?);
    match head.as_ref().map(|head| (head, &head.mapping)) {
        Some((_, Some(mapping))) => {
            let table = mapping.table.iter().map(|channel| i32::from(*channel));
            caps = caps
                .field("channel-mapping-family", i32::from(mapping.family))
                .field("stream-count", i32::from(mapping.streams))
                .field("coupled-count", i32::from(mapping.coupled))
                .field("channel-mapping", gst::Array::new(table));
        }
        None if channels > 2 => {
            return Err(format!("Opus of {channels} channels needs a description"));
        }
        _ => caps = caps.field("channel-mapping-family", 0),
    }
    if let Some(head) = head {
        let mut header = gst::Buffer::from_slice(head.to_bytes());
        if let Some(header) = header.get_mut() {
            header.set_flags(gst::BufferFlags::HEADER);
        }
        caps = caps.field("streamheader", gst::Array::new([header]));
    }
    Ok(Format::whole(caps.build(), None))
}

fn flac(config: &AudioConfig) -> Result<Format, String> {
    let description = config.description.as_deref();
    let description = description.ok_or("it says nothing of its FLAC stream")?;
    let info = StreamInfo::parse_description(description).map_err(|error| error.to_string())?;
    let headers = info.headers().map(|header| {
        let mut buffer = gst::Buffer::from_slice(header);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_flags(gst::BufferFlags::HEADER);
        }
        buffer
    });
    let caps = framed("audio/x-flac")
        .field("rate", integer(info.sample_rate)?)
        .field("channels", i32::from(info.channels))
        .field("streamheader", gst::Array::new(headers))
        .build();
    let duration = info
        .block
        .map(|samples| lasting(samples.into(), info.sample_rate));
    Ok(Format::whole(caps, duration))
}

fn mpeg(config: &AudioConfig, layer: i32) -> Result<Format, String> {
    let version = match config.sample_rate {
        32_000.. => 1,
        16_000.. => 2,
        _ => 3,
    };
    let samples = if layer == 3 && version > 1 { 576 } else { 1152 };
    let caps = Caps::builder("audio/mpeg")
        .field("mpegversion", 1)
        .field("mpegaudioversion", version)
        .field("layer", layer)
        .field("parsed", true);
    let format = sized(caps, config)?;
    let duration = Some(lasting(samples, config.sample_rate));
    Ok(Format { duration, ..format })
}

fn pcm(config: &AudioConfig) -> Result<Format, String> {
    let mut caps = Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("layout", "interleaved");
    // Beyond stereo caps say where each channel belongs; without, they have no place.
    if config.number_of_channels > 2 {
        let mask = MASKS.get(config.number_of_channels as usize - 3).copied();
        caps = caps.field("channel-mask", gst::Bitmask::new(mask.unwrap_or(0)));
    }
    sized(caps, config)
}

fn framed(name: &str) -> gst::caps::Builder<gst::caps::NoFeature> {
    Caps::builder(name).field("framed", true)
}

fn sized(
    caps: gst::caps::Builder<gst::caps::NoFeature>,
    config: &AudioConfig,
) -> Result<Format, String> {
    let caps = caps
        .field("rate", integer(config.sample_rate)?)
        .field("channels", integer(config.number_of_channels)?)
        .build();
    Ok(Format::whole(caps, None))
}

/// How long so many samples last.
fn lasting(samples: u64, rate: u32) -> ClockTime {
    let rate = u64::from(rate.max(1));
    ClockTime::from_nseconds((samples * 1_000_000_000 + rate / 2) / rate)
}

const AAC_LC: u8 = 2;
/// Samples in a frame of AAC-LC.
const AAC_FRAME: u64 = 1024;
/// The usual places of three to eight channels, in the order of WAVE files: front left and right and
/// centre, low frequencies, rear left and right, centre, side left and right.
const MASKS: [u64; 6] = [0x7, 0x33, 0x37, 0x3f, 0x70f, 0xc3f];
