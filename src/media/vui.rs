//! What the usability information of H.264 (annex E) and H.265 (annex E) begins with, the same in both.

use super::bits::Bits;

/// Reads the shape of a pixel and skips what is said of colours. `None` where it breaks off; the shape stands then if
/// it was read.
pub(super) fn picture(bits: &mut Bits<'_>, shape: &mut Option<(u16, u16)>) -> Option<()> {
    if bits.flag()? {
        *shape = match bits.read(8)? {
            255 => Some((bits.read(16)? as u16, bits.read(16)? as u16)),
            index => PIXEL_ASPECTS.get(index as usize).copied(),
        }
        .filter(|(width, height)| *width > 0 && *height > 0);
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    if bits.flag()? {
        bits.skip(4)?; // video_format, video_full_range_flag
        if bits.flag()? {
            bits.skip(24)?; // colour_primaries, transfer_characteristics, matrix_coefficients
        }
    }
    if bits.flag()? {
        bits.ue()?; // chroma_sample_loc_type_top_field
        bits.ue()?; // chroma_sample_loc_type_bottom_field
    }
    Some(())
}

/// Table E-1.
const PIXEL_ASPECTS: [(u16, u16); 17] = [
    (0, 0),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];
