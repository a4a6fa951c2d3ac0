//! Why nothing is read.

use crate::{media, moq_lite};

/// Why nothing was read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// What arrived is not understood. Reading goes on with the next call.
    #[error(transparent)]
    Media(#[from] media::Error),
    /// The track ended, and not by its publisher's will. Final.
    #[error(transparent)]
    Track(#[from] moq_lite::Error),
}
