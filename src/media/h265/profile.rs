//! What a decoder must be able to do, and the codec string made of it (ISO/IEC 14496-15, annex E).

use std::fmt::Write;

use crate::media::Error;

/// The general part of a `profile_tier_level`: profile space, tier and profile in one byte, four
/// bytes of compatibility flags, six of constraints, one of level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile(pub [u8; 12]);

impl Profile {
    /// The codec string of a stream whose parameter sets travel out of band.
    pub fn hvc1(&self) -> String {
        self.codec("hvc1")
    }

    /// The codec string of a stream whose parameter sets travel in band.
    pub fn hev1(&self) -> String {
        self.codec("hev1")
    }

    /// Reads a codec string of either kind.
    pub fn parse(codec: &str) -> Result<Self, Error> {
        parse(codec).ok_or(Error::H265(
            "a codec string is hev1. or hvc1., profile, compatibility, tier with level, and constraints",
        ))
    }

    fn codec(&self, prefix: &str) -> String {
        let [first, compatibility @ .., level] = self.0;
        let space = ["", "A", "B", "C"][usize::from(first >> 6)];
        let tier = if first & 0x20 == 0 { 'L' } else { 'H' };
        let flags = [
            compatibility[0],
            compatibility[1],
            compatibility[2],
            compatibility[3],
        ];
        let flags = u32::from_be_bytes(flags).reverse_bits();
        let mut codec = format!("{prefix}.{space}{}.{flags:X}.{tier}{level}", first & 0x1f);
        let constraints = &compatibility[4..];
        let used = constraints.iter().rposition(|byte| *byte != 0);
        for byte in &constraints[..used.map_or(0, |last| last + 1)] {
            let _ = write!(codec, ".{byte:X}");
        }
        codec
    }
}

fn parse(codec: &str) -> Option<Profile> {
    let codec = codec
        .strip_prefix("hev1.")
        .or_else(|| codec.strip_prefix("hvc1."))?;
    let mut parts = codec.split('.');
    let profile = parts.next()?;
    let (space, profile) = match profile.as_bytes().first()? {
        letter @ b'A'..=b'C' => (letter - b'A' + 1, &profile[1..]),
        _ => (0, profile),
    };
    let number: u8 = profile.parse().ok().filter(|profile| *profile < 32)?;
    let flags = u32::from_str_radix(parts.next()?, 16).ok()?;
    let level = parts.next()?;
    let (tier, level) = match level.split_at_checked(1)? {
        ("L", level) => (0, level),
        ("H", level) => (0x20, level),
        _ => return None,
    };
    let mut bytes = [0; 12];
    bytes[0] = space << 6 | tier | number;
    bytes[1..5].copy_from_slice(&flags.reverse_bits().to_be_bytes());
    bytes[11] = level.parse().ok()?;
    for (index, part) in parts.enumerate() {
        *bytes[5..11].get_mut(index)? = u8::from_str_radix(part, 16).ok()?;
    }
    Some(Profile(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codec_strings_are_written_and_read_back() {
        let main = Profile([1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93]);
        assert_eq!(main.hev1(), "hev1.1.6.L93.B0");
        assert_eq!(main.hvc1(), "hvc1.1.6.L93.B0");
        let other = Profile([0x80 | 0x20 | 4, 0, 0, 0, 1, 0, 0x10, 0, 0, 0, 0, 150]);
        assert_eq!(other.hev1(), "hev1.B4.80000000.H150.0.10");
        for profile in [main, other] {
            assert_eq!(Profile::parse(&profile.hev1()), Ok(profile));
        }
        assert_eq!(Profile::parse("hvc1.1.6.L93.b0"), Ok(main));
    }

    #[test]
    fn other_strings_are_refused() {
        for text in [
            "",
            "hev1",
            "hev1.",
            "hev1.1",
            "hev1.1.6",
            "hev1.1.6.93",
            "hev1.32.6.L93",
            "hev1.1.6.L300",
            "hev1.1.6.L93.0.0.0.0.0.0.0",
            "hev1.1.6.L93.",
            "avc1.64001f",
            "hev1.é.6.L93",
            "hev1.1.6.é",
        ] {
            assert!(Profile::parse(text).is_err(), "{text}");
        }
    }
}
