//! What either side may say on the session stream.

use bytes::{Buf, BufMut};

use super::{Message, Version};
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// The sender's estimate of the session's bandwidth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// In bit/s; 0 on the wire stands for `None`.
    pub bitrate: Option<u64>,
}

impl Message for SessionInfo {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let bitrate = match u64::decode(buf, version)? {
            0 => None,
            bitrate => Some(bitrate),
        };
        Ok(Self { bitrate })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.bitrate.unwrap_or(0).encode(w, version)
    }
}
