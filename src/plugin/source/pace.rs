//! How well the network keeps up with one pad.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::media::Micros;

/// What the task of a pad writes, and whoever wants to know reads.
pub(super) struct Meter(Mutex<State>);

#[derive(Default)]
struct State {
    /// The smallest delays of arrivals, in microseconds of a clock of its own: the smallest of now
    /// and of the time before.
    minima: [Option<i64>; 2],
    turned: Option<Instant>,
    began: Option<Instant>,
    newest: Option<i64>,
    /// How much later than the fastest the newest sample came.
    lag: Duration,
    arrived: Option<Instant>,
    report: Report,
}

/// What one pad has carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) samples: u64,
    pub(super) bytes: u64,
    pub(super) skipped_groups: u64,
    /// Changes to another rendition.
    pub(super) switches: u64,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// A sample was there.
    pub(super) fn observe(&self, pts: Micros, bytes: usize) {
        self.0.lock().observe(pts, bytes, Instant::now());
    }

    /// Nothing is read, or something else than before.
    pub(super) fn rest(&self) {
        let mut state = self.0.lock();
        let report = state.report;
        *state = State {
            report,
            ..State::default()
        };
    }

    pub(super) fn skipped(&self, groups: u64) {
        self.0.lock().report.skipped_groups += groups;
    }

    pub(super) fn switched(&self) {
        self.0.lock().report.switches += 1;
    }

    /// How much later than the fastest the newest sample came; `None` before the first.
    pub(super) fn lag(&self) -> Option<Duration> {
        let state = self.0.lock();
        state.arrived.map(|_| state.lag)
    }

    pub(super) fn report(&self) -> Report {
        self.0.lock().report
    }
}

impl State {
    fn observe(&mut self, pts: Micros, bytes: usize, now: Instant) {
        self.report.samples += 1;
        self.report.bytes += bytes as u64;
        let began = *self.began.get_or_insert(now);
        let media = i64::try_from(pts.as_micros()).unwrap_or(i64::MAX / 2);
        // Its time began anew, or went ahead: what was before says nothing of it.
        if self
            .newest
            .is_some_and(|newest| (media - newest).abs() > RESTART)
        {
            self.minima = [None; 2];
            self.turned = None;
        }
        self.newest = Some(media);
        self.arrived = Some(now);
        let delay = i64::try_from((now - began).as_micros()).unwrap_or(i64::MAX / 2) - media;
        let turned = *self.turned.get_or_insert(now);
        if now - turned >= TURN {
            self.minima = [None, self.minima[0]];
            self.turned = Some(now);
        }
        self.minima[0] = Some(self.minima[0].map_or(delay, |smallest| smallest.min(delay)));
        let fastest = self.minima.iter().flatten().min().copied().unwrap_or(delay);
        self.lag = Duration::from_micros(u64::try_from(delay - fastest).unwrap_or(0));
    }
}

/// For how long an arrival is remembered as the fastest, at least.
const TURN: Duration = Duration::from_secs(10);
/// A step of the media time that is none of the network's, in microseconds.
const RESTART: i64 = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_later_than_the_fastest_lags() {
        let begin = Instant::now();
        let mut state = State::default();
        let mut lag = |media: u64, arrival: u64| {
            let pts = Micros::new_u64(media * 1_000).expect("small");
            state.observe(pts, 1, begin + Duration::from_millis(arrival));
            state.lag.as_millis()
        };
        // The backlog of a join comes at once, and the newest of it is the fastest.
        assert_eq!(lag(0, 0), 0);
        assert_eq!(lag(1_000, 5), 0);
        assert_eq!(lag(1_033, 40), 2);
        assert_eq!(lag(1_066, 272), 201);
        // The publisher's time begins anew.
        assert_eq!(lag(90_000_000, 300), 0);
        assert_eq!(state.report.samples, 5);
    }

    #[test]
    fn the_fastest_is_forgotten_in_time() {
        let begin = Instant::now();
        let mut state = State::default();
        let mut lag = 0;
        for frame in 0..60_u64 {
            // From the second frame on the way is 300 ms longer.
            let late = if frame == 0 { 0 } else { 300 };
            let pts = Micros::new_u64(frame * 500_000).expect("small");
            state.observe(pts, 1, begin + Duration::from_millis(frame * 500 + late));
            lag = state.lag.as_millis();
            assert!(frame == 0 || frame > 19 || lag == 300, "{frame}: {lag}");
        }
        assert_eq!(lag, 0);
    }
}
