//! One line for each case: how it looked to the one who watches.

use gst::prelude::*;

use crate::{
    camera::FRAME,
    viewer::{Log, Shown, Viewer},
};

/// What is printed, and what tests judge.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    /// From the start of the pipeline to the first picture, in ms; to the first sound where there are no pictures.
    pub(crate) first: Option<i64>,
    /// How old that was, in ms.
    pub(crate) age: Option<i64>,
    /// How far the first picture was behind the newest that the publisher had, in ms.
    pub(crate) behind: Option<i64>,
    /// What moqsrc has for latency, for how long sinks wait, and how long it took to decode the group up to the first that
    /// was shown, in ms.
    pub(crate) latency: i64,
    pub(crate) wait: i64,
    pub(crate) decoding: Option<i64>,
    /// How old they were in the middle, in ms.
    pub(crate) usual: Option<i64>,
    /// The largest of sound against picture, in ms.
    pub(crate) skew: Option<i64>,
    /// Frames that are missing between the first and the last picture of each camera.
    pub(crate) missing: u64,
    /// Pictures shown after one that was taken later.
    pub(crate) backwards: usize,
    /// Pictures that came after sinks had waited for them.
    pub(crate) late: usize,
    pub(crate) skipped: u64,
}

impl Row {
    /// Prints a case.
    pub(crate) fn of(name: &str, viewer: &Viewer) -> Self {
        let log = viewer.log();
        let first = log.pictures.first();
        let mut ages: Vec<_> = log
            .pictures
            .iter()
            .map(|shown| millis(viewer.age(shown)))
            .collect();
        ages.sort_unstable();
        let skews = viewer.skews();
        let skew = skews.iter().copied().max_by_key(|skew| skew.abs());
        let (missing, backwards) = order(&log);
        let mut query = gst::query::Latency::new();
        assert!(viewer.pipeline.query(&mut query));
        let latency = query.result().1.nseconds() as i64;
        let is_late = |shown: &&Shown| shown.at - shown.due > latency + SLACK;
        let late = log.pictures.iter().filter(is_late).count();
        let row = Self {
            first: first
                .map(|shown| shown.at)
                .or(log.first_sound.map(|(_, at)| at))
                .map(|at| millis(at - viewer.began)),
            age: first
                .map(|shown| viewer.age(shown))
                .or_else(|| viewer.age_of_sound())
                .map(millis),
            behind: first.map(|shown| millis(viewer.behind(shown))),
            latency: viewer.stat("latency") as i64 / 1_000_000,
            wait: millis(latency),
            decoding: log.decoding[0]
                .zip(log.decoding[1])
                .map(|(begin, end)| millis(end - begin)),
            usual: ages.get(ages.len() / 2).copied(),
            skew: skew.map(millis),
            missing,
            backwards,
            late,
            skipped: viewer.stat("skipped-groups"),
        };
        let cell = |value: Option<i64>| value.map_or("-".to_owned(), |value| value.to_string());
        println!(
            "| {name:36} | first {:>6} ms | its age {:>5} ms, behind the newest {:>5} ms (latency {:>4}, in all {:>4}, decoding {:>4}) | age {:>5} ms | lip-sync {:>4} ms | {:>4} shown | {late:>3} late | {missing:>3} missing | \
             {backwards} backwards | {:>3} groups skipped | {} refused |",
            cell(row.first),
            cell(row.age),
            cell(row.behind),
            row.latency,
            row.wait,
            cell(row.decoding),
            cell(row.usual),
            cell(row.skew),
            log.pictures.len(),
            row.skipped,
            log.refused,
        );
        row
    }

    /// How much further the first picture was behind the newest of the publisher than it may be: by the latency, one frame, and
    /// what it took to decode the group up to it. In ms.
    pub(crate) fn excess(&self) -> i64 {
        let known = self.behind.zip(self.decoding);
        let (behind, decoding) = known.expect("there were pictures");
        behind - (self.latency + millis(FRAME as i64) + decoding)
    }

    /// Sound and picture within less than a frame.
    #[track_caller]
    pub(crate) fn assert_in_step(&self) {
        let skew = self.skew.expect("there were clicks");
        assert!(
            skew.abs() < millis(FRAME as i64),
            "out of step by {skew} ms"
        );
    }
}

/// How long a busy machine may take to show a picture.
const SLACK: i64 = 20_000_000;

fn order(log: &Log) -> (u64, usize) {
    let (mut missing, mut backwards) = (0, 0);
    for pair in log.pictures.windows(2) {
        if pair[0].camera == pair[1].camera {
            match pair[1].number.checked_sub(pair[0].number) {
                Some(step) => missing += step.saturating_sub(1),
                None => backwards += 1,
            }
        }
    }
    (missing, backwards)
}

fn millis(nanos: i64) -> i64 {
    nanos / 1_000_000
}
