//! The peer is asked to leave.

use std::{borrow::Cow, fmt};

use bytes::{Buf, BufMut};

use super::{Message, Version};
use crate::moq_lite::{
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
    redact,
};

/// The sender will go away; the peer should connect anew. `Debug` leaves the query of
/// the URI out: there may be a token in it.
#[derive(Clone, PartialEq, Eq)]
pub struct GoAway<'a> {
    /// Where to; empty for the same place. At most 8192 bytes.
    pub new_session_uri: Cow<'a, str>,
}

const MAX: usize = 8192;

impl fmt::Debug for GoAway<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = redact::without_query(&self.new_session_uri);
        f.debug_struct("GoAway")
            .field("new_session_uri", &uri)
            .finish()
    }
}

impl Message for GoAway<'_> {
    const ID: u64 = 0x10;

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        if self.new_session_uri.len() > MAX {
            return Err(BoundsExceeded);
        }
        self.new_session_uri.encode(w, version)
    }

    fn decode_msg<R: Buf>(r: &mut R, version: Version) -> Result<Self, DecodeError> {
        let new_session_uri: Cow<str> = Cow::decode(r, version)?;
        if new_session_uri.len() > MAX {
            return Err(DecodeError::BoundsExceeded);
        }
        Ok(Self { new_session_uri })
    }
}
