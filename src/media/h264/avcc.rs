//! The configuration record that precedes a length-prefixed stream (ISO/IEC 14496-15, 5.3.3.1).

use bytes::Bytes;

use super::{Format, Profile, Sps};
use crate::media::Error;

/// `AVCDecoderConfigurationRecord`: the content of an `avcC` box, and GStreamer's `codec_data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Avcc {
    /// What a decoder must be able to do.
    pub profile: Profile,
    /// How many bytes precede each NAL unit: 1, 2 or 4.
    pub length_size: u8,
    /// Sequence parameter sets; none where they travel in band.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets.
    pub pps: Vec<Bytes>,
}

impl Avcc {
    /// The largest record that is read, in bytes.
    pub const MAX_SIZE: usize = 64 * 1024;

    /// Reads a record; the parameter sets are slices of it. What follows them is ignored.
    pub fn parse(record: &Bytes) -> Result<Self, Error> {
        const SHORT: Error = Error::H264("the avcC record ends too early");
        if record.len() > Self::MAX_SIZE {
            return Err(Error::H264("the avcC record is larger than 65536 bytes"));
        }
        let (&[version, profile, constraints, level, size, count], mut rest) =
            record.split_first_chunk().ok_or(SHORT)?;
        if version != 1 {
            return Err(Error::H264("the avcC record is not of version 1"));
        }
        let length_size = (size & 3) + 1;
        if length_size == 3 {
            return Err(Error::H264(
                "the avcC record announces NAL unit lengths of 3 bytes",
            ));
        }
        let mut sets = |count: u8| {
            let set = |_| {
                let (length, tail) = rest.split_first_chunk()?;
                let (set, tail) = tail.split_at_checked(u16::from_be_bytes(*length).into())?;
                rest = tail;
                Some(record.slice_ref(set))
            };
            let sets = (0..count)
                .map(set)
                .collect::<Option<Vec<_>>>()
                .ok_or(SHORT)?;
            let next = rest.split_off_first().copied();
            Ok::<_, Error>((sets, next))
        };
        let (sps, count) = sets(count & 0x1f)?;
        let (pps, _) = sets(count.ok_or(SHORT)?)?;
        let profile = Profile {
            profile,
            constraints,
            level,
        };
        Ok(Self {
            profile,
            length_size,
            sps,
            pps,
        })
    }

    /// The format of the stream that the record describes.
    pub fn format(&self) -> Format {
        Format::LengthPrefixed(self.length_size)
    }

    /// `avc1.` when the record holds the parameter sets, `avc3.` when the stream does.
    pub fn codec(&self) -> String {
        if self.sps.is_empty() {
            self.profile.avc3()
        } else {
            self.profile.avc1()
        }
    }

    /// The first sequence parameter set, if there is one that can be read.
    pub fn sps(&self) -> Option<Sps> {
        self.sps.first().and_then(|unit| Sps::parse(unit).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &[u8] = &[
        1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 3, 0xfd, 0xf8,
    ];

    fn parsed() -> Avcc {
        Avcc::parse(&Bytes::from_static(RECORD)).expect("valid")
    }

    #[test]
    fn a_record_holds_profile_and_parameter_sets() {
        let expected = Avcc {
            profile: Profile {
                profile: 0x64,
                constraints: 0,
                level: 0x1f,
            },
            length_size: 4,
            sps: vec![Bytes::from_static(&[0x67, 1, 2])],
            pps: vec![Bytes::from_static(&[0x68, 3])],
        };
        assert_eq!(parsed(), expected);
        assert_eq!(parsed().codec(), "avc1.64001f");
        assert_eq!(parsed().format(), Format::LengthPrefixed(4));
        assert_eq!(parsed().sps(), None, "three bytes are no parameter set");
    }

    #[test]
    fn a_record_without_parameter_sets_is_of_an_in_band_stream() {
        let record =
            Avcc::parse(&Bytes::from_static(&[1, 0x64, 0, 0x1f, 0xff, 0xe0, 0])).expect("valid");
        assert_eq!(record.codec(), "avc3.64001f");
    }

    #[test]
    fn every_truncation_is_refused() {
        for size in 0..RECORD.len() - 2 {
            assert!(
                Avcc::parse(&Bytes::from_static(&RECORD[..size])).is_err(),
                "{size}"
            );
        }
        assert!(Avcc::parse(&Bytes::from(vec![1; Avcc::MAX_SIZE + 1])).is_err());
    }

    #[test]
    fn other_versions_and_lengths_are_refused() {
        let changed = |at: usize, value: u8| {
            let mut record = RECORD.to_vec();
            record[at] = value;
            Avcc::parse(&record.into())
        };
        assert_eq!(
            changed(0, 0),
            Err(Error::H264("the avcC record is not of version 1"))
        );
        assert_eq!(
            changed(4, 0xfe),
            Err(Error::H264(
                "the avcC record announces NAL unit lengths of 3 bytes"
            ))
        );
        assert_eq!(changed(4, 0xfc).map(|record| record.length_size), Ok(1));
    }
}
