//! How it stands with a track, without a subscription.

use std::borrow::Cow;

use bytes::{Buf, BufMut};

use super::{
    FilterType, GroupOrder, Location, Message, RequestId, Subscribe, Version, message::message,
};
use crate::moq_lite::{
    Path,
    coding::{BoundsExceeded, DecodeError},
};

/// Asks what a subscription would be answered. On the wire it looks like
/// [`Subscribe`]; what only concerns the delivery of objects is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackStatus<'a> {
    /// The request's number.
    pub request_id: RequestId,
    /// The broadcast's path.
    pub track_namespace: Path<'a>,
    /// The track in the broadcast.
    pub track_name: Cow<'a, str>,
}

impl Message for TrackStatus<'_> {
    const ID: u64 = 0x0d;

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        let as_subscribe = Subscribe {
            request_id: self.request_id,
            track_namespace: self.track_namespace.borrow(),
            track_name: Cow::Borrowed(&self.track_name),
            subscriber_priority: 128,
            group_order: GroupOrder::Any,
            forward: false,
            filter_type: FilterType::LargestObject,
            start_location: None,
            end_group: None,
            delivery_timeout: None,
        };
        as_subscribe.encode_msg(w, version)
    }

    fn decode_msg<R: Buf>(r: &mut R, version: Version) -> Result<Self, DecodeError> {
        let as_subscribe = Subscribe::decode_msg(r, version)?;
        Ok(Self {
            request_id: as_subscribe.request_id,
            track_namespace: as_subscribe.track_namespace,
            track_name: as_subscribe.track_name,
        })
    }
}

message! {
    /// What a [`super::SubscribeOk`] would say.
    TrackStatusOk = 0x0e {
        /// The number of the [`TrackStatus`].
        request_id: RequestId,
        /// Always 0.
        track_alias: u64,
        /// Milliseconds until a subscription would end; 0 for unknown.
        expires: u64,
        /// The order of groups.
        group_order: GroupOrder,
        /// The newest object, if there is any.
        largest_location: Option<Location> as optional,
    } + parameters
}

message! {
    /// What a [`super::SubscribeError`] would say.
    TrackStatusError<'a> = 0x0f {
        /// The number of the [`TrackStatus`].
        request_id: RequestId,
        /// Why, for programs.
        error_code: u64,
        /// Why, for people.
        reason_phrase: Cow<'a, str>,
    }
}
