//! One rendition, sample by sample.

use std::{
    collections::{BTreeMap, VecDeque},
    future,
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::Error;
use crate::{
    media::{
        Config, Micros,
        catalog::Kind,
        container::{self, Reader},
    },
    moq_lite::{self, BroadcastConsumer, GroupConsumer, Timestamp, Track, TrackConsumer},
};

/// One coded picture, or one packet of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When to present it, on the publisher's clock.
    pub pts: Micros,
    /// When to decode it, on the same clock; `None` where the container does not say.
    pub dts: Option<Micros>,
    /// How long it lasts; `None` where the container does not say.
    pub duration: Option<Micros>,
    /// Decoding can start here.
    pub keyframe: bool,
    /// Something is missing before this sample.
    pub discont: bool,
    /// It is the first of its frame: it could be sent when the frame was. Those behind it could have been sent
    /// later, so when they arrived says nothing about how long they were on their way.
    pub leads: bool,
    /// The sequence of its group.
    pub group: u64,
    /// The bytes that the codec knows.
    pub payload: Bytes,
}

/// Reads one rendition in decode order, from the newest group on.
pub struct SampleReader {
    track: TrackConsumer,
    kind: Kind,
    container: Reader,
    budget: Duration,
    current: Option<Current>,
    /// Groups that arrived and are to be read later, and when they did.
    waiting: BTreeMap<u64, Waiting>,
    /// The sequence after the group that was read last.
    next: Option<u64>,
    end: Option<Ended>,
    discont: bool,
    skipped: u64,
}

struct Current {
    group: GroupConsumer,
    /// No frame was read yet.
    first: bool,
    /// What a frame held behind the sample that was given out.
    rest: VecDeque<container::Sample>,
    /// When the group was begun, or its last frame was read.
    progress: Instant,
}

struct Waiting {
    group: GroupConsumer,
    since: Instant,
}

#[derive(Clone)]
struct Ended {
    end: moq_lite::Result<()>,
    since: Instant,
}

/// What may happen while a group is read.
enum Step {
    Frame(moq_lite::Result<Option<(Option<Timestamp>, Vec<Bytes>)>>),
    Group(moq_lite::Result<Option<GroupConsumer>>),
    Timeout,
}

impl SampleReader {
    /// Asks for the track `name`. `budget` is how long to wait for a group that is late or stands
    /// still while newer ones are there. `None` for a container that is not read.
    pub fn new(
        broadcast: &BroadcastConsumer,
        name: &str,
        config: &Config,
        budget: Duration,
    ) -> Option<Self> {
        let container = Reader::new(config).ok()?;
        let track = Track {
            name: name.into(),
            priority: config.priority(),
        };
        Some(Self {
            track: broadcast.subscribe_track(&track),
            kind: config.kind(),
            container,
            budget,
            current: None,
            waiting: BTreeMap::new(),
            next: None,
            end: None,
            discont: false,
            skipped: 0,
        })
    }

    /// Has this track sent before others of the kind.
    pub fn preferred(mut self) -> Self {
        let mut demand = self.track.demand().clone();
        demand.priority = demand.priority.saturating_add(1);
        self.track.set_demand(demand);
        self
    }

    /// Changes how long to wait from the next sample on.
    pub fn set_budget(&mut self, budget: Duration) {
        self.budget = budget;
    }

    /// How many groups were begun or announced and not read to their end.
    pub fn skipped_groups(&self) -> u64 {
        self.skipped
    }

    /// Leaves the group that is read now for one that is newer and whose first frame is there; false without one.
    /// For samples that come too late to be of use. Cancel safe.
    pub async fn leave(&mut self) -> bool {
        let Some(current) = &self.current else {
            // It was read to its end, and the next is on.
            return !self.waiting.is_empty();
        };
        let sequence = current.group.info.sequence;
        if self.track.latest().is_none_or(|latest| latest <= sequence) {
            return false;
        }
        while let Some(Ok(Some(group))) = at_once(self.track.recv_group()).await {
            self.arrived(group);
        }
        let mut found = None;
        for (sequence, waiting) in &self.waiting {
            let mut group = waiting.group.clone();
            if let Some(Ok(Some(_))) = at_once(group.read_frame_chunks()).await {
                found = Some(*sequence);
                break;
            }
        }
        let Some(sequence) = found else {
            return false;
        };
        self.skipped += sequence.saturating_sub(self.next.unwrap_or(sequence));
        self.waiting = self.waiting.split_off(&sequence);
        self.next = Some(sequence);
        self.give_up();
        true
    }

