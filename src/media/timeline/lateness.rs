//! How late frames come.

use std::{collections::VecDeque, time::Duration};

/// Of all tracks, over the last seconds.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    /// The latest frame of each second, the newest last, and when that began.
    maxima: VecDeque<i64>,
    bucket: i64,
}

impl Lateness {
    pub(super) fn note(&mut self, late: i64, now: i64) {
        if self.maxima.is_empty() || now - self.bucket >= BUCKET {
            if self.maxima.len() == BUCKETS {
                self.maxima.pop_front();
            }
            self.maxima.push_back(late);
            self.bucket = now;
        }
        if let Some(newest) = self.maxima.back_mut() {
            *newest = late.max(*newest);
        }
    }

    /// How late frames were in all seconds but one.
    pub(super) fn usual(&self) -> Duration {
        let (mut highest, mut second) = (0, 0);
        for late in &self.maxima {
            if *late > highest {
                (highest, second) = (*late, highest);
            } else {
                second = second.max(*late);
            }
        }
        Duration::from_micros(second as u64)
    }
}

/// How much the delay of one track changes from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Jitter {
    last: Option<i64>,
    /// Times 16.
    smoothed: u64,
}

impl Jitter {
    pub(super) fn note(&mut self, delay: i64) {
        if let Some(last) = self.last.replace(delay) {
            let change = delay.abs_diff(last).min(MAX_CHANGE);
            self.smoothed = self.smoothed + change - self.smoothed / 16;
        }
    }

    pub(super) fn value(&self) -> Duration {
        Duration::from_micros(self.smoothed / 16)
    }
}

const BUCKET: i64 = 1_000_000;
const BUCKETS: usize = 16;
/// More is no jitter.
const MAX_CHANGE: u64 = 10_000_000;
