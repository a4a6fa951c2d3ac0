//! The parameters of a subscription: DELIVERY_TIMEOUT says how long an object is worth sending, and tokens are checked.

use std::time::Duration;

use bytes::{Buf, BufMut};

use super::{ParameterVarInt, Parameters, Version, token};
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// In SETUP this number is another parameter's.
const DELIVERY_TIMEOUT: ParameterVarInt = ParameterVarInt::Unknown(2);

pub(super) fn encode<W: BufMut>(
    timeout: &Option<Duration>,
    w: &mut W,
    version: Version,
) -> Result<(), BoundsExceeded> {
    let mut parameters = Parameters::default();
    if let Some(timeout) = timeout {
        let millis = u64::try_from(timeout.as_millis()).map_err(|_| BoundsExceeded)?;
        parameters.set_varint(DELIVERY_TIMEOUT, millis);
    }
    parameters.encode(w, version)
}

/// Other parameters are passed over, and so is a timeout of 0, which nothing could
/// meet.
pub(super) fn decode<R: Buf>(r: &mut R, version: Version) -> Result<Option<Duration>, DecodeError> {
    let parameters = Parameters::decode(r, version)?;
    token::check(&parameters)?;
    let millis = parameters.get_varint(DELIVERY_TIMEOUT);
    Ok(millis
        .filter(|&millis| millis > 0)
        .map(Duration::from_millis))
}
