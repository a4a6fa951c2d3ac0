//! What can go wrong in the transport, and its code on the wire.

use std::sync::Arc;

use thiserror::Error as ThisError;
use web_transport_trait::{MaybeSend, MaybeSync};

use super::coding;

/// Any error that may travel between threads.
pub trait SendSyncError: std::error::Error + MaybeSend + MaybeSync {}

impl<T> SendSyncError for T where T: std::error::Error + MaybeSend + MaybeSync {}

/// The result of this module's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a session, broadcast, track, group or frame ended.
///
/// Codes that a peer sends are mapped back to the variant that they stand for
/// where that is certain ([`Error::Cancel`], [`Error::Old`],
/// [`Error::NotFound`], [`Error::Unauthorized`], [`Error::App`]).
#[derive(ThisError, Debug, Clone)]
pub enum Error {
    /// Nobody wants it any more, or its producer is gone.
    #[error("cancelled")]
    Cancel,
    /// The peer asks for an extension that is not known.
    #[error("extension required: {0}")]
    RequiredExtension(u64),
    /// The group is older than what is still kept or wanted.
    #[error("old")]
    Old,
    /// The peer did not answer in time.
    #[error("timeout")]
    Timeout,
    /// The connection or a stream of it failed.
    #[error("transport error: {0}")]
    Transport(Arc<dyn SendSyncError>),
    /// Bytes that are not what they should be.
    #[error("decode error: {0}")]
    Decode(coding::DecodeError),
    /// The peer does not allow it.
    #[error("unauthorized")]
    Unauthorized,
    /// No version in common.
    #[error("unsupported versions: client={0:?} server={1:?}")]
    Version(coding::Versions, coding::Versions),
    /// A stream of a type that is not known or not expected.
    #[error("unexpected stream type")]
    UnexpectedStream,
    /// A number does not fit its field.
    #[error("varint bounds exceeded")]
    BoundsExceeded(#[from] coding::BoundsExceeded),
    /// The same thing twice.
    #[error("duplicate")]
    Duplicate,
    /// No such broadcast or track.
    #[error("not found")]
    NotFound,
    /// A frame with fewer or more bytes than announced.
    #[error("wrong frame size")]
    WrongSize,
    /// The peer did what the protocol forbids.
    #[error("protocol violation")]
    ProtocolViolation,
    /// A message at the wrong place.
    #[error("unexpected message")]
    UnexpectedMessage,
    /// Something that this side does not do.
    #[error("unsupported")]
    Unsupported,
    /// Larger than allowed.
    #[error("too large")]
    TooLarge,
    /// More parameters than allowed.
    #[error("too many parameters")]
    TooManyParameters,
    /// The peer may not have this role.
    #[error("invalid role")]
    InvalidRole,
    /// An application's own code.
    #[error("app code={0}")]
    App(u32),
}

impl Error {
    /// The code for RESET_STREAM, STOP_SENDING and the close of a session.
    pub fn to_code(&self) -> u32 {
        match self {
            Self::Cancel => 0,
            Self::RequiredExtension(_) => 1,
            Self::Old => 2,
            Self::Timeout => 3,
            Self::Transport(_) => 4,
            Self::Decode(_) => 5,
            Self::Unauthorized => 6,
            Self::Version(..) => 9,
            Self::UnexpectedStream => 10,
            Self::BoundsExceeded(_) => 11,
            Self::Duplicate => 12,
            Self::NotFound => 13,
            Self::WrongSize => 14,
            Self::ProtocolViolation => 15,
            Self::UnexpectedMessage => 16,
            Self::Unsupported => 17,
            Self::TooLarge => 18,
            Self::TooManyParameters => 19,
            Self::InvalidRole => 20,
            Self::App(code) => code.saturating_add(APP),
        }
    }

    /// Maps a failure of the transport, reading the peer's code where it sent
    /// one. Two tables of codes are in use and cannot be told apart; only
    /// those that agree or cannot be confused are mapped.
    pub(crate) fn from_transport(err: impl web_transport_trait::Error) -> Self {
        match (err.session_error(), err.stream_error()) {
            (Some((0, _)), _) => Self::Cancel,
            (Some((2 | 6 | 401 | 403, _)), _) => Self::Unauthorized,
            (None, Some(0 | 1)) => Self::Cancel,
            (None, Some(2 | 0x34 | 0x35)) => Self::Old,
            (None, Some(6)) => Self::Unauthorized,
            (None, Some(13 | 0x33 | 0x36)) => Self::NotFound,
            (None, Some(code)) if code >= APP => Self::App(code - APP),
            _ => Self::Transport(Arc::new(err)),
        }
    }
}

impl From<coding::DecodeError> for Error {
    fn from(err: coding::DecodeError) -> Self {
        Self::Decode(err)
    }
}

/// Where the codes of applications start.
const APP: u32 = 64;
