//! What the publisher answers on a subscribe stream.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Message, Version, field, message};
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// The publisher accepts. Up to 04.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeOk {
    /// The priority in effect. Not on the wire in 02, where it reads as 0.
    pub priority: u8,
    /// The age in effect, from 03 on; before, groups have no age: `Duration::MAX`.
    pub max_age: Duration,
    /// The first group, from 03 on.
    pub start: Option<u64>,
    /// The last group, from 03 on.
    pub end: Option<u64>,
}

impl Message for SubscribeOk {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let priority = match version {
            Version::Draft02 => 0,
            _ => u8::decode(buf, version)?,
        };
        if !version.has_ranges() {
            return Ok(Self {
                priority,
                max_age: Duration::MAX,
                start: None,
                end: None,
            });
        }
        field::skip_ordered(buf, version)?;
        Ok(Self {
            priority,
            max_age: field::take_millis(buf, version)?,
            start: field::take_option(buf, version)?,
            end: field::take_option(buf, version)?,
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        if version != Version::Draft02 {
            self.priority.encode(w, version)?;
        }
        if !version.has_ranges() {
            return Ok(());
        }
        field::put_ordered(w, version)?;
        field::put_millis(w, self.max_age, version)?;
        field::put_option(w, self.start, version)?;
        field::put_option(w, self.end, version)
    }
}

/// The first group is known. From 05 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeStart {
    /// Its sequence number.
    pub group: u64,
}

impl Message for SubscribeStart {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let group = u64::decode(buf, version)?;
        Ok(Self { group })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.group.encode(w, version)
    }
}

/// The track has ended. From 05 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeEnd {
    /// One more than the sequence number of the last group; 0 when there was none.
    pub group: u64,
}

impl Message for SubscribeEnd {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let group = u64::decode(buf, version)?;
        Ok(Self { group })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.group.encode(w, version)
    }
}

/// Groups that will not come. From 03 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeDrop {
    /// The first of them.
    pub start: u64,
    /// The last of them.
    pub end: u64,
    /// Why.
    pub code: u64,
}

impl Message for SubscribeDrop {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let drop = Self {
            start: u64::decode(buf, version)?,
            end: u64::decode(buf, version)?,
            code: u64::decode(buf, version)?,
        };
        if drop.end < drop.start {
            return Err(DecodeError::InvalidValue);
        }
        Ok(drop)
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.start.encode(w, version)?;
        self.end.encode(w, version)?;
        self.code.encode(w, version)
    }
}

/// Any of the answers, with its type in front from 03 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscribeReply {
    /// Up to 04.
    Ok(SubscribeOk),
    /// From 05 on.
    Start(SubscribeStart),
    /// From 05 on.
    End(SubscribeEnd),
    /// From 03 on.
    Drop(SubscribeDrop),
}

impl SubscribeReply {
    /// The number of this answer, if the version has it.
    fn kind(&self, version: Version) -> Result<Option<u64>, BoundsExceeded> {
        match (self, version.has_ranges(), version.has_marks()) {
            (Self::Ok(_), false, false) => Ok(None),
            (Self::Ok(_), true, false) | (Self::Start(_), true, true) => Ok(Some(0)),
            (Self::Drop(_), true, false) | (Self::End(_), true, true) => Ok(Some(1)),
            (Self::Drop(_), true, true) => Ok(Some(2)),
            _ => Err(BoundsExceeded),
        }
    }
}

impl Encode<Version> for SubscribeReply {
    /// Fails for an answer that the version does not have.
    fn encode<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        let kind = self.kind(version)?;
        let mut body = BytesMut::new();
        match self {
            Self::Ok(ok) => ok.encode_msg(&mut body, version),
            Self::Start(start) => start.encode_msg(&mut body, version),
            Self::End(end) => end.encode_msg(&mut body, version),
            Self::Drop(drop) => drop.encode_msg(&mut body, version),
        }?;
        message::put(w, kind, &body, version)
    }
}

impl Decode<Version> for SubscribeReply {
    fn decode<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        if !version.has_ranges() {
            return SubscribeOk::decode(buf, version).map(Self::Ok);
        }
        let kind = u64::decode(buf, version)?;
        message::take(buf, version, |body: &mut Bytes| {
            match (kind, version.has_marks()) {
                (0, false) => SubscribeOk::decode_msg(body, version).map(Self::Ok),
                (0, true) => SubscribeStart::decode_msg(body, version).map(Self::Start),
                (1, true) => SubscribeEnd::decode_msg(body, version).map(Self::End),
                (1, false) | (2, true) => SubscribeDrop::decode_msg(body, version).map(Self::Drop),
                _ => Err(DecodeError::InvalidMessage(kind)),
            }
        })
    }
}
