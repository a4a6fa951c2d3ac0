//! Reads the rendition of a pad, and changes to another one where both have a picture.
//!
//! While another rendition is prepared, both are read. The other takes over with the first group
//! that begins after what was given last, once everything before it was given: no frame is given
//! twice and none is left out. When the first one falls behind, or ends, that is not waited for.
//! Groups of both begin at the same time, as a rule, and arrive one after the other: a group of the
//! first one is held back for a moment, so that the other may take its place.

use std::{collections::VecDeque, future, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{pace::Meter, stream::Source};
use crate::{
    media::Micros,
    subscribe::{Error, Sample, SampleReader},
};

/// The data of one pad.
pub(super) struct Feed {
    meter: Arc<Meter>,
    budget: Duration,
    /// What is read, or would be if the pad were linked and the clock ran.
    source: Option<Source>,
    reader: Option<SampleReader>,
    /// Samples to give before any other.
    ready: VecDeque<Sample>,
    /// The newest that was given since reading began.
    newest: Option<Micros>,
    next: Option<Next>,
    /// How many groups the reader had left out when it was last asked.
    skipped: u64,
}

/// A rendition that is to take over.
struct Next {
    source: Source,
    reader: SampleReader,
    /// When something of it has to have come, and whether it has.
    answer: Instant,
    heard: bool,
    /// Its first group that begins late enough, as far as it was read.
    held: VecDeque<Sample>,
    /// Since when there is one.
    since: Option<Instant>,
    /// A group of the first rendition that its place may be taken of, and until when.
    back: VecDeque<Sample>,
    until: Option<Instant>,
}

/// What happened.
pub(super) enum Fed {
    Sample(Sample),
    /// What follows is of another rendition: [`Feed::source`] is that one.
    Switched,
    /// The publisher ended the track.
    Ended,
}

/// What may come first while two renditions are read.
enum Step {
    Ours(Result<Option<Sample>, Error>),
    Theirs(Result<Option<Sample>, Error>),
    Timeout,
}

impl Feed {
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self {
            meter,
            budget: Duration::ZERO,
            source: None,
            reader: None,
            ready: VecDeque::new(),
            newest: None,
            next: None,
            skipped: 0,
        }
    }

    /// What is read, or will be.
    pub(super) fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// Changes what is read at once. What was prepared is void.
    pub(super) fn set(&mut self, source: Option<Source>) {
        self.suspend();
        self.source = source;
    }

    /// Takes over what is known anew of the rendition that is read.
    pub(super) fn renew(&mut self, source: Source) {
        self.forgo();
        self.source = Some(source);
    }

    /// Changes to `source` without a gap; false if there is nothing to change from.
    pub(super) fn change(&mut self, source: &Source) -> bool {
        let current = self.next.as_ref().map(|next| &next.source);
        if current.is_some_and(|current| current.is_same_track(source)) {
            return true;
        }
        let catalog = self.source.as_ref().map(|source| &source.catalog);
        let same = catalog.is_some_and(|catalog| catalog.is_clone(&source.catalog));
        if !same || self.reader.is_none() || self.newest.is_none() {
            return false;
        }
        self.forgo();
        let reader = self.open(source);
        self.next = reader.map(|reader| Next {
            source: source.clone(),
            // What is read leaves it no room where the network is narrow.
            reader: reader.preferred(),
            answer: Instant::now() + ANSWER,
            heard: false,
            held: VecDeque::new(),
            since: None,
            back: VecDeque::new(),
            until: None,
        });
        self.next.is_some()
    }

    pub(super) fn is_reading(&self) -> bool {
        self.reader.is_some()
    }

    /// Asks for the track.
    pub(super) fn begin(&mut self) {
        if let Some(source) = &self.source {
            self.reader = self.open(source);
            self.skipped = 0;
            self.newest = None;
        }
    }

    /// Asks for nothing any more. True when that made a rendition that was to take over the one to
    /// go on with.
    pub(super) fn suspend(&mut self) -> bool {
        self.reader = None;
        self.ready.clear();
        self.newest = None;
        self.meter.rest();
        let next = self.next.take();
        let changed = next.is_some();
        if let Some(next) = next {
            self.source = Some(next.source);
        }
        changed
    }

    /// How long to wait for what is late.
    pub(super) fn set_budget(&mut self, budget: Duration) {
        self.budget = budget;
        let next = self.next.as_mut().map(|next| &mut next.reader);
        for reader in self.reader.iter_mut().chain(next) {
            reader.set_budget(budget);
        }
    }

    /// How many groups were left out since this was last asked.
    pub(super) fn take_skipped(&mut self) -> u64 {
        let Some(reader) = &self.reader else {
            return 0;
        };
        let skipped = reader.skipped_groups();
        let new = skipped.saturating_sub(self.skipped);
        self.skipped = skipped;
        new
    }

    /// Leaves what is late for what is newer; false if there is nothing. Cancel safe.
    pub(super) async fn leave(&mut self) -> bool {
        match &mut self.reader {
            Some(reader) if self.ready.is_empty() && self.next.is_none() => reader.leave().await,
            _ => false,
        }
    }

    /// Waits for what comes next. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Fed, Error> {
        loop {
            if let Some(sample) = self.ready.pop_front() {
                return Ok(self.give(sample));
            }
            if let Some(sample) = self.next.as_mut().and_then(Next::release) {
                return Ok(self.follow(sample));
            }
            match self.step().await {
                Step::Ours(Ok(Some(sample))) => match &mut self.next {
                    Some(next) if next.holds_back(&sample) => {
                        let patience = (self.budget / 2).clamp(LEAST_HOLD, MOST_HOLD);
                        next.hold_back(sample, patience);
                    }
                    _ => return Ok(self.follow(sample)),
                },
                Step::Ours(Ok(None) | Err(Error::Track(_))) if self.next.is_some() => {
                    return Ok(self.switch(true));
                }
                Step::Ours(Ok(None)) => return Ok(Fed::Ended),
                Step::Ours(Err(error)) => return Err(error),
                Step::Theirs(Ok(Some(sample))) => self.prepare(sample),
                Step::Theirs(Err(Error::Media(_))) => {}
                // It is not to be had: what is read goes on.
                Step::Theirs(_) => self.forgo(),
                Step::Timeout if self.next.as_ref().is_some_and(Next::is_overdue) => {
                    return Ok(self.switch(true));
                }
                Step::Timeout => {}
            }
        }
    }

    async fn step(&mut self) -> Step {
        let ours = async {
            match &mut self.reader {
                Some(reader) => reader.next().await,
                None => future::pending().await,
            }
        };
        let Some(next) = &mut self.next else {
            return Step::Ours(ours.await);
        };
        let behind = next.since.map(|since| since + self.budget.max(BEHIND));
        let answer = Some(next.answer).filter(|_| !next.heard);
        let due = behind.or(next.until.into_iter().chain(answer).min());
        let full = next.held.len() >= MOST_HELD;
        let timeout = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            ours = ours => Step::Ours(ours),
            theirs = next.reader.next(), if !full => Step::Theirs(theirs),
            () = timeout => Step::Timeout,
        }
    }

    /// Gives a sample of the rendition that is read, unless the other takes over there.
    fn follow(&mut self, sample: Sample) -> Fed {
        let next = self.next.as_ref();
        match next.is_some_and(|next| next.begins_before(&sample)) {
            true => self.switch(false),
            false => self.give(sample),
        }
    }

    /// What is read goes on.
    fn forgo(&mut self) {
        if let Some(next) = self.next.take() {
            self.ready.extend(next.back);
        }
    }

    fn give(&mut self, sample: Sample) -> Fed {
        self.newest = self.newest.max(Some(sample.pts));
        self.meter.observe(sample.pts, sample.payload.len());
        Fed::Sample(sample)
    }

    /// Holds what the other rendition gives, from its first keyframe on that is late enough.
    fn prepare(&mut self, sample: Sample) {
        let newest = self.newest;
        let Some(next) = &mut self.next else {
            return;
        };
        next.heard = true;
        if next.held.is_empty() && (!sample.keyframe || Some(sample.pts) <= newest) {
            return;
        }
        next.since.get_or_insert_with(Instant::now);
        next.held.push_back(sample);
    }

    /// The other rendition takes over.
    fn switch(&mut self, gap: bool) -> Fed {
        if let Some(next) = self.next.take() {
            self.source = Some(next.source);
            self.reader = Some(next.reader);
            self.skipped = 0;
            self.ready = next.held;
            self.newest = None;
            self.meter.rest();
            if let Some(first) = self.ready.front_mut() {
                first.discont = gap;
            }
        }
        Fed::Switched
    }

    fn open(&self, source: &Source) -> Option<SampleReader> {
        SampleReader::new(
            &source.broadcast,
            &source.track,
            &source.config,
            self.budget,
        )
    }
}

