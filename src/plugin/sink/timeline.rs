//! One timeline for all tracks, however often the running times of their pads begin again.
//!
//! What viewers see is the running time plus an offset. The offset changes when running times jump
//! back, as they do when a file is looped or after a flushing seek: then a new stretch of the
//! timeline begins where the newest sample ended. The pads do not jump together, so stretches are
//! numbered, and whoever jumps first says where the next one begins for all.

use std::collections::BTreeMap;

use super::stream::{Times, Timing};

/// The timeline of an element. All times are in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    stretches: BTreeMap<u64, Stretch>,
    /// Where the newest sample ends, as viewers see it.
    end: i128,
    /// How often the pipeline has set its running time back behind data that had come before.
    restarts: u64,
}

/// What is added to the running times of one stretch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stretch {
    /// To give the time that viewers see.
    shown: i128,
    /// To give the running time of the pipeline at which a sample is due.
    due: i128,
    /// The pipeline's running time at its beginning, if that lay ahead of the data's.
    behind: Option<i128>,
}

/// Where one track stands on the timeline.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// `None` before the first sample.
    number: Option<u64>,
    /// The stretch of a track that began in the middle of one.
    own: Option<Stretch>,
    flushed: bool,
    /// The newest running time in the stretch.
    newest: Option<i128>,
    /// When the last packet of sound, or the last keyframe, is shown.
    last: Option<i128>,
    /// When the newest sample is due, after how many restarts: what comes after it is not due before.
    due: Option<(u64, i128)>,
    /// The last sample, and how long they are, where nobody says.
    before: Option<i128>,
    step: i128,
}

impl Place {
    /// After a flush that set running times back.
    pub(super) fn flush(&mut self) {
        if !self.flushed
            && let Some(number) = &mut self.number
        {
            *number += 1;
            self.flushed = true;
        }
        self.newest = None;
        self.due = None;
    }

    /// The time at which a sample is due, if none before it is due later.
    fn in_order(&mut self, restarts: u64, due: i128) -> i128 {
        let newest = self.due.filter(|(count, _)| *count == restarts);
        let due = newest.map_or(due, |(_, newest)| due.max(newest));
        self.due = Some((restarts, due));
        due
    }
}

impl Timeline {
    /// When the sample is due and what time viewers see; `None` when it is to be dropped: sound from long before
    /// its segment. `now` is the pipeline's running time.
    pub(super) fn place(
        &mut self,
        place: &mut Place,
        times: &Times,
        now: Option<i128>,
    ) -> Option<Timing> {
        if !times.is_video && times.pts < times.floor - PRIMING {
            return None;
        }
        // What lies before the segment is only there to be decoded.
        let pts = times.pts.max(times.floor);
        let time = times.dts.max(times.floor).min(pts);
        let stretch = self.stretch(place, time, pts, now);
        place.newest = place.newest.max(Some(time));

        let mut shown = (pts + stretch.shown).max(0);
        if times.is_key() {
            shown = shown.max(place.last.unwrap_or(shown));
            place.last = Some(shown);
        }
        if let Some(before) = place.before.replace(shown)
            && (1..=LONGEST_STEP).contains(&(shown - before))
        {
            place.step = shown - before;
        }
        let length = times.duration.unwrap_or(place.step);
        self.end = self.end.max(shown + length);
        let due = place.in_order(self.restarts, time + stretch.due);
        Timing::new(due, shown, pts - time)
    }

    /// When something that is no sample is due: the end of a gap, or of the stream.
    pub(super) fn due(&self, place: &Place, time: i128) -> i128 {
        let shared = || self.stretches.get(&place.number?).copied();
        let stretch = place.own.or_else(shared).unwrap_or_default();
        time + stretch.due
    }

    fn stretch(&mut self, place: &mut Place, time: i128, pts: i128, now: Option<i128>) -> Stretch {
        let Some(number) = &mut place.number else {
            return self.join(place);
        };
        let jumped = place.newest.is_some_and(|newest| newest - time > JUMP);
        let flushed = std::mem::take(&mut place.flushed);
        if jumped {
            *number += 1;
            place.newest = None;
        }
        let number = *number;
        if jumped || flushed {
            place.own = None;
            if !self.stretches.contains_key(&number) {
                let old = self.before(number);
                let new = match (flushed, now) {
                    (true, Some(now)) => self.after_flush(old, time, pts, now),
                    _ => self.after_jump(old, pts),
                };
                self.stretches.insert(number, new);
                while self.stretches.len() > MOST_STRETCHES {
                    self.stretches.pop_first();
                }
            }
        }
        if let Some(own) = place.own {
            return own;
        }
        let newest = self.before(number + 1);
        let stretch = self.stretches.entry(number).or_insert(newest);
        if let (Some(began), Some(now)) = (stretch.behind, now)
            && now < began
        {
            // The pipeline has set its running time back after all.
            stretch.due = 0;
            stretch.behind = None;
            self.restarts += 1;
        }
        *stretch
    }

