//! The frame around every message: its length, then exactly its body.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Version;
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// A message that is sent with its length in front.
pub trait Message: Sized {
    /// Writes the body.
    ///
    /// # Errors
    /// When a field does not fit.
    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded>;

    /// Reads the body, which is all of `buf`.
    ///
    /// # Errors
    /// What is wrong with it.
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError>;
}

/// The largest body that is read. A set of announcements is the only message
/// that comes near it.
pub(crate) const MAX_MESSAGE: usize = 1024 * 1024;

impl<T: Message> Encode<Version> for T {
    fn encode<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        let mut body = BytesMut::new();
        self.encode_msg(&mut body, version)?;
        put(w, None, &body, version)
    }
}

impl<T: Message> Decode<Version> for T {
    fn decode<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        take(buf, version, |body| Self::decode_msg(body, version))
    }
}

/// Writes a body with its type, if it has one, and its length in front.
pub(super) fn put<W: BufMut>(
    w: &mut W,
    kind: Option<u64>,
    body: &[u8],
    version: Version,
) -> Result<(), BoundsExceeded> {
    if let Some(kind) = kind {
        kind.encode(w, version)?;
    }
    body.len().encode(w, version)?;
    w.put_slice(body);
    Ok(())
}

/// Reads a length and then, once all of it is there, the body behind it.
pub(super) fn take<B: Buf, T>(
    buf: &mut B,
    version: Version,
    read: impl FnOnce(&mut Bytes) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let size = usize::decode(buf, version)?;
    if size > MAX_MESSAGE {
        return Err(DecodeError::BoundsExceeded);
    }
    if buf.remaining() < size {
        return Err(DecodeError::Short);
    }
    let mut body = buf.copy_to_bytes(size);
    match read(&mut body) {
        // All of the body is here, so waiting would not help.
        Err(DecodeError::Short) => Err(DecodeError::ExpectedData),
        Ok(_) if body.has_remaining() => Err(DecodeError::Long),
        result => result,
    }
}
