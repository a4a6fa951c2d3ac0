//! What the NAL units of an access unit are.

use crate::media::nal::{Format, headers};

/// NAL unit type of a slice of an instantaneous decoder refresh picture.
pub const IDR: u8 = 5;
/// NAL unit type of a sequence parameter set.
pub const SPS: u8 = 7;
/// NAL unit type of a picture parameter set.
pub const PPS: u8 = 8;

/// The type of a NAL unit; 0 (which is unspecified) for an empty one.
pub fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header & 0x1f)
}

/// Whether an access unit starts a coded video sequence: its first slice is of an IDR picture.
pub fn is_keyframe(access_unit: &[u8], format: Format) -> bool {
    kinds(access_unit, format).find(|kind| (1..=IDR).contains(kind)) == Some(IDR)
}

/// Whether both a sequence and a picture parameter set precede the first slice.
pub fn has_parameter_sets(access_unit: &[u8], format: Format) -> bool {
    let (mut sps, mut pps) = (false, false);
    for kind in kinds(access_unit, format).take_while(|kind| !(1..=IDR).contains(kind)) {
        sps |= kind == SPS;
        pps |= kind == PPS;
    }
    sps && pps
}

fn kinds(data: &[u8], format: Format) -> impl Iterator<Item = u8> {
    headers(data, format).map(|header| header & 0x1f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::samples::{STREAM, prefixed};

    #[test]
    fn the_first_slice_tells_a_keyframe() {
        assert!(is_keyframe(STREAM, Format::ByteStream));
        assert!(!is_keyframe(
            &[0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x41, 5],
            Format::ByteStream
        ));
        assert!(!is_keyframe(
            &[0, 0, 1, 0x41, 9, 0, 0, 1, 0x65, 9],
            Format::ByteStream
        ));
        assert!(!is_keyframe(&[], Format::ByteStream));
        assert!(!is_keyframe(&[0, 0, 1], Format::ByteStream));
    }

    #[test]
    fn both_parameter_sets_must_precede_the_slice() {
        assert!(has_parameter_sets(STREAM, Format::ByteStream));
        assert!(!has_parameter_sets(
            &[0, 0, 1, 0x67, 9, 0, 0, 1, 0x65, 9, 0, 0, 1, 0x68],
            Format::ByteStream
        ));
        assert!(has_parameter_sets(
            &prefixed(&[&[0x67], &[0x68], &[0x65]], 4),
            Format::LengthPrefixed(4)
        ));
    }
}
