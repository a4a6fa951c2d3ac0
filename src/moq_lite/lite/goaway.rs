//! The goaway stream: the peer is asked to leave. From 04 on.

use std::{borrow::Cow, fmt};

use bytes::{Buf, BufMut};

use super::{Message, Version};
use crate::moq_lite::{
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
    redact,
};

/// Where to go. `Debug` leaves the query of the URI out: there may be a token in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Goaway<'a> {
    /// At most [`Goaway::MAX`] bytes. Empty: to the same URL again.
    pub uri: Cow<'a, str>,
}

impl fmt::Debug for Goaway<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = redact::without_query(&self.uri);
        f.debug_struct("Goaway").field("uri", &uri).finish()
    }
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
