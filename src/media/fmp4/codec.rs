//! A sample entry into the configuration that a catalog carries.

use bytes::Bytes;
use mp4_atom::FourCC;

use super::movie::Unsupported;
use super::{Error, boxes};
use crate::media::{AudioConfig, Config, VideoConfig, aac::AudioSpecificConfig, h264::Avcc, opus};

/// The configuration of the first sample entry in the content of an `stsd` box, or why it cannot be used.
pub(super) fn config(stsd: &Bytes) -> Result<Config, Unsupported> {
    let unknown = |reason: String| Unsupported {
        codec: "none".into(),
        reason,
    };
    let entries = stsd.get(8..).unwrap_or_default();
    let entry = boxes::children(FourCC::new(b"stsd"), entries)
        .next()
        .ok_or_else(|| unknown("there is no sample entry".into()))?
        .map_err(|error| unknown(error.to_string()))?;
    let unsupported = |reason: String| Unsupported {
        codec: entry.kind.to_string(),
        reason,
    };
    let body = stsd.slice_ref(entry.body);
    match entry.kind.as_ref() {
        b"avc1" | b"avc3" => video(entry.kind, &body).map(Config::Video),
        b"mp4a" => audio(entry.kind, &body, aac).map(Config::Audio),
        b"Opus" => audio(entry.kind, &body, opus_config).map(Config::Audio),
        b"encv" | b"enca" => Err("it is encrypted".into()),
        _ => Err("only H.264, AAC and Opus are supported in MP4".into()),
    }
    .map_err(unsupported)
}

/// The size of a visual sample entry in front of its boxes.
const VISUAL: usize = 78;
/// The same of an audio sample entry in each of QuickTime's versions.
const AUDIO: [usize; 3] = [28, 28 + 16, 28 + 36];

fn video(kind: FourCC, entry: &Bytes) -> Result<VideoConfig, String> {
    let children = entry.get(VISUAL..).ok_or("its sample entry is too short")?;
    let size = |at: usize| u32::from(u16::from_be_bytes([entry[at], entry[at + 1]]));
    let avcc = require(kind, children, b"avcC")?;
    let description = entry.slice_ref(avcc);
    let avcc = Avcc::parse(&description).map_err(|error| error.to_string())?;
    let mut config = VideoConfig {
        codec: avcc.codec(),
        description: Some(description),
        bitrate: find(kind, children, b"btrt")?.and_then(btrt),
        ..Default::default()
    };
    let mut picture = (size(24), size(26));
    if let Some(sps) = avcc.sps() {
        picture = (sps.width, sps.height);
        config.framerate = sps.framerate;
        if let Some((width, height)) = sps.pixel_aspect.filter(|(width, height)| width != height) {
            config.display_aspect_width = sps.width.checked_mul(width.into());
            config.display_aspect_height = sps.height.checked_mul(height.into());
        }
    }
    if picture.0 > 0 && picture.1 > 0 {
        (config.coded_width, config.coded_height) = (Some(picture.0), Some(picture.1));
    }
    Ok(config)
}

/// The boxes of an audio sample entry, wherever they start, into a configuration.
fn audio(
    kind: FourCC,
    entry: &Bytes,
    read: fn(FourCC, &Bytes, &[u8]) -> Result<AudioConfig, String>,
) -> Result<AudioConfig, String> {
    let version = entry.get(8..10).ok_or("its sample entry is too short")?;
    let version = u16::from_be_bytes([version[0], version[1]]);
    // A version 1 entry of ISO files has no extra fields, one of QuickTime has: try both.
    let starts = match version {
        0 => &AUDIO[..1],
        1 => &AUDIO[..2],
        2 => &AUDIO[2..],
        _ => return Err(format!("its sample entry is of version {version}")),
    };
    let mut reason = String::new();
    for start in starts {
        let children = entry.get(*start..).ok_or("its sample entry is too short")?;
        match read(kind, entry, children) {
            Ok(mut config) => {
                if config.bitrate.is_none() {
                    config.bitrate = find(kind, children, b"btrt").ok().flatten().and_then(btrt);
                }
                return Ok(config);
            }
            Err(error) => reason = error,
        }
    }
    Err(reason)
}

fn aac(kind: FourCC, entry: &Bytes, children: &[u8]) -> Result<AudioConfig, String> {
    let esds = match find(kind, children, b"esds")? {
        Some(esds) => esds,
        // QuickTime puts it into a wave box.
        None => match find(kind, children, b"wave")? {
            Some(wave) => require(FourCC::new(b"wave"), wave, b"esds")?,
            None => return Err("there is no esds box in its sample entry".into()),
        },
    };
    let (object_type, bitrate, specific) = esds
        .get(4..)
        .and_then(descriptor)
        .ok_or("its esds box is malformed")?;
    if ![0x40, 0x66, 0x67, 0x68].contains(&object_type) {
        return Err(format!("its object type {object_type:#04x} is not AAC"));
    }
    let config = AudioSpecificConfig::parse(specific).map_err(|error| error.to_string())?;
    Ok(AudioConfig {
        codec: config.codec(),
        sample_rate: config.sample_rate,
        number_of_channels: config.channels.into(),
        bitrate,
        description: Some(entry.slice_ref(specific)),
        ..Default::default()
    })
}

