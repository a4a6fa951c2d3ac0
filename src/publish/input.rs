//! Who names the tracks of a broadcast.

use std::time::Instant;

use super::{Error, Publisher, TrackOptions, TrackWriter};
use crate::media::{Config, container::Writer, fmp4::Init};

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

    /// Begins a track, called `name` or after its kind.
    ///
    /// The catalog is not published before [`ready`](Self::ready).
    pub fn track(&mut self, name: Option<&str>, config: Config) -> Result<TrackWriter, Error> {
        let options = TrackOptions {
            name: name.map(str::to_owned),
            ..TrackOptions::default()
        };
        self.track_with(&options, config)
    }

    /// Begins a track as the options say. Otherwise as [`track`](Self::track).
    pub fn track_with(
        &mut self,
        options: &TrackOptions,
        config: Config,
    ) -> Result<TrackWriter, Error> {
        self.track_of(options, config, None)
    }

    /// Begins a track of a movie that begins with `init`. Otherwise as [`track_with`](Self::track_with).
    pub fn track_of(
        &mut self,
        options: &TrackOptions,
        mut config: Config,
        init: Option<&Init>,
    ) -> Result<TrackWriter, Error> {
        let layout = options.container;
        let container = Writer::with_init(layout, &mut config, init)?;
        let track = self.publisher.state().create(options, &config)?;
        let publisher = self.publisher.clone();
        let mut writer = TrackWriter::new(publisher, track, config, layout, container);
        writer.set_policy(options.policy);
        writer.details = options.details.clone();
        Ok(writer)
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
