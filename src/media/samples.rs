//! Pieces of streams that tests of this folder share.

/// A delimiter, parameter sets and a slice, with start codes of both lengths.
pub(super) const STREAM: &[u8] = &[
    0, 0, 0, 1, 0x09, 0xf0, 0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65, 0, 0, 3, 1, 0,
    0,
];

/// Units as MP4 has them, each after its length in so many bytes.
pub(super) fn prefixed(units: &[&[u8]], size: u8) -> Vec<u8> {
    let mut data = Vec::new();
    for unit in units {
        data.extend(&(unit.len() as u32).to_be_bytes()[4 - usize::from(size)..]);
        data.extend(*unit);
    }
    data
}

/// Delimiter, parameter sets (one of them twice), a slice with a start code of three bytes.
pub(super) const UNIT: &[u8] = &[
    0, 0, 0, 1, 9, 0x10, 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x40, 0,
    0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 1, 0x65, 0x88, 1,
];
