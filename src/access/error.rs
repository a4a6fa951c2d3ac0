//! What is wrong with a key or a token, in sentences that repeat nothing of either.

use thiserror::Error;

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Neither JSON nor base64url of JSON.
    #[error("it is neither a JWK nor a JWK set in JSON")]
    NotJson,
    /// A JWK set without a key that can be used.
    #[error("the JWK set holds no key that can verify a token")]
    Empty,
    /// A member is missing, or is not what it should be.
    #[error("its member \"{0}\" is missing or not valid")]
    Member(&'static str),
    /// A kind of key, a curve or an algorithm that is not known.
    #[error(
        "it is of a kind that is not supported: HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384 and EdDSA (Ed25519) are"
    )]
    Unsupported,
    /// Its `use` or `key_ops` say that it is for something else.
    #[error("it is not meant to verify signatures (see its \"use\" and \"key_ops\")")]
    OtherUse,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// There is none.
    #[error("there is no token")]
    Missing,
    /// It is no JWT, or says something that is not understood.
    #[error("the token is malformed")]
    Malformed,
    /// No key has signed it.
    #[error("the token is not signed with a key that is known here")]
    Foreign,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not begun.
    #[error("the token is not valid yet")]
    Early,
    /// It grants more than its key may.
    #[error("the token grants more than its key may")]
    BeyondKey,
    /// It grants nothing of what is asked for.
    #[error("the token does not grant this path")]
    Path,
}
