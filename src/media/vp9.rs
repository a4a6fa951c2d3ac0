//! VP9: the uncompressed header of a frame, codec strings and levels (VP9 bitstream
//! specification, 6.2 and annex A; VP codec ISO media file format binding).

use super::{Error, bits::Bits};

/// What the header of a keyframe says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyframe {
    /// 0 to 3: bit 0 is other chroma sampling than 4:2:0, bit 1 more than 8 bits.
    pub profile: u8,
    /// 8, 10 or 12.
    pub bit_depth: u8,
    /// How chroma is sampled, in the numbers of the codec string.
    pub chroma: Chroma,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Whether samples use the full range.
    pub full_range: bool,
}

/// Chroma sampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chroma {
    /// 4:2:0.
    Quarter,
    /// 4:2:2.
    HalfWidth,
    /// 4:4:4.
    Full,
    /// 4:4:0.
    HalfHeight,
}

impl Keyframe {
    /// Reads a frame or superframe; `None` unless decoding can start with it.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let bits = &mut Bits::new(frame);
        if bits.read(2)? != 2 {
            return None;
        }
        let profile = bits.read(1)? | bits.read(1)? << 1;
        if profile == 3 && bits.flag()? {
            return None;
        }
        let (repeats, is_delta) = (bits.flag()?, bits.flag()?);
        bits.skip(2)?; // show_frame, error_resilient_mode
        if repeats || is_delta || bits.read(24)? != 0x49_83_42 {
            return None;
        }
        let bit_depth = match profile {
            0 | 1 => 8,
            _ if bits.flag()? => 12,
            _ => 10,
        };
        let is_rgb = bits.read(3)? == 7;
        let full_range = is_rgb || bits.flag()?;
        let chroma = match (profile & 1 == 1, is_rgb) {
            (false, false) => Chroma::Quarter,
            (false, true) => return None,
            (true, rgb) => {
                let sampling = match rgb {
                    true => (false, false),
                    false => (bits.flag()?, bits.flag()?),
                };
                bits.flag()?; // reserved_zero
                match sampling {
                    (true, true) => return None,
                    (true, false) => Chroma::HalfWidth,
                    (false, true) => Chroma::HalfHeight,
                    (false, false) => Chroma::Full,
                }
            }
        };
        Some(Self {
            profile: profile as u8,
            bit_depth,
            chroma,
            width: bits.read(16)? + 1,
            height: bits.read(16)? + 1,
            full_range,
        })
    }

    /// The codec string at this many frames per second, 30 where it is not known. Eight parts where
    /// readers would assume other sampling or another range.
    pub fn codec(&self, framerate: Option<f64>) -> String {
        let level = level(self.width, self.height, framerate.unwrap_or(30.0));
        let (profile, depth) = (self.profile, self.bit_depth);
        let short = format!("vp09.{profile:02}.{level:02}.{depth:02}");
        let chroma = match self.chroma {
            Chroma::Quarter if !self.full_range => return short,
            Chroma::Quarter => 1,
            Chroma::HalfWidth => 2,
            Chroma::Full => 3,
            Chroma::HalfHeight => 4,
        };
        format!(
            "{short}.{chroma:02}.01.01.01.{:02}",
            u8::from(self.full_range)
        )
    }
}

/// What a codec string says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// 0 to 3.
    pub profile: u8,
    /// Ten times the level.
    pub level: u8,
    /// 8, 10 or 12.
    pub bit_depth: u8,
    /// How chroma is sampled.
    pub chroma: Chroma,
}

impl Profile {
    /// Reads a codec string, `vp09.` and at least three numbers.
    pub fn parse(codec: &str) -> Result<Self, Error> {
        let parse = || {
            let parts: Option<Vec<u8>> = codec
                .strip_prefix("vp09.")?
                .split('.')
                .map(|part| part.parse().ok())
                .collect();
            let parts = parts?;
            let &[
                profile @ 0..=3,
                level,
                bit_depth @ (8 | 10 | 12),
                ref rest @ ..,
            ] = &parts[..]
            else {
                return None;
            };
            let chroma = match rest.first() {
                None | Some(0 | 1) => Chroma::Quarter,
                Some(2) => Chroma::HalfWidth,
                Some(3) => Chroma::Full,
                Some(4) => Chroma::HalfHeight,
                Some(_) => return None,
            };
            Some(Self {
                profile,
                level,
                bit_depth,
                chroma,
            })
        };
        parse().ok_or(Error::Vp9(
            "a codec string is vp09., profile, level and bit depth",
        ))
    }
}

