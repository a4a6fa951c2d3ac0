//! The header of an MPEG audio frame, MP3 and MP2 (ISO/IEC 11172-3, 2.4.1.3; 13818-3).

use super::Error;

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// 2 or 3.
    pub layer: u8,
    /// 1 for MPEG-1, 2 for MPEG-2 and its extension to the lowest rates.
    pub version: u8,
    /// In Hz.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u8,
    /// Samples of each channel in a frame.
    pub samples: u32,
    /// The bytes of the frame, header included.
    pub size: usize,
}

impl Header {
    /// Reads the header of a frame of a stated bit rate.
    pub fn parse(frame: &[u8]) -> Result<Self, Error> {
        read(frame).ok_or(Error::MpegAudio(
            "the frame does not start with a header of layer 2 or 3",
        ))
    }

    /// The codec string.
    pub fn codec(&self) -> &'static str {
        match self.layer {
            2 => "mp2",
            _ => "mp3",
        }
    }
}

fn read(frame: &[u8]) -> Option<Header> {
    let word = u32::from_be_bytes(*frame.first_chunk()?);
    let field = |shift: u32, bits: u32| word >> shift & ((1 << bits) - 1);
    if field(21, 11) != 0x7ff {
        return None;
    }
    // How often the rates of MPEG-1 are halved.
    let halved = match field(19, 2) {
        3 => 0,
        2 => 1,
        0 => 2,
        _ => return None,
    };
    let low = halved > 0;
    let layer = 4 - field(17, 2) as u8;
    let bitrates: &[u32; 14] = match (layer, low) {
        (2, false) => &[
            32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
        ],
        (3, false) => &[
            32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
        ],
        (2 | 3, true) => &[8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        _ => return None,
    };
    let bitrate = bitrates.get((field(12, 4) as usize).checked_sub(1)?)? * 1000;
    let sample_rate = [44_100, 48_000, 32_000].get(field(10, 2) as usize)? >> halved;
    let samples = if layer == 3 && low { 576 } else { 1152 };
    let size = samples / 8 * bitrate / sample_rate + field(9, 1);
    Some(Header {
        layer,
        version: if low { 2 } else { 1 },
        sample_rate,
        channels: if field(6, 2) == 3 { 1 } else { 2 },
        samples,
        size: size as usize,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_both_layers_are_read() {
        let mp3 = Header::parse(&[0xff, 0xfb, 0x90, 0x64]).expect("valid");
        let expected = Header {
            layer: 3,
            version: 1,
            sample_rate: 44_100,
            channels: 2,
            samples: 1152,
            size: 417,
        };
        assert_eq!(mp3, expected);
        assert_eq!(mp3.codec(), "mp3");
        let mp2 = Header::parse(&[0xff, 0xfd, 0x84, 0xc0]).expect("valid");
        assert_eq!(
            (mp2.codec(), mp2.sample_rate, mp2.size),
            ("mp2", 48_000, 384)
        );
        let low = Header::parse(&[0xff, 0xf3, 0x42, 0xc0]).expect("valid");
        assert_eq!((low.version, low.samples, low.channels), (2, 576, 1));
        assert_eq!((low.sample_rate, low.size), (22_050, 105));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for bytes in [
            &[][..],
            &[0xff, 0xfb, 0x90],
            &[0xff, 0x1b, 0x90, 0x64],
            &[0xff, 0xff, 0x90, 0x64], // layer 1
            &[0xff, 0xfb, 0x00, 0x64], // free rate
            &[0xff, 0xfb, 0xf0, 0x64],
            &[0xff, 0xfb, 0x9c, 0x64],
            &[0xff, 0xeb, 0x90, 0x64],
        ] {
            assert!(Header::parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
