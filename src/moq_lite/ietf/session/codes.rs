//! The numbers that say why a request was refused or a subscription ended.

use crate::moq_lite::{Error, Result, coding::DecodeError};

/// Refusals of requests of any kind.
pub(super) mod refused {
    pub(crate) const INTERNAL: u64 = 0x0;
    pub(crate) const UNAUTHORIZED: u64 = 0x1;
    pub(crate) const NOT_SUPPORTED: u64 = 0x3;
    /// Of a subscription or the status of a track: there is no such track.
    pub(crate) const DOES_NOT_EXIST: u64 = 0x4;
    /// Of a namespace or a track that is offered.
    pub(crate) const UNINTERESTED: u64 = 0x4;
    /// Of a subscription or a fetch.
    pub(crate) const INVALID_RANGE: u64 = 0x5;
    /// Of a prefix.
    pub(crate) const PREFIX_OVERLAP: u64 = 0x5;
    /// Of a fetch.
    pub(crate) const NO_OBJECTS: u64 = 0x6;
    /// Of a fetch.
    pub(crate) const INVALID_JOINING: u64 = 0x7;
}

/// Ends of subscriptions.
pub(super) mod done {
    pub(crate) const INTERNAL: u64 = 0x0;
    pub(crate) const UNAUTHORIZED: u64 = 0x1;
    pub(crate) const TRACK_ENDED: u64 = 0x2;
    pub(crate) const SUBSCRIPTION_ENDED: u64 = 0x3;
    pub(crate) const TOO_FAR_BEHIND: u64 = 0x6;
}

/// The number for a subscription that cannot be served.
pub(super) fn refusal(err: &Error) -> u64 {
    match err {
        Error::NotFound => refused::DOES_NOT_EXIST,
        Error::Unauthorized => refused::UNAUTHORIZED,
        Error::Unsupported => refused::NOT_SUPPORTED,
        _ => refused::INTERNAL,
    }
}

/// Why a subscription was refused. moq-lite 0.12.0 sends the numbers of HTTP.
pub(super) fn read_refusal(code: u64) -> Error {
    match code {
        refused::UNAUTHORIZED | 401 | 403 => Error::Unauthorized,
        refused::DOES_NOT_EXIST | 404 => Error::NotFound,
        refused::NOT_SUPPORTED => Error::Unsupported,
        0x2 => Error::Timeout,
        code => Error::App(u32::try_from(code).unwrap_or(u32::MAX)),
    }
}

/// The number for the end of a subscription that stood.
pub(super) fn end(result: &Result<()>) -> u64 {
    match result {
        Ok(()) => done::TRACK_ENDED,
        Err(Error::Unauthorized) => done::UNAUTHORIZED,
        Err(Error::Old) => done::TOO_FAR_BEHIND,
        Err(_) => done::INTERNAL,
    }
}

/// What has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Track,
    /// The range that was asked for.
    Subscription,
}

/// How a subscription ended. moq-lite 0.12.0 sends 200 for a track's end, and
/// moq-transport 0.14 sends 0 with the word "done".
pub(super) fn read_end(code: u64, reason: &str) -> Result<Scope> {
    match (code, reason) {
        (done::SUBSCRIPTION_ENDED, _) => Ok(Scope::Subscription),
        (done::TRACK_ENDED | 200, _) | (done::INTERNAL, "done") => Ok(Scope::Track),
        (done::UNAUTHORIZED, _) => Err(Error::Unauthorized),
        (done::TOO_FAR_BEHIND, _) => Err(Error::Old),
        (404, _) => Err(Error::NotFound),
        (code, _) => Err(Error::App(u32::try_from(code).unwrap_or(u32::MAX))),
    }
}

/// The number with which a session is closed.
pub(crate) fn session(err: &Error) -> u32 {
    match err {
        Error::Cancel => 0x0,
        Error::Unauthorized => 0x2,
        Error::Decode(DecodeError::Refused(code)) => *code,
        Error::Decode(_)
        | Error::Duplicate
        | Error::ProtocolViolation
        | Error::UnexpectedMessage
        | Error::UnexpectedStream
        | Error::WrongSize => 0x3,
        Error::Timeout => 0x11,
        Error::Version(..) => 0x15,
        Error::App(_) => err.to_code(),
        _ => 0x1,
    }
}
