//! Objects of the past: the request, its answers, the stream that carries them.

use std::borrow::Cow;

use bytes::{Buf, BufMut};

use super::{GroupOrder, Location, RequestId, Version, message::message, namespace};
use crate::moq_lite::{
    Path,
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
};

/// Which objects are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchType<'a> {
    /// A range of any track.
    Standalone {
        /// The broadcast's path.
        namespace: Path<'a>,
        /// The track in the broadcast.
        track: Cow<'a, str>,
        /// The first object.
        start: Location,
        /// The object after the last; object 0 for the whole group.
        end: Location,
    },
    /// What precedes a subscription, counted back from its current group.
    RelativeJoining {
        /// The number of the [`super::Subscribe`].
        subscriber_request_id: RequestId,
        /// How many groups before the current one.
        group_offset: u64,
    },
    /// What precedes a subscription, from a group on.
    AbsoluteJoining {
        /// The number of the [`super::Subscribe`].
        subscriber_request_id: RequestId,
        /// The first group.
        group_id: u64,
    },
}

const STANDALONE: u64 = 1;
const RELATIVE: u64 = 2;
const ABSOLUTE: u64 = 3;

impl<V: Copy> Encode<V> for FetchType<'_> {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        let (kind, id, value) = match self {
            Self::Standalone {
                namespace,
                track,
                start,
                end,
            } => {
                STANDALONE.encode(w, version)?;
                namespace::encode(namespace, w, Version::Draft14)?;
                track.encode(w, version)?;
                start.encode(w, version)?;
                return end.encode(w, version);
            }
            Self::RelativeJoining {
                subscriber_request_id,
                group_offset,
            } => (RELATIVE, subscriber_request_id, group_offset),
            Self::AbsoluteJoining {
                subscriber_request_id,
                group_id,
            } => (ABSOLUTE, subscriber_request_id, group_id),
        };
        kind.encode(w, version)?;
        id.encode(w, version)?;
        value.encode(w, version)
    }
}

impl<V: Copy> Decode<V> for FetchType<'_> {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        match u64::decode(buf, version)? {
            STANDALONE => Ok(Self::Standalone {
                namespace: namespace::decode(buf, Version::Draft14)?,
                track: Cow::decode(buf, version)?,
                start: Location::decode(buf, version)?,
                end: Location::decode(buf, version)?,
            }),
            RELATIVE => Ok(Self::RelativeJoining {
                subscriber_request_id: RequestId::decode(buf, version)?,
                group_offset: u64::decode(buf, version)?,
            }),
            ABSOLUTE => Ok(Self::AbsoluteJoining {
                subscriber_request_id: RequestId::decode(buf, version)?,
                group_id: u64::decode(buf, version)?,
            }),
            _ => Err(DecodeError::InvalidValue),
        }
    }
}

message! {
    /// Asks for objects that are published already.
    Fetch<'a> = 0x16 {
        /// The request's number.
        request_id: RequestId,
        /// Lower numbers are sent first.
        subscriber_priority: u8,
        /// The order of groups.
        group_order: GroupOrder,
        /// Which objects.
        fetch_type: FetchType<'a>,
    } + authorized
}

message! {
    /// The objects are on a stream of their own.
    FetchOk = 0x18 {
        /// The number of the [`Fetch`].
        request_id: RequestId,
        /// The order of groups.
        group_order: GroupOrder,
        /// Whether the track ends with these.
        end_of_track: bool,
        /// The object after the last.
        end_location: Location,
    } + parameters
}

message! {
    /// There are no such objects, or they are not given out.
    FetchError<'a> = 0x19 {
        /// The number of the [`Fetch`].
        request_id: RequestId,
        /// Why, for programs.
        error_code: u64,
        /// Why, for people.
        reason_phrase: Cow<'a, str>,
    }
}

message! {
    /// The objects are no more wanted.
    FetchCancel = 0x17 {
        /// The number of the [`Fetch`].
        request_id: RequestId,
    }
}

/// What a stream of fetched objects begins with, after [`FetchHeader::TYPE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchHeader {
    /// The number of the [`Fetch`].
    pub request_id: RequestId,
}

impl FetchHeader {
    /// The first number on such a stream.
    pub const TYPE: u64 = 0x5;
}

impl<V> Encode<V> for FetchHeader {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.request_id.encode(w, version)
    }
}

impl<V> Decode<V> for FetchHeader {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        let request_id = RequestId::decode(buf, version)?;
        Ok(Self { request_id })
    }
}

/// A fetched object. None are sent or read here; the type is part of the seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchObject {}
