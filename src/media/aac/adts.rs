//! The header of an ADTS frame (ISO/IEC 13818-7, 6.2).

use super::{AudioSpecificConfig, config::RATES};
use crate::media::Error;

/// An ADTS header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adts {
    /// What the header says instead of a configuration out of band.
    pub config: AudioSpecificConfig,
    /// The bytes of the header, which precede the raw frame.
    pub header: usize,
    /// The bytes of the whole frame, header included.
    pub size: usize,
}

impl Adts {
    /// Reads the header of a frame.
    pub fn parse(frame: &[u8]) -> Result<Self, Error> {
        let head = frame
            .first_chunk::<7>()
            .ok_or(Error::Aac("the frame is shorter than an ADTS header"))?;
        let word = head
            .iter()
            .fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        let field = |shift: u32, bits: u32| (word >> shift & ((1 << bits) - 1)) as usize;
        // Twelve bits of sync word, and two that are zero in every layer that there is.
        if field(44, 12) != 0xfff || field(41, 2) != 0 {
            return Err(Error::Aac("the frame does not start with an ADTS header"));
        }
        let header = if field(40, 1) == 1 { 7 } else { 9 };
        let size = field(13, 13);
        if size <= header || field(0, 2) != 0 {
            return Err(Error::Aac("the ADTS frame is not one raw data block"));
        }
        let sample_rate = *RATES
            .get(field(34, 4))
            .ok_or(Error::Aac("the sampling frequency is reserved or zero"))?;
        let channels = match field(30, 3) as u8 {
            0 => {
                return Err(Error::Aac(
                    "the ADTS header leaves the channels to the stream",
                ));
            }
            7 => 8,
            channels => channels,
        };
        let config = AudioSpecificConfig {
            object_type: field(38, 2) as u8 + 1,
            sample_rate,
            channels,
        };
        Ok(Self {
            config,
            header,
            size,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AAC-LC, 44.1 kHz, stereo, nine bytes in all.
    const FRAME: [u8; 9] = [0xff, 0xf1, 0x50, 0x80, 0x01, 0x3f, 0xfc, 1, 2];

    #[test]
    fn a_header_says_what_a_configuration_says() {
        let adts = Adts::parse(&FRAME).expect("valid");
        let config = AudioSpecificConfig::lc(44_100, 2).expect("in range");
        assert_eq!(
            adts,
            Adts {
                config: config.clone(),
                header: 7,
                size: 9
            }
        );
        let with_checksum = [0xff, 0xf0, 0x50, 0x80, 0x01, 0x5f, 0xfc, 0, 0, 1];
        let adts = Adts::parse(&with_checksum).expect("valid");
        assert_eq!((adts.header, adts.size), (9, 10));
        assert_eq!(&config.to_bytes().expect("plain")[..], [0x12, 0x10]);
    }

    #[test]
    fn what_is_no_single_frame_is_refused() {
        for cut in 0..7 {
            assert!(Adts::parse(&FRAME[..cut]).is_err(), "{cut}");
        }
        let changed = |at: usize, value: u8| {
            let mut frame = FRAME;
            frame[at] = value;
            Adts::parse(&frame)
        };
        assert!(changed(0, 0xfe).is_err(), "no sync word");
        assert!(changed(1, 0xf3).is_err(), "a layer");
        assert!(changed(2, 0x7c).is_err(), "a reserved rate");
        assert!(changed(3, 0x00).is_err(), "channels in the stream");
        assert!(changed(6, 0xfd).is_err(), "two blocks");
    }
}
