//! Faults of a peer for which the draft has a number of its own, with which the session ends.

use crate::moq_lite::coding::DecodeError::{self, Refused};

/// A request whose number is the other side's, or was used before.
pub(super) const INVALID_REQUEST_ID: DecodeError = Refused(0x4);
/// One alias for two tracks.
pub(super) const DUPLICATE_TRACK_ALIAS: DecodeError = Refused(0x5);
/// A parameter that does not have its own form.
pub(super) const KEY_VALUE_FORMATTING: DecodeError = Refused(0x6);
/// A request beyond the limit.
pub(super) const TOO_MANY_REQUESTS: DecodeError = Refused(0x7);
/// A token that is to be kept.
pub(super) const AUTH_TOKEN_CACHE_OVERFLOW: DecodeError = Refused(0x13);
/// A reference to a token, where none is kept.
pub(super) const UNKNOWN_AUTH_TOKEN_ALIAS: DecodeError = Refused(0x17);
