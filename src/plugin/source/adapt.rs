//! Which of several renditions the network carries.
//!
//! Down as soon as samples come later and later, or are left out, to what the measured throughput
//! carries; up, one step at a time, when all has been well for a while. A step up that had to be
//! taken back is not tried again for longer and longer.

use std::time::{Duration, Instant};

/// The decisions for one picture.
#[derive(Debug)]
pub(super) struct Adapter {
    /// Since when nothing is late.
    well: Instant,
    /// For how long all has to be well before the next step up.
    patience: Duration,
    /// When the last step up was made, until it has proven right.
    climbed: Option<Instant>,
    /// Ticks in a row that were bad.
    bad: u32,
    /// Groups that had been left out at the last tick.
    skipped: Option<u64>,
    /// The last change, to which what is measured right after it does not apply.
    changed: Option<Instant>,
}

/// What was measured.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measured {
    /// How much later than the fastest the newest sample came; `None` when nothing came.
    pub(super) lag: Option<Duration>,
    /// How long sinks wait for what is late.
    pub(super) latency: Duration,
    /// Groups left out so far.
    pub(super) skipped: u64,
    /// What arrives of all tracks, in bit/s.
    pub(super) throughput: Option<u64>,
    /// What the publisher could send, in bit/s, where it says so.
    pub(super) capacity: Option<u64>,
}

impl Adapter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            well: now,
            patience: PATIENCE,
            climbed: None,
            bad: 0,
            skipped: None,
            changed: None,
        }
    }

    /// Which one to change to, if one. `bitrates` of the renditions, the best first; `current` is
    /// what plays.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        bitrates: &[Option<u64>],
        current: usize,
        measured: Measured,
    ) -> Option<usize> {
        let lost = self.skipped.is_some_and(|before| measured.skipped > before);
        self.skipped = Some(measured.skipped);
        let settling = self.changed.is_some_and(|changed| now < changed + SETTLING);
        if settling {
            self.bad = 0;
            self.well = now;
            return None;
        }
        let late = measured
            .lag
            .is_some_and(|lag| lag > measured.latency.max(LATE));
        self.bad = if late || lost { self.bad + 1 } else { 0 };
        if self.bad > 0 {
            self.well = now;
        }
        if self.climbed.is_some_and(|climbed| now >= climbed + PROVEN) {
            self.climbed = None;
            self.patience = PATIENCE;
        }
        if lost || self.bad >= BAD_TICKS {
            return self.down(now, bitrates, current, measured);
        }
        (now >= self.well + self.patience).then(|| self.up(now, bitrates, current, measured))?
    }

    fn down(
        &mut self,
        now: Instant,
        bitrates: &[Option<u64>],
        current: usize,
        measured: Measured,
    ) -> Option<usize> {
        let lower = current + 1..bitrates.len();
        let last = lower.clone().last()?;
        let carried = |index: &usize| match (bitrates[*index], measured.throughput) {
            (Some(bitrate), Some(throughput)) => bitrate <= throughput / 5 * 4,
            _ => true,
        };
        let to = lower.clone().find(carried).unwrap_or(last);
        if self.climbed.take().is_some() {
            self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
        }
        self.change(now);
        Some(to)
    }

    fn up(
        &mut self,
        now: Instant,
        bitrates: &[Option<u64>],
        current: usize,
        measured: Measured,
    ) -> Option<usize> {
        let to = current.checked_sub(1)?;
        // A publisher that sends less than it could does not know how much more there is: it may be
        // wrong, but not likely.
        let (bitrate, capacity) = (bitrates[to], measured.capacity);
        let doubtful = bitrate
            .zip(capacity)
            .is_some_and(|(rate, most)| rate > most / 5 * 4);
        if doubtful && now < self.well + self.patience * DOUBT {
            return None;
        }
        self.change(now);
        self.climbed = Some(now);
        Some(to)
    }

    fn change(&mut self, now: Instant) {
        self.changed = Some(now);
        self.bad = 0;
        self.well = now;
    }
}