impl Next {
    /// Whether `sample` of the rendition that is read now has its counterpart here.
    fn begins_before(&self, sample: &Sample) -> bool {
        self.held
            .front()
            .is_some_and(|first| first.pts <= sample.pts)
    }

    /// Whether what is read has had its time: it is behind, or leaves the other one no room.
    fn is_overdue(&self) -> bool {
        self.since.is_some() || (!self.heard && Instant::now() >= self.answer)
    }

    /// Whether the place of `sample`, and of what follows it, may still be taken.
    fn holds_back(&self, sample: &Sample) -> bool {
        self.held.is_empty() && (sample.keyframe || !self.back.is_empty())
    }

    fn hold_back(&mut self, sample: Sample, patience: Duration) {
        self.until.get_or_insert_with(|| Instant::now() + patience);
        self.back.push_back(sample);
    }

    /// What was held back, once it is decided whether its place is taken.
    fn release(&mut self) -> Option<Sample> {
        let expired = self.until.is_some_and(|until| Instant::now() >= until);
        if self.held.is_empty() && !expired && self.back.len() < MOST_HELD {
            return None;
        }
        let sample = self.back.pop_front();
        if self.back.is_empty() {
            self.until = None;
        }
        sample
    }
}

/// How long what is read may take to come to where the other rendition begins.
const BEHIND: Duration = Duration::from_millis(200);
/// How long nothing of the other rendition may come before what is read makes room for it.
const ANSWER: Duration = Duration::from_secs(1);
/// How long a group is held back: within what sinks wait for.
const LEAST_HOLD: Duration = Duration::from_millis(20);
const MOST_HOLD: Duration = Duration::from_millis(100);
/// Samples that are held at most.
const MOST_HELD: usize = 256;
