//! What a container holds.

use bytes::Bytes;

use crate::media::Micros;

/// One coded picture, or one packet of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Presentation time, on a timeline common to all tracks of the broadcast.
    pub timestamp: Micros,
    /// When to decode it, on the same timeline; `None` where nobody says so.
    pub dts: Option<Micros>,
    /// How long it lasts; `None` where nobody says so.
    pub duration: Option<Micros>,
    /// Whether decoding can start here. Without meaning for sound, and never said by the containers
    /// `legacy` and `loc`: there the first sample of a group is a keyframe.
    pub keyframe: bool,
    /// As the codec made it; not copied.
    pub payload: Bytes,
}

impl Sample {
    /// A sample of which nothing else is known.
    pub fn new(timestamp: Micros, keyframe: bool, payload: Bytes) -> Self {
        Self {
            timestamp,
            dts: None,
            duration: None,
            keyframe,
            payload,
        }
    }
}
