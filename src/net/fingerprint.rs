//! The SHA-256 of a certificate, as people write it.

use std::{fmt, str::FromStr};

use rustls::pki_types::CertificateDer;

use super::Error;

/// The SHA-256 digest of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

/// Hexadecimal of either case; colons and surrounding white space do not count.
impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::Settings(format!(
                "\"{}\" is not a SHA-256 fingerprint: 64 hexadecimal digits are needed",
                super::error::scrub(text, None)
            ))
        };
        let mut bytes = [0u8; 32];
        let mut digits = text.trim().chars().filter(|c| *c != ':');
        for byte in &mut bytes {
            for _ in 0..2 {
                let digit = digits
                    .next()
                    .and_then(|c| c.to_digit(16))
                    .ok_or_else(wrong)?;
                *byte = *byte << 4 | digit as u8;
            }
        }
        match digits.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(wrong()),
        }
    }
}

/// Lower-case hexadecimal without separators.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00ff10a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e";

    #[test]
    fn the_spellings_of_one_fingerprint_are_equal() {
        let plain: Fingerprint = HEX.parse().unwrap();
        let pairs: Vec<String> = HEX
            .as_bytes()
            .chunks(2)
            .map(|p| String::from_utf8_lossy(p).to_uppercase())
            .collect();
        assert_eq!(
            format!(" {}\n", pairs.join(":"))
                .parse::<Fingerprint>()
                .unwrap(),
            plain
        );
        assert_eq!(plain.to_string(), HEX);
    }

    #[test]
    fn other_texts_are_refused_with_a_sentence() {
        for text in [
            "",
            "00",
            &HEX[1..],
            &format!("{HEX}0"),
            &HEX.replace('f', "g"),
            "é",
        ] {
            let error = text.parse::<Fingerprint>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "\"{text}\" is not a SHA-256 fingerprint: 64 hexadecimal digits are needed"
                )
            );
        }
    }
}
