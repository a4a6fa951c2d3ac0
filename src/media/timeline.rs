//! From media time to running time: one mapping for every track of a broadcast.
//!
//! A frame that travels fastest shows best when it was made, so the mapping is the smallest
//! difference of arrival and media time over all tracks. A viewer that joins gets a backlog in one
//! burst: nothing is mapped until that burst has ended, and what is older than the live edge lies
//! before [`Timeline::start`]. Later the mapping follows the drift of two clocks slowly, and jumps
//! where the media time itself does, or where everything is late for good: at one media time for all tracks.
//!
//! A recorder wants every frame once, in order, and not when it was made: see [`Keep`].
//!
//! Every time here is an argument, in microseconds. Media times are those at which frames are to be
//! decoded, which is what a publisher sends them by; with reordering, the first may be negative.
//! Running times may be negative too, because a backlog can be older than the pipeline.

mod era;
mod join;
mod lateness;

use std::time::Duration;

use era::{Era, Step};
use join::Join;
use lateness::{Jitter, Lateness};

/// One mapping from media time to running time.
#[derive(Debug)]
pub struct Timeline {
    keep: Keep,
    /// A frame that came at most this much after the fastest is shown in time.
    tolerance: i64,
    phase: Phase,
    /// The mapping now.
    era: Era,
    /// The mapping before the media time was last restarted, for tracks that are still there.
    previous: Option<Era>,
    tracks: Vec<Track>,
    lateness: Lateness,
    /// A recording does not go back behind this running time.
    floor: i64,
}

/// What a viewer wants of a broadcast.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    /// To see what happens now.
    #[default]
    Live,
    /// To have every frame. What was there at the join is moved behind the beginning of the running
    /// time as a whole, the mapping then stays as it is however late frames are, and what comes
    /// after a restart of the media time follows what was before.
    Everything,
}

/// Names a track of one [`Timeline`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrackId(usize);

/// What is to be said of a frame that arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The running time of the track jumps here.
    pub jumped: bool,
    /// How much later than the fastest it came; zero while the join is under way.
    pub late: Duration,
}

impl Timeline {
    /// The longest that a join waits for the live edge, from the first frame on.
    pub const JOIN_LIMIT: Duration = Duration::from_millis(250);

    /// A timeline without tracks. Frames that arrive at most `tolerance` later than the fastest are
    /// in time; sinks wait that long.
    pub fn new(tolerance: Duration, keep: Keep) -> Self {
        Self {
            keep,
            tolerance: micros(tolerance),
            phase: Phase::Joining(Join::default()),
            era: Era::new(0, 0, 0),
            previous: None,
            tracks: Vec::new(),
            lateness: Lateness::default(),
            floor: 0,
        }
    }

    /// Another track that shares the mapping.
    pub fn add_track(&mut self) -> TrackId {
        self.tracks.push(Track::default());
        TrackId(self.tracks.len() - 1)
    }

    /// Changes what is in time from now on.
    pub fn set_tolerance(&mut self, tolerance: Duration) {
        self.tolerance = micros(tolerance);
    }

    /// The publisher says that frames of this track may be so late.
    pub fn set_announced_jitter(&mut self, track: TrackId, jitter: Duration) {
        self.tracks[track.0].announced = jitter;
    }

    /// Forgets the mapping: the next frames are a join. For a pipeline that was paused, or a
    /// broadcast that came back.
    pub fn rejoin(&mut self) {
        if self.keep == Keep::Everything && matches!(self.phase, Phase::Joined { .. }) {
            let newest = self.tracks.iter().filter_map(|track| track.newest).max();
            let newest = newest.map_or(0, |newest| newest.saturating_add(self.era.offset));
            self.floor = self.floor.max(newest + STEP);
        }
        self.phase = Phase::Joining(Join::default());
        self.previous = None;
        for track in &mut self.tracks {
            *track = Track {
                announced: track.announced,
                ..Track::default()
            };
        }
    }

