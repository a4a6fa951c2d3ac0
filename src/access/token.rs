//! A JWT (RFC 7519): its parts, its claims, its times.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Refusal, grant::Claims, key::decode};

/// A token that nobody has vouched for yet.
pub(super) struct Token<'a> {
    pub(super) algorithm: String,
    /// The name of the key.
    pub(super) key: Option<String>,
    /// What the signature is of.
    pub(super) signed: &'a [u8],
    pub(super) signature: Vec<u8>,
    claims: Vec<u8>,
}

/// In seconds since 1970.
pub(super) struct Times {
    pub(super) expires: Option<u64>,
    begins: Option<u64>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood. None is.
    crit: Option<Value>,
}

impl<'a> Token<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::Missing);
        }
        if text.len() > LONGEST {
            return Err(Refusal::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        let decoded = |part: &str| decode(part).ok_or(Refusal::Malformed);
        let header: Header =
            serde_json::from_slice(&decoded(header)?).map_err(|_| Refusal::Malformed)?;
        if header.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        Ok(Self {
            algorithm: header.alg,
            key: header.kid,
            signed: signed.as_bytes(),
            signature: decoded(signature)?,
            claims: decoded(claims)?,
        })
    }

    pub(super) fn claims(&self) -> Result<(Claims, Times), Refusal> {
        let claims: Map<String, Value> =
            serde_json::from_slice(&self.claims).map_err(|_| Refusal::Malformed)?;
        let time = |name| match claims.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => seconds(value).map(Some).ok_or(Refusal::Malformed),
        };
        let times = Times {
            expires: time("exp")?,
            begins: time("nbf")?,
        };
        let claims = Claims::parse(&Value::Object(claims)).ok_or(Refusal::Malformed)?;
        Ok((claims, times))
    }
}

impl Times {
    pub(super) fn check(&self, now: u64) -> Result<(), Refusal> {
        if self.expires.is_some_and(|expires| now >= expires) {
            return Err(Refusal::Expired);
        }
        if self.begins.is_some_and(|begins| now < begins) {
            return Err(Refusal::Early);
        }
        Ok(())
    }
}

/// Whole seconds; what lies before 1970 is long over.
fn seconds(value: &Value) -> Option<u64> {
    let number = value.as_number()?;
    let float = || number.as_f64().map(|seconds| seconds.max(0.0) as u64);
    number.as_u64().or_else(float)
}

/// Longer than any that names some paths.
const LONGEST: usize = 8 << 10;
