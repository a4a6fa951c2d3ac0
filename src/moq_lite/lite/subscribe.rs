//! The subscribe stream: one reader of one track.

use std::borrow::Cow;

use bytes::{Buf, BufMut};

use super::{Message, Version};
use crate::moq_lite::{
    Path,
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
};

/// The subscriber asks for a track. First on the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Stands in the header of every group; never used twice.
    pub id: u64,
    /// Relative to the session's root.
    pub broadcast: Path<'a>,
    /// The name of the track in the broadcast.
    pub track: Cow<'a, str>,
    /// Higher is sent first.
    pub priority: u8,
}

impl Message for Subscribe<'_> {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        Ok(Self {
            id: u64::decode(buf, version)?,
            broadcast: Path::decode(buf, version)?,
            track: Cow::decode(buf, version)?,
            priority: u8::decode(buf, version)?,
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.id.encode(w, version)?;
        self.broadcast.encode(w, version)?;
        self.track.encode(w, version)?;
        self.priority.encode(w, version)
    }
}

/// The publisher accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeOk {
    /// The priority in effect. On the wire in version 01 only; reads as 0 from
    /// the others.
    pub priority: u8,
}

impl Message for SubscribeOk {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let priority = match version {
            Version::Draft01 => u8::decode(buf, version)?,
            Version::Draft02 => 0,
        };
        Ok(Self { priority })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        match version {
            Version::Draft01 => self.priority.encode(w, version),
            Version::Draft02 => Ok(()),
        }
    }
}
