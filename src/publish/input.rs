//! Who names the tracks of a broadcast.

use std::time::Instant;

use super::{Error, Publisher, TrackWriter};
use crate::media::{
    Config,
    container::{Kind, Writer},
};

/// A source of tracks. Dropping it says that nothing more is to come from it.
pub struct Input {
    publisher: Publisher,
    /// Others wait for it.
    pending: bool,
}

impl Input {
    pub(super) fn new(publisher: Publisher) -> Self {
        publisher.state().pending += 1;
        Self {
            publisher,
            pending: true,
        }
    }

    /// Begins a track, called `name` or after its kind, in the legacy container.
    ///
    /// The catalog is not published before [`ready`](Self::ready).
    pub fn track(&mut self, name: Option<&str>, config: Config) -> Result<TrackWriter, Error> {
        self.track_in(Kind::Legacy, name, config)
    }

    /// Begins a track, called `name` or after its kind, in a container of this kind.
    ///
    /// The catalog is not published before [`ready`](Self::ready).
    pub fn track_in(
        &mut self,
        kind: Kind,
        name: Option<&str>,
        mut config: Config,
    ) -> Result<TrackWriter, Error> {
        let container = Writer::new(kind, &mut config)?;
        let track = self.publisher.state().create(name, &config)?;
        let publisher = self.publisher.clone();
        Ok(TrackWriter::new(publisher, track, &config, kind, container))
    }

    /// Says that all tracks that are known have been begun.
    pub fn ready(&mut self, now: Instant) {
        let mut state = self.publisher.state();
        if std::mem::take(&mut self.pending) {
            state.pending -= 1;
        }
        state.refresh(now);
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        if self.pending {
            self.publisher.state().pending -= 1;
        }
    }
}
