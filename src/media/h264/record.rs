//! The configuration record of a byte-stream.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Avcc, Format, PPS, SPS, kind};
use crate::media::{bits::Bits, nal};

/// Profiles whose record goes on behind the parameter sets.
const HIGH: [u8; 9] = [100, 110, 122, 244, 44, 83, 86, 118, 128];

impl Avcc {
    /// The record of a byte-stream, from an access unit that holds its parameter sets; `None` if it does not.
    pub fn from_access_unit(access_unit: &[u8]) -> Option<Bytes> {
        let sets =
            |wanted| nal::distinct(access_unit, Format::ByteStream, |unit| kind(unit) == wanted);
        let (sps, pps) = (sets(SPS), sets(PPS));
        let &[profile, constraints, level] = sps.first()?.get(1..4)? else {
            return None;
        };
        let mut record = BytesMut::new();
        record.put_slice(&[1, profile, constraints, level, 0xff]);
        for (sets, flags, most) in [(&sps, 0xe0, 31), (&pps, 0, 255)] {
            if sets.is_empty() || sets.len() > most {
                return None;
            }
            record.put_u8(flags | sets.len() as u8);
            for set in sets {
                record.put_u16(u16::try_from(set.len()).ok()?);
                record.put_slice(set);
            }
        }
        if HIGH.contains(&profile) {
            let [chroma, luma_depth, chroma_depth] = picture_format(sps.first()?)?;
            record.put_slice(&[0xfc | chroma, 0xf8 | luma_depth, 0xf8 | chroma_depth, 0]);
        }
        Some(record.freeze())
    }
}

/// Chroma format, and bits beyond eight of both kinds of samples, of a high profile (7.3.2.1.1).
fn picture_format(sps: &[u8]) -> Option<[u8; 3]> {
    let mut bits = Bits::new(sps.get(4..)?);
    let _id = bits.ue()?;
    let chroma = bits.ue().filter(|chroma| *chroma <= 3)?;
    if chroma == 3 {
        bits.skip(1)?;
    }
    let mut depth = || bits.ue().filter(|depth| *depth <= 6);
    Some([chroma, depth()?, depth()?].map(|value| value as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::samples::UNIT;

    const RECORD: &[u8] = &[
        1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 10, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf,
        0xe5, 0x40, 1, 0, 4, 0x68, 0xce, 0x3c, 0x80,
    ];

    #[test]
    fn the_record_holds_each_parameter_set_once() {
        let record = Avcc::from_access_unit(UNIT).expect("it has parameter sets");
        assert_eq!(&record[..], RECORD);
        assert_eq!(Avcc::from_access_unit(&UNIT[UNIT.len() - 6..]), None);
    }

    #[test]
    fn the_record_of_a_high_profile_says_what_pictures_are_made_of() {
        // id 0, 4:2:0, eight bits
        let unit = [0, 0, 1, 0x67, 100, 0, 31, 0b1010_1100, 0, 0, 1, 0x68, 1];
        let record = Avcc::from_access_unit(&unit).expect("it has parameter sets");
        assert_eq!(record[record.len() - 4..], [0xfd, 0xf8, 0xf8, 0]);
    }
}
