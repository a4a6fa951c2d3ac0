//! Reading values from a bounded buffer.

use std::{borrow::Cow, string::FromUtf8Error};

use bytes::{Buf, Bytes};
use thiserror::Error;

use super::{BoundsExceeded, VarInt};

/// A value that can be read from bytes; `V` is the version of the protocol.
pub trait Decode<V>: Sized {
    /// Reads the value and advances `buf` past it.
    ///
    /// # Errors
    /// [`DecodeError::Short`] when `buf` ends too early, otherwise what is wrong.
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError>;
}

/// Why bytes are not the value that they should be.
#[derive(Error, Debug, Clone)]
pub enum DecodeError {
    /// The buffer ended inside the value.
    #[error("short buffer")]
    Short,
    /// The body had bytes left after the value.
    #[error("long buffer")]
    Long,
    /// A string was not UTF-8.
    #[error("invalid string: {0}")]
    InvalidString(#[from] FromUtf8Error),
    /// A message or stream type that is not known.
    #[error("invalid message: {0:#x}")]
    InvalidMessage(u64),
    /// A subscription's location that contradicts itself.
    #[error("invalid subscribe location")]
    InvalidSubscribeLocation,
    /// A field has a value that it may not have.
    #[error("invalid value")]
    InvalidValue,
    /// A list is longer than allowed.
    #[error("too many")]
    TooMany,
    /// A number is larger than allowed.
    #[error("bounds exceeded")]
    BoundsExceeded,
    /// The stream went on where its end was expected.
    #[error("expected end")]
    ExpectedEnd,
    /// The stream ended where data was expected.
    #[error("expected data")]
    ExpectedData,
    /// A list holds the same key twice.
    #[error("duplicate")]
    Duplicate,
    /// A required field is absent.
    #[error("missing")]
    Missing,
    /// The field asks for something that this version does not do.
    #[error("unsupported")]
    Unsupported,
    /// What the protocol has a number of its own for, with which the session ends.
    #[error("refused: {0:#x}")]
    Refused(u32),
}

impl From<BoundsExceeded> for DecodeError {
    fn from(_: BoundsExceeded) -> Self {
        Self::BoundsExceeded
    }
}

impl<V> Decode<V> for u8 {
    fn decode<B: Buf>(buf: &mut B, _: V) -> Result<Self, DecodeError> {
        buf.try_get_u8().map_err(|_| DecodeError::Short)
    }
}

impl<V> Decode<V> for u16 {
    fn decode<B: Buf>(buf: &mut B, _: V) -> Result<Self, DecodeError> {
        buf.try_get_u16().map_err(|_| DecodeError::Short)
    }
}

impl<V> Decode<V> for i8 {
    /// Stored as the value plus 128.
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        Ok((i16::from(u8::decode(buf, version)?) - 128) as Self)
    }
}

impl<V> Decode<V> for bool {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        match u8::decode(buf, version)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::InvalidValue),
        }
    }
}

impl<V> Decode<V> for u32 {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        Ok(VarInt::decode(buf, version)?.try_into()?)
    }
}

impl<V> Decode<V> for u64 {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        Ok(VarInt::decode(buf, version)?.into_inner())
    }
}

impl<V> Decode<V> for usize {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        let value = VarInt::decode(buf, version)?.into_inner();
        Self::try_from(value).map_err(|_| DecodeError::BoundsExceeded)
    }
}

impl<V> Decode<V> for Bytes {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        let size = usize::decode(buf, version)?;
        if buf.remaining() < size {
            return Err(DecodeError::Short);
        }
        Ok(buf.copy_to_bytes(size))
    }
}

impl<V> Decode<V> for Vec<u8> {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        Ok(Bytes::decode(buf, version)?.into())
    }
}

impl<V> Decode<V> for String {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        Ok(Self::from_utf8(Vec::decode(buf, version)?)?)
    }
}

impl<V> Decode<V> for Cow<'_, str> {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        Ok(Cow::Owned(String::decode(buf, version)?))
    }
}
