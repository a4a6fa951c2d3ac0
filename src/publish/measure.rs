//! What a track turns out to be: its bit rate, frame rate and reordering.
//!
//! The first two seconds are measured, and that is all: a catalog that follows every change makes
//! players subscribe again and again. Only fragments that become longer are told of later.

use crate::media::{Micros, container::Sample};

use super::Details;

/// Measures one track.
#[derive(Debug, Default)]
pub(super) struct Measure {
    begin: Option<u64>,
    samples: u64,
    /// Of each second.
    bytes: [u64; SECONDS],
    newest: u64,
    reorder: u64,
    done: bool,
    /// How long the longest fragment is that was told of, in ms.
    fragment: u32,
}

impl Measure {
    /// Takes the next sample in decode order. Gives what was measured, once.
    pub(super) fn add(&mut self, timestamp: Micros, size: usize) -> Option<Details> {
        if self.done {
            return None;
        }
        let time = u64::try_from(timestamp.as_micros()).unwrap_or(u64::MAX);
        let begin = *self.begin.get_or_insert(time);
        // A sample that is reordered belongs to the seconds before it.
        let elapsed = self.newest.max(time).saturating_sub(begin);
        let second = usize::try_from(elapsed / SECOND).unwrap_or(usize::MAX);
        if let Some(bytes) = self.bytes.get_mut(second) {
            *bytes += size as u64;
            self.samples += 1;
            self.reorder = self.reorder.max(self.newest.saturating_sub(time));
            self.newest = self.newest.max(time);
            return None;
        }
        self.done = true;
        if self.samples < FEWEST || second > SECONDS {
            // A track with holes.
            return None;
        }
        let rate = (self.samples * SECOND) as f64 / elapsed as f64;
        let jitter = ((SECOND as f64 / rate + self.reorder as f64) / 1000.0).ceil() as u32;
        let most = self.bytes.iter().max().copied().unwrap_or(0);
        Some(Details {
            bitrate: Some(rounded_up(most * 8)),
            framerate: Some(plain(rate)),
            jitter: Some(jitter.max(self.fragment)),
            ..Details::default()
        })
    }

    /// Takes a fragment, which is sent when its last sample is there. Gives how long the first one waits where that
    /// is longer than was said.
    pub(super) fn wait(&mut self, samples: &[Sample]) -> Option<Details> {
        let (first, last) = (samples.first()?, samples.last()?);
        if samples.len() < 2 {
            return None;
        }
        let time = |sample: &Sample| sample.dts.unwrap_or(sample.timestamp).as_micros();
        let step = time(last).saturating_sub(time(&samples[samples.len() - 2]));
        let length = time(last).saturating_sub(time(first)) + step;
        let millis = u32::try_from(length.div_ceil(1000)).ok()?;
        if millis <= self.fragment + self.fragment / 4 {
            return None;
        }
        self.fragment = millis;
        Some(Details {
            jitter: Some(millis),
            ..Details::default()
        })
    }
}

/// To two digits.
fn rounded_up(rate: u64) -> u64 {
    let mut unit = 1;
    while rate / unit >= 100 {
        unit *= 10;
    }
    rate.div_ceil(unit) * unit
}

/// The rate that is meant: a whole number, or one of the NTSC family, or two digits after the point.
fn plain(rate: f64) -> f64 {
    let whole = rate.round();
    let ntsc = whole * 1000.0 / 1001.0;
    let close = |to: f64| (rate - to).abs() < (rate - if to == whole { ntsc } else { whole }).abs();
    match (rate - whole).abs() < whole * 0.02 {
        true if close(ntsc) && (rate - ntsc).abs() < 0.002 => (ntsc * 100.0).round() / 100.0,
        true => whole,
        false => (rate * 100.0).round() / 100.0,
    }
}

const SECOND: u64 = 1_000_000;

/// How many are measured.
const SECONDS: usize = 2;

/// With fewer samples nothing is said.
const FEWEST: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(times: impl IntoIterator<Item = u64>, size: usize) -> Vec<Details> {
        let mut measure = Measure::default();
        let times = times.into_iter();
        times
            .filter_map(|time| {
                measure.add(
                    Micros::from_scale(time, SECOND).expect("not too long"),
                    size,
                )
            })
            .collect()
    }

    #[test]
    fn two_seconds_are_measured_once() {
        let details = measured((0..500).map(|n| 7_000_000 + n * 40_000), 1250);
        let expected = Details {
            bitrate: Some(250_000),
            framerate: Some(25.0),
            jitter: Some(40),
            ..Details::default()
        };
        assert_eq!(details, [expected]);
    }

    #[test]
    fn reordering_is_part_of_the_jitter() {
        // 0 3 1 2, 6 4 5 ...
        let order = (0..60).flat_map(|n| [n * 3, n * 3 - 2, n * 3 - 1].map(|n: i64| n.max(0)));
        let details = measured(order.map(|n| n as u64 * 40_000), 100);
        assert_eq!(details[0].jitter, Some(120));
    }

    #[test]
    fn what_comes_now_and_then_has_no_rate() {
        assert_eq!(measured([0, 900_000, 2_500_000], 10), []);
        assert_eq!(measured((0..20).map(|n| n * n * 30_000), 10), []);
    }

    #[test]
    fn rates_are_those_that_are_meant() {
        assert_eq!(plain(29.9697), 29.97);
        assert_eq!(plain(30.02), 30.0);
        assert_eq!(plain(12.5), 12.5);
        assert_eq!(rounded_up(123_456), 130_000);
        assert_eq!(rounded_up(99), 99);
    }
}
