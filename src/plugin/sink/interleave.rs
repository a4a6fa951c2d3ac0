//! Samples of several tracks, or fragments of them, in the order in which they are due.
//!
//! A fragment may hold a second of one track before it comes to the next. Sent in the order of the
//! file, and each at its time, the second track would always be late.

use std::collections::BTreeMap;

use crate::{media::fmp4::Fragment, publish::Sample};

/// Samples of one track that wait for their time together: one, or a fragment.
#[derive(Debug, PartialEq)]
pub(super) struct Scheduled {
    pub(super) track: u32,
    /// When the first of them is due.
    pub(super) due: gst::ClockTime,
    pub(super) samples: Vec<Sample>,
    /// What they lay in, and nothing else.
    pub(super) fragment: Option<Fragment>,
}

impl Scheduled {
    fn bytes(&self) -> usize {
        self.samples.iter().map(|sample| sample.payload.len()).sum()
    }
}

/// What was read and is not yet sent.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By when they are due, then as they came.
    samples: BTreeMap<(gst::ClockTime, u64), Scheduled>,
    /// How many there are of each track that ever had one.
    counts: BTreeMap<u32, usize>,
    bytes: usize,
    pushed: u64,
}

impl Queue {
    pub(super) fn push(&mut self, sample: Scheduled) {
        *self.counts.entry(sample.track).or_default() += 1;
        self.bytes += sample.bytes();
        self.samples.insert((sample.due, self.pushed), sample);
        self.pushed += 1;
    }

    pub(super) fn extend(&mut self, sample: Option<Scheduled>) {
        if let Some(sample) = sample {
            self.push(sample);
        }
    }

    /// When the next sample is due.
    pub(super) fn due(&self) -> Option<gst::ClockTime> {
        self.samples.first_key_value().map(|((due, _), _)| *due)
    }

    /// Whether what is due first is known: each of the tracks has a sample, or there
    /// is so much that the missing ones cannot be waited for.
    pub(super) fn is_complete(&self, mut tracks: impl Iterator<Item = u32>) -> bool {
        let span = match (
            self.samples.first_key_value(),
            self.samples.last_key_value(),
        ) {
            (Some(((first, _), _)), Some(((last, _), _))) => *last - *first,
            _ => gst::ClockTime::ZERO,
        };
        self.bytes >= MOST_BYTES
            || span >= LONGEST
            || tracks.all(|track| self.counts.get(&track).is_some_and(|&count| count > 0))
    }

    pub(super) fn pop(&mut self) -> Option<Scheduled> {
        let (_, sample) = self.samples.pop_first()?;
        self.bytes -= sample.bytes();
        if let Some(count) = self.counts.get_mut(&sample.track) {
            *count -= 1;
        }
        Some(sample)
    }
}

const MOST_BYTES: usize = 32 * 1024 * 1024;

/// Longer than the fragments that muxers make.
const LONGEST: gst::ClockTime = gst::ClockTime::from_seconds(10);

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::media::Micros;

    fn sample(track: u32, millis: u64) -> Scheduled {
        let millis = gst::ClockTime::from_mseconds(millis);
        let time = Micros::from_nanos(millis.nseconds()).expect("small");
        Scheduled {
            track,
            due: millis,
            samples: vec![Sample::new(time, true, Bytes::from_static(b"x"))],
            fragment: None,
        }
    }

    #[test]
    fn what_is_due_first_comes_first_whatever_the_order_of_the_file() {
        let mut queue = Queue::default();
        for sample in [sample(1, 0), sample(1, 40), sample(2, 0), sample(2, 20)] {
            queue.push(sample);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        let expected = [sample(1, 0), sample(2, 0), sample(2, 20), sample(1, 40)];
        assert_eq!(order, expected);
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn it_is_complete_when_each_track_has_a_sample() {
        let mut queue = Queue::default();
        queue.push(sample(1, 0));
        assert!(queue.is_complete([1].into_iter()));
        assert!(!queue.is_complete([1, 2].into_iter()));
        queue.push(sample(2, 5_000));
        assert!(queue.is_complete([1, 2].into_iter()));
        queue.pop();
        assert!(!queue.is_complete([1, 2].into_iter()));
    }

    #[test]
    fn a_track_that_has_fallen_silent_is_not_waited_for_without_end() {
        let mut queue = Queue::default();
        queue.push(sample(1, 0));
        queue.push(sample(1, 10_000));
        assert!(queue.is_complete([1, 2].into_iter()));
    }
}
