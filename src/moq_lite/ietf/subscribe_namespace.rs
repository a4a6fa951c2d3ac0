//! Which namespaces a subscriber wants to hear of.

use std::borrow::Cow;

use super::{RequestId, message::message};
use crate::moq_lite::Path;

message! {
    /// Asks for everything below a prefix, now and later. The draft allows no
    /// empty prefix, but some peers send it.
    SubscribeNamespace<'a> = 0x11 {
        /// The request's number.
        request_id: RequestId,
        /// The prefix.
        namespace: Path<'a> as namespace,
    } + authorized
}

message! {
    /// What matches follows.
    SubscribeNamespaceOk = 0x12 {
        /// The number of the [`SubscribeNamespace`].
        request_id: RequestId,
    }
}

message! {
    /// Nothing will follow.
    SubscribeNamespaceError<'a> = 0x13 {
        /// The number of the [`SubscribeNamespace`].
        request_id: RequestId,
        /// Why, for programs.
        error_code: u64,
        /// Why, for people.
        reason_phrase: Cow<'a, str>,
    }
}

message! {
    /// Ends a [`SubscribeNamespace`]. The seed has a request's number here; the
    /// draft has the prefix.
    UnsubscribeNamespace<'a> = 0x14 {
        /// The prefix.
        namespace: Path<'a> as namespace,
    }
}
