//! The track stream: what is the same for a track as long as it lives. From 05 on.

use std::{borrow::Cow, time::Duration};

use bytes::{Buf, BufMut};

use super::{Message, Version, field};
use crate::moq_lite::{
    Path,
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
};

/// The subscriber asks about a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackRequest<'a> {
    /// Relative to the session's root.
    pub broadcast: Path<'a>,
    /// The name of the track in the broadcast.
    pub track: Cow<'a, str>,
}

impl Message for TrackRequest<'_> {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        Ok(Self {
            broadcast: Path::decode(buf, version)?,
            track: Cow::decode(buf, version)?,
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.broadcast.encode(w, version)?;
        self.track.encode(w, version)
    }
}

/// The publisher's only answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackInfo {
    /// Decides between tracks of which the subscriber thinks alike.
    pub priority: u8,
    /// For how long the publisher keeps a group once there is a newer one.
    pub max_age: Duration,
    /// Ticks of timestamps a second; never 0.
    pub timescale: u64,
}

impl Message for TrackInfo {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let priority = u8::decode(buf, version)?;
        field::skip_ordered(buf, version)?;
        let max_age = field::take_millis(buf, version)?;
        let timescale = u64::decode(buf, version)?;
        if timescale == 0 {
            return Err(DecodeError::InvalidValue);
        }
        Ok(Self {
            priority,
            max_age,
            timescale,
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.priority.encode(w, version)?;
        field::put_ordered(w, version)?;
        field::put_millis(w, self.max_age, version)?;
        self.timescale.encode(w, version)
    }
}