    /// The stretch of a track that begins. Its running times are those of the pipeline.
    fn join(&mut self, place: &mut Place) -> Stretch {
        let Some((&number, newest)) = self.stretches.last_key_value() else {
            place.number = Some(0);
            self.stretches.insert(0, Stretch::default());
            return Stretch::default();
        };
        let own = Stretch {
            shown: newest.shown - newest.due,
            ..Stretch::default()
        };
        place.number = Some(number);
        place.own = Some(own).filter(|own| own != newest);
        own
    }

    /// The stretch before this one, as far as it is known.
    fn before(&self, number: u64) -> Stretch {
        let before = self.stretches.range(..number).next_back();
        before.map(|(_, stretch)| *stretch).unwrap_or_default()
    }

    /// The next sample follows the newest one at once.
    fn after_jump(&self, old: Stretch, pts: i128) -> Stretch {
        let shown = self.end - pts;
        Stretch {
            shown,
            due: shown - old.shown + old.due,
            behind: None,
        }
    }

    /// The next sample is due now, and viewers see as much time pass as did pass.
    fn after_flush(&self, old: Stretch, time: i128, pts: i128, now: i128) -> Stretch {
        let shown = self.end.max(now - old.due + old.shown) - pts;
        let behind = time + SLACK < now;
        Stretch {
            shown,
            due: if behind {
                shown - old.shown + old.due
            } else {
                0
            },
            behind: behind.then_some(now),
        }
    }
}

/// Decode times jump back this far in no stream that goes on.
const JUMP: i128 = 1_000_000_000;

/// A live source delivers this late, or earlier.
const SLACK: i128 = 500_000_000;

/// Sound before the segment that a decoder may need to start with.
const PRIMING: i128 = 1_000_000_000;

/// Samples last no longer; what is farther apart has a gap in between.
const LONGEST_STEP: i128 = 1_000_000_000;

