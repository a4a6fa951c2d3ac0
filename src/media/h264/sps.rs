//! What a sequence parameter set says about the picture (ITU-T H.264, 7.3.2.1.1 and annex E).

use super::{Profile, SPS, kind};
use crate::media::{Error, bits::Bits, nal::unescape, vui};

/// Size, shape and rate of the pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Sps {
    /// What a decoder must be able to do.
    pub profile: Profile,
    /// Width in pixels, after cropping.
    pub width: u32,
    /// Height in pixels, after cropping.
    pub height: u32,
    /// Frames per second, where the stream says so.
    pub framerate: Option<f64>,
    /// Width and height of one pixel, where the stream says so.
    pub pixel_aspect: Option<(u16, u16)>,
    /// How many pictures may come before one that is presented earlier, where the stream says so.
    pub reordered: Option<u8>,
}

impl Sps {
    /// The largest parameter set that is read, in bytes.
    pub const MAX_SIZE: usize = 4096;

    /// Reads a NAL unit of type 7, header byte included.
    pub fn parse(unit: &[u8]) -> Result<Self, Error> {
        if kind(unit) != SPS {
            return Err(Error::H264("the NAL unit is not a sequence parameter set"));
        }
        if unit.len() > Self::MAX_SIZE {
            return Err(Error::H264(
                "the sequence parameter set is larger than 4096 bytes",
            ));
        }
        let payload = unescape(&unit[1..]);
        let (&[profile, constraints, level], rest) = payload.split_first_chunk().ok_or(SHORT)?;
        let mut sps = read(
            Profile {
                profile,
                constraints,
                level,
            },
            &mut Bits::new(rest),
        )?;
        sps.framerate = sps.framerate.filter(|rate| (0.01..=1000.0).contains(rate));
        Ok(sps)
    }
}

const SHORT: Error = Error::H264("the sequence parameter set cannot be read to its end");

fn read(profile: Profile, bits: &mut Bits<'_>) -> Result<Sps, Error> {
    let picture = picture(profile.profile, bits).ok_or(SHORT)?;
    let (width, height) = picture.size().ok_or(Error::H264(
        "the sequence parameter set has an impossible size",
    ))?;
    // Damage behind the size costs only the rate and the shape.
    let vui = if bits.flag() == Some(true) {
        usability(bits)
    } else {
        Usability::default()
    };
    // Streams of the one have no B pictures, and those of the other have them in the order of presentation.
    let never = profile.profile == BASELINE || picture.order == OUTPUT_ORDER;
    Ok(Sps {
        profile,
        width,
        height,
        framerate: vui.framerate,
        pixel_aspect: vui.pixel_aspect,
        reordered: if never { Some(0) } else { vui.reordered },
    })
}

/// The size in macroblocks and the crop in its own units.
struct Picture {
    chroma_format: u32,
    separate_planes: bool,
    /// `pic_order_cnt_type`
    order: u32,
    width: u32,
    height: u32,
    frames_only: bool,
    /// Left, right, top, bottom.
    crop: [u32; 4],
}

