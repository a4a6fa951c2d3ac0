//! NAL units of an access unit in either bitstream format, for every codec that has them.

use bytes::{BufMut, Bytes, BytesMut};

use super::Error;

/// How NAL units are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// By start codes of three or four bytes (Annex B).
    ByteStream,
    /// By a length of this many bytes (1 to 4) before each unit.
    LengthPrefixed(u8),
}

/// Every NAL unit of `data`, header byte first, without start code or length.
///
/// Never fails: broken lengths end the iteration ([`validate`] tells), bytes before the first start
/// code are skipped, empty units are left out.
pub fn nal_units(data: &[u8], format: Format) -> NalUnits<'_> {
    NalUnits {
        rest: match format {
            Format::ByteStream => start_code(data).map_or(&[], |start| &data[start.end..]),
            Format::LengthPrefixed(_) => data,
        },
        format,
    }
}

/// Iterator of [`nal_units`].
#[derive(Debug, Clone)]
pub struct NalUnits<'a> {
    /// For a byte-stream this starts behind a start code.
    rest: &'a [u8],
    format: Format,
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let unit = match self.format {
                Format::ByteStream => match start_code(self.rest) {
                    Some(code) => {
                        let unit = &self.rest[..code.start];
                        self.rest = &self.rest[code.end..];
                        unit
                    }
                    None => std::mem::take(&mut self.rest),
                },
                Format::LengthPrefixed(size) => {
                    let (unit, rest) = split_length(self.rest, size).unwrap_or_default();
                    self.rest = rest;
                    unit
                }
            };
            let unit = match self.format {
                Format::ByteStream => trim_zeros(unit),
                Format::LengthPrefixed(_) => unit,
            };
            if !unit.is_empty() {
                return Some(unit);
            }
        }
        None
    }
}

/// Checks that the lengths of a length-prefixed access unit add up to its size, without looking into it.
pub fn validate(access_unit: &[u8], length_size: u8) -> Result<(), Error> {
    let mut rest = access_unit;
    while !rest.is_empty() {
        (_, rest) = split_length(rest, length_size).ok_or(Error::Nal(
            "the NAL unit lengths do not add up to the size of the access unit",
        ))?;
    }
    Ok(())
}

/// The first bytes of the NAL units; unlike [`nal_units`] it does not search for the end of a unit
/// before it gives its header, so looking at the head of an access unit costs little.
pub fn headers(data: &[u8], format: Format) -> impl Iterator<Item = u8> {
    let mut rest = data;
    std::iter::from_fn(move || match format {
        Format::ByteStream => {
            rest = &rest[start_code(rest)?.end..];
            rest.first().copied()
        }
        Format::LengthPrefixed(size) => {
            let unit;
            (unit, rest) = split_length(rest, size)?;
            Some(unit.first().copied().unwrap_or(0))
        }
    })
}

/// The NAL units that are wanted, each once.
pub(super) fn distinct(data: &[u8], format: Format, wanted: impl Fn(&[u8]) -> bool) -> Vec<&[u8]> {
    let mut units: Vec<&[u8]> = Vec::new();
    for unit in nal_units(data, format).filter(|unit| wanted(unit)) {
        if !units.contains(&unit) {
            units.push(unit);
        }
    }
    units
}

/// NAL units as a byte-stream, each behind a start code of four bytes.
pub fn byte_stream<'a>(units: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let mut stream = BytesMut::new();
    for unit in units {
        stream.put_u32(1);
        stream.put_slice(unit);
    }
    stream.freeze()
}

/// The content of a NAL unit without the 3 of each `00 00 03`, which is there to keep start codes
/// out.
pub(super) fn unescape(payload: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(payload.len());
    let mut zeros = 0;
    for byte in payload {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

/// Where the next `00 00 01` is. The zero that makes it a four byte code counts to what precedes.
fn start_code(data: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut at = 2;
    while let Some(&byte) = data.get(at) {
        match byte {
            0 => at += 1,
            1 if data[at - 2..at] == [0, 0] => return Some(at - 2..at + 1),
            _ => at += 3,
        }
    }
    None
}

/// A unit never ends in a zero byte; zeros there belong to the start code or are padding.
fn trim_zeros(unit: &[u8]) -> &[u8] {
    let end = unit
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    &unit[..end]
}

fn split_length(data: &[u8], size: u8) -> Option<(&[u8], &[u8])> {
    let (prefix, rest) = data.split_at_checked(size.clamp(1, 4).into())?;
    let length = prefix
        .iter()
        .fold(0u32, |length, byte| length << 8 | u32::from(*byte));
    rest.split_at_checked(length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::samples::{STREAM, prefixed};

    #[test]
    fn start_codes_of_three_and_four_bytes_are_found() {
        let units: Vec<_> = nal_units(STREAM, Format::ByteStream).collect();
        assert_eq!(
            units,
            [
                &[0x09, 0xf0][..],
                &[0x67, 1, 2],
                &[0x68, 3],
                &[0x65, 0, 0, 3, 1]
            ]
        );
    }

    #[test]
    fn a_start_code_is_found_at_every_position() {
        for offset in 0..12 {
            let mut data = vec![0xff; offset];
            data.extend([0, 0, 1, 0x65, 0x88]);
            let units: Vec<_> = nal_units(&data, Format::ByteStream).collect();
            assert_eq!(units, [&[0x65, 0x88]], "{offset}");
        }
    }

    #[test]
    fn lengths_of_every_size_are_read() {
        for size in 1..=4 {
            let data = prefixed(&[&[0x67, 1], &[], &[0x65, 2, 3]], size);
            let format = Format::LengthPrefixed(size);
            assert_eq!(
                nal_units(&data, format).collect::<Vec<_>>(),
                [&[0x67, 1][..], &[0x65, 2, 3]]
            );
            assert_eq!(validate(&data, size), Ok(()));
            for cut in 1..data.len() {
                let whole = [size as usize + 2, 2 * size as usize + 2].contains(&cut);
                assert_eq!(validate(&data[..cut], size).is_ok(), whole, "{cut}");
            }
        }
    }

    #[test]
    fn garbage_never_panics() {
        let mut seed = 1u32;
        let garbage: Vec<u8> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Mostly zeros and ones, so that start codes occur.
            [0, 0, 0, 1, 1, 2, 5, 0xff][(seed >> 29) as usize]
        })
        .take(2000)
        .collect();
        for start in 0..garbage.len() {
            let data = &garbage[start..];
            for format in [
                Format::ByteStream,
                Format::LengthPrefixed(0),
                Format::LengthPrefixed(2),
                Format::LengthPrefixed(9),
            ] {
                nal_units(data, format).for_each(|unit| assert!(!unit.is_empty()));
                headers(data, format).for_each(drop);
            }
            let _ = validate(data, 1);
        }
    }

    #[test]
    fn escapes_are_taken_out() {
        assert_eq!(
            unescape(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3]),
            [0, 0, 1, 0, 0, 0, 0]
        );
    }

    #[test]
    fn units_become_a_byte_stream_again() {
        let units: Vec<_> = nal_units(STREAM, Format::ByteStream).collect();
        let stream = byte_stream(units.iter().copied());
        assert!(nal_units(&stream, Format::ByteStream).eq(units));
        assert_eq!(&stream[..6], [0, 0, 0, 1, 0x09, 0xf0]);
    }
}