/// Whether decoding can start with this frame.
pub fn is_keyframe(frame: &[u8]) -> bool {
    Keyframe::parse(frame).is_some()
}

/// The lowest level, times ten, that allows pictures of this size at this rate.
pub fn level(width: u32, height: u32, framerate: f64) -> u8 {
    let size = u64::from(width) * u64::from(height);
    let rate = size as f64 * framerate;
    let fits =
        |(_, max_rate, max_size): &&(u8, u64, u64)| size <= *max_size && rate <= *max_rate as f64;
    LEVELS.iter().find(fits).map_or(62, |(level, ..)| *level)
}

/// Level, luma samples in a second, luma samples in a picture.
const LEVELS: [(u8, u64, u64); 14] = [
    (10, 829_440, 36_864),
    (11, 2_764_800, 73_728),
    (20, 4_608_000, 122_880),
    (21, 9_216_000, 245_760),
    (30, 20_736_000, 552_960),
    (31, 36_864_000, 983_040),
    (40, 83_558_400, 2_228_224),
    (41, 160_432_128, 2_228_224),
    (50, 311_951_360, 8_912_896),
    (51, 588_251_136, 8_912_896),
    (52, 1_176_502_272, 8_912_896),
    (60, 1_176_502_272, 35_651_584),
    (61, 2_353_004_544, 35_651_584),
    (62, 4_706_009_088, 35_651_584),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of a keyframe of 320 by 240.
    const KEY: [u8; 10] = [0x82, 0x49, 0x83, 0x42, 0x20, 0x13, 0xf0, 0x0e, 0xf0, 0];

    #[test]
    fn the_header_of_a_keyframe_tells_profile_and_size() {
        let expected = Keyframe {
            profile: 0,
            bit_depth: 8,
            chroma: Chroma::Quarter,
            width: 320,
            height: 240,
            full_range: false,
        };
        assert_eq!(Keyframe::parse(&KEY), Some(expected));
        assert_eq!(expected.codec(Some(30.0)), "vp09.00.20.08");
        let ten = Keyframe {
            profile: 3,
            bit_depth: 10,
            chroma: Chroma::Full,
            ..expected
        };
        assert_eq!(ten.codec(None), "vp09.03.20.10.03.01.01.01.00");
        let profile = Profile::parse(&ten.codec(None)).expect("written by us");
        assert_eq!((profile.profile, profile.bit_depth), (3, 10));
        assert_eq!(profile.chroma, Chroma::Full);
    }

    #[test]
    fn other_frames_are_not_keyframes() {
        for cut in 0..9 {
            assert!(!is_keyframe(&KEY[..cut]), "{cut}");
        }
        let with_first = |first: u8| {
            let mut frame = KEY;
            frame[0] = first;
            is_keyframe(&frame)
        };
        assert!(!with_first(0x86), "a delta frame");
        assert!(!with_first(0x8a), "a frame that is shown again");
        assert!(!with_first(0x42), "no frame at all");
    }

    #[test]
    fn levels_follow_size_and_rate() {
        assert_eq!(level(1280, 720, 30.0), 31);
        assert_eq!(level(1920, 1080, 30.0), 40);
        assert_eq!(level(1920, 1080, 60.0), 41);
        assert_eq!(level(3840, 2160, 60.0), 51);
        assert_eq!(level(65_536, 65_536, 1000.0), 62);
    }

    #[test]
    fn codec_strings_of_other_shapes_are_refused() {
        for text in [
            "vp09",
            "vp09.00",
            "vp09.00.10",
            "vp09.04.10.08",
            "vp09.00.10.09",
            "vp8",
            "vp09.0.1.8.9",
        ] {
            assert!(Profile::parse(text).is_err(), "{text}");
        }
        assert!(Profile::parse("vp09.00.41.08").is_ok());
    }
}
