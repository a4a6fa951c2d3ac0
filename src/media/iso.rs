//! From byte-streams of H.264 and H.265 to the form that ISO files have.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    VideoConfig,
    h264::Avcc,
    h265::Hvcc,
    nal::{self, Format},
    video::Codec,
};

/// Gives NAL units their lengths. The parameter sets are those of one keyframe; one that has others needs a converter
/// of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Converter {
    /// What the configuration record holds.
    sets: Vec<Bytes>,
    /// The type of a NAL unit from its first byte, as a shift and a mask.
    kind: (u8, u8),
    delimiter: u8,
}

impl Converter {
    /// From a keyframe with its parameter sets, of which the configuration then holds a record. `None` where nothing
    /// need be converted, or the keyframe lacks what is needed for it.
    pub fn new(codec: Codec, config: &mut VideoConfig, keyframe: &[u8]) -> Option<Self> {
        let (record, name, converter) = match codec {
            Codec::H264(Format::ByteStream) => {
                let record = Avcc::from_access_unit(keyframe)?;
                let avcc = Avcc::parse(&record).ok()?;
                let converter = Self {
                    sets: [avcc.sps.clone(), avcc.pps.clone()].concat(),
                    kind: (0, 0x1f),
                    delimiter: H264_DELIMITER,
                };
                (record, avcc.codec(), converter)
            }
            Codec::H265(Format::ByteStream) => {
                let record = Hvcc::from_access_unit(keyframe)?;
                let hvcc = Hvcc::parse(&record).ok()?;
                let converter = Self {
                    sets: hvcc.units.iter().map(|(_, unit)| unit.clone()).collect(),
                    kind: (1, 0x3f),
                    delimiter: H265_DELIMITER,
                };
                (record, hvcc.codec(), converter)
            }
            _ => return None,
        };
        config.description = Some(record);
        config.codec = name;
        Some(converter)
    }

    /// An access unit with a length of four bytes before each NAL unit. Delimiters, and parameter sets that the record
    /// holds, are left out. This copies: start codes may be shorter than lengths, and the memory is not ours to write.
    pub fn convert(&self, access_unit: &[u8]) -> Bytes {
        let (shift, mask) = self.kind;
        let known = |unit: &[u8]| {
            let kind = unit.first().map_or(0, |header| header >> shift & mask);
            kind == self.delimiter || self.sets.iter().any(|set| set == unit)
        };
        let mut out = BytesMut::with_capacity(access_unit.len() + 64);
        for unit in nal::nal_units(access_unit, Format::ByteStream).filter(|unit| !known(unit)) {
            out.put_u32(unit.len() as u32);
            out.put_slice(unit);
        }
        out.freeze()
    }
}

/// Types of access unit delimiters, which say nothing where access units are told apart already.
const H264_DELIMITER: u8 = 9;
const H265_DELIMITER: u8 = 35;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::samples::UNIT;

    #[test]
    fn lengths_replace_start_codes_and_what_is_known_is_left_out() {
        let (codec, mut config) = (Codec::H264(Format::ByteStream), VideoConfig::default());
        let converter = Converter::new(codec, &mut config, UNIT).expect("it has parameter sets");
        assert_eq!(config.codec, "avc1.42c01e");
        assert_eq!(config.description, Avcc::from_access_unit(UNIT));
        assert_eq!(&converter.convert(UNIT)[..], [0, 0, 0, 3, 0x65, 0x88, 1]);
        let other = [0, 0, 1, 0x68, 0xee, 0, 0, 1, 0x41, 7];
        let expected = [0, 0, 0, 2, 0x68, 0xee, 0, 0, 0, 2, 0x41, 7];
        assert_eq!(&converter.convert(&other)[..], expected);
    }

    #[test]
    fn what_has_lengths_already_is_let_alone() {
        let mut config = VideoConfig::default();
        for codec in [
            Codec::H264(Format::LengthPrefixed(4)),
            Codec::Vp9,
            Codec::Av1,
        ] {
            assert_eq!(Converter::new(codec, &mut config, UNIT), None);
        }
        let codec = Codec::H264(Format::ByteStream);
        assert_eq!(
            Converter::new(codec, &mut config, &UNIT[UNIT.len() - 6..]),
            None
        );
        assert_eq!(config, VideoConfig::default());
    }
}
