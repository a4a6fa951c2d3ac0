//! The parameter AUTHORIZATION_TOKEN: what shows what its sender may do.

use bytes::Buf;

use super::{ParameterBytes, Parameters, Version};
use crate::moq_lite::{
    Error, Result,
    coding::{Decode, DecodeError, Encode},
};

/// How the token is given: both put it into the message itself.
const REGISTER: u64 = 1;
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

/// The token in the parameters of SETUP; `None` also for one of another kind. There is no
/// cache of tokens here, so one that is to be registered is used as it is.
///
/// # Errors
/// [`Error::Decode`] when it is malformed, [`Error::ProtocolViolation`] when it refers to an
/// earlier one, which there cannot be.
pub(crate) fn get(parameters: &Parameters) -> Result<Option<String>> {
    let Some(mut value) = parameters.get_bytes(ParameterBytes::AuthorizationToken) else {
        return Ok(None);
    };
    // All of it is here, so waiting would not help.
    let mut number = || match u64::decode(&mut value, Version::Draft14) {
        Err(DecodeError::Short) => Err(DecodeError::ExpectedData),
        result => result,
    };
    match number()? {
        USE_VALUE => {}
        REGISTER => drop(number()?),
        0 | 2 => return Err(Error::ProtocolViolation),
        _ => return Err(DecodeError::InvalidValue.into()),
    }
    let kind = number()?;
    let token = value.copy_to_bytes(value.remaining());
    let token = String::from_utf8(token.into()).ok();
    Ok(token.filter(|token| kind == AGREED && !token.is_empty()))
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
        for short in [&b""[..], b"\x03", b"\x01\x07", b"\x09\0abc"] {
            assert!(matches!(with(short), Err(Error::Decode(_))));
        }
        for alias in [b"\0\x07", b"\x02\x07"] {
            assert!(matches!(with(alias), Err(Error::ProtocolViolation)));
        }
    }
}
