//! The mapping between two restarts of the media time.

/// Follows the fastest frames.
#[derive(Debug)]
pub(super) struct Era {
    pub(super) id: u64,
    /// Running time minus media time.
    pub(super) offset: i64,
    pub(super) jumps: u64,
    /// Minima of the delay, the newest last, and when the newest began.
    minima: Vec<i64>,
    bucket: i64,
    /// When the offset was last brought nearer to the minimum.
    moved: i64,
}

impl Era {
    pub(super) fn new(id: u64, offset: i64, now: i64) -> Self {
        Self {
            id,
            offset,
            jumps: 0,
            minima: Vec::new(),
            bucket: now,
            moved: now,
        }
    }

    pub(super) fn fits(&self, delay: i64) -> bool {
        (delay - self.offset).abs() <= super::RESTART
    }

    pub(super) fn follow(&mut self, delay: i64, now: i64, tolerance: i64) {
        if delay < self.offset - JUMP {
            return self.jump(delay, now);
        }
        if self.minima.is_empty() || now - self.bucket >= BUCKET {
            let late = JUMP.max(tolerance);
            if let Some(minimum) = self.hopeless(late) {
                return self.jump(minimum, now);
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

    fn jump(&mut self, offset: i64, now: i64) {
        *self = Self {
            jumps: self.jumps + 1,
            ..Self::new(self.id, offset, now)
        };
    }
}

/// Corrections of this size are made at once.
const JUMP: i64 = 60_000;
/// Corrections below are made at this rate, in microseconds per second.
const SLEW: i64 = 2_000;
/// How long one minimum counts.
const BUCKET: i64 = 500_000;
/// How many count for the drift, and how many are kept.
const RECENT: usize = 4;
const BUCKETS: usize = 8;
/// Minima that differ by less are of a delay that does not change.
const STEADY: u64 = 30_000;
