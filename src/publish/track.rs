//! The samples of one track into its groups.

use std::time::Instant;

use smallvec::{SmallVec, smallvec};

use super::{Error, Publisher};
use crate::{
    media::{
        Config,
        container::{Kind, Sample, Writer},
    },
    moq_lite::{self, GroupProducer, TrackProducer},
};

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
    kind: Kind,
    container: Writer,
    group: Option<GroupProducer>,
    stats: Stats,
}

impl TrackWriter {
    /// `container` has told `config` of itself.
    pub(super) fn new(
        publisher: Publisher,
        track: TrackProducer,
        config: &Config,
        kind: Kind,
        container: Writer,
    ) -> Self {
        Self {
            publisher,
            track: Some(track),
            is_video: matches!(config, Config::Video(_)),
            kind,
            container,
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

    /// How its frames are laid out.
    pub fn container(&self) -> Kind {
        self.kind
    }

    /// Whether samples of one fragment become one frame.
    pub fn keeps_fragments(&self) -> bool {
        self.kind == Kind::Cmaf
    }

    /// Appends a sample; `false` if it was dropped because no keyframe came before it.
    ///
    /// Video begins a group with each keyframe, in decode order. Each packet of sound is a group of
    /// its own, so that none waits for another. Timestamps are written as they are, also where they
    /// jump back.
    pub fn write(&mut self, sample: Sample, now: Instant) -> Result<bool, Error> {
        self.write_part(smallvec![sample], now)
    }

    /// Appends samples that belong together, in decode order; `false` if some were dropped. They become one frame,
    /// or one for each group that begins among them, where the container [keeps](Self::keeps_fragments)
    /// fragments; elsewhere it is as if they were [written](Self::write) one by one.
    pub fn write_fragment(
        &mut self,
        samples: impl IntoIterator<Item = Sample>,
        now: Instant,
    ) -> Result<bool, Error> {
        let mut part: SmallVec<[Sample; 1]> = SmallVec::new();
        let mut all = true;
        for sample in samples {
            let begins = self.is_video && sample.keyframe;
            if !part.is_empty() && (begins || !self.keeps_fragments()) {
                all &= self.write_part(std::mem::take(&mut part), now)?;
            }
            part.push(sample);
        }
        if !part.is_empty() {
            all &= self.write_part(part, now)?;
        }
        Ok(all)
    }

    /// Appends samples of one group, of which the first may begin it.
    fn write_part(&mut self, samples: SmallVec<[Sample; 1]>, now: Instant) -> Result<bool, Error> {
        let Some(track) = &mut self.track else {
            return Err(Error::Ended(moq_lite::Error::Cancel));
        };
        let keyframe = samples.first().is_some_and(|sample| sample.keyframe);
        if keyframe || !self.is_video {
            if let Some(group) = self.group.take() {
                group.close();
            }
            self.group = Some(track.append_group()?);
            self.stats.groups += 1;
        }
        let Some(group) = &mut self.group else {
            self.stats.dropped += samples.len() as u64;
            return Ok(false);
        };
        self.stats.frames += samples.len() as u64;
        self.stats.bytes += samples
            .iter()
            .map(|sample| sample.payload.len() as u64)
            .sum::<u64>();
        for frame in self.container.write(samples)? {
            match group.write_frame_at(frame.timestamp, frame.chunks) {
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
    pub fn configure(&mut self, mut config: Config, now: Instant) -> Result<(), Error> {
        self.interrupt();
        self.container.configure(self.kind, &mut config)?;
        self.is_video = matches!(config, Config::Video(_));
        if let Some(track) = &self.track {
            let mut state = self.publisher.state();
            state.renditions.insert(&track.info.name, config);
            state.refresh(now);
        }
        Ok(())
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
