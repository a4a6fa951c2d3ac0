//! The configuration record of a byte-stream.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Format, Hvcc, PPS, SPS, Sps, VPS, kind};
use crate::media::nal;

impl Hvcc {
    /// The record of a byte-stream, from an access unit that holds its parameter sets; `None` if it does not.
    pub fn from_access_unit(access_unit: &[u8]) -> Option<Bytes> {
        let sets = [VPS, SPS, PPS].map(|wanted| {
            let sets = nal::distinct(access_unit, Format::ByteStream, |unit| kind(unit) == wanted);
            (wanted, sets)
        });
        let sps = Sps::parse(sets[1].1.first()?).ok()?;
        let details = sps.details;
        let mut record = BytesMut::new();
        record.put_u8(1);
        record.put_slice(&sps.profile.0);
        // Nothing is known of how pictures are cut for parallel decoding, nor of the average rate.
        record.put_slice(&[0xf0, 0, 0xfc]);
        record.put_u8(0xfc | details.chroma_format);
        record.put_slice(&details.depths.map(|depth| 0xf8 | depth));
        record.put_u16(0);
        // Lengths of four bytes.
        record.put_u8(details.layers << 3 | u8::from(details.nested) << 2 | 3);
        record.put_u8(sets.len() as u8);
        for (kind, sets) in &sets {
            if sets.is_empty() {
                return None;
            }
            // There are no others in the stream.
            record.put_u8(0x80 | kind);
            record.put_u16(u16::try_from(sets.len()).ok()?);
            for set in sets {
                record.put_u16(u16::try_from(set.len()).ok()?);
                record.put_slice(set);
            }
        }
        Some(record.freeze())
    }
}
