//! What the older groups of a track take together.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Track, cell::Weak, track::TrackState};

/// The bytes of a track's older groups, counted when they are written: by a group
/// that holds its own lock only.
pub(super) struct Budget {
    bytes: AtomicU64,
    track: Weak<TrackState>,
}

impl Budget {
    pub(super) fn new(track: Weak<TrackState>) -> Self {
        Self {
            bytes: AtomicU64::new(0),
            track,
        }
    }

    /// Whether there are more bytes now than a track keeps.
    pub(super) fn add(&self, bytes: u64) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > Track::MAX_BYTES
    }

    pub(super) fn remove(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > Track::MAX_BYTES
    }

    /// Lets groups go until the rest fits. Not to be called under the lock of a group.
    pub(super) fn enforce(&self) {
        if let Some(track) = self.track.upgrade() {
            drop(track.peek(TrackState::forget));
        }
    }
}
