//! A sample entry into the configuration that a catalog carries.

use bytes::Bytes;
use mp4_atom::FourCC;

use super::movie::Unsupported;
use super::{Error, boxes, visual};
use crate::media::{
    AudioConfig, Config, aac::AudioSpecificConfig, catalog::Common, flac, opus, pcm,
};

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
        b"avc1" | b"avc3" | b"hvc1" | b"hev1" | b"av01" | b"vp08" | b"vp09" => {
            visual::config(entry.kind, &body).map(Config::Video)
        }
        b"mp4a" => audio(entry.kind, &body, aac).map(Config::Audio),
        b"Opus" => audio(entry.kind, &body, opus_config).map(Config::Audio),
        b"fLaC" => audio(entry.kind, &body, flac).map(Config::Audio),
        b".mp3" => plain("mp3", &body).map(Config::Audio),
        b"ac-3" => plain("ac-3", &body).map(Config::Audio),
        b"ec-3" => plain("ec-3", &body).map(Config::Audio),
        b"fpcm" => audio(entry.kind, &body, floats).map(Config::Audio),
        b"wvtt" | b"tx3g" | b"stpp" => {
            Err("text is not taken out of MP4: link it to a pad of its own, as text/x-raw or WebVTT".into())
        }
        b"encv" | b"enca" => Err("it is encrypted".into()),
        _ => Err("H.264, H.265, AV1, VP8, VP9, AAC, Opus, FLAC, MP3, AC-3 and floats are supported in MP4".into()),
    }
    .map_err(unsupported)
}

/// The size of an audio sample entry in front of its boxes, in each of QuickTime's versions.
const AUDIO: [usize; 3] = [28, 28 + 16, 28 + 36];

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
                if config.common.bitrate.is_none() {
                    config.common.bitrate =
                        find(kind, children, b"btrt").ok().flatten().and_then(btrt);
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
    let common = Common {
        bitrate,
        ..Common::default()
    };
    if [0x69, 0x6b].contains(&object_type) {
        let config = plain("mp3", entry)?;
        return Ok(AudioConfig { common, ..config });
    }
    if ![0x40, 0x66, 0x67, 0x68].contains(&object_type) {
        return Err(format!("its object type {object_type:#04x} is not AAC"));
    }
    let config = AudioSpecificConfig::parse(specific).map_err(|error| error.to_string())?;
    Ok(AudioConfig {
        codec: config.codec(),
        sample_rate: config.sample_rate,
        number_of_channels: config.channels.into(),
        common,
        description: Some(entry.slice_ref(specific)),
        ..Default::default()
    })
}

fn flac(kind: FourCC, _entry: &Bytes, children: &[u8]) -> Result<AudioConfig, String> {
    // Version and flags, then blocks with headers of four bytes: the first is the stream information.
    let content = require(kind, children, b"dfLa")?.get(8..);
    let info = flac::StreamInfo::parse(content.ok_or("its dfLa box is too short")?)
        .map_err(|error| error.to_string())?;
    Ok(AudioConfig {
        codec: flac::CODEC.into(),
        sample_rate: info.sample_rate,
        number_of_channels: info.channels.into(),
        description: Some(info.description()),
        ..Default::default()
    })
}

/// Sound that is not coded, in the one form that a catalog knows.
fn floats(kind: FourCC, entry: &Bytes, children: &[u8]) -> Result<AudioConfig, String> {
    let format = require(kind, children, b"pcmC")?;
    match format.get(4..6) {
        Some([flags, 32]) if flags & 1 == 1 => plain(pcm::CODEC, entry),
        _ => Err("only floats of 32 bits, least significant byte first, are supported".into()),
    }
}

/// A codec that needs no configuration but rate and channels, which are those of the sample entry.
fn plain(codec: &str, entry: &Bytes) -> Result<AudioConfig, String> {
    let field = |at: usize| {
        let bytes = entry
            .get(at..at + 2)
            .ok_or("its sample entry is too short")?;
        Ok::<_, String>(u32::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    };
    let (number_of_channels, sample_rate) = (field(16)?, field(24)?);
    if number_of_channels == 0 || sample_rate == 0 {
        return Err("its sample entry does not say channels and rate".into());
    }
    Ok(AudioConfig {
        codec: codec.into(),
        sample_rate,
        number_of_channels,
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

pub(super) fn find<'a>(
    kind: FourCC,
    children: &'a [u8],
    name: &[u8; 4],
) -> Result<Option<&'a [u8]>, String> {
    let found = boxes::find(kind, children, name).map_err(|error: Error| error.to_string())?;
    Ok(found.map(|found| found.body))
}

pub(super) fn require<'a>(
    kind: FourCC,
    children: &'a [u8],
    name: &[u8; 4],
) -> Result<&'a [u8], String> {
    boxes::require(kind, children, name)
        .map(|found| found.body)
        .map_err(|error| error.to_string())
}

/// The highest bit rate of a `btrt` box, or the average.
pub(super) fn btrt(body: &[u8]) -> Option<u64> {
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
    // Codecs that need no configuration have none.
    let specific = tagged(rest, SPECIFIC).unwrap_or_default();
    Some((fixed[0], bitrate(&fixed[5..]), specific))
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
        let stsd = Bytes::from_static(b"\0\0\0\0\0\0\0\x01\0\0\0\x08mp4v");
        let expected = Unsupported {
            codec: "mp4v".into(),
            reason: "H.264, H.265, AV1, VP8, VP9, AAC, Opus, FLAC, MP3, AC-3 and floats are supported in MP4".into(),
        };
        assert_eq!(config(&stsd), Err(expected));
        let text = Bytes::from_static(b"\0\0\0\0\0\0\0\x01\0\0\0\x08wvtt");
        let refused = config(&text).expect_err("text is not taken out of it");
        assert_eq!(
            refused.to_string(),
            "codec wvtt: text is not taken out of MP4: link it to a pad of its own, as text/x-raw or WebVTT"
        );
        assert!(config(&Bytes::new()).is_err());
    }
}
