//! The stream of a group: its header, then frames until the stream ends.

use bytes::{Buf, BufMut, Bytes};

use super::{Message, Version};
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode, VarInt};

/// Which subscription the group is for, and its place in the track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The id in [`super::Subscribe`].
    pub subscribe: u64,
    /// The sequence number in the track.
    pub sequence: u64,
    /// The place of the first frame that follows. From 06 on.
    pub frame_start: u64,
}

impl Message for Group {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let subscribe = u64::decode(buf, version)?;
        let sequence = u64::decode(buf, version)?;
        let frame_start = if version.has_frame_ranges() {
            u64::decode(buf, version)?
        } else {
            0
        };
        Ok(Self {
            subscribe,
            sequence,
            frame_start,
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.subscribe.encode(w, version)?;
        self.sequence.encode(w, version)?;
        if version.has_frame_ranges() {
            self.frame_start.encode(w, version)?;
        }
        Ok(())
    }
}

/// What stands before the payload of each frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The time since the frame before it on the stream, or for the first frame since
    /// 0, in the scale of the track. From 05 on.
    pub delta: i64,
    /// Bytes of payload.
    pub size: u64,
}

impl Decode<Version> for FrameHeader {
    fn decode<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let delta = if version.has_timestamps() {
            let folded = u64::decode(buf, version)?;
            (folded >> 1) as i64 ^ -((folded & 1) as i64)
        } else {
            0
        };
        let size = u64::decode(buf, version)?;
        Ok(Self { delta, size })
    }
}

impl Encode<Version> for FrameHeader {
    fn encode<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        if version.has_timestamps() {
            let folded = (self.delta << 1) ^ (self.delta >> 63);
            if folded as u64 > VarInt::MAX.into_inner() || self.delta.unsigned_abs() >> 62 != 0 {
                return Err(BoundsExceeded);
            }
            (folded as u64).encode(w, version)?;
        }
        self.size.encode(w, version)
    }
}

/// A whole group of one frame. From 05 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The id in [`super::Subscribe`].
    pub subscribe: u64,
    /// The sequence number in the track.
    pub sequence: u64,
    /// In the scale of the track.
    pub timestamp: u64,
    /// The frame.
    pub payload: Bytes,
}

impl Decode<Version> for Datagram {
    /// Takes all of `buf`.
    fn decode<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        Ok(Self {
            subscribe: u64::decode(buf, version)?,
            sequence: u64::decode(buf, version)?,
            timestamp: u64::decode(buf, version)?,
            payload: buf.copy_to_bytes(buf.remaining()),
        })
    }
}

impl Encode<Version> for Datagram {
    fn encode<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.subscribe.encode(w, version)?;
        self.sequence.encode(w, version)?;
        self.timestamp.encode(w, version)?;
        w.put_slice(&self.payload);
        Ok(())
    }
}
