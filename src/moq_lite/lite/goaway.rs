//! The goaway stream: the peer is asked to leave. From 04 on.

use std::borrow::Cow;

use bytes::{Buf, BufMut};

use super::{Message, Version};
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// Where to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goaway<'a> {
    /// At most [`Goaway::MAX`] bytes. Empty: to the same URL again.
    pub uri: Cow<'a, str>,
}

impl Goaway<'_> {
    /// The most bytes of a URI.
    pub const MAX: usize = 8192;
}

impl Message for Goaway<'_> {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let uri: Cow<str> = Cow::decode(buf, version)?;
        if uri.len() > Self::MAX {
            return Err(DecodeError::BoundsExceeded);
        }
        Ok(Self { uri })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        if self.uri.len() > Self::MAX {
            return Err(BoundsExceeded);
        }
        self.uri.encode(w, version)
    }
}
