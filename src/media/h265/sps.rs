//! What a sequence parameter set says about the picture (ITU-T H.265, 7.3.2.2 and annex E).

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
    /// How many pictures may come before one that is presented before them; 16 at most.
    pub reordered: u8,
    /// What the record of a stream repeats.
    pub(super) details: Details,
}

/// What pictures are made of, and how they are layered in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Details {
    pub(super) chroma_format: u8,
    /// Bits beyond eight of luma and chroma.
    pub(super) depths: [u8; 2],
    pub(super) layers: u8,
    pub(super) nested: bool,
}

impl Sps {
    /// The largest parameter set that is read, in bytes.
    pub const MAX_SIZE: usize = 4096;

    /// Reads a NAL unit of type 33, header included.
    pub fn parse(unit: &[u8]) -> Result<Self, Error> {
        if kind(unit) != SPS || unit.len() < 2 {
            return Err(Error::H265("the NAL unit is not a sequence parameter set"));
        }
        if unit.len() > Self::MAX_SIZE {
            return Err(Error::H265(
                "the sequence parameter set is larger than 4096 bytes",
            ));
        }
        let payload = unescape(&unit[2..]);
        let bits = &mut Bits::new(&payload);
        let picture = picture(bits).ok_or(SHORT)?;
        let (width, height) = picture.size().ok_or(Error::H265(
            "the sequence parameter set has an impossible size",
        ))?;
        // Damage behind the size costs only the rate and the shape.
        let mut sps = Self {
            profile: picture.profile,
            width,
            height,
            framerate: None,
            pixel_aspect: None,
            reordered: picture.reordered,
            details: picture.details,
        };
        let _: Option<()> = sps.usability(bits, picture.poc_bits);
        sps.framerate = sps.framerate.filter(|rate| (0.01..=1000.0).contains(rate));
        Ok(sps)
    }

    /// What lies behind the size: coding tools, then what the usability information adds.
    fn usability(&mut self, bits: &mut Bits<'_>, poc_bits: u32) -> Option<()> {
        tools(bits, poc_bits)?;
        if !bits.flag()? {
            return Some(());
        }
        vui::picture(bits, &mut self.pixel_aspect)?;
        bits.skip(3)?; // neutral_chroma_indication, field_seq, frame_field_info_present
        if bits.flag()? {
            window(bits)?; // default display window
        }
        if bits.flag()? {
            let (tick, scale) = (bits.read(32)?, bits.read(32)?);
            self.framerate = (tick > 0).then(|| f64::from(scale) / f64::from(tick));
        }
        Some(())
    }
}

const SHORT: Error = Error::H265("the sequence parameter set cannot be read to its end");
/// Twice what the highest level allows.
const MAX_SIDE: u64 = 1 << 15;

/// The size and the crop in its own units.
struct Picture {
    profile: Profile,
    chroma_format: u32,
    width: u32,
    height: u32,
    /// Left, right, top, bottom.
    crop: [u32; 4],
    poc_bits: u32,
    reordered: u8,
    details: Details,
}

impl Picture {
    fn size(&self) -> Option<(u32, u32)> {
        let (across, down) = match self.chroma_format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let [left, right, top, bottom] = self.crop.map(u64::from);
        let side = |size: u32, crop: u64| {
            let size = u64::from(size).checked_sub(crop)?;
            (1..=MAX_SIDE).contains(&size).then_some(size as u32)
        };
        Some((
            side(self.width, (left + right) * across)?,
            side(self.height, (top + bottom) * down)?,
        ))
    }
}

