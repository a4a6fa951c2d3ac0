//! A track that its publisher offers unasked.

use std::borrow::Cow;

use bytes::{Buf, BufMut};

use super::{
    FilterType, GroupOrder, Location, Message, Parameters, RequestId, Version,
    message::message,
    subscribe::{decode_filter, encode_filter},
};
use crate::moq_lite::{
    Path,
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
};

message! {
    /// Offers a track.
    Publish<'a> = 0x1d {
        /// The request's number.
        request_id: RequestId,
        /// The broadcast's path.
        track_namespace: Path<'a> as namespace,
        /// The track in the broadcast.
        track_name: Cow<'a, str>,
        /// What stands for the track in the headers of streams.
        track_alias: u64,
        /// The order of groups.
        group_order: GroupOrder,
        /// The newest object, if there is any.
        largest_location: Option<Location> as optional,
        /// Whether objects are sent before the answer.
        forward: bool,
    } + authorized
}

/// The track is welcome: a subscription, as if it had been asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishOk {
    /// The number of the [`Publish`].
    pub request_id: RequestId,
    /// Whether objects are to be sent.
    pub forward: bool,
    /// Lower numbers are sent first.
    pub subscriber_priority: u8,
    /// The order of groups.
    pub group_order: GroupOrder,
    /// From where on.
    pub filter_type: FilterType,
    /// With an absolute filter only.
    pub start_location: Option<Location>,
    /// The last group, with [`FilterType::AbsoluteRange`] only.
    pub end_group: Option<u64>,
}

impl Message for PublishOk {
    const ID: u64 = 0x1e;

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.request_id.encode(w, version)?;
        self.forward.encode(w, version)?;
        self.subscriber_priority.encode(w, version)?;
        self.group_order.encode(w, version)?;
        let range = (self.start_location, self.end_group);
        encode_filter(self.filter_type, range, w, version)?;
        Parameters::default().encode(w, version)
    }

    fn decode_msg<R: Buf>(r: &mut R, version: Version) -> Result<Self, DecodeError> {
        let request_id = RequestId::decode(r, version)?;
        let forward = bool::decode(r, version)?;
        let subscriber_priority = u8::decode(r, version)?;
        let group_order = GroupOrder::decode(r, version)?;
        let (filter_type, start_location, end_group) = decode_filter(r, version)?;
        Parameters::decode(r, version)?;
        Ok(Self {
            request_id,
            forward,
            subscriber_priority,
            group_order,
            filter_type,
            start_location,
            end_group,
        })
    }
}

message! {
    /// The track is not welcome.
    PublishError<'a> = 0x1f {
        /// The number of the [`Publish`].
        request_id: RequestId,
        /// Why, for programs.
        error_code: u64,
        /// Why, for people.
        reason_phrase: Cow<'a, str>,
    }
}
