//! What the NAL units of an access unit are.

use std::ops::RangeInclusive;

use crate::media::nal::{Format, headers};

/// NAL unit type of a video parameter set.
pub const VPS: u8 = 32;
/// NAL unit type of a sequence parameter set.
pub const SPS: u8 = 33;
/// NAL unit type of a picture parameter set.
pub const PPS: u8 = 34;
/// NAL unit types of slices of a picture at which decoding can start: BLA, IDR, CRA.
const RANDOM_ACCESS: RangeInclusive<u8> = 16..=23;

/// The type of a NAL unit; 0 for an empty one.
pub fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header >> 1 & 0x3f)
}

/// Whether a NAL unit of this type holds a part of a picture.
pub fn is_slice(kind: u8) -> bool {
    kind < VPS
}

/// Whether decoding can start with an access unit: its first slice is of an intra random access
/// point picture.
pub fn is_keyframe(access_unit: &[u8], format: Format) -> bool {
    kinds(access_unit, format)
        .find(|kind| is_slice(*kind))
        .is_some_and(|kind| RANDOM_ACCESS.contains(&kind))
}

/// Whether a parameter set of each kind precedes the first slice.
pub fn has_parameter_sets(access_unit: &[u8], format: Format) -> bool {
    let mut found = [false; 3];
    for kind in kinds(access_unit, format).take_while(|kind| !is_slice(*kind)) {
        if let VPS..=PPS = kind {
            found[usize::from(kind - VPS)] = true;
        }
    }
    found == [true; 3]
}

fn kinds(data: &[u8], format: Format) -> impl Iterator<Item = u8> {
    headers(data, format).map(|header| header >> 1 & 0x3f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(kinds: &[u8]) -> Vec<u8> {
        let units = kinds.iter().flat_map(|kind| [0, 0, 1, kind << 1, 1, 0x80]);
        units.collect()
    }

    #[test]
    fn random_access_pictures_are_keyframes() {
        let key = |kinds: &[u8]| is_keyframe(&stream(kinds), Format::ByteStream);
        for kind in [16, 19, 20, 21] {
            assert!(key(&[35, VPS, SPS, PPS, 39, kind]), "{kind}");
        }
        for kind in [0, 1, 8, 9] {
            assert!(!key(&[kind, 19]), "{kind}");
        }
        assert!(!key(&[VPS, SPS, PPS]));
        assert!(!key(&[]));
    }

    #[test]
    fn all_three_parameter_sets_must_precede_the_slice() {
        let has = |kinds: &[u8]| has_parameter_sets(&stream(kinds), Format::ByteStream);
        assert!(has(&[VPS, SPS, PPS, 19]));
        assert!(has(&[35, PPS, SPS, VPS]));
        assert!(!has(&[SPS, PPS, 19, VPS]));
        assert!(!has(&[VPS, PPS]));
    }
}
