//! From media time to running time: one mapping for every track of a broadcast.
//!
//! A frame that travels fastest shows best when it was made, so the mapping is the smallest
//! difference of arrival and media time over all tracks. A viewer that joins gets a backlog in one
//! burst: nothing is mapped until that burst has ended, and what is older than the live edge lies
//! before [`Timeline::start`]. Later the mapping follows the drift of two clocks slowly, and jumps
//! where the media time itself does.
//!
//! Every time here is an argument; running times are microseconds that may be negative, because a
//! backlog can be older than the pipeline.

use std::time::Duration;

use super::Micros;

/// One mapping from media time to running time.
#[derive(Debug)]
pub struct Timeline {
    /// A frame that came at most this much after the fastest is shown in time.
    tolerance: i64,
    phase: Phase,
    /// The mapping now.
    era: Era,
    /// The mapping before the media time was last restarted, for tracks that are still there.
    previous: Option<Era>,
    tracks: Vec<Track>,
}

/// Names a track of one [`Timeline`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrackId(usize);

impl Timeline {
    /// The longest that a join waits for the live edge, from the first frame on.
    pub const JOIN_LIMIT: Duration = Duration::from_millis(250);

    /// A timeline without tracks. Frames that arrive at most `tolerance` later than the fastest are
    /// in time; sinks wait that long.
    pub fn new(tolerance: Duration) -> Self {
        Self {
            tolerance: micros(tolerance),
            phase: Phase::Joining(Join::default()),
            era: Era::new(0, 0, 0),
            previous: None,
            tracks: Vec::new(),
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

    /// Forgets the mapping: the next frames are a join. For a pipeline that was paused, or a
    /// broadcast that came back.
    pub fn rejoin(&mut self) {
        self.phase = Phase::Joining(Join::default());
        self.previous = None;
        self.tracks.fill_with(Track::default);
    }

    /// Learns that a frame of `media` time was there at running time `arrival`. True when the
    /// running time of this track jumps here, which [`Self::running_time`] then takes into account.
    pub fn observe(&mut self, track: TrackId, media: Micros, arrival: Duration) -> bool {
        let (media, arrival) = (media.as_micros() as i64, micros(arrival));
        let state = &mut self.tracks[track.0];
        if let Phase::Joining(join) = &mut self.phase {
            let ready = join.observe(state, media, arrival);
            state.advance(media, arrival);
            if ready {
                self.fix(arrival);
            }
            return false;
        }

        let delay = arrival - media;
        let back = state
            .newest
            .is_some_and(|newest| media < newest - REORDERING);
        let first = state.newest.is_none();
        if back {
            state.newest = None;
        }
        state.advance(media, arrival);
        let own = match &self.previous {
            Some(previous) if previous.id == state.era => previous,
            _ => &self.era,
        };
        let ahead = delay < own.offset - RESTART;
        if back || ahead || first {
            // The track is where the others went already, or is the first to go there.
            if !self.era.fits(delay) && (back || ahead) {
                let id = self.era.id + 1;
                let old = std::mem::replace(&mut self.era, Era::new(id, delay, arrival));
                self.previous = Some(old);
            }
            state.era = self.era.id;
        } else if own.id != self.era.id {
            return false;
        }
        self.era.follow(delay, arrival, self.tolerance);
        let seen = (state.era, self.era.jumps);
        let jumped = state.seen != seen && !first;
        state.seen = seen;
        jumped
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

    /// The running time of the live edge at the join: what lies before it is decoded but not
    /// shown. `None` while the join is under way.
    pub fn start(&self) -> Option<i64> {
        match self.phase {
            Phase::Joining(_) => None,
            Phase::Joined { start } => Some(start),
        }
    }

    /// The running time of a frame. `None` while the join is under way.
    pub fn running_time(&self, track: TrackId, media: Micros) -> Option<i64> {
        self.start()?;
        let era = match &self.previous {
            Some(previous) if previous.id == self.tracks[track.0].era => previous,
            _ => &self.era,
        };
        Some((media.as_micros() as i64).saturating_add(era.offset))
    }

    fn fix(&mut self, now: i64) {
        let Phase::Joining(join) = &mut self.phase else {
            return;
        };
        let offset = join
            .frames
            .iter()
            .map(|frame| frame.delay)
            .min()
            .unwrap_or(0);
        let in_time = join
            .frames
            .iter()
            .filter(|frame| frame.delay - offset <= self.tolerance);
        let edge = in_time.map(|frame| frame.media).min().unwrap_or(0);
        let id = self.era.id + 1;
        self.era = Era::new(id, offset, now);
        let seen = (id, self.era.jumps);
        for track in &mut self.tracks {
            (track.era, track.seen) = (id, seen);
        }
        // The pipeline starts at zero: what would be before is not shown either.
        let start = edge.saturating_add(offset).max(0);
        self.phase = Phase::Joined { start };
    }
}

/// Further than this, frames are not reordered: the publisher began anew.
const REORDERING: i64 = 1_000_000;
/// So much faster than ever before: the publisher's time went ahead.
const RESTART: i64 = 1_000_000;
/// Corrections of this size are made at once.
const JUMP: i64 = 60_000;
/// Corrections below are made at this rate, in microseconds per second.
const SLEW: i64 = 2_000;
/// How long one minimum counts, and how many count at a time.
const BUCKET: i64 = 500_000;
const BUCKETS: usize = 4;
/// Of the frames of a join only the newest are of interest.
const MAX_JOIN: usize = 1024;

#[derive(Debug)]
enum Phase {
    Joining(Join),
    Joined { start: i64 },
}

/// What came before the mapping was fixed.
#[derive(Debug, Default)]
struct Join {
    /// When the first frame came.
    first: Option<i64>,
    frames: Vec<Arrival>,
}

#[derive(Debug, Clone, Copy)]
struct Arrival {
    media: i64,
    delay: i64,
}

impl Join {
    /// True when the burst has ended: two frames in a row took their time to come. One may be a
    /// pause of the network.
    fn observe(&mut self, track: &mut Track, media: i64, arrival: i64) -> bool {
        self.first.get_or_insert(arrival);
        if self.frames.len() >= MAX_JOIN {
            self.frames.remove(0);
        }
        self.frames.push(Arrival {
            media,
            delay: arrival - media,
        });
        let Some(newest) = track.newest else {
            return false;
        };
        if media <= newest {
            return false;
        }
        let at_pace = 2 * (arrival - track.arrival) >= media - newest;
        track.at_pace = if at_pace { track.at_pace + 1 } else { 0 };
        track.at_pace >= 2
    }
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
}

impl Track {
    fn advance(&mut self, media: i64, arrival: i64) {
        if self.newest.is_none_or(|newest| media > newest) {
            self.newest = Some(media);
            self.arrival = arrival;
        }
    }
}

/// The mapping between two restarts of the media time.
#[derive(Debug)]
struct Era {
    id: u64,
    /// Running time minus media time.
    offset: i64,
    jumps: u64,
    /// Minima of the delay, the newest last, and when the newest began.
    minima: Vec<i64>,
    bucket: i64,
    /// When the offset was last brought nearer to the minimum.
    moved: i64,
}

impl Era {
    fn new(id: u64, offset: i64, now: i64) -> Self {
        Self {
            id,
            offset,
            jumps: 0,
            minima: Vec::new(),
            bucket: now,
            moved: now,
        }
    }

    fn fits(&self, delay: i64) -> bool {
        (delay - self.offset).abs() <= RESTART
    }

    fn follow(&mut self, delay: i64, now: i64, tolerance: i64) {
        if delay < self.offset - JUMP {
            return self.jump(delay, now);
        }
        if self.minima.is_empty() || now - self.bucket >= BUCKET {
            if self.minima.len() == BUCKETS {
                self.minima.remove(0);
            }
            self.minima.push(delay);
            self.bucket = now;
        }
        if let Some(newest) = self.minima.last_mut() {
            *newest = delay.min(*newest);
        }
        if self.minima.len() < BUCKETS {
            self.moved = now;
            return;
        }
        let minimum = self.minima.iter().copied().min().unwrap_or(delay);
        let error = minimum - self.offset;
        if error > JUMP.max(tolerance) {
            // Whatever the reason, nothing would ever be in time again.
            return self.jump(minimum, now);
        }
        let step = (now - self.moved).clamp(0, 1_000_000) * SLEW / 1_000_000;
        if step > 0 {
            self.offset += error.clamp(-step, step);
            self.moved = now;
        }
    }

    fn jump(&mut self, offset: i64, now: i64) {
        *self = Self {
            jumps: self.jumps + 1,
            ..Self::new(self.id, offset, now)
        };
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros())
        .unwrap_or(i64::MAX / 4)
        .min(i64::MAX / 4)
}

#[cfg(test)]
mod tests;
