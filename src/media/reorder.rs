//! When to decode: the times that a container leaves out where it has presentation times alone.
//!
//! Pictures come in decoding order. A stream that reorders by `depth` pictures presents the smallest
//! of what has come as soon as `depth` more have come; so the times at which it decodes are the
//! presentation times in ascending order, `depth` pictures later. They ascend, and none is later than
//! its picture's presentation.

use std::collections::BTreeSet;

/// Gives each picture of one track its decoding time, in microseconds. The first may be negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reorder {
    depth: usize,
    /// Whether the depth was told, and not found out.
    told: bool,
    /// The time from picture to picture, as far as it is known.
    step: i64,
    /// Presentation times that are no decoding time yet; of equal ones the first counts.
    waiting: BTreeSet<i64>,
    /// The newest decoding time.
    last: Option<i64>,
    /// The latest presentation times, the latest first, to find out the depth.
    latest: Vec<i64>,
}

impl Reorder {
    /// The most pictures that any stream reorders.
    pub const MAX_DEPTH: usize = 16;

    /// A stream whose pictures come every `step` microseconds, if that is known.
    pub fn new(step: Option<i64>) -> Self {
        Self {
            depth: 0,
            told: false,
            step: step.filter(|step| *step > 0).unwrap_or(STEP),
            waiting: BTreeSet::new(),
            last: None,
            latest: Vec::new(),
        }
    }

    /// The stream says by how many pictures it reorders.
    pub fn set_depth(&mut self, depth: usize) {
        self.told = true;
        self.deepen(depth.min(Self::MAX_DEPTH), true);
    }

    /// How many pictures are reordered, as far as it is known.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Something is missing before the picture that comes next.
    pub fn interrupt(&mut self) {
        self.waiting.clear();
        self.latest.clear();
    }

    /// What comes next does not follow what was: decoding times need not ascend.
    pub fn restart(&mut self) {
        self.waiting.clear();
        self.latest.clear();
        self.last = None;
    }

    /// Learns the depth from a presentation time, which is not given a decoding time by that.
    pub fn learn(&mut self, pts: i64) {
        // Those that come before this picture in decoding order and after it in presentation.
        let later = self.latest.iter().take_while(|other| **other > pts).count();
        if later == Self::MAX_DEPTH
            || self
                .latest
                .first()
                .is_some_and(|newest| newest - pts > RESTART)
        {
            self.latest.clear();
        } else if later > self.depth && !self.told {
            self.deepen(later, false);
        }
        let place = self.latest.partition_point(|other| *other > pts);
        self.latest.insert(place, pts);
        self.latest.truncate(Self::MAX_DEPTH);
    }

    /// The decoding time of the next picture, which ascends and is not after `pts`. A picture that says otherwise
    /// than the depth it was told with is decoded when it is presented, and out of order.
    pub fn next(&mut self, pts: i64) -> i64 {
        self.learn(pts);
        let restarted = self
            .last
            .is_some_and(|last| pts < last - RESTART || pts > last + RESTART);
        if restarted {
            self.waiting.clear();
            self.last = None;
        }
        if self.waiting.is_empty() {
            // Pictures that were presented before the first, had there been any.
            let before = (1..=self.depth as i64).map(|index| pts - index * self.step);
            self.waiting.extend(before);
        }
        if !self.waiting.insert(pts) {
            // Two of one time: the second does not count, and something has to.
            self.waiting
                .insert(self.last.map_or(pts, |last| last + 1).min(pts));
        }
        let next = if self.waiting.len() > self.depth {
            self.waiting.pop_first()
        } else {
            None
        };
        let ascending = self.last.map_or(i64::MIN, |last| last + 1);
        let time = next.unwrap_or(pts).max(ascending).min(pts);
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        time
    }

    fn deepen(&mut self, depth: usize, told: bool) {
        if depth > self.depth || told {
            self.depth = depth;
        }
        while self.waiting.len() > self.depth {
            self.waiting.pop_first();
        }
    }
}