/// How often to look.
pub(super) const TICK: Duration = Duration::from_millis(200);
/// What comes so much later than the fastest is late, however short the latency.
const LATE: Duration = Duration::from_millis(150);
/// So often in a row samples have to be late.
const BAD_TICKS: u32 = 3;
/// After a change two renditions are under way, and what was late drains.
const SETTLING: Duration = Duration::from_secs(2);
/// How long all has to be well before a step up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many times as long where the publisher reports that it could not send that much.
const DOUBT: u32 = 6;
const LONGEST_PATIENCE: Duration = Duration::from_secs(120);
/// A step up that lasted so long was right.
const PROVEN: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    const LADDER: [Option<u64>; 3] = [Some(4_000_000), Some(1_500_000), Some(400_000)];

    struct Bench {
        adapter: Adapter,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let now = Instant::now();
            let adapter = Adapter::new(now);
            Self { adapter, now }
        }

        /// The first change within so many seconds, and after how many milliseconds it came.
        fn run(
            &mut self,
            seconds: u64,
            current: usize,
            measured: Measured,
        ) -> Option<(usize, u64)> {
            let begin = self.now;
            while self.now < begin + Duration::from_secs(seconds) {
                self.now += TICK;
                let change = self.adapter.tick(self.now, &LADDER, current, measured);
                if let Some(to) = change {
                    return Some((to, (self.now - begin).as_millis() as u64));
                }
            }
            None
        }
    }

    fn lag(millis: u64) -> Measured {
        Measured {
            lag: Some(Duration::from_millis(millis)),
            latency: Duration::from_millis(100),
            ..Default::default()
        }
    }

    #[test]
    fn what_comes_late_is_answered_by_what_the_network_carries() {
        let slow = |throughput| Measured {
            throughput: Some(throughput),
            ..lag(400)
        };
        assert_eq!(Bench::new().run(10, 0, slow(2_000_000)), Some((1, 600)));
        assert_eq!(Bench::new().run(10, 0, slow(1_000_000)), Some((2, 600)));
        // Nothing fits: the least.
        assert_eq!(Bench::new().run(10, 0, slow(10_000)), Some((2, 600)));
        // Nothing below.
        assert_eq!(Bench::new().run(10, 2, slow(10_000)), None);
    }

    #[test]
    fn a_group_that_was_left_out_is_answered_at_once() {
        let mut bench = Bench::new();
        assert_eq!(bench.run(1, 0, lag(0)), None);
        let lost = Measured {
            skipped: 1,
            ..lag(0)
        };
        assert_eq!(bench.run(1, 0, lost), Some((1, 200)));
    }

    #[test]
    fn a_step_up_that_fails_is_tried_again_later_and_later() {
        let mut bench = Bench::new();
        assert_eq!(bench.run(30, 1, lag(10)), Some((0, 5_000)));
        let mut pauses = Vec::new();
        for _ in 0..3 {
            assert_eq!(bench.run(10, 0, lag(500)).map(|(to, _)| to), Some(1));
            let up = bench.run(60, 1, lag(10));
            pauses.push(up.expect("it is tried again").1 / 1_000);
        }
        // Two seconds in which nothing is judged, and then 10, 20, 40.
        assert_eq!(pauses, [11, 21, 41]);
    }

    #[test]
    fn what_the_publisher_may_not_be_able_to_send_is_tried_later() {
        let mut bench = Bench::new();
        let capacity = |capacity| Measured {
            capacity: Some(capacity),
            ..lag(0)
        };
        assert_eq!(bench.run(60, 1, capacity(2_000_000)), Some((0, 30_000)));
        let mut bench = Bench::new();
        assert_eq!(bench.run(60, 1, capacity(9_000_000)), Some((0, 5_000)));
    }
}
