//! The configuration record that precedes a length-prefixed stream (ISO/IEC 14496-15, 8.3.3.1).

use bytes::Bytes;

use super::{Format, Profile, SPS, Sps};
use crate::media::Error;

/// `HEVCDecoderConfigurationRecord`: the content of an `hvcC` box, and GStreamer's `codec_data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hvcc {
    /// What a decoder must be able to do.
    pub profile: Profile,
    /// How many bytes precede each NAL unit: 1, 2 or 4.
    pub length_size: u8,
    /// Parameter sets and the like with their type, in the order of the record; none where they
    /// travel in band.
    pub units: Vec<(u8, Bytes)>,
}

impl Hvcc {
    /// The largest record that is read, in bytes.
    pub const MAX_SIZE: usize = 64 * 1024;

    /// Reads a record; the parameter sets are slices of it. What follows them is ignored.
    pub fn parse(record: &Bytes) -> Result<Self, Error> {
        const SHORT: Error = Error::H265("the hvcC record ends too early");
        if record.len() > Self::MAX_SIZE {
            return Err(Error::H265("the hvcC record is larger than 65536 bytes"));
        }
        let (fixed, mut rest) = record.split_first_chunk::<23>().ok_or(SHORT)?;
        let [version, profile @ .., lengths, arrays] = fixed;
        // Version 0 is written by drafts of the format, which are laid out the same.
        if *version > 1 {
            return Err(Error::H265("the hvcC record is of an unknown version"));
        }
        let length_size = (lengths & 3) + 1;
        if length_size == 3 {
            return Err(Error::H265(
                "the hvcC record announces NAL unit lengths of 3 bytes",
            ));
        }
        let mut units = Vec::new();
        for _ in 0..*arrays {
            let (&[kind, high, low], mut tail) = rest.split_first_chunk().ok_or(SHORT)?;
            for _ in 0..u16::from_be_bytes([high, low]) {
                let (length, behind) = tail.split_first_chunk().ok_or(SHORT)?;
                let length = usize::from(u16::from_be_bytes(*length));
                let (unit, behind) = behind.split_at_checked(length).ok_or(SHORT)?;
                units.push((kind & 0x3f, record.slice_ref(unit)));
                tail = behind;
            }
            rest = tail;
        }
        let (profile, _) = profile.split_first_chunk().ok_or(SHORT)?;
        Ok(Self {
            profile: Profile(*profile),
            length_size,
            units,
        })
    }

    /// The format of the stream that the record describes.
    pub fn format(&self) -> Format {
        Format::LengthPrefixed(self.length_size)
    }

    /// `hvc1.` when the record holds the parameter sets, `hev1.` when the stream does.
    pub fn codec(&self) -> String {
        match self.units.iter().any(|(kind, _)| *kind == SPS) {
            true => self.profile.hvc1(),
            false => self.profile.hev1(),
        }
    }

    /// The first sequence parameter set, if there is one that can be read.
    pub fn sps(&self) -> Option<Sps> {
        let (_, unit) = self.units.iter().find(|(kind, _)| *kind == SPS)?;
        Sps::parse(unit).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &[u8] = &[
        1, 1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f,
        2, 0xa0, 0, 1, 0, 2, 0x40, 1, 0x21, 0, 2, 0, 1, 0x42, 0, 1, 0x42,
    ];

    #[test]
    fn a_record_holds_profile_and_parameter_sets() {
        let record = Hvcc::parse(&Bytes::from_static(RECORD)).expect("valid");
        let expected = Hvcc {
            profile: Profile([1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93]),
            length_size: 4,
            units: vec![
                (32, Bytes::from_static(&[0x40, 1])),
                (33, Bytes::from_static(&[0x42])),
                (33, Bytes::from_static(&[0x42])),
            ],
        };
        assert_eq!(record, expected);
        assert_eq!(record.codec(), "hvc1.1.6.L93.B0");
        assert_eq!(record.format(), Format::LengthPrefixed(4));
        assert_eq!(record.sps(), None, "one byte is no parameter set");
    }

    #[test]
    fn a_record_without_parameter_sets_is_of_an_in_band_stream() {
        let mut record = RECORD[..23].to_vec();
        record[22] = 0;
        let record = Hvcc::parse(&record.into()).expect("valid");
        assert_eq!(record.codec(), "hev1.1.6.L93.B0");
    }

    #[test]
    fn every_truncation_is_refused() {
        for size in 0..RECORD.len() {
            let cut = Bytes::from_static(&RECORD[..size]);
            assert!(Hvcc::parse(&cut).is_err(), "{size}");
        }
        assert!(Hvcc::parse(&Bytes::from(vec![1; Hvcc::MAX_SIZE + 1])).is_err());
    }
}
