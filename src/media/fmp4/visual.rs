//! A visual sample entry into the configuration that a catalog carries.

use bytes::Bytes;
use mp4_atom::{Atom, Av1c, FourCC, VpcC};

use super::codec::{btrt, find, require};
use crate::media::{
    VideoConfig,
    av1::{self, Chroma, Colour},
    h264::Avcc,
    h265::Hvcc,
    video, vp8,
};

/// The size of a visual sample entry in front of its boxes.
const VISUAL: usize = 78;

/// The configuration; an error is what is wrong with the entry.
pub(super) fn config(kind: FourCC, entry: &Bytes) -> Result<VideoConfig, String> {
    let children = entry.get(VISUAL..).ok_or("its sample entry is too short")?;
    let side = |at: usize| u32::from(u16::from_be_bytes([entry[at], entry[at + 1]]));
    let config = match kind.as_ref() {
        b"avc1" | b"avc3" => avc(entry, require(kind, children, b"avcC")?)?,
        b"hvc1" | b"hev1" => hevc(entry, require(kind, children, b"hvcC")?)?,
        b"av01" => av1(require(kind, children, b"av1C")?)?,
        b"vp09" => vp9(require(kind, children, b"vpcC")?)?,
        _ => VideoConfig {
            codec: vp8::CODEC.into(),
            ..VideoConfig::default()
        },
    };
    let (width, height) = (side(24), side(26));
    let (width, height) = match width > 0 && height > 0 {
        true => (Some(width), Some(height)),
        false => (None, None),
    };
    let mut shaped = VideoConfig {
        coded_width: config.coded_width.or(width),
        coded_height: config.coded_height.or(height),
        ..config
    };
    shaped.common.bitrate = find(kind, children, b"btrt")?.and_then(btrt);
    let pixel = find(kind, children, b"pasp")?.and_then(pasp);
    Ok(match (pixel, shaped.display_aspect_width) {
        (Some(pixel), None) => with_pixel(shaped, pixel),
        _ => shaped,
    })
}

fn avc(entry: &Bytes, record: &[u8]) -> Result<VideoConfig, String> {
    let description = entry.slice_ref(record);
    let avcc = Avcc::parse(&description).map_err(|error| error.to_string())?;
    let config = match avcc.sps() {
        Some(sps) => video::from_h264(avcc.codec(), &sps),
        None => VideoConfig {
            codec: avcc.codec(),
            ..VideoConfig::default()
        },
    };
    Ok(VideoConfig {
        description: Some(description),
        ..config
    })
}

fn hevc(entry: &Bytes, record: &[u8]) -> Result<VideoConfig, String> {
    let description = entry.slice_ref(record);
    let hvcc = Hvcc::parse(&description).map_err(|error| error.to_string())?;
    let config = match hvcc.sps() {
        Some(sps) => video::from_h265(hvcc.codec(), &sps),
        None => VideoConfig {
            codec: hvcc.codec(),
            ..VideoConfig::default()
        },
    };
    Ok(VideoConfig {
        description: Some(description),
        ..config
    })
}

/// The sequence header where the box holds it, else the few fields before.
fn av1(body: &[u8]) -> Result<VideoConfig, String> {
    let record = decode::<Av1c>(body)?;
    let sequence = av1::sequence_header(&record.config_obus)
        .and_then(|(_, header)| av1::Sequence::parse(header).ok());
    if let Some(sequence) = sequence {
        return Ok(VideoConfig {
            codec: sequence.profile.codec(),
            coded_width: Some(sequence.width),
            coded_height: Some(sequence.height),
            framerate: sequence.framerate,
            ..VideoConfig::default()
        });
    }
    let chroma = match (
        record.monochrome,
        record.chroma_subsampling_x,
        record.chroma_subsampling_y,
    ) {
        (true, ..) => Chroma::Monochrome,
        (false, true, true) => Chroma::Quarter(record.chroma_sample_position),
        (false, true, false) => Chroma::HalfWidth,
        (false, false, _) => Chroma::Full,
    };
    let profile = av1::Profile {
        profile: record.seq_profile,
        level: record.seq_level_idx_0,
        high_tier: record.seq_tier_0,
        bit_depth: match (record.high_bitdepth, record.twelve_bit) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        },
        colour: Colour {
            chroma,
            ..Colour::default()
        },
    };
    Ok(VideoConfig {
        codec: profile.codec(),
        ..VideoConfig::default()
    })
}

fn vp9(body: &[u8]) -> Result<VideoConfig, String> {
    let record = decode::<VpcC>(body)?;
    let mut codec = format!(
        "vp09.{:02}.{:02}.{:02}",
        record.profile, record.level, record.bit_depth
    );
    let rest = [
        record.chroma_subsampling,
        record.color_primaries,
        record.transfer_characteristics,
        record.matrix_coefficients,
        u8::from(record.video_full_range_flag),
    ];
    // What readers assume where the codec string says nothing.
    if !matches!(rest, [0 | 1, 1 | 2, 1 | 2, 1 | 2, 0]) {
        codec.extend(rest.map(|part| format!(".{part:02}")));
    }
    Ok(VideoConfig {
        codec,
        ..VideoConfig::default()
    })
}

fn decode<T: Atom>(mut body: &[u8]) -> Result<T, String> {
    T::decode_body(&mut body).map_err(|error| format!("its {} box is malformed: {error}", T::KIND))
}

/// Width and height of a pixel.
fn pasp(body: &[u8]) -> Option<(u32, u32)> {
    let (width, rest) = body.split_first_chunk()?;
    let (width, height) = (
        u32::from_be_bytes(*width),
        u32::from_be_bytes(*rest.first_chunk()?),
    );
    (width > 0 && height > 0 && width != height).then_some((width, height))
}

/// The shape of the picture that comes of such pixels.
fn with_pixel(config: VideoConfig, (width, height): (u32, u32)) -> VideoConfig {
    let side = |side: Option<u32>, factor| side.and_then(|side| side.checked_mul(factor));
    VideoConfig {
        display_aspect_width: side(config.coded_width, width),
        display_aspect_height: side(config.coded_height, height),
        ..config
    }
}