    /// The next sample; `None` when the publisher ended the track. Cancel safe.
    ///
    /// # Errors
    /// [`Error::Media`] for a frame that is not understood: the rest of its group is left out.
    /// [`Error::Track`] when the track broke off, after every sample that had arrived.
    pub async fn next(&mut self) -> Result<Option<Sample>, Error> {
        if let Some(current) = &mut self.current
            && let Some(sample) = current.rest.pop_front()
        {
            return Ok(Some(self.sample(sample, false)));
        }
        loop {
            if self.current.is_none()
                && !self.begin()
                && self.waiting.is_empty()
                && let Some(ended) = &self.end
            {
                return Ok(ended.end.clone().map(|()| None)?);
            }
            match self.step().await {
                Step::Group(Ok(Some(group))) => self.arrived(group),
                Step::Group(Ok(None)) => self.ended(Ok(())),
                Step::Group(Err(err)) => self.ended(Err(err)),
                Step::Timeout => self.skip(),
                Step::Frame(Ok(Some((time, chunks)))) => {
                    if let Some(sample) = self.frame(time, chunks)? {
                        return Ok(Some(sample));
                    }
                }
                Step::Frame(Ok(None)) => self.current = None,
                Step::Frame(Err(_)) => self.give_up(),
            }
        }
    }

    /// Begins the group that is next, if it is there. True when one was begun.
    fn begin(&mut self) -> bool {
        let next = match (self.next, &self.end) {
            (Some(next), None) => self.waiting.remove_entry(&next),
            // Nothing can come before it any more, or nothing was read yet.
            (None, _) | (_, Some(_)) => self.waiting.pop_first(),
        };
        let Some((sequence, waiting)) = next else {
            return false;
        };
        self.discont |= self.next.is_some_and(|next| next != sequence);
        self.next = Some(sequence + 1);
        let progress = waiting.since;
        self.current = Some(Current {
            group: waiting.group,
            first: true,
            rest: VecDeque::new(),
            progress,
        });
        true
    }

    async fn step(&mut self) -> Step {
        let deadline = self.deadline();
        let frame = async {
            match &mut self.current {
                Some(current) => current.group.read_timed_chunks().await,
                None => future::pending().await,
            }
        };
        let group = async {
            match &self.end {
                None => self.track.recv_group().await,
                Some(_) => future::pending().await,
            }
        };
        let timeout = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            frame = frame => Step::Frame(frame),
            group = group => Step::Group(group),
            () = timeout => Step::Timeout,
        }
    }

    /// When to stop waiting for the current group, or for one that is missing.
    fn deadline(&self) -> Option<Instant> {
        let oldest = self.waiting.values().map(|waiting| waiting.since).min();
        let ended = self.end.as_ref().map(|ended| match ended.end {
            Ok(()) => ended.since + LAST_GROUP,
            Err(_) => ended.since + self.budget,
        });
        let newer = oldest.map(|since| since + self.budget);
        let since = match (newer, ended) {
            (Some(newer), Some(ended)) => newer.min(ended),
            (newer, ended) => newer.or(ended)?,
        };
        match &self.current {
            Some(current) => Some(since.max(current.progress + self.budget)),
            None => Some(since),
        }
    }

    fn arrived(&mut self, group: GroupConsumer) {
        let (sequence, since) = (group.info.sequence, Instant::now());
        if self.next.is_none_or(|next| sequence >= next) {
            self.waiting.insert(sequence, Waiting { group, since });
        }
    }

    fn ended(&mut self, end: moq_lite::Result<()>) {
        self.end = Some(Ended {
            end,
            since: Instant::now(),
        });
    }

    /// Leaves the current group, or the one that is missing.
    fn skip(&mut self) {
        if self.current.is_some() {
            self.give_up();
        } else if let (Some(first), Some(next)) = (self.waiting.keys().next(), self.next) {
            self.skipped += first.saturating_sub(next);
            self.next = Some(*first);
            self.discont = true;
        }
    }

    fn give_up(&mut self) {
        self.current = None;
        self.discont = true;
        self.skipped += 1;
    }

    /// The first sample of a frame; `None` for a marker.
    fn frame(
        &mut self,
        time: Option<Timestamp>,
        chunks: Vec<Bytes>,
    ) -> Result<Option<Sample>, Error> {
        let mut samples = match self.container.read(time, chunks) {
            Ok(samples) => VecDeque::from(samples),
            Err(error) => {
                self.give_up();
                return Err(error.into());
            }
        };
        let first = samples.pop_front();
        if let Some(current) = &mut self.current {
            current.progress = Instant::now();
            current.rest = samples;
        }
        Ok(first.map(|sample| self.sample(sample, true)))
    }

    fn sample(&mut self, sample: container::Sample, leads: bool) -> Sample {
        let (mut group, mut first) = (0, false);
        if let Some(current) = &mut self.current {
            first = std::mem::take(&mut current.first);
            group = current.group.info.sequence;
        }
        Sample {
            pts: sample.timestamp,
            dts: sample.dts,
            duration: sample.duration,
            keyframe: first || sample.keyframe || self.kind != Kind::Video,
            discont: std::mem::take(&mut self.discont),
            leads,
            group,
            payload: sample.payload,
        }
    }
}

/// What is ready without waiting.
async fn at_once<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = future::ready(()) => None,
    }
}

/// How long the last groups of a track that ended well may take. They are sent already.
const LAST_GROUP: Duration = Duration::from_secs(5);