fn opus_config(kind: FourCC, _entry: &Bytes, children: &[u8]) -> Result<AudioConfig, String> {
    let head = opus::Head::parse_dops(require(kind, children, b"dOps")?)
        .map_err(|error| error.to_string())?;
    Ok(AudioConfig {
        codec: opus::CODEC.into(),
        sample_rate: opus::SAMPLE_RATE,
        number_of_channels: head.channels.into(),
        description: Some(head.to_bytes()),
        ..Default::default()
    })
}

fn find<'a>(kind: FourCC, children: &'a [u8], name: &[u8; 4]) -> Result<Option<&'a [u8]>, String> {
    let found = boxes::find(kind, children, name).map_err(|error: Error| error.to_string())?;
    Ok(found.map(|found| found.body))
}

fn require<'a>(kind: FourCC, children: &'a [u8], name: &[u8; 4]) -> Result<&'a [u8], String> {
    boxes::require(kind, children, name)
        .map(|found| found.body)
        .map_err(|error| error.to_string())
}

/// The highest bit rate of a `btrt` box, or the average.
fn btrt(body: &[u8]) -> Option<u64> {
    let (_, rates) = body.split_first_chunk::<4>()?;
    bitrate(rates)
}

/// Maximum and average, each four bytes; 0 is unknown.
fn bitrate(rates: &[u8]) -> Option<u64> {
    let (rates, []) = rates.get(..8)?.as_chunks::<4>() else {
        return None;
    };
    rates
        .iter()
        .map(|rate| u64::from(u32::from_be_bytes(*rate)))
        .find(|rate| *rate > 0)
}

/// Object type, bit rate and AudioSpecificConfig from an elementary stream descriptor
/// (ISO/IEC 14496-1, 7.2.6.5).
fn descriptor(data: &[u8]) -> Option<(u8, Option<u64>, &[u8])> {
    const STREAM: u8 = 3;
    const DECODER: u8 = 4;
    const SPECIFIC: u8 = 5;
    let stream = tagged(data, STREAM)?;
    let (&[_, _, flags], mut rest) = stream.split_first_chunk()?;
    if flags & 0x80 != 0 {
        rest = rest.get(2..)?; // the stream that this one depends on
    }
    if flags & 0x40 != 0 {
        let (length, url) = rest.split_first()?;
        rest = url.get(usize::from(*length)..)?;
    }
    if flags & 0x20 != 0 {
        rest = rest.get(2..)?; // the stream that holds the clock
    }
    let decoder = tagged(rest, DECODER)?;
    let (fixed, rest) = decoder.split_first_chunk::<13>()?;
    Some((fixed[0], bitrate(&fixed[5..]), tagged(rest, SPECIFIC)?))
}

/// The content of the first descriptor with this tag, which others may precede.
fn tagged(mut data: &[u8], tag: u8) -> Option<&[u8]> {
    loop {
        let (&found, mut rest) = data.split_first()?;
        let mut length = 0usize;
        for index in 0..4 {
            let (byte, tail) = rest.split_first()?;
            rest = tail;
            length = length << 7 | usize::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                break;
            }
            if index == 3 {
                return None;
            }
        }
        let (body, tail) = rest.split_at_checked(length)?;
        if found == tag {
            return Some(body);
        }
        data = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stream descriptor with a clock stream, lengths in one and in four bytes, 128 kbit/s.
    const ESDS: &[u8] = &[
        3, 30, 0, 1, 0x20, 9, 9, 4, 0x80, 0x80, 0x80, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 1,
        0xf4, 0, 5, 2, 0x12, 0x10, 6, 1, 2,
    ];

    #[test]
    fn a_decoder_descriptor_is_found() {
        assert_eq!(
            descriptor(ESDS),
            Some((0x40, Some(128_000), &[0x12, 0x10][..]))
        );
    }

    #[test]
    fn a_truncated_descriptor_is_refused() {
        for size in 0..ESDS.len() {
            assert_eq!(descriptor(&ESDS[..size]), None, "{size}");
        }
    }

    #[test]
    fn an_unknown_sample_entry_is_named() {
        let stsd = Bytes::from_static(b"\0\0\0\0\0\0\0\x01\0\0\0\x08hvc1");
        let expected = Unsupported {
            codec: "hvc1".into(),
            reason: "only H.264, AAC and Opus are supported in MP4".into(),
        };
        assert_eq!(config(&stsd), Err(expected));
        assert!(config(&Bytes::new()).is_err());
    }
}