    /// Learns that a frame of `media` time was there at running time `arrival`.
    /// [`Self::running_time`] then takes that into account.
    pub fn observe(&mut self, track: TrackId, media: i64, arrival: Duration) -> Arrival {
        let (media, arrival) = (within(media), micros(arrival));
        let delay = arrival - media;
        let state = &mut self.tracks[track.0];
        state.jitter.note(delay);
        if let Phase::Joining(join) = &mut self.phase {
            let ready = join.observe(state, media, arrival);
            state.advance(media, arrival);
            if ready {
                self.fix(arrival);
            }
            return Arrival::default();
        }

        let back = state
            .newest
            .is_some_and(|newest| media < newest - REORDERING);
        let first = state.newest.is_none();
        let leap = state
            .newest
            .is_some_and(|newest| (media - newest) - (arrival - state.arrival) > LEAP);
        if back {
            state.newest = None;
        }
        state.advance(media, arrival);
        let own = match &self.previous {
            Some(previous) if previous.id == state.era => previous,
            _ => &self.era,
        };
        let ahead = match self.keep {
            Keep::Live => delay < own.offset - RESTART,
            Keep::Everything => leap,
        };
        if back || ahead || first {
            // The track is where the others went already, or is the first to go there.
            if !self.era.fits(delay) && (back || ahead) {
                let id = self.era.id + 1;
                let mut offset = delay;
                if self.keep == Keep::Everything {
                    offset = offset.max(self.floor + STEP - media);
                }
                let old = std::mem::replace(&mut self.era, Era::new(id, offset, arrival));
                self.previous = Some(old);
            }
            state.era = self.era.id;
        } else if own.id != self.era.id {
            return Arrival::default();
        }
        match self.keep {
            Keep::Live => {
                let edge = self.edge(track, media);
                self.era.follow(delay, edge, arrival, self.tolerance);
            }
            Keep::Everything => self.floor = self.floor.max(within(media + self.era.offset)),
        }
        let step = self.era.at(media);
        let state = &mut self.tracks[track.0];
        let seen = (state.era, step.jumps);
        let jumped = state.seen != seen && !first;
        state.seen = seen;
        let late = delay - step.offset;
        self.lateness.note(late, arrival);
        Arrival {
            jumped,
            late: Duration::from_micros(late.max(0) as u64),
        }
    }

    /// Ends a join that has taken its longest; true once the mapping is fixed.
    pub fn poll(&mut self, now: Duration) -> bool {
        let due = |first| micros(now) >= first + micros(Self::JOIN_LIMIT);
        match &self.phase {
            Phase::Joining(join) if join.first.is_some_and(due) => self.settle(now),
            _ => {}
        }
        matches!(self.phase, Phase::Joined { .. })
    }

    /// Ends a join at once: nothing will come that it could learn from.
    pub fn settle(&mut self, now: Duration) {
        self.fix(micros(now));
    }

    /// The running time at which [`Self::poll`] ends the join; `None` without a join under way.
    pub fn deadline(&self) -> Option<Duration> {
        let Phase::Joining(Join {
            first: Some(first), ..
        }) = &self.phase
        else {
            return None;
        };
        Some(Duration::from_micros((*first).max(0) as u64) + Self::JOIN_LIMIT)
    }

    /// The running time of the live edge at the join, or of the oldest frame where everything is kept: what lies
    /// before it is decoded but not shown. `None` while the join is under way.
    pub fn start(&self) -> Option<i64> {
        match self.phase {
            Phase::Joining(_) => None,
            Phase::Joined { start } => Some(start),
        }
    }

    /// The running time of a media time. `None` while the join is under way.
    pub fn running_time(&self, track: TrackId, media: i64) -> Option<i64> {
        self.start()?;
        Some(media.saturating_add(self.step(track, media).offset))
    }