/// Where nothing is known, 30 pictures in a second.
const STEP: i64 = 33_333;
/// No stream reorders over so long: time began anew.
const RESTART: i64 = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: i64 = 40_000;

    /// Decoding order of `pattern`, in which each mini group repeats `size` pictures on.
    fn pictures(pattern: &[i64], size: i64, groups: i64) -> Vec<i64> {
        let groups = 0..groups;
        groups
            .flat_map(|group| {
                pattern
                    .iter()
                    .map(move |index| (group * size + index) * FRAME)
            })
            .collect()
    }

    fn decode(reorder: &mut Reorder, pts: &[i64]) -> Vec<i64> {
        pts.iter().map(|pts| reorder.next(*pts)).collect()
    }

    fn is_in_order(dts: &[i64], pts: &[i64]) -> bool {
        dts.windows(2).all(|pair| pair[0] < pair[1])
            && dts.iter().zip(pts).all(|(dts, pts)| dts <= pts)
    }

    #[test]
    fn without_reordering_pictures_are_decoded_when_they_are_presented() {
        let pts = pictures(&[0], 1, 50);
        let mut reorder = Reorder::new(None);
        assert_eq!(decode(&mut reorder, &pts), pts);
        assert_eq!(reorder.depth(), 0);
    }

    #[test]
    fn a_depth_that_is_told_gives_an_even_pace_from_the_first_picture_on() {
        for (depth, pattern) in [(1, &[0, 2, 1][..]), (2, &[0, 4, 2, 1, 3])] {
            let size = pattern.len() as i64 - 1;
            let mut pts = vec![0];
            pts.extend(pictures(&pattern[1..], size, 20));
            let mut reorder = Reorder::new(Some(FRAME));
            reorder.set_depth(depth);
            let dts = decode(&mut reorder, &pts);
            assert!(is_in_order(&dts, &pts), "{dts:?} {pts:?}");
            let pace = dts.windows(2).all(|pair| pair[1] - pair[0] == FRAME);
            assert!(pace, "{dts:?}");
            assert_eq!(dts[0], -(depth as i64) * FRAME);
        }
    }

    #[test]
    fn a_depth_that_is_found_out_is_right_after_one_mini_group() {
        let mut pts = vec![0];
        pts.extend(pictures(&[4, 2, 1, 3], 4, 20));
        let mut reorder = Reorder::new(Some(FRAME));
        let dts = decode(&mut reorder, &pts);
        assert_eq!(reorder.depth(), 2);
        assert!(is_in_order(&dts[5..], &pts[5..]), "{dts:?}");
        // What has been learnt in advance is right from the first picture on.
        let mut reorder = Reorder::new(Some(FRAME));
        pts[..5].iter().for_each(|pts| reorder.learn(*pts));
        reorder.restart();
        assert!(is_in_order(&decode(&mut reorder, &pts), &pts));
    }

    #[test]
    fn a_gap_and_a_restart_of_time_are_survived() {
        for jump in [-90_000_000, 1_000_000, 90_000_000] {
            let mut pts = vec![100_000_000];
            pts.extend(pictures(&[2, 1], 2, 10).iter().map(|pts| 100_000_000 + pts));
            let from = pts.len();
            pts.push(*pts.last().expect("some") + jump);
            let base = pts[from];
            pts.extend(pictures(&[2, 1], 2, 10).iter().map(|pts| base + pts));
            let mut reorder = Reorder::new(Some(FRAME));
            reorder.set_depth(1);
            let dts = decode(&mut reorder, &pts);
            assert!(is_in_order(&dts[from..], &pts[from..]), "{jump}: {dts:?}");
        }
    }

    #[test]
    fn nonsense_ends_and_is_never_later_than_it_is_presented() {
        let mut seed = 7u64;
        let mut reorder = Reorder::new(None);
        for round in 0..50_000 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let pts = (seed >> 34) as i64 * (1 << (round % 24)) / 4096;
            assert!(reorder.next(pts) <= pts);
            assert!(
                reorder.depth() <= Reorder::MAX_DEPTH
                    && reorder.waiting.len() <= Reorder::MAX_DEPTH + 1
            );
        }
    }
}
