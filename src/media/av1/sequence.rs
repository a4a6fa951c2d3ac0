//! What a sequence header says (AV1 specification, 5.5).

use super::{Chroma, Colour, Profile};
use crate::media::{Error, bits::Bits};

/// Size and format of the pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// What a decoder must be able to do.
    pub profile: Profile,
    /// The largest width in pixels.
    pub width: u32,
    /// The largest height in pixels.
    pub height: u32,
    /// Frames per second, where the stream says that all last equally long.
    pub framerate: Option<f64>,
}

impl Sequence {
    /// Reads the content of a sequence header; what follows it is ignored.
    pub fn parse(payload: &[u8]) -> Result<Self, Error> {
        let payload = &payload[..payload.len().min(MAX_SIZE)];
        read(&mut Bits::new(payload)).ok_or(Error::Av1("the sequence header cannot be read"))
    }
}

/// More than any sequence header has.
const MAX_SIZE: usize = 1024;
/// The level that says that there is none.
const LAST_WITHOUT_TIER: u32 = 7;

fn read(bits: &mut Bits<'_>) -> Option<Sequence> {
    let profile = bits.read(3).filter(|profile| *profile <= 2)?;
    bits.flag()?; // still_picture
    let reduced = bits.flag()?;
    let (mut level, mut high_tier, mut framerate) = (0, false, None);
    if reduced {
        level = bits.read(5)?;
    } else {
        let mut delay_bits = None;
        if bits.flag()? {
            let (tick, scale) = (bits.read(32)?, bits.read(32)?);
            if bits.flag()? {
                let ticks = (uvlc(bits)?).checked_add(1)?;
                framerate = Some(f64::from(scale) / f64::from(tick) / f64::from(ticks));
            }
            if bits.flag()? {
                delay_bits = Some(bits.read(5)? as usize + 1);
                bits.skip(32 + 5 + 5)?; // decoding tick, lengths of times
            }
        }
        let display_delays = bits.flag()?;
        for point in 0..=bits.read(5)? {
            bits.skip(12)?; // operating_point_idc
            let this_level = bits.read(5)?;
            let tier = this_level > LAST_WITHOUT_TIER && bits.flag()?;
            if point == 0 {
                (level, high_tier) = (this_level, tier);
            }
            if let Some(size) = delay_bits
                && bits.flag()?
            {
                bits.skip(2 * size + 1)?; // delays of the buffers, low_delay_mode_flag
            }
            if display_delays && bits.flag()? {
                bits.skip(4)?; // initial_display_delay_minus_1
            }
        }
    }
    let (width_bits, height_bits) = (bits.read(4)? + 1, bits.read(4)? + 1);
    let (width, height) = (bits.read(width_bits)? + 1, bits.read(height_bits)? + 1);
    tools(bits, reduced)?;
    let (bit_depth, colour) = colour(bits, profile)?;
    Some(Sequence {
        profile: Profile {
            profile: profile as u8,
            level: level as u8,
            high_tier,
            bit_depth,
            colour,
        },
        width,
        height,
        framerate: framerate.filter(|rate| (0.01..=1000.0).contains(rate)),
    })
}

/// Everything between the size and the colours.
fn tools(bits: &mut Bits<'_>, reduced: bool) -> Option<()> {
    if !reduced && bits.flag()? {
        bits.skip(4 + 3)?; // lengths of frame ids
    }
    bits.skip(3)?; // superblocks of 128, filter intra, intra edge filter
    if !reduced {
        bits.skip(4)?; // interintra, masked, warped, dual filter
        let order_hint = bits.flag()?;
        if order_hint {
            bits.skip(2)?; // jnt_comp, ref_frame_mvs
        }
        let screen_content = bits.flag()? || bits.flag()?;
        if screen_content && !bits.flag()? {
            bits.flag()?; // seq_force_integer_mv
        }
        if order_hint {
            bits.skip(3)?; // order_hint_bits_minus_1
        }
    }
    bits.skip(3) // superres, cdef, restoration
}

fn colour(bits: &mut Bits<'_>, profile: u32) -> Option<(u8, Colour)> {
    let high = bits.flag()?;
    let bit_depth = match high {
        true if profile == 2 && bits.flag()? => 12,
        true => 10,
        false => 8,
    };
    let mono = profile != 1 && bits.flag()?;
    let described = bits.flag()?;
    let mut numbers = [2; 3];
    if described {
        for number in &mut numbers {
            *number = bits.read(8)? as u8;
        }
    }
    let [primaries, transfer, matrix] = numbers;
    let (chroma, full_range) = if mono {
        (Chroma::Monochrome, bits.flag()?)
    } else if numbers == [1, 13, 0] {
        (Chroma::Full, true)
    } else {
        let full_range = bits.flag()?;
        let (across, down) = match profile {
            0 => (true, true),
            1 => (false, false),
            _ if bit_depth == 12 => {
                let across = bits.flag()?;
                (across, across && bits.flag()?)
            }
            _ => (true, false),
        };
        let chroma = match (across, down) {
            (true, true) => Chroma::Quarter(bits.read(2)? as u8),
            (true, false) => Chroma::HalfWidth,
            (false, _) => Chroma::Full,
        };
        (chroma, full_range)
    };
    // Unspecified numbers stand for what readers assume, where nothing else differs.
    let unspecified = |number: u8| if described { number } else { number.min(1) };
    let colour = Colour {
        chroma,
        primaries: unspecified(primaries),
        transfer: unspecified(transfer),
        matrix: unspecified(matrix),
        full_range,
    };
    Some((bit_depth, colour))
}

fn uvlc(bits: &mut Bits<'_>) -> Option<u32> {
    let mut zeros = 0;
    while !bits.flag()? {
        zeros += 1;
        if zeros >= 32 {
            return None;
        }
    }
    bits.read(zeros)?.checked_add(((1u64 << zeros) - 1) as u32)
}
