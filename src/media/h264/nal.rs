//! What the NAL units of an access unit are.

use crate::media::nal::{Format, headers, nal_units, unescape};

/// NAL unit type of a slice of an instantaneous decoder refresh picture.
pub const IDR: u8 = 5;
/// NAL unit type of supplemental enhancement information.
const SEI: u8 = 6;
/// NAL unit type of a sequence parameter set.
pub const SPS: u8 = 7;
/// NAL unit type of a picture parameter set.
pub const PPS: u8 = 8;

/// The type of a NAL unit; 0 (which is unspecified) for an empty one.
pub fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header & 0x1f)
}

/// Whether decoding can start with an access unit: its first slice is of an IDR picture, or it says that it is a
/// recovery point by itself, as the I pictures of open groups of pictures do. One from which the picture gets
/// better little by little, as with intra refresh, is none.
pub fn is_keyframe(access_unit: &[u8], format: Format) -> bool {
    let mut informed = false;
    for kind in kinds(access_unit, format) {
        match kind {
            IDR => return true,
            1..IDR => return informed && is_recovery_point(access_unit, format),
            kind => informed |= kind == SEI,
        }
    }
    false
}

fn is_recovery_point(access_unit: &[u8], format: Format) -> bool {
    nal_units(access_unit, format)
        .take_while(|unit| !(1..=IDR).contains(&kind(unit)))
        .filter(|unit| kind(unit) == SEI)
        .any(|unit| recovers_at_once(&unescape(&unit[1..])))
}

/// Whether one of the messages is of a recovery point, and no picture has to precede the recovery.
fn recovers_at_once(mut messages: &[u8]) -> bool {
    // Only the bit that ends the unit is shorter.
    while messages.len() > 2 {
        let mut number = || {
            let mut sum = 0;
            loop {
                let (byte, rest) = messages.split_first()?;
                messages = rest;
                sum += usize::from(*byte);
                if *byte != 0xff {
                    return Some(sum);
                }
            }
        };
        let (Some(kind), Some(size)) = (number(), number()) else {
            return false;
        };
        let Some((payload, rest)) = messages.split_at_checked(size) else {
            return false;
        };
        // A count of zero is the one code that begins with a set bit.
        if kind == RECOVERY_POINT && payload.first().is_some_and(|bits| bits & 0x80 != 0) {
            return true;
        }
        messages = rest;
    }
    false
}

/// The payload type of a recovery point.
const RECOVERY_POINT: usize = 6;

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
    fn a_recovery_point_is_a_keyframe_where_nothing_has_to_precede_it() {
        let picture = |message: &[u8]| {
            let sei = [&[6][..], &[5, 2, 0, 0], message, &[0x80]].concat();
            prefixed(&[&[9, 0xf0], &sei, &[0x41, 0x9a, 1]], 4)
        };
        let is = |message: &[u8]| is_keyframe(&picture(message), Format::LengthPrefixed(4));
        assert!(is(&[6, 1, 0b1100_0100]));
        // After one more picture; a buffering period; cut short.
        assert!(!is(&[6, 1, 0b0101_0000]));
        assert!(!is(&[0, 1, 0b1100_0100]));
        assert!(!is(&[6, 9, 0b1100_0100]));
        assert!(!is(&[0xff; 7]));
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
