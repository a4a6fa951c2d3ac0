//! Why a peer left: what it closes the transport with tells more than the end of a
//! stream, which may be noticed first.

use std::time::Duration;

use tokio::time::timeout;
use web_transport_trait::Session;

use super::{Error, coding::DecodeError};

/// The reason that the peer gives when it closes the transport along with a stream
/// that ended with `err`; `err` when it does not, or when that says enough.
pub(crate) async fn reason<S: Session>(transport: &S, err: Error) -> Error {
    match err {
        Error::Cancel | Error::Transport(_) | Error::Decode(DecodeError::Short) => {
            match timeout(LAST_WORD, transport.closed()).await {
                Ok(closed) => Error::from_transport(closed),
                Err(_) => err,
            }
        }
        err => err,
    }
}

/// How long after the end of a stream the peer may take to close the transport.
const LAST_WORD: Duration = Duration::from_secs(1);
