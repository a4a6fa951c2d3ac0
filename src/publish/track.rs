//! The samples of one track into its groups.

use std::time::{Duration, Instant};

use smallvec::{SmallVec, smallvec};

use super::{Details, Error, Grouping, Policy, Publisher, measure::Measure};
use crate::{
    media::{
        Config, Micros,
        catalog::Kind,
        container::{self, Sample, Writer},
        fmp4::{Fragment, Init},
    },
    moq_lite::{self, GroupProducer, Track, TrackProducer},
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
    /// Samples dropped: no keyframe came before them, or they were too late.
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
    /// What decoders need.
    config: Config,
    /// What the catalog says besides.
    pub(super) details: Details,
    measured: Details,
    measure: Measure,
    grouping: Grouping,
    layout: container::Kind,
    container: Writer,
    group: Option<OpenGroup>,
    stats: Stats,
}

/// The group that is being written.
struct OpenGroup {
    producer: GroupProducer,
    /// Its first timestamp.
    begin: Micros,
    began: Instant,
    /// How many groups of pictures there had been.
    cuts: u64,
}

impl TrackWriter {
    /// `container` has told `config` of itself.
    pub(super) fn new(
        publisher: Publisher,
        track: TrackProducer,
        config: Config,
        layout: container::Kind,
        container: Writer,
    ) -> Self {
        Self {
            publisher,
            track: Some(track),
            config,
            details: Details::default(),
            measured: Details::default(),
            measure: Measure::default(),
            grouping: Grouping::default(),
            layout,
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
        self.config.kind() == Kind::Video
    }

    /// What it is of.
    pub fn kind(&self) -> Kind {
        self.config.kind()
    }

    /// How its frames are laid out.
    pub fn container(&self) -> container::Kind {
        self.layout
    }

    /// Whether samples of one fragment become one frame.
    pub fn keeps_fragments(&self) -> bool {
        self.layout == container::Kind::Cmaf
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Whether somebody reads the track.
    pub fn is_used(&self) -> bool {
        self.track.as_ref().is_some_and(TrackProducer::is_used)
    }

    /// For how long the newest group has been there: how much of it a viewer who joins now has to catch up with.
    /// `None` when the next sample has to be a keyframe.
    pub fn group_age(&self, now: Instant) -> Option<Duration> {
        let group = self.group.as_ref()?;
        Some(now.saturating_duration_since(group.began))
    }

    /// Changes what is kept together, and for how long.
    pub fn set_policy(&mut self, policy: Policy) {
        self.grouping = policy.grouping;
        if let Some(track) = &mut self.track {
            track.set_max_age(policy.max_latency.unwrap_or(Track::MAX_AGE));
        }
    }

    /// Appends a sample; `false` if it was dropped because no keyframe came before it.
    ///
    /// Video begins a group with each keyframe, in decode order; how other samples are grouped is up to the
    /// [`Policy`]. Timestamps are written as they are, also where they jump back.
    pub fn write(&mut self, sample: Sample, now: Instant) -> Result<bool, Error> {
        self.write_part(smallvec![sample], None, now)
    }

    /// Appends samples that belong together, in decode order; `false` if some were dropped. They become one frame,
    /// or one for each group of pictures that begins among them, where the container [keeps](Self::keeps_fragments)
    /// fragments; elsewhere it is as if they were [written](Self::write) one by one. Where they are all that lay in
    /// `fragment`, and the track was begun with what its movie begins with, the frame is that fragment as it was.
    pub fn write_fragment(
        &mut self,
        samples: impl IntoIterator<Item = Sample>,
        fragment: Option<&Fragment>,
        now: Instant,
    ) -> Result<bool, Error> {
        let mut part: SmallVec<[Sample; 1]> = SmallVec::new();
        let mut all = true;
        for sample in samples {
            let begins = self.is_video() && sample.keyframe;
            if !part.is_empty() && (begins || !self.keeps_fragments()) {
                all &= self.write_part(std::mem::take(&mut part), None, now)?;
            }
            part.push(sample);
        }
        if !part.is_empty() {
            all &= self.write_part(part, fragment, now)?;
        }
        Ok(all)
    }

    /// Appends samples of one group, of which the first may begin it.
    fn write_part(
        &mut self,
        samples: SmallVec<[Sample; 1]>,
        fragment: Option<&Fragment>,
        now: Instant,
    ) -> Result<bool, Error> {
        let Some(first) = samples.first() else {
            return Ok(true);
        };
        if self.begins_group(first) {
            self.begin_group(first.timestamp, now)?;
        }
        let Some(group) = &mut self.group else {
            self.stats.dropped += samples.len() as u64;
            return Ok(false);
        };
        let mut measured = None;
        for sample in &samples {
            let size = sample.payload.len();
            self.stats.frames += 1;
            self.stats.bytes += size as u64;
            measured = self.measure.add(sample.timestamp, size).or(measured);
        }
        if self.layout == container::Kind::Cmaf {
            // The first sample waits for the last.
            measured = match (self.measure.wait(&samples), measured) {
                (Some(waits), Some(measured)) => Some(waits.or(&measured)),
                (waits, measured) => waits.or(measured),
            };
        }
        let passed = fragment.and_then(|fragment| self.container.pass(&samples, fragment));
        let frames = match passed {
            Some(frame) => smallvec![frame],
            None => self.container.write(samples)?,
        };
        for frame in frames {
            match group.producer.write_frame_at(frame.timestamp, frame.chunks) {
                Ok(()) => {}
                Err(moq_lite::Error::TooLarge) => {
                    let name = self.name().to_owned();
                    if let Some(group) = self.group.take() {
                        group.producer.abort(moq_lite::Error::TooLarge);
                    }
                    return Err(Error::GroupTooLarge(name));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if !self.is_video() && self.grouping == Grouping::Single {
            self.interrupt();
        }
        match measured {
            Some(measured) => {
                self.measured = measured.or(&self.measured);
                self.list(now);
            }
            None => self.publisher.state().announce(now),
        }
        Ok(true)
    }

    fn begins_group(&self, sample: &Sample) -> bool {
        if self.is_video() {
            return sample.keyframe;
        }
        let Some(group) = &self.group else {
            return true;
        };
        let elapsed = sample
            .timestamp
            .as_micros()
            .checked_sub(group.begin.as_micros());
        let lasts = |length: Duration| elapsed.is_none_or(|elapsed| elapsed >= length.as_micros());
        match self.grouping {
            Grouping::Single => true,
            Grouping::Every(length) => lasts(length),
            Grouping::WithVideo => match self.publisher.state().cuts() {
                Some(cuts) => cuts != group.cuts,
                None => lasts(WITHOUT_VIDEO),
            },
        }
    }

    fn begin_group(&mut self, timestamp: Micros, now: Instant) -> Result<(), Error> {
        self.interrupt();
        let Some(track) = &mut self.track else {
            return Err(Error::Ended(moq_lite::Error::Cancel));
        };
        let producer = track.append_group()?;
        self.stats.groups += 1;
        let mut state = self.publisher.state();
        if self.config.kind() == Kind::Video {
            state.cut(&track.info.name);
        }
        let cuts = state.cuts().unwrap_or(0);
        drop(state);
        self.group = Some(OpenGroup {
            producer,
            begin: timestamp,
            began: now,
            cuts,
        });
        Ok(())
    }

    /// Ends the group, so that the next one must begin with a keyframe: what follows does not
    /// continue what was.
    pub fn interrupt(&mut self) {
        if let Some(group) = self.group.take() {
            group.producer.close();
        }
    }

    /// Leaves a sample out, and pictures up to the next keyframe with it.
    pub fn skip(&mut self) {
        self.stats.dropped += 1;
        if self.is_video() {
            self.interrupt();
        }
    }

    /// Changes the configuration in the catalog. Where decoders have to begin anew, the next sample must be a
    /// keyframe.
    pub fn configure(&mut self, config: Config, now: Instant) -> Result<(), Error> {
        self.configure_of(config, None, now)
    }

    /// Of a track of a movie that begins with `init` now. Otherwise as [`configure`](Self::configure).
    pub fn configure_of(
        &mut self,
        mut config: Config,
        init: Option<&Init>,
        now: Instant,
    ) -> Result<(), Error> {
        self.container.configure(self.layout, &mut config, init)?;
        if !same_decoder(&self.config, &config) {
            self.interrupt();
        }
        self.config = config;
        self.list(now);
        Ok(())
    }

    /// Changes what the catalog says besides.
    pub fn describe(&mut self, details: Details, now: Instant) {
        if self.details != details {
            self.details = details;
            self.list(now);
        }
    }

    /// Brings the catalog up to date.
    fn list(&self, now: Instant) {
        if let Some(track) = &self.track {
            let details = self.details.clone().or(&self.measured);
            let listed = details.complete(self.config.clone());
            let mut state = self.publisher.state();
            state.renditions.insert(&track.info.name, listed);
            state.refresh(now);
        }
    }

    /// Ends the track: viewers get what is written, and the rendition leaves the catalog unless it was the last.
    pub fn end(mut self, now: Instant) {
        self.interrupt();
        if let Some(track) = self.track.take() {
            let mut state = self.publisher.state();
            state.delist(&track.info.name);
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
            state.delist(&track.info.name);
            state.broadcast.remove_track(&track.info.name);
            state.refresh(Instant::now());
        }
    }
}

/// Whether what a decoder was told of one lets it decode the other.
fn same_decoder(one: &Config, other: &Config) -> bool {
    let size = |config: &Config| match config {
        Config::Video(video) => (video.coded_width, video.coded_height),
        _ => (None, None),
    };
    one.codec() == other.codec()
        && one.description() == other.description()
        && one.container() == other.container()
        && size(one) == size(other)
}

/// How long a group of sound lasts that has no picture to go by.
const WITHOUT_VIDEO: Duration = Duration::from_secs(1);
