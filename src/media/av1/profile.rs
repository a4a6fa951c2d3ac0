//! Codec strings (AV1 codec ISO media file format binding, section 5).

use crate::media::Error;

/// What a decoder must be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// 0 main, 1 high, 2 professional.
    pub profile: u8,
    /// `seq_level_idx`.
    pub level: u8,
    /// Whether it is of the high tier.
    pub high_tier: bool,
    /// 8, 10 or 12.
    pub bit_depth: u8,
    /// How samples are to be understood.
    pub colour: Colour,
}

/// How samples are to be understood, in the numbers of ISO/IEC 23091-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// How chroma is sampled.
    pub chroma: Chroma,
    /// Colour primaries.
    pub primaries: u8,
    /// Transfer characteristics.
    pub transfer: u8,
    /// Matrix coefficients.
    pub matrix: u8,
    /// Whether samples use the full range.
    pub full_range: bool,
}

/// Chroma sampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chroma {
    /// None: pictures are grey.
    Monochrome,
    /// 4:2:0 with this sample position, 0 to 3.
    Quarter(u8),
    /// 4:2:2.
    HalfWidth,
    /// 4:4:4.
    Full,
}

impl Default for Colour {
    /// What readers assume where the codec string says nothing.
    fn default() -> Self {
        Self {
            chroma: Chroma::Quarter(0),
            primaries: 1,
            transfer: 1,
            matrix: 1,
            full_range: false,
        }
    }
}

impl Profile {
    /// The codec string: four parts where the rest is as readers assume, else ten.
    pub fn codec(&self) -> String {
        let Self {
            profile,
            level,
            bit_depth,
            colour,
            ..
        } = self;
        let tier = if self.high_tier { 'H' } else { 'M' };
        let short = format!("av01.{profile}.{level:02}{tier}.{bit_depth:02}");
        if *colour == Colour::default() {
            return short;
        }
        let (mono, chroma) = match colour.chroma {
            Chroma::Monochrome => (1, 110),
            Chroma::Quarter(position) => (0, 110 + u32::from(position)),
            Chroma::HalfWidth => (0, 100),
            Chroma::Full => (0, 0),
        };
        format!(
            "{short}.{mono}.{chroma:03}.{:02}.{:02}.{:02}.{}",
            colour.primaries,
            colour.transfer,
            colour.matrix,
            u8::from(colour.full_range)
        )
    }

    /// Reads a codec string of either length.
    pub fn parse(codec: &str) -> Result<Self, Error> {
        parse(codec).ok_or(Error::Av1(
            "a codec string is av01., profile, level with tier, and bit depth",
        ))
    }
}

fn parse(codec: &str) -> Option<Profile> {
    let mut parts = codec.strip_prefix("av01.")?.split('.');
    let profile = parts.next()?.parse().ok().filter(|profile| *profile <= 2)?;
    let level = parts.next()?;
    let (level, high_tier) = match (level.strip_suffix('M'), level.strip_suffix('H')) {
        (Some(level), _) => (level, false),
        (_, Some(level)) => (level, true),
        _ => return None,
    };
    let level = level.parse().ok().filter(|level| *level < 32)?;
    let bit_depth = parts.next()?.parse().ok()?;
    if ![8, 10, 12].contains(&bit_depth) {
        return None;
    }
    let mut colour = Colour::default();
    let rest: Vec<u8> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match rest[..] {
        [] => {}
        [mono, chroma, primaries, transfer, matrix, range] => {
            colour = Colour {
                chroma: match (mono, chroma) {
                    (1, _) => Chroma::Monochrome,
                    (_, 110..=113) => Chroma::Quarter(chroma - 110),
                    (_, 100) => Chroma::HalfWidth,
                    (_, 0) => Chroma::Full,
                    _ => return None,
                },
                primaries,
                transfer,
                matrix,
                full_range: range == 1,
            };
        }
        _ => return None,
    }
    Some(Profile {
        profile,
        level,
        high_tier,
        bit_depth,
        colour,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codec_strings_are_written_and_read_back() {
        let main = Profile {
            profile: 0,
            level: 8,
            high_tier: false,
            bit_depth: 8,
            colour: Colour::default(),
        };
        assert_eq!(main.codec(), "av01.0.08M.08");
        let hdr = Profile {
            high_tier: true,
            bit_depth: 10,
            colour: Colour {
                chroma: Chroma::Quarter(2),
                primaries: 9,
                transfer: 16,
                matrix: 9,
                full_range: false,
            },
            ..main
        };
        assert_eq!(hdr.codec(), "av01.0.08H.10.0.112.09.16.09.0");
        for profile in [main, hdr] {
            assert_eq!(Profile::parse(&profile.codec()), Ok(profile));
        }
    }

    #[test]
    fn other_strings_are_refused() {
        for text in [
            "av01",
            "av01.3.08M.08",
            "av01.0.08.08",
            "av01.0.40M.08",
            "av01.0.08M.09",
            "av01.0.08M.08.0",
            "av01.0.08M.08.0.777.1.1.1.0",
            "",
        ] {
            assert!(Profile::parse(text).is_err(), "{text}");
        }
    }
}
