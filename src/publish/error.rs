//! Why something is not published.

use crate::{
    media::{self, catalog},
    moq_lite,
};

/// Why something could not be published.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Frames of one group are kept together, so a group has limits.
    #[error(
        "the group of track {0} that began with its last keyframe is too large: send keyframes more often \
         (every few seconds)"
    )]
    GroupTooLarge(String),
    /// Names are unique in a broadcast.
    #[error("there is a track named {0} already: give this one another name")]
    NameTaken(String),
    /// The container has no place for the track.
    #[error("the track cannot be published in the container that is set: {0}")]
    Container(#[from] media::Error),
    /// The catalog has limits.
    #[error("a broadcast has at most {} tracks", catalog::MAX_RENDITIONS)]
    TooManyTracks,
    /// The broadcast or the track has ended.
    #[error("the track has ended: {0}")]
    Ended(#[from] moq_lite::Error),
}
