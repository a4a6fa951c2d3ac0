//! The units of a temporal unit in the low-overhead format (AV1 specification, 5.3).

use bytes::Bytes;

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

/// One unit: its type, all of it, and what is behind its header.
struct Obu<'a> {
    kind: u8,
    whole: &'a [u8],
    payload: &'a [u8],
}

/// The units of `data`, up to the first that is broken.
fn units(mut data: &[u8]) -> impl Iterator<Item = Obu<'_>> {
    std::iter::from_fn(move || {
        let start = data;
        let (&header, mut rest) = data.split_first()?;
        if header & 0x80 != 0 {
            return None;
        }
        if header & 4 != 0 {
            rest = rest.get(1..)?; // layers
        }
        let size = match header & 2 {
            // Without a size it is the last one.
            0 => rest.len(),
            _ => leb128(&mut rest)?,
        };
        let (payload, behind) = rest.split_at_checked(size)?;
        data = behind;
        Some(Obu {
            kind: header >> 3 & 15,
            whole: &start[..start.len() - behind.len()],
            payload,
        })
    })
}

fn leb128(data: &mut &[u8]) -> Option<usize> {
    let mut value = 0u64;
    for index in 0..8 {
        let (&byte, rest) = data.split_first()?;
        *data = rest;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

/// Whether decoding can start with this temporal unit, given a sequence header: its first frame is
/// a key frame, and not one that was sent before.
pub fn is_keyframe(unit: &[u8]) -> bool {
    let frame = units(unit).find(|obu| matches!(obu.kind, FRAME | FRAME_HEADER));
    // show_existing_frame, two bits of frame_type, show_frame
    let head = frame.and_then(|obu| obu.payload.first().copied());
    head.is_some_and(|head| head & 0b1111_0000 == 0b0001_0000)
}

/// The first sequence header of a temporal unit: the unit as it is, and its content.
pub fn sequence_header(unit: &[u8]) -> Option<(&[u8], &[u8])> {
    units(unit)
        .find(|obu| obu.kind == SEQUENCE_HEADER)
        .map(|obu| (obu.whole, obu.payload))
}

/// A temporal unit without the delimiter at its start, which says nothing where units come one by
/// one.
pub fn without_delimiter(unit: Bytes) -> Bytes {
    let delimiter = units(&unit)
        .next()
        .filter(|obu| obu.kind == TEMPORAL_DELIMITER)
        .map_or(0, |obu| obu.whole.len());
    unit.slice(delimiter..)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIMITER: [u8; 2] = [0x12, 0];
    const SEQUENCE: [u8; 5] = [0x0a, 3, 1, 2, 3];
    const KEY: [u8; 3] = [0x32, 1, 0x10];

    #[test]
    fn a_key_frame_is_found_behind_other_units() {
        let unit = [&DELIMITER[..], &SEQUENCE, &KEY].concat();
        assert!(is_keyframe(&unit));
        assert_eq!(
            sequence_header(&unit),
            Some((&SEQUENCE[..], &SEQUENCE[2..]))
        );
        let bare = without_delimiter(unit.clone().into());
        assert_eq!(bare, unit[2..]);
        assert_eq!(without_delimiter(bare.clone()), bare);
    }

    #[test]
    fn other_frames_are_not_key_frames() {
        assert!(!is_keyframe(&[0x32, 1, 0x30]), "an inter frame");
        assert!(
            !is_keyframe(&[0x32, 1, 0x90]),
            "a frame that is shown again"
        );
        assert!(
            !is_keyframe(&[0x32, 1, 0x30, 0x32, 1, 0x10]),
            "not the first"
        );
        assert!(!is_keyframe(&SEQUENCE));
        assert!(!is_keyframe(&[]));
        assert!(is_keyframe(&[0x1c, 0, 0x10]), "with layers, without a size");
    }

    #[test]
    fn broken_units_end_the_search() {
        for broken in [
            &[0x0a][..],
            &[0x0a, 9, 1],
            &[0x8a, 1, 1],
            &[0x0a, 0xff, 0xff],
            &[0x0e],
        ] {
            assert_eq!(sequence_header(broken), None, "{broken:?}");
            assert_eq!(without_delimiter(Bytes::copy_from_slice(broken)), broken);
        }
        assert_eq!(
            sequence_header(&[0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]),
            None
        );
    }
}