    /// The running time before which nothing of a media time is shown, because what precedes a jump of the mapping
    /// lasts until then, on whichever track. Before the first jump that is [`Self::start`].
    pub fn not_before(&self, track: TrackId, media: i64) -> Option<i64> {
        let start = self.start()?;
        Some(self.step(track, media).from.max(start))
    }

    /// How irregularly the frames of a track arrive: the smoothed difference of neighbours, as in RFC 3550, section 6.4.1.
    pub fn jitter(&self, track: TrackId) -> Duration {
        self.tracks[track.0].jitter.value()
    }

    /// The tolerance with which the frames of the last seconds, and those that the publisher warns of, would be in time.
    /// A single one that was later does not count.
    pub fn wanted_tolerance(&self) -> Duration {
        let announced = self.tracks.iter().map(|track| track.announced).max();
        self.lateness.usual().max(announced.unwrap_or_default())
    }

    fn step(&self, track: TrackId, media: i64) -> Step {
        let era = match &self.previous {
            Some(previous) if previous.id == self.tracks[track.0].era => previous,
            _ => &self.era,
        };
        era.at(media)
    }

    /// The first media time of which nothing but a frame of `track` at `media` was there yet.
    fn edge(&self, track: TrackId, media: i64) -> i64 {
        let others = self.tracks.iter().enumerate();
        let others = others.filter(|(id, other)| *id != track.0 && other.era == self.era.id);
        let newest = others.filter_map(|(_, other)| other.newest).max();
        newest.map_or(media, |newest| media.max(newest + 1))
    }

    fn fix(&mut self, now: i64) {
        let Phase::Joining(join) = &self.phase else {
            return;
        };
        let mut offset = join.fastest().unwrap_or(0);
        let start = match self.keep {
            Keep::Live => {
                let edge = join.oldest_in_time(offset, self.tolerance).unwrap_or(0);
                // The pipeline starts at zero: what would be before is not shown either.
                edge.saturating_add(offset).max(0)
            }
            Keep::Everything => {
                let oldest = join.oldest.unwrap_or(0);
                let start = (oldest + offset).max(self.floor);
                offset = start - oldest;
                start
            }
        };
        let id = self.era.id + 1;
        self.era = Era::new(id, offset, now);
        let seen = (id, 0);
        for track in &mut self.tracks {
            (track.era, track.seen) = (id, seen);
        }
        self.phase = Phase::Joined { start };
    }
}

/// Further than this, frames are not reordered: the publisher began anew.
const REORDERING: i64 = 1_000_000;
/// So much faster than ever before: the publisher's time went ahead.
const RESTART: i64 = 1_000_000;
/// More than this cannot be missing in between: the publisher's time went ahead.
const LEAP: i64 = 10_000_000;
/// What follows a restart in a recording begins so much later than what was before.
const STEP: i64 = 20_000;

#[derive(Debug)]
enum Phase {
    Joining(Join),
    Joined { start: i64 },
}

/// What is known of one track.
#[derive(Debug, Default)]
struct Track {
    /// Which mapping it follows.
    era: u64,
    /// The mapping and the number of its jumps when this track last looked.
    seen: (u64, u64),
    /// The newest media time, and when that frame came.
    newest: Option<i64>,
    arrival: i64,
    /// Frames in a row that came at the pace of their timestamps.
    at_pace: u32,
    jitter: Jitter,
    announced: Duration,
}

impl Track {
    fn advance(&mut self, media: i64, arrival: i64) {
        if self.newest.is_none_or(|newest| media > newest) {
            self.newest = Some(media);
            self.arrival = arrival;
        }
    }
}

/// Far beyond any time that is meant, and far from an overflow.
const LIMIT: i64 = i64::MAX / 8;

fn within(time: i64) -> i64 {
    time.clamp(-LIMIT, LIMIT)
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).map_or(LIMIT, within)
}

#[cfg(test)]
mod tests;
