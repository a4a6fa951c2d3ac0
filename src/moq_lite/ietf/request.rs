//! Numbers of requests, and the messages about how many there may be.

use std::fmt;

use bytes::{Buf, BufMut};

use super::message::message;
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// The number of a request: even ones are the client's, odd ones the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

impl RequestId {
    /// The present number; the next one of the same side takes its place.
    pub fn increment(&mut self) -> Self {
        let now = *self;
        self.0 = self.0.saturating_add(2);
        now
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<V> Decode<V> for RequestId {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        u64::decode(buf, version).map(Self)
    }
}

impl<V> Encode<V> for RequestId {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.0.encode(w, version)
    }
}

message! {
    /// Requests below this number are allowed from now on.
    MaxRequestId = 0x15 {
        /// One more than the largest allowed number.
        request_id: RequestId,
    }
}

message! {
    /// The sender would make a request, was it allowed to.
    RequestsBlocked = 0x1a {
        /// The limit that stands in the way.
        request_id: RequestId,
    }
}
