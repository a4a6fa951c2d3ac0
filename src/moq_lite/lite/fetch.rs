//! The fetch stream: one group that was. From 05 on.

use std::borrow::Cow;

use bytes::{Buf, BufMut};

use super::{Message, Version, field};
use crate::moq_lite::{
    Path,
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
};

/// The subscriber asks for a group, whose frames are the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch<'a> {
    /// Relative to the session's root.
    pub broadcast: Path<'a>,
    /// The name of the track in the broadcast.
    pub track: Cow<'a, str>,
    /// Higher is sent first.
    pub priority: u8,
    /// The sequence number in the track.
    pub group: u64,
    /// The first frame. From 06 on.
    pub frame_start: u64,
    /// The last frame. From 06 on.
    pub frame_end: Option<u64>,
}

impl Message for Fetch<'_> {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let mut fetch = Self {
            broadcast: Path::decode(buf, version)?,
            track: Cow::decode(buf, version)?,
            priority: u8::decode(buf, version)?,
            group: u64::decode(buf, version)?,
            frame_start: 0,
            frame_end: None,
        };
        if version.has_frame_ranges() {
            fetch.frame_start = u64::decode(buf, version)?;
            fetch.frame_end = field::take_option(buf, version)?;
        }
        Ok(fetch)
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.broadcast.encode(w, version)?;
        self.track.encode(w, version)?;
        self.priority.encode(w, version)?;
        self.group.encode(w, version)?;
        if version.has_frame_ranges() {
            self.frame_start.encode(w, version)?;
            field::put_option(w, self.frame_end, version)?;
        }
        Ok(())
    }
}
