//! The three bytes that say what a decoder must be able to do, and the codec string made of them.

use crate::media::Error;

/// Profile, constraint flags and level, as in the record, the parameter set and the codec string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// `profile_idc`.
    pub profile: u8,
    /// The constraint flags and two reserved bits.
    pub constraints: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
}

impl Profile {
    /// The codec string `avc1.PPCCLL` of a stream whose parameter sets travel out of band.
    pub fn avc1(self) -> String {
        self.codec("avc1")
    }

    /// The codec string `avc3.PPCCLL` of a stream whose parameter sets travel in band.
    pub fn avc3(self) -> String {
        self.codec("avc3")
    }

    /// Reads a codec string of either kind; the digits may be of either case.
    pub fn parse(codec: &str) -> Result<Self, Error> {
        let malformed = Error::H264("a codec string is avc1. or avc3. and six hex digits");
        let digits = codec
            .strip_prefix("avc1.")
            .or_else(|| codec.strip_prefix("avc3."));
        let digits =
            digits.filter(|text| text.len() == 6 && text.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits
            .and_then(|text| u32::from_str_radix(text, 16).ok())
            .ok_or(malformed)?;
        let [_, profile, constraints, level] = value.to_be_bytes();
        Ok(Self {
            profile,
            constraints,
            level,
        })
    }

    fn codec(self, prefix: &str) -> String {
        let Self {
            profile,
            constraints,
            level,
        } = self;
        format!("{prefix}.{profile:02x}{constraints:02x}{level:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_string_holds_profile_constraints_and_level() {
        let profile = Profile {
            profile: 0x42,
            constraints: 0xc0,
            level: 0x0b,
        };
        assert_eq!(profile.avc1(), "avc1.42c00b");
        assert_eq!(profile.avc3(), "avc3.42c00b");
        assert_eq!(Profile::parse("avc1.42C00b"), Ok(profile));
        assert_eq!(Profile::parse("avc3.42c00B"), Ok(profile));
    }

    #[test]
    fn other_strings_are_refused() {
        for codec in [
            "",
            "avc1",
            "avc1.",
            "avc1.42c00",
            "avc1.42c00b0",
            "avc1.+2c00b",
            "hvc1.42c00b",
            "avc2.42c00b",
            "avc1.4€0b",
        ] {
            assert!(Profile::parse(codec).is_err(), "{codec}");
        }
    }
}
