//! What a publisher has: the IETF form of announcements.

use std::borrow::Cow;

use super::{RequestId, message::message};
use crate::moq_lite::Path;

message! {
    /// There are tracks below this namespace.
    PublishNamespace<'a> = 0x06 {
        /// The request's number.
        request_id: RequestId,
        /// The broadcast's path.
        track_namespace: Path<'a> as namespace,
    } + authorized
}

message! {
    /// The namespace is welcome.
    PublishNamespaceOk = 0x07 {
        /// The number of the [`PublishNamespace`].
        request_id: RequestId,
    }
}

message! {
    /// The namespace is not welcome.
    PublishNamespaceError<'a> = 0x08 {
        /// The number of the [`PublishNamespace`].
        request_id: RequestId,
        /// Why, for programs.
        error_code: u64,
        /// Why, for people.
        reason_phrase: Cow<'a, str>,
    }
}

message! {
    /// The namespace is gone.
    PublishNamespaceDone<'a> = 0x09 {
        /// The broadcast's path.
        track_namespace: Path<'a> as namespace,
    }
}

message! {
    /// The subscriber is no more interested in the namespace.
    PublishNamespaceCancel<'a> = 0x0c {
        /// The broadcast's path.
        track_namespace: Path<'a> as namespace,
        /// Why, for programs.
        error_code: u64,
        /// Why, for people.
        reason_phrase: Cow<'a, str>,
    }
}