/// The farthest that one pad may be behind another.
const MOST_STRETCHES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i128 = 1_000_000;

    fn sound(pts: i128) -> Times {
        Times {
            dts: pts * MS,
            pts: pts * MS,
            duration: Some(20 * MS),
            floor: 0,
            is_video: false,
            keyframe: true,
        }
    }

    fn picture(dts: i128, pts: i128, keyframe: bool) -> Times {
        Times {
            dts: dts * MS,
            duration: Some(40 * MS),
            is_video: true,
            keyframe,
            ..sound(pts)
        }
    }

    /// What is due when, and seen when, in ms.
    fn placed(timeline: &mut Timeline, place: &mut Place, times: &Times) -> Option<(u64, u64)> {
        at(timeline, place, times, 0)
    }

    fn at(
        timeline: &mut Timeline,
        place: &mut Place,
        times: &Times,
        now: i128,
    ) -> Option<(u64, u64)> {
        let timing = timeline.place(place, times, Some(now * MS))?;
        let seen = timing.timestamp.as_micros() as u64 / 1000;
        Some((timing.due.mseconds(), seen))
    }

    #[test]
    fn a_sample_is_due_when_it_is_to_be_decoded() {
        let (mut timeline, mut place) = <(Timeline, Place)>::default();
        let mut next = |times| placed(&mut timeline, &mut place, &times);
        assert_eq!(next(picture(0, 80, true)), Some((0, 80)));
        assert_eq!(next(picture(40, 200, false)), Some((40, 200)));
        assert_eq!(next(picture(80, 120, false)), Some((80, 120)));
    }

    #[test]
    fn what_lies_before_the_segment_is_shown_at_its_start_or_dropped() {
        let (mut timeline, mut place) = <(Timeline, Place)>::default();
        let mut next = |times| placed(&mut timeline, &mut place, &times);
        assert_eq!(next(picture(-9000, -9000, true)), Some((0, 0)));
        assert_eq!(next(sound(-21)), Some((0, 0)));
        assert_eq!(next(sound(-1001)), None);
        let after = Times {
            floor: 10_000 * MS,
            ..picture(8_000, 8_000, true)
        };
        assert_eq!(next(after), Some((10_000, 10_000)));
    }

    #[test]
    fn a_loop_goes_on_where_it_ended_and_in_step() {
        let mut timeline = Timeline::default();
        let [mut picture_place, mut sound_place] = [Place::default(), Place::default()];
        for round in 0..200 {
            let begin = round * 2020;
            for pts in [0, 1980] {
                let expected = Some(((begin + pts) as u64, (begin + pts) as u64));
                let times = picture(pts, pts, pts == 0);
                assert_eq!(
                    placed(&mut timeline, &mut picture_place, &times),
                    expected,
                    "round {round}"
                );
                let times = sound(pts);
                assert_eq!(placed(&mut timeline, &mut sound_place, &times), expected);
            }
        }
    }

    #[test]
    fn sound_that_lasts_longer_than_the_loop_is_sent_in_its_order() {
        let mut timeline = Timeline::default();
        let [mut pictures, mut sounds] = [Place::default(), Place::default()];
        let mut picture = |timeline: &mut Timeline, dts, pts| {
            placed(timeline, &mut pictures, &picture(dts, pts, true))
        };
        let mut sound = |timeline: &mut Timeline, pts| placed(timeline, &mut sounds, &sound(pts));
        assert_eq!(picture(&mut timeline, 4960, 5020), Some((4960, 5020)));
        assert_eq!(sound(&mut timeline, 5020), Some((5020, 5020)));
        assert_eq!(sound(&mut timeline, 5040), Some((5040, 5040)));
        // The pictures begin anew where both have ended, and what sound has before that is not due before its end.
        assert_eq!(picture(&mut timeline, 0, 60), Some((5000, 5060)));
        assert_eq!(sound(&mut timeline, 0), Some((5040, 5040)));
        assert_eq!(sound(&mut timeline, 80), Some((5080, 5080)));
    }

    #[test]
    fn time_goes_on_over_a_flush() {
        let (mut timeline, mut place) = <(Timeline, Place)>::default();
        placed(&mut timeline, &mut place, &sound(5000));
        // Nobody sets the pipeline's running time back: the data is due now.
        place.flush();
        place.flush();
        let next = at(&mut timeline, &mut place, &sound(0), 5600);
        assert_eq!(next, Some((5600, 5600)));
        let next = at(&mut timeline, &mut place, &sound(20), 5610);
        assert_eq!(next, Some((5620, 5620)));
        // Now somebody does.
        let next = at(&mut timeline, &mut place, &sound(40), 30);
        assert_eq!(next, Some((40, 5640)));
        // The next time it is set back at once.
        place.flush();
        let next = at(&mut timeline, &mut place, &sound(0), 0);
        assert_eq!(next, Some((0, 5660)));
    }

    #[test]
    fn pads_that_are_flushed_together_stay_in_step() {
        let mut timeline = Timeline::default();
        let [mut one, mut two] = [Place::default(), Place::default()];
        placed(&mut timeline, &mut one, &sound(3000));
        placed(&mut timeline, &mut two, &sound(2900));
        one.flush();
        two.flush();
        let first = at(&mut timeline, &mut one, &sound(0), 3500);
        assert_eq!(first, Some((3500, 3500)));
        let second = at(&mut timeline, &mut two, &sound(10), 3560);
        assert_eq!(second, Some((3510, 3510)));
    }

    #[test]
    fn a_track_that_begins_later_has_the_running_time_of_the_pipeline() {
        let mut timeline = Timeline::default();
        let mut looped = Place::default();
        placed(&mut timeline, &mut looped, &sound(4980));
        assert_eq!(
            placed(&mut timeline, &mut looped, &sound(0)),
            Some((5000, 5000))
        );
        let mut live = Place::default();
        assert_eq!(
            at(&mut timeline, &mut live, &sound(5040), 5050),
            Some((5040, 5040))
        );
        assert_eq!(
            at(&mut timeline, &mut live, &sound(5060), 5070),
            Some((5060, 5060))
        );
    }

    #[test]
    fn small_steps_back_do_not_reach_sound_and_keyframes() {
        let (mut timeline, mut place) = <(Timeline, Place)>::default();
        let mut next = |times| placed(&mut timeline, &mut place, &times).map(|(_, shown)| shown);
        assert_eq!(next(sound(1000)), Some(1000));
        assert_eq!(next(sound(500)), Some(1000));
        assert_eq!(next(sound(1020)), Some(1020));
        assert_eq!(next(picture(1020, 1040, true)), Some(1040));
        assert_eq!(next(picture(1040, 1030, false)), Some(1030));
    }

    #[test]
    fn without_durations_a_loop_goes_on_after_one_more_step() {
        let (mut timeline, mut place) = <(Timeline, Place)>::default();
        let mut next = |pts| {
            let times = Times {
                duration: None,
                ..sound(pts)
            };
            placed(&mut timeline, &mut place, &times).map(|(_, shown)| shown)
        };
        assert_eq!(next(2000), Some(2000));
        assert_eq!(next(2040), Some(2040));
        assert_eq!(next(0), Some(2080));
        assert_eq!(next(40), Some(2120));
    }
}