impl Picture {
    fn size(&self) -> Option<(u32, u32)> {
        let fields = if self.frames_only { 1 } else { 2 };
        let (across, down) = match self.chroma_format {
            _ if self.separate_planes => (1, 1),
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let [left, right, top, bottom] = self.crop.map(u64::from);
        let side = |blocks: u32, scale: u64, crop: u64| {
            let size = ((u64::from(blocks) + 1) * 16 * scale).checked_sub(crop)?;
            (1..=MAX_SIDE).contains(&size).then_some(size as u32)
        };
        Some((
            side(self.width, 1, (left + right) * across)?,
            side(self.height, fields, (top + bottom) * down * fields)?,
        ))
    }
}

/// Baseline profile.
const BASELINE: u8 = 66;
/// The `pic_order_cnt_type` of streams that do not reorder.
const OUTPUT_ORDER: u32 = 2;

/// Twice what the highest level allows.
const MAX_SIDE: u64 = 1 << 15;

fn picture(profile: u8, bits: &mut Bits<'_>) -> Option<Picture> {
    bits.ue()?; // seq_parameter_set_id
    let (mut chroma_format, mut separate_planes) = (1, false);
    if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(&profile) {
        chroma_format = bits.ue().filter(|format| *format <= 3)?;
        separate_planes = chroma_format == 3 && bits.flag()?;
        bits.ue()?; // bit_depth_luma_minus8
        bits.ue()?; // bit_depth_chroma_minus8
        bits.flag()?; // qpprime_y_zero_transform_bypass_flag
        if bits.flag()? {
            let lists = if chroma_format == 3 { 12 } else { 8 };
            for list in 0..lists {
                if bits.flag()? {
                    scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?; // log2_max_frame_num_minus4
    let order = bits.ue()?;
    match order {
        0 => {
            bits.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.flag()?; // delta_pic_order_always_zero_flag
            bits.se()?; // offset_for_non_ref_pic
            bits.se()?; // offset_for_top_to_bottom_field
            for _ in 0..bits.ue().filter(|count| *count <= 255)? {
                bits.se()?; // offset_for_ref_frame
            }
        }
        _ => {}
    }
    bits.ue()?; // max_num_ref_frames
    bits.flag()?; // gaps_in_frame_num_value_allowed_flag
    let width = bits.ue()?;
    let height = bits.ue()?;
    let frames_only = bits.flag()?;
    if !frames_only {
        bits.flag()?; // mb_adaptive_frame_field_flag
    }
    bits.flag()?; // direct_8x8_inference_flag
    let crop = if bits.flag()? {
        [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?]
    } else {
        [0; 4]
    };
    Some(Picture {
        chroma_format,
        separate_planes,
        order,
        width,
        height,
        frames_only,
        crop,
    })
}

fn scaling_list(bits: &mut Bits<'_>, size: usize) -> Option<()> {
    let mut last = 8;
    for _ in 0..size {
        let next = (last + i64::from(bits.se()?)).rem_euclid(256);
        if next == 0 {
            break;
        }
        last = next;
    }
    Some(())
}

/// What the usability information adds; whatever could be read before it broke off.
#[derive(Default)]
struct Usability {
    framerate: Option<f64>,
    pixel_aspect: Option<(u16, u16)>,
    reordered: Option<u8>,
}

fn usability(bits: &mut Bits<'_>) -> Usability {
    let mut found = Usability::default();
    let mut read = || {
        vui::picture(bits, &mut found.pixel_aspect)?;
        if bits.flag()? {
            let (tick, scale) = (bits.read(32)?, bits.read(32)?);
            // A tick is the time of one field.
            found.framerate = (tick > 0).then(|| f64::from(scale) / (2.0 * f64::from(tick)));
            bits.flag()?; // fixed_frame_rate_flag
        }
        let network = bits.flag()? && hypothetical_decoder(bits)?;
        let coding = bits.flag()? && hypothetical_decoder(bits)?;
        if network || coding {
            bits.flag()?; // low_delay_hrd_flag
        }
        bits.flag()?; // pic_struct_present_flag
        if bits.flag()? {
            bits.flag()?; // motion_vectors_over_pic_boundaries_flag
            for _ in 0..4 {
                bits.ue()?; // max_bytes_per_pic_denom, max_bits_per_mb_denom, log2_max_mv_length_*
            }
            let reordered = bits.ue()?; // max_num_reorder_frames
            found.reordered = u8::try_from(reordered).ok().filter(|frames| *frames <= 16);
        }
        Some(())
    };
    // None: it broke off, and what is known by then stands.
    let _: Option<()> = read();
    found
}

/// Skips `hrd_parameters()`.
fn hypothetical_decoder(bits: &mut Bits<'_>) -> Option<bool> {
    let count = bits.ue().filter(|count| *count < 32)?;
    bits.skip(8)?; // bit_rate_scale, cpb_size_scale
    for _ in 0..=count {
        bits.ue()?; // bit_rate_value_minus1
        bits.ue()?; // cpb_size_value_minus1
        bits.flag()?; // cbr_flag
    }
    bits.skip(20)?; // four lengths
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by ffmpeg and libx264.
    const HIGH_422_INTERLACED: &[u8] = &[
        0x67, 0x7a, 0x00, 0x28, 0xbc, 0xd9, 0x40, 0x78, 0x04, 0x4f, 0xcb, 0x87, 0x08, 0x00, 0x00,
        0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x01, 0x90, 0xf8, 0xb1, 0x6c, 0xb0,
    ];
    const CROPPED: &[u8] = &[
        0x67, 0x42, 0xc0, 0x0b, 0xd9, 0x03, 0x0f, 0xe2, 0x27, 0xc0, 0x44, 0x00, 0x00, 0x0f, 0xa4,
        0x00, 0x03, 0xa9, 0x80, 0x3c, 0x50, 0xa9, 0x20,
    ];
    /// Main profile, no crop.
    const MAIN: &[u8] = &[
        0x67, 0x4d, 0x40, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xec, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00,
        0x40, 0x00, 0x00, 0x0c, 0x83, 0xc6, 0x0c, 0xa8,
    ];

    fn profile(profile: u8, constraints: u8, level: u8) -> Profile {
        Profile {
            profile,
            constraints,
            level,
        }
    }

    #[test]
    fn size_rate_and_shape_are_read() {
        let interlaced = Sps {
            profile: profile(0x7a, 0, 0x28),
            width: 1920,
            height: 1080,
            framerate: Some(25.0),
            pixel_aspect: Some((4, 3)),
            reordered: Some(2),
        };
        assert_eq!(Sps::parse(HIGH_422_INTERLACED), Ok(interlaced));
        let cropped = Sps {
            profile: profile(0x42, 0xc0, 0x0b),
            width: 178,
            height: 100,
            framerate: Some(30_000.0 / 1001.0),
            pixel_aspect: Some((1, 1)),
            reordered: Some(0),
        };
        assert_eq!(Sps::parse(CROPPED), Ok(cropped));
        let main = Sps {
            profile: profile(0x4d, 0x40, 0x1f),
            width: 1280,
            height: 720,
            framerate: Some(25.0),
            pixel_aspect: Some((1, 1)),
            reordered: Some(0),
        };
        assert_eq!(Sps::parse(MAIN), Ok(main));
    }

    #[test]
    fn a_truncation_is_refused_or_costs_only_rate_and_shape() {
        for whole in [HIGH_422_INTERLACED, CROPPED, MAIN] {
            let expected = Sps::parse(whole).expect("valid");
            assert!(Sps::parse(&whole[..8]).is_err());
            for size in 0..whole.len() {
                if let Ok(sps) = Sps::parse(&whole[..size]) {
                    assert_eq!((sps.width, sps.height), (expected.width, expected.height));
                }
            }
        }
    }

    #[test]
    fn other_units_and_giants_are_refused() {
        assert!(Sps::parse(&[]).is_err());
        assert!(Sps::parse(&[0x68, 1, 2, 3]).is_err());
        assert!(Sps::parse(&[0x67; Sps::MAX_SIZE + 1]).is_err());
    }

    #[test]
    fn garbage_never_panics() {
        let mut seed = 3u64;
        for _ in 0..20_000 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let mut unit = HIGH_422_INTERLACED.to_vec();
            let at = (seed >> 33) as usize % (unit.len() - 1) + 1;
            unit[at] = (seed >> 50) as u8;
            unit[at - 1] |= 0x60;
            unit[0] = 0x67;
            let _ = Sps::parse(&unit);
        }
    }
}
