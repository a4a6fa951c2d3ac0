//! The parameter AUTHORIZATION_TOKEN: what shows what its sender may do.
//!
//! Rights belong to a session here: they are decided when it begins, by the token in SETUP or
//! by the URL. The draft lets each request show tokens too; those must have their form, and
//! change nothing. No token is kept, as MAX_AUTH_TOKEN_CACHE_SIZE is not told. A reference to one
//! ends the session: only there does the draft have a number for that.

use super::{ParameterBytes, Parameters, Version, fault};
use crate::moq_lite::{
    Error, Result,
    coding::{Decode, DecodeError, Encode},
};

/// What is to be done with a token.
enum Token {
    /// A token that was kept is forgotten or used.
    Alias,
    /// It is to be kept, and used.
    Register(Value),
    Use(Value),
}

struct Value {
    kind: u64,
    bytes: Vec<u8>,
}

const DELETE: u64 = 0;
const REGISTER: u64 = 1;
const USE_ALIAS: u64 = 2;
const USE_VALUE: u64 = 3;

/// The kind of token on which both sides have agreed elsewhere.
const AGREED: u64 = 0;

/// Puts a token into the parameters of SETUP.
pub(crate) fn set(parameters: &mut Parameters, token: &str) -> Result<()> {
    let mut value = Vec::with_capacity(2 + token.len());
    USE_VALUE.encode(&mut value, Version::Draft14)?;
    AGREED.encode(&mut value, Version::Draft14)?;
    value.extend_from_slice(token.as_bytes());
    parameters.set_bytes(ParameterBytes::AuthorizationToken, value);
    Ok(())
}

/// The first token in the parameters of SETUP that is of the kind that is known here. One
/// that is to be kept is used as it is, which the draft allows in SETUP.
///
/// # Errors
/// [`Error::Decode`] when one is malformed, [`Error::ProtocolViolation`] when one refers to an
/// earlier one, which there cannot be.
pub(crate) fn get(parameters: &Parameters) -> Result<Option<String>> {
    let mut found = None;
    for token in parameters.tokens() {
        match read(token)? {
            Token::Alias => return Err(Error::ProtocolViolation),
            Token::Register(value) | Token::Use(value) => found = found.or(value.agreed()),
        }
    }
    Ok(found)
}

/// Checks the tokens in the parameters of a request.
///
/// # Errors
/// When one is malformed, is to be kept, or refers to one that was.
pub(super) fn check(parameters: &Parameters) -> std::result::Result<(), DecodeError> {
    parameters
        .tokens()
        .try_for_each(|token| match read(token)? {
            Token::Alias => Err(fault::UNKNOWN_AUTH_TOKEN_ALIAS),
            Token::Register(_) => Err(fault::AUTH_TOKEN_CACHE_OVERFLOW),
            Token::Use(_) => Ok(()),
        })
}

fn read(mut token: &[u8]) -> std::result::Result<Token, DecodeError> {
    match number(&mut token)? {
        DELETE | USE_ALIAS => {
            number(&mut token)?;
            let whole = token.is_empty().then_some(Token::Alias);
            whole.ok_or(fault::KEY_VALUE_FORMATTING)
        }
        REGISTER => {
            number(&mut token)?;
            Ok(Token::Register(value(token)?))
        }
        USE_VALUE => Ok(Token::Use(value(token)?)),
        _ => Err(fault::KEY_VALUE_FORMATTING),
    }
}

fn value(mut token: &[u8]) -> std::result::Result<Value, DecodeError> {
    let kind = number(&mut token)?;
    let bytes = token.to_vec();
    Ok(Value { kind, bytes })
}

fn number(token: &mut &[u8]) -> std::result::Result<u64, DecodeError> {
    u64::decode(token, Version::Draft14).map_err(|_| fault::KEY_VALUE_FORMATTING)
}

impl Value {
    /// The token, where this side can read it.
    fn agreed(self) -> Option<String> {
        let token = String::from_utf8(self.bytes).ok();
        token.filter(|token| self.kind == AGREED && !token.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &[u8]) -> Result<Option<String>> {
        let mut parameters = Parameters::default();
        parameters.set_bytes(ParameterBytes::AuthorizationToken, value.to_vec());
        get(&parameters)
    }

    #[test]
    fn a_token_has_the_bytes_of_the_draft() {
        let mut parameters = Parameters::default();
        assert_eq!(get(&parameters).unwrap(), None);
        set(&mut parameters, "abc").unwrap();
        let bytes = parameters.get_bytes(ParameterBytes::AuthorizationToken);
        assert_eq!(bytes, Some(&b"\x03\0abc"[..]));
        assert_eq!(get(&parameters).unwrap().as_deref(), Some("abc"));
        // To be registered under the alias 7.
        assert_eq!(with(b"\x01\x07\0abc").unwrap().as_deref(), Some("abc"));
    }

    #[test]
    fn what_is_no_token_is_none_or_refused() {
        for other in [&b"\x03\0"[..], b"\x03\x01abc", b"\x03\0\xff"] {
            assert_eq!(with(other).unwrap(), None);
        }
        for bad in [&b""[..], b"\x03", b"\x01\x07", b"\x09\0abc", b"\0\x07more"] {
            let refused = with(bad);
            let expected = Err::<(), _>(Error::Decode(fault::KEY_VALUE_FORMATTING));
            assert_eq!(format!("{refused:?}"), format!("{expected:?}"));
        }
        for alias in [b"\0\x07", b"\x02\x07"] {
            assert!(matches!(with(alias), Err(Error::ProtocolViolation)));
        }
    }
}
