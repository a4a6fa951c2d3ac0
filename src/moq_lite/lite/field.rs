//! Fields that several messages have.

use std::time::Duration;

use bytes::{Buf, BufMut};

use super::Version;
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode, VarInt};

/// A duration in whole milliseconds; one that is too long for it is the longest.
pub(super) fn put_millis<W: BufMut>(
    w: &mut W,
    time: Duration,
    version: Version,
) -> Result<(), BoundsExceeded> {
    VarInt::from_u128(time.as_millis())
        .unwrap_or(VarInt::MAX)
        .encode(w, version)
}

/// The longest duration stands for any.
pub(super) fn take_millis<B: Buf>(buf: &mut B, version: Version) -> Result<Duration, DecodeError> {
    let millis = VarInt::decode(buf, version)?;
    Ok(if millis == VarInt::MAX {
        Duration::MAX
    } else {
        Duration::from_millis(millis.into_inner())
    })
}

/// A number that may be absent: 0, else one more than it is.
pub(super) fn put_option<W: BufMut>(
    w: &mut W,
    value: Option<u64>,
    version: Version,
) -> Result<(), BoundsExceeded> {
    let value = value.map_or(Some(0), |value| value.checked_add(1));
    value.ok_or(BoundsExceeded)?.encode(w, version)
}

pub(super) fn take_option<B: Buf>(
    buf: &mut B,
    version: Version,
) -> Result<Option<u64>, DecodeError> {
    Ok(u64::decode(buf, version)?.checked_sub(1))
}

/// A field that is not used any more.
pub(super) fn put_ordered<W: BufMut>(w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
    if version.has_ordered() {
        0u8.encode(w, version)?;
    }
    Ok(())
}

pub(super) fn skip_ordered<B: Buf>(buf: &mut B, version: Version) -> Result<(), DecodeError> {
    if version.has_ordered() {
        u8::decode(buf, version)?;
    }
    Ok(())
}
