//! Keys as JWK (RFC 7517), and the signatures that they verify.
//!
//! Written on ring, which is here anyway: the crates for JWT bring a second library of cryptography, and what is verified
//! here is four kinds of signatures.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{hmac, signature};
use serde_json::{Map, Value};

use super::{
    KeyError, Refusal,
    grant::{Claims, Grant},
    token::Token,
};

/// The keys that may have signed a token. `Debug` tells nothing of them.
#[derive(Clone)]
pub struct Keys(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: Option<String>,
    algorithm: &'static str,
    material: Material,
    /// What its tokens may grant at most.
    scope: Option<Claims>,
}

#[derive(Clone)]
enum Material {
    Secret(hmac::Key),
    Rsa {
        parameters: &'static signature::RsaParameters,
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Point {
        algorithm: &'static dyn signature::VerificationAlgorithm,
        bytes: Vec<u8>,
    },
}

impl Keys {
    /// Reads a JWK or a JWK set: JSON, or base64url of it. Keys of a set that are for something else are passed over.
    ///
    /// # Errors
    /// What is wrong, without anything that the text says.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let json = if text.starts_with('{') {
            text.as_bytes().to_vec()
        } else {
            decode(text).ok_or(KeyError::NotJson)?
        };
        let value: Map<String, Value> =
            serde_json::from_slice(&json).map_err(|_| KeyError::NotJson)?;
        let Some(set) = value.get("keys") else {
            return Key::parse(&value).map(|key| Self(vec![key]));
        };
        let set = set.as_array().ok_or(KeyError::Member("keys"))?;
        let mut keys = Vec::new();
        for value in set {
            match Key::parse(value.as_object().ok_or(KeyError::Member("keys"))?) {
                Ok(key) => keys.push(key),
                Err(KeyError::Unsupported | KeyError::OtherUse) => {}
                Err(error) => return Err(error),
            }
        }
        if keys.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self(keys))
    }

    /// What `token` grants at this time, in seconds since 1970.
    ///
    /// # Errors
    /// Why it grants nothing.
    pub fn verify(&self, token: &str, now: u64) -> Result<Grant, Refusal> {
        let token = Token::parse(token)?;
        let mut candidates = self.0.iter().filter(|key| {
            let named = token.key.as_ref().zip(key.id.as_ref());
            key.algorithm == token.algorithm && named.is_none_or(|(wanted, id)| wanted == id)
        });
        let signer = candidates.find(|key| key.has_signed(token.signed, &token.signature));
        let signer = signer.ok_or(Refusal::Foreign)?;
        // Only now is there somebody who vouches for what it says.
        let (claims, times) = token.claims()?;
        times.check(now)?;
        let within = |scope: &Claims| scope.covers(&claims);
        if !signer.scope.as_ref().is_none_or(within) {
            return Err(Refusal::BeyondKey);
        }
        Ok(Grant::new(claims, times.expires))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("count", &self.0.len())
            .finish()
    }
}

impl Key {
    fn parse(jwk: &Map<String, Value>) -> Result<Self, KeyError> {
        let text = |name: &'static str| match jwk.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(KeyError::Member(name)),
        };
        let bytes = |name: &'static str| {
            let bytes = text(name)?.and_then(decode);
            bytes
                .filter(|bytes| !bytes.is_empty())
                .ok_or(KeyError::Member(name))
        };
        let kind = text("kty")?.ok_or(KeyError::Member("kty"))?;
        let wanted = text("alg")?;
        let curve = text("crv")?;
        let (algorithm, material) = match (kind, wanted, curve) {
            ("oct", None | Some("HS256"), _) => ("HS256", secret(hmac::HMAC_SHA256, bytes("k")?)?),
            ("oct", Some("HS384"), _) => ("HS384", secret(hmac::HMAC_SHA384, bytes("k")?)?),
            ("oct", Some("HS512"), _) => ("HS512", secret(hmac::HMAC_SHA512, bytes("k")?)?),
            ("RSA", alg, _) => {
                let (name, parameters) = match alg {
                    None | Some("RS256") => ("RS256", &signature::RSA_PKCS1_2048_8192_SHA256),
                    Some("RS384") => ("RS384", &signature::RSA_PKCS1_2048_8192_SHA384),
                    Some("RS512") => ("RS512", &signature::RSA_PKCS1_2048_8192_SHA512),
                    Some(_) => return Err(KeyError::Unsupported),
                };
                let n = bytes("n")?;
                if !(256..=1024).contains(&n.len()) {
                    return Err(KeyError::Member("n"));
                }
                let e = bytes("e")?;
                (name, Material::Rsa { parameters, n, e })
            }
            ("EC", None | Some("ES256"), Some("P-256")) => (
                "ES256",
                point(
                    &signature::ECDSA_P256_SHA256_FIXED,
                    32,
                    bytes("x")?,
                    bytes("y")?,
                )?,
            ),
            ("EC", None | Some("ES384"), Some("P-384")) => (
                "ES384",
                point(
                    &signature::ECDSA_P384_SHA384_FIXED,
                    48,
                    bytes("x")?,
                    bytes("y")?,
                )?,
            ),
            ("OKP", None | Some("EdDSA" | "Ed25519"), Some("Ed25519")) => {
                let bytes = bytes("x")?;
                if bytes.len() != 32 {
                    return Err(KeyError::Member("x"));
                }
                let algorithm = &signature::ED25519;
                ("EdDSA", Material::Point { algorithm, bytes })
            }
            _ => return Err(KeyError::Unsupported),
        };
        let verifies = match jwk.get("key_ops") {
            None => true,
            Some(Value::Array(list)) => list.iter().any(|operation| operation == "verify"),
            Some(_) => return Err(KeyError::Member("key_ops")),
        };
        if !verifies || text("use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(KeyError::OtherUse);
        }
        let scope = match jwk.get("scope") {
            None | Some(Value::Null) => None,
            Some(scope) => Some(Claims::parse(scope).ok_or(KeyError::Member("scope"))?),
        };
        Ok(Self {
            id: text("kid")?.map(str::to_owned),
            algorithm,
            material,
            scope,
        })
    }

    fn has_signed(&self, message: &[u8], by: &[u8]) -> bool {
        let verified = match &self.material {
            Material::Secret(key) => hmac::verify(key, message, by),
            Material::Rsa { parameters, n, e } => {
                signature::RsaPublicKeyComponents { n, e }.verify(parameters, message, by)
            }
            Material::Point { algorithm, bytes } => {
                signature::UnparsedPublicKey::new(*algorithm, bytes).verify(message, by)
            }
        };
        verified.is_ok()
    }
}

/// A shorter secret could be guessed from one token.
fn secret(algorithm: hmac::Algorithm, bytes: Vec<u8>) -> Result<Material, KeyError> {
    if bytes.len() < 32 {
        return Err(KeyError::Member("k"));
    }
    Ok(Material::Secret(hmac::Key::new(algorithm, &bytes)))
}

/// A point of a curve, uncompressed.
fn point(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    length: usize,
    x: Vec<u8>,
    y: Vec<u8>,
) -> Result<Material, KeyError> {
    for (name, coordinate) in [("x", &x), ("y", &y)] {
        if coordinate.len() != length {
            return Err(KeyError::Member(name));
        }
    }
    let bytes = [vec![4], x, y].concat();
    Ok(Material::Point { algorithm, bytes })
}

/// Base64url, with or without padding.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}