fn picture(bits: &mut Bits<'_>) -> Option<Picture> {
    bits.skip(4)?; // sps_video_parameter_set_id
    let layers = bits.read(3)?; // sps_max_sub_layers_minus1
    let nested = bits.flag()?; // sps_temporal_id_nesting_flag
    let profile = profile(bits, layers)?;
    bits.ue()?; // sps_seq_parameter_set_id
    let chroma_format = bits.ue().filter(|format| *format <= 3)?;
    if chroma_format == 3 {
        bits.flag()?; // separate_colour_plane_flag
    }
    let (width, height) = (bits.ue()?, bits.ue()?);
    let crop = match bits.flag()? {
        true => window(bits)?,
        false => [0; 4],
    };
    let mut depth = || bits.ue().filter(|depth| *depth <= 8);
    let depths = [depth()?, depth()?].map(|depth| depth as u8); // beyond eight bits
    let poc_bits = bits.ue().filter(|bits| *bits <= 12)? + 4;
    let every_layer = bits.flag()?;
    // Of all layers the last counts.
    let mut reordered = 0;
    for _ in 0..if every_layer { layers + 1 } else { 1 } {
        bits.ue()?; // sps_max_dec_pic_buffering_minus1
        reordered = bits.ue().filter(|pictures| *pictures <= 16)? as u8;
        bits.ue()?; // sps_max_latency_increase_plus1
    }
    Some(Picture {
        profile,
        chroma_format,
        width,
        height,
        crop,
        poc_bits,
        reordered,
        details: Details {
            chroma_format: chroma_format as u8,
            depths,
            layers: layers as u8 + 1,
            nested,
        },
    })
}

/// Reads a `profile_tier_level` and gives its general part.
fn profile(bits: &mut Bits<'_>, layers: u32) -> Option<Profile> {
    let mut general = [0; 12];
    for byte in &mut general {
        *byte = bits.read(8)? as u8;
    }
    let mut present = Vec::new();
    for _ in 0..layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if layers > 0 {
        bits.skip(2 * (8 - layers as usize))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(Profile(general))
}

fn window(bits: &mut Bits<'_>) -> Option<[u32; 4]> {
    Some([bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?])
}

/// Everything between the picture buffer's sizes and the usability information.
fn tools(bits: &mut Bits<'_>, poc_bits: u32) -> Option<()> {
    for _ in 0..6 {
        bits.ue()?; // sizes of blocks, depths of the hierarchy
    }
    if bits.flag()? && bits.flag()? {
        scaling_lists(bits)?;
    }
    bits.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if bits.flag()? {
        bits.skip(8)?; // bit depths of PCM samples
        bits.ue()?;
        bits.ue()?; // their block sizes
        bits.flag()?; // pcm_loop_filter_disabled_flag
    }
    let sets = bits.ue().filter(|sets| *sets <= 64)?;
    let mut deltas = 0;
    for set in 0..sets {
        deltas = reference_set(bits, set, deltas)?;
    }
    if bits.flag()? {
        for _ in 0..bits.ue().filter(|count| *count <= 32)? {
            bits.skip(poc_bits as usize + 1)?; // a long-term reference picture
        }
    }
    bits.skip(2) // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
}

fn scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.ue()?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            if size > 1 {
                bits.se()?; // scaling_list_dc_coef_minus8
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                bits.se()?; // scaling_list_delta_coef
            }
        }
    }
    Some(())
}

/// Reads one `st_ref_pic_set`; `deltas` is how many pictures the set before names, and what is
/// given is how many this one does.
fn reference_set(bits: &mut Bits<'_>, set: u32, deltas: u32) -> Option<u32> {
    if set > 0 && bits.flag()? {
        bits.flag()?; // delta_rps_sign
        bits.ue()?; // abs_delta_rps_minus1
        let mut count = 0;
        for _ in 0..=deltas {
            // used_by_curr_pic_flag, or else use_delta_flag
            if bits.flag()? || bits.flag()? {
                count += 1;
            }
        }
        return Some(count);
    }
    let count = bits
        .ue()?
        .checked_add(bits.ue()?)
        .filter(|count| *count <= 32)?;
    for _ in 0..count {
        bits.ue()?; // delta_poc_minus1
        bits.flag()?; // used_by_curr_pic_flag
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What x265 writes for 320x240 at 30 pictures a second, of which up to three in a row are reordered.
    const SPS: [u8; 49] = [
        0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3f, 0xa0, 0x0a, 0x08, 0x0f,
        0x16, 0x59, 0x59, 0x52, 0x93, 0x0b, 0xff, 0xc0, 0, 0x40, 0, 0x5a, 0x83, 3, 3, 2, 0, 0, 3,
        0, 2, 0, 0, 3, 0, 0x3c, 0x10,
    ];

    #[test]
    fn size_rate_and_reordering_are_read() {
        let sps = Sps::parse(&SPS).expect("valid");
        assert_eq!((sps.width, sps.height), (320, 240));
        assert_eq!((sps.framerate, sps.reordered), (Some(30.0), 2));
    }
}
