//! The samples of one track into its groups.

use std::time::Instant;

use bytes::Bytes;

use super::{Error, Publisher};
use crate::{
    media::{Config, Micros, legacy},
    moq_lite::{self, GroupProducer, TrackProducer},
};

/// One coded picture, or one packet of sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Presentation time, on a timeline common to all tracks of the broadcast.
    pub timestamp: Micros,
    /// Whether decoding can start here. Without meaning for sound.
    pub keyframe: bool,
    /// As the codec made it; not copied.
    pub payload: Bytes,
}

/// What became of the samples of a track.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Samples written.
    pub frames: u64,
    /// Bytes of payload written.
    pub bytes: u64,
    /// Groups begun.
    pub groups: u64,
    /// Samples dropped because no keyframe came before them.
    pub dropped: u64,
}

impl Stats {
    /// Adds those of another track.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.groups += other.groups;
        self.dropped += other.dropped;
    }
}

/// Writes the samples of one track. Dropping it aborts the track; [`end`](Self::end) ends it.
pub struct TrackWriter {
    publisher: Publisher,
    /// `None` once ended.
    track: Option<TrackProducer>,
    is_video: bool,
    /// Frames are the payload and nothing else.
    is_bare: bool,
    group: Option<GroupProducer>,
    stats: Stats,
}

impl TrackWriter {
    pub(super) fn new(publisher: Publisher, track: TrackProducer, config: &Config) -> Self {
        Self {
            publisher,
            track: Some(track),
            is_video: matches!(config, Config::Video(_)),
            is_bare: config.container().is_none(),
            group: None,
            stats: Stats::default(),
        }
    }

    /// The name in the catalog.
    pub fn name(&self) -> &str {
        self.track.as_ref().map_or("", |track| &track.info.name)
    }

    /// Whether it is a track of pictures.
    pub fn is_video(&self) -> bool {
        self.is_video
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Appends a sample; `false` if it was dropped because no keyframe came before it.
    ///
    /// Video begins a group with each keyframe, in decode order. Each packet of sound is a group of
    /// its own, so that none waits for another. Timestamps are written as they are, also where they
    /// jump back.
    pub fn write(&mut self, sample: Sample, now: Instant) -> Result<bool, Error> {
        let Some(track) = &mut self.track else {
            return Err(Error::Ended(moq_lite::Error::Cancel));
        };
        if sample.keyframe || !self.is_video {
            if let Some(group) = self.group.take() {
                group.close();
            }
            self.group = Some(track.append_group()?);
            self.stats.groups += 1;
        }
        let Some(group) = &mut self.group else {
            self.stats.dropped += 1;
            return Ok(false);
        };
        self.stats.frames += 1;
        self.stats.bytes += sample.payload.len() as u64;
        let header = (!self.is_bare).then(|| legacy::encode_timestamp(sample.timestamp));
        let chunks = header.into_iter().chain([sample.payload]);
        match group.write_frame_at(sample.timestamp, chunks) {
            Ok(()) => {}
            Err(moq_lite::Error::TooLarge) => {
                let name = track.info.name.clone();
                if let Some(group) = self.group.take() {
                    group.abort(moq_lite::Error::TooLarge);
                }
                return Err(Error::GroupTooLarge(name));
            }
            Err(error) => return Err(error.into()),
        }
        if !self.is_video
            && let Some(group) = self.group.take()
        {
            group.close();
        }
        self.publisher.state().refresh(now);
        Ok(true)
    }

    /// Ends the group, so that the next one must begin with a keyframe: what follows does not
    /// continue what was.
    pub fn interrupt(&mut self) {
        if let Some(group) = self.group.take() {
            group.close();
        }
    }

    /// Changes the configuration in the catalog, for the keyframes to come.
    pub fn configure(&mut self, config: Config, now: Instant) {
        self.interrupt();
        self.is_video = matches!(config, Config::Video(_));
        self.is_bare = config.container().is_none();
        if let Some(track) = &self.track {
            let mut state = self.publisher.state();
            state.renditions.insert(&track.info.name, config);
            state.refresh(now);
        }
    }

    /// Ends the track: viewers get what is written, and the rendition leaves the catalog unless it was the last.
    pub fn end(mut self, now: Instant) {
        self.interrupt();
        if let Some(track) = self.track.take() {
            let mut state = self.publisher.state();
            state.renditions.remove(&track.info.name);
            state.drain.push(Box::pin(track.unused()));
            state.refresh(now);
            track.close();
        }
    }
}

impl Drop for TrackWriter {
    fn drop(&mut self) {
        if let Some(track) = self.track.take() {
            let mut state = self.publisher.state();
            state.renditions.remove(&track.info.name);
            state.broadcast.remove_track(&track.info.name);
            state.refresh(Instant::now());
        }
    }
}
