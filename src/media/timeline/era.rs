//! The mapping between two restarts of the media time.
//!
//! A jump counts from a media time on, not from a moment: sound that is there already and the picture
//! that belongs to it and is not are shifted together.

use std::collections::VecDeque;

/// Follows the fastest frames.
#[derive(Debug)]
pub(super) struct Era {
    pub(super) id: u64,
    /// Running time minus media time, since the last jump.
    pub(super) offset: i64,
    /// What it was before each of the last jumps, the oldest first.
    earlier: VecDeque<Earlier>,
    jumps: u64,
    /// Minima of the delay, the newest last, and when the newest began.
    minima: Vec<i64>,
    bucket: i64,
    /// When the offset was last brought nearer to the minimum.
    moved: i64,
}

/// The mapping between two jumps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Running time minus media time.
    pub(super) offset: i64,
    /// How many jumps were made before.
    pub(super) jumps: u64,
    /// The running time at which what was before ends.
    pub(super) from: i64,
}

/// The mapping before a jump.
#[derive(Debug)]
struct Earlier {
    /// The media time at which the jump is made.
    until: i64,
    offset: i64,
}

impl Era {
    pub(super) fn new(id: u64, offset: i64, now: i64) -> Self {
        Self {
            id,
            offset,
            earlier: VecDeque::new(),
            jumps: 0,
            minima: Vec::new(),
            bucket: now,
            moved: now,
        }
    }

    /// The mapping of `media`.
    pub(super) fn at(&self, media: i64) -> Step {
        let mut step = Step {
            offset: self.offset,
            jumps: self.jumps - self.earlier.len() as u64,
            from: i64::MIN,
        };
        for earlier in &self.earlier {
            if media < earlier.until {
                step.offset = earlier.offset;
                break;
            }
            step.jumps += 1;
            step.from = earlier.until.saturating_add(earlier.offset);
        }
        step
    }

    pub(super) fn fits(&self, delay: i64) -> bool {
        (delay - self.offset).abs() <= super::RESTART
    }

    /// Learns the delay of a frame. A jump is made at the media time `edge`: nothing from there on was mapped yet.
    pub(super) fn follow(&mut self, delay: i64, edge: i64, now: i64, tolerance: i64) {
        if delay < self.offset - JUMP {
            return self.jump(delay, edge, now);
        }
        if self.minima.is_empty() || now - self.bucket >= BUCKET {
            let late = JUMP.max(tolerance);
            if let Some(minimum) = self.hopeless(late) {
                return self.jump(minimum, edge, now);
            }
            if self.minima.len() == BUCKETS {
                self.minima.remove(0);
            }
            self.minima.push(delay);
            self.bucket = now;
        }
        if let Some(newest) = self.minima.last_mut() {
            *newest = delay.min(*newest);
        }
        let Some(recent) = self.recent(RECENT) else {
            self.moved = now;
            return;
        };
        let minimum = recent.iter().copied().min().unwrap_or(delay);
        let error = minimum - self.offset;
        let step = (now - self.moved).clamp(0, 1_000_000) * SLEW / 1_000_000;
        if step > 0 {
            self.offset += error.clamp(-step, step);
            self.moved = now;
        }
    }

    /// The delay to live with, if nothing would ever be in time again. A publisher that stood still is behind by the
    /// same time from then on; a network that is too slow comes into question only after a while.
    fn hopeless(&self, late: i64) -> Option<i64> {
        let all_late = |minima: &[i64]| minima.iter().all(|delay| delay - self.offset > late);
        let steady = |minima: &&[i64]| minima[0].abs_diff(minima[1]) < STEADY;
        let standing = self.recent(2).filter(steady);
        let standing = standing.filter(|minima| all_late(minima));
        let minima = standing.or_else(|| self.recent(BUCKETS).filter(|minima| all_late(minima)))?;
        minima.iter().copied().min()
    }

    fn recent(&self, buckets: usize) -> Option<&[i64]> {
        let from = self.minima.len().checked_sub(buckets)?;
        Some(&self.minima[from..])
    }

    fn jump(&mut self, offset: i64, edge: i64, now: i64) {
        let mut earlier = std::mem::take(&mut self.earlier);
        if earlier.len() == REMEMBERED {
            earlier.pop_front();
        }
        let last = earlier.back().map_or(edge, |last| last.until.max(edge));
        earlier.push_back(Earlier {
            until: last,
            offset: self.offset,
        });
        *self = Self {
            earlier,
            jumps: self.jumps + 1,
            ..Self::new(self.id, offset, now)
        };
    }
}

/// Corrections of this size are made at once.
const JUMP: i64 = 60_000;
/// Corrections below are made at this rate, in microseconds per second.
const SLEW: i64 = 2_000;
/// Jumps that a track may be behind.
const REMEMBERED: usize = 8;
/// How long one minimum counts.
const BUCKET: i64 = 500_000;
/// How many count for the drift, and how many are kept.
const RECENT: usize = 4;
const BUCKETS: usize = 8;
/// Minima that differ by less are of a delay that does not change.
const STEADY: u64 = 30_000;
