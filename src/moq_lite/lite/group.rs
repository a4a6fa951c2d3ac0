//! The header of a group's stream. Frames follow until the stream ends, each
//! its size and its payload.

use bytes::{Buf, BufMut};

use super::{Message, Version};
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// Which subscription the group is for, and its place in the track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The id in [`super::Subscribe`].
    pub subscribe: u64,
    /// The sequence number in the track.
    pub sequence: u64,
}

impl Message for Group {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        Ok(Self {
            subscribe: u64::decode(buf, version)?,
            sequence: u64::decode(buf, version)?,
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.subscribe.encode(w, version)?;
        self.sequence.encode(w, version)
    }
}
