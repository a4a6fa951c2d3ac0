//! A subscription to one track: its request, its answers, its end.

use std::{borrow::Cow, time::Duration};

use bytes::{Buf, BufMut};

use super::{
    FilterType, GroupOrder, Location, Message, RequestId, Version, message::message, namespace,
    timeout,
};
use crate::moq_lite::{
    Path,
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
};

/// Asks for the objects of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// The request's number.
    pub request_id: RequestId,
    /// The broadcast's path.
    pub track_namespace: Path<'a>,
    /// The track in the broadcast.
    pub track_name: Cow<'a, str>,
    /// Lower numbers are sent first.
    pub subscriber_priority: u8,
    /// The order of groups.
    pub group_order: GroupOrder,
    /// Whether objects are to be sent already.
    pub forward: bool,
    /// From where on.
    pub filter_type: FilterType,
    /// With an absolute filter only.
    pub start_location: Option<Location>,
    /// The last group, with [`FilterType::AbsoluteRange`] only.
    pub end_group: Option<u64>,
    /// For how long an object is wanted from when it could first be sent.
    pub delivery_timeout: Option<Duration>,
}

impl Message for Subscribe<'_> {
    const ID: u64 = 0x03;

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.request_id.encode(w, version)?;
        namespace::encode(&self.track_namespace, w, version)?;
        self.track_name.encode(w, version)?;
        self.subscriber_priority.encode(w, version)?;
        self.group_order.encode(w, version)?;
        self.forward.encode(w, version)?;
        let range = (self.start_location, self.end_group);
        encode_filter(self.filter_type, range, w, version)?;
        timeout::encode(&self.delivery_timeout, w, version)
    }

    fn decode_msg<R: Buf>(r: &mut R, version: Version) -> Result<Self, DecodeError> {
        let request_id = RequestId::decode(r, version)?;
        let track_namespace = namespace::decode(r, version)?;
        let track_name = Cow::decode(r, version)?;
        let subscriber_priority = u8::decode(r, version)?;
        let group_order = GroupOrder::decode(r, version)?;
        let forward = bool::decode(r, version)?;
        let (filter_type, start_location, end_group) = decode_filter(r, version)?;
        let delivery_timeout = timeout::decode(r, version)?;
        Ok(Self {
            request_id,
            track_namespace,
            track_name,
            subscriber_priority,
            group_order,
            forward,
            filter_type,
            start_location,
            end_group,
            delivery_timeout,
        })
    }
}

/// A filter's number, then its start and its end where it has them.
pub(super) fn encode_filter<W: BufMut>(
    filter: FilterType,
    (start, end): (Option<Location>, Option<u64>),
    w: &mut W,
    version: Version,
) -> Result<(), BoundsExceeded> {
    filter.encode(w, version)?;
    match (filter, start, end) {
        (FilterType::NextGroup | FilterType::LargestObject, None, None) => Ok(()),
        (FilterType::AbsoluteStart, Some(start), None) => start.encode(w, version),
        (FilterType::AbsoluteRange, Some(start), Some(end)) => {
            start.encode(w, version)?;
            end.encode(w, version)
        }
        _ => Err(BoundsExceeded),
    }
}

type Filter = (FilterType, Option<Location>, Option<u64>);

pub(super) fn decode_filter<R: Buf>(r: &mut R, version: Version) -> Result<Filter, DecodeError> {
    let filter = FilterType::decode(r, version)?;
    let (start, end) = match filter {
        FilterType::NextGroup | FilterType::LargestObject => (None, None),
        FilterType::AbsoluteStart => (Some(Location::decode(r, version)?), None),
        FilterType::AbsoluteRange => {
            let start = Location::decode(r, version)?;
            let end = u64::decode(r, version)?;
            if end < start.group {
                return Err(DecodeError::InvalidSubscribeLocation);
            }
            (Some(start), Some(end))
        }
    };
    Ok((filter, start, end))
}

message! {
    /// The subscription stands.
    SubscribeOk = 0x04 {
        /// The number of the [`Subscribe`].
        request_id: RequestId,
        /// What stands for the track in the headers of streams.
        track_alias: u64,
        /// Milliseconds until the subscription ends; 0 for unknown.
        expires: u64,
        /// The order of groups.
        group_order: GroupOrder,
        /// The newest object, if there is any.
        largest_location: Option<Location> as optional,
    } + parameters
}

message! {
    /// The subscription is refused.
    SubscribeError<'a> = 0x05 {
        /// The number of the [`Subscribe`].
        request_id: RequestId,
        /// Why, for programs.
        error_code: u64,
        /// Why, for people.
        reason_phrase: Cow<'a, str>,
    }
}

message! {
    /// Narrows a subscription, or pauses or resumes it.
    SubscribeUpdate = 0x02 {
        /// The number of this request.
        request_id: RequestId,
        /// The number of the [`Subscribe`].
        subscription_request_id: RequestId,
        /// The new start.
        start_location: Location,
        /// One more than the last group; 0 for none.
        end_group: u64,
        /// Lower numbers are sent first.
        subscriber_priority: u8,
        /// Whether objects are to be sent.
        forward: bool,
        /// As in [`Subscribe`]; without it, what was said stands.
        delivery_timeout: Option<Duration> as timeout,
    }
}

message! {
    /// The subscriber has had enough.
    Unsubscribe = 0x0a {
        /// The number of the [`Subscribe`].
        request_id: RequestId,
    }
}

message! {
    /// Nothing more comes for a subscription.
    PublishDone<'a> = 0x0b {
        /// The number of the [`Subscribe`] or [`super::Publish`].
        request_id: RequestId,
        /// Why, for programs.
        status_code: u64,
        /// How many streams were opened; 2^62 - 1 for unknown.
        stream_count: u64,
        /// Why, for people.
        reason_phrase: Cow<'a, str>,
    }
}
