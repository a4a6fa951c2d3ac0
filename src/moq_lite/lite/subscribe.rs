//! What the subscriber says on a subscribe stream.

use std::{borrow::Cow, time::Duration};

use bytes::{Buf, BufMut};

use super::{Message, Version, field};
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
    /// For how long a group is wanted once there is a newer one. Before 03 forever,
    /// which is `Duration::MAX`.
    pub max_age: Duration,
    /// The first group; `None` for the newest, or in 06 for any that is not too old.
    pub start: Option<u64>,
    /// The last group.
    pub end: Option<u64>,
    /// The first frame of the first group. In 06, with `start`.
    pub frame_start: u64,
    /// The last frame of the last group. In 06, with `end`.
    pub frame_end: Option<u64>,
}

impl Message for Subscribe<'_> {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let id = u64::decode(buf, version)?;
        let broadcast = Path::decode(buf, version)?;
        let track = Cow::decode(buf, version)?;
        let wants = SubscribeUpdate::decode_msg(buf, version)?;
        Ok(Self {
            id,
            broadcast,
            track,
            priority: wants.priority,
            max_age: wants.max_age,
            start: wants.start,
            end: wants.end,
            frame_start: wants.frame_start,
            frame_end: wants.frame_end,
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.id.encode(w, version)?;
        self.broadcast.encode(w, version)?;
        self.track.encode(w, version)?;
        self.wants().encode_msg(w, version)
    }
}

impl Subscribe<'_> {
    /// What a later [`SubscribeUpdate`] replaces.
    pub fn wants(&self) -> SubscribeUpdate {
        SubscribeUpdate {
            priority: self.priority,
            max_age: self.max_age,
            start: self.start,
            end: self.end,
            frame_start: self.frame_start,
            frame_end: self.frame_end,
        }
    }
}

/// The subscriber wants the track otherwise than before. From 03 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeUpdate {
    /// As in [`Subscribe`], like all fields.
    pub priority: u8,
    /// For how long a group is wanted once there is a newer one.
    pub max_age: Duration,
    /// The first group.
    pub start: Option<u64>,
    /// The last group.
    pub end: Option<u64>,
    /// The first frame of the first group.
    pub frame_start: u64,
    /// The last frame of the last group.
    pub frame_end: Option<u64>,
}

impl Message for SubscribeUpdate {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let mut wants = Self {
            priority: u8::decode(buf, version)?,
            max_age: Duration::MAX,
            start: None,
            end: None,
            frame_start: 0,
            frame_end: None,
        };
        if !version.has_ranges() {
            return Ok(wants);
        }
        field::skip_ordered(buf, version)?;
        wants.max_age = field::take_millis(buf, version)?;
        if version.has_frame_ranges() {
            wants.start = Some(u64::decode(buf, version)?).filter(|&start| start > 0);
            wants.end = field::take_option(buf, version)?;
            wants.frame_start = u64::decode(buf, version)?;
            wants.frame_end = field::take_option(buf, version)?;
        } else {
            wants.start = field::take_option(buf, version)?;
            wants.end = field::take_option(buf, version)?;
        }
        if wants.frame_end.is_some() && wants.end.is_none() {
            return Err(DecodeError::InvalidSubscribeLocation);
        }
        Ok(wants)
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.priority.encode(w, version)?;
        if !version.has_ranges() {
            return Ok(());
        }
        field::put_ordered(w, version)?;
        field::put_millis(w, self.max_age, version)?;
        if version.has_frame_ranges() {
            self.start.unwrap_or(0).encode(w, version)?;
            field::put_option(w, self.end, version)?;
            self.frame_start.encode(w, version)?;
            field::put_option(w, self.frame_end, version)
        } else {
            field::put_option(w, self.start, version)?;
            field::put_option(w, self.end, version)
        }
    }
}
