//! Exact times, by a clock that stands still until it is told.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex},
    time::{Duration, Instant},
};

use gst::{glib, prelude::*, subclass::prelude::*};

use crate::support::{Feed, LIMIT, Sink, Viewer};

const OPUS: &str = "audio/x-opus,channels=2,channel-mapping-family=0";

#[derive(Default)]
struct State {
    now: gst::ClockTime,
    /// Waits, by their addresses, and for when.
    waits: BTreeMap<usize, gst::ClockTime>,
}

#[derive(Default)]
struct ManualImp {
    state: Mutex<State>,
    changed: Condvar,
}

#[glib::object_subclass]
impl ObjectSubclass for ManualImp {
    const NAME: &'static str = "TestManualClock";
    type Type = Manual;
    type ParentType = gst::Clock;
}

impl ObjectImpl for ManualImp {}
impl GstObjectImpl for ManualImp {}

fn address(id: &gst::ClockId) -> usize {
    id.as_ptr() as usize
}

impl ClockImpl for ManualImp {
    fn internal_time(&self) -> gst::ClockTime {
        self.state.lock().expect("no panic").now
    }

    fn wait(
        &self,
        id: &gst::ClockId,
    ) -> (
        Result<gst::ClockSuccess, gst::ClockError>,
        gst::ClockTimeDiff,
    ) {
        let mut state = self.state.lock().expect("no panic");
        let jitter = |now: gst::ClockTime| now.nseconds() as i64 - id.time().nseconds() as i64;
        if jitter(state.now) > 0 {
            return (Err(gst::ClockError::Early), jitter(state.now));
        }
        let begun = jitter(state.now);
        state.waits.insert(address(id), id.time());
        self.changed.notify_all();
        loop {
            if !state.waits.contains_key(&address(id)) {
                return (Err(gst::ClockError::Unscheduled), begun);
            }
            if state.now >= id.time() {
                state.waits.remove(&address(id));
                return (Ok(gst::ClockSuccess::Ok), begun);
            }
            state = self.changed.wait(state).expect("no panic");
        }
    }

    fn unschedule(&self, id: &gst::ClockId) {
        let mut state = self.state.lock().expect("no panic");
        state.waits.remove(&address(id));
        self.changed.notify_all();
    }
}

glib::wrapper! {
    struct Manual(ObjectSubclass<ManualImp>) @extends gst::Clock, gst::Object;
}

impl Manual {
    fn set(&self, millis: u64) {
        let imp = self.imp();
        imp.state.lock().expect("no panic").now = gst::ClockTime::from_mseconds(millis);
        imp.changed.notify_all();
    }

    /// For when somebody waits, in ms, once somebody does.
    fn awaited(&self) -> u64 {
        let imp = self.imp();
        let begin = Instant::now();
        let mut state = imp.state.lock().expect("no panic");
        loop {
            if let Some(time) = state.waits.values().next() {
                return time.mseconds();
            }
            assert!(begin.elapsed() < LIMIT, "nobody waits");
            let step = Duration::from_millis(100);
            (state, _) = imp.changed.wait_timeout(state, step).expect("no panic");
        }
    }
}

/// A sink that plays since the clock said 1000 ms, and a pad of it.
fn playing(prepare: impl FnOnce(&gst::Element)) -> (Manual, Sink, Feed) {
    let sink = Sink::listening();
    let clock: Manual = glib::Object::new();
    clock.set(1_000);
    sink.pipeline.use_clock(Some(&clock));
    prepare(&sink.element);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    (clock, sink, feed)
}

#[test]
fn a_sample_goes_out_when_the_clock_says_its_time_and_not_before() {
    let (clock, sink, feed) = playing(|_| ());
    let pushed = feed.push_aside(100);
    assert_eq!(clock.awaited(), 1_100);
    clock.set(1_099);
    assert_eq!((clock.awaited(), sink.stat("frames")), (1_100, 0));
    clock.set(1_100);
    pushed
        .recv_timeout(LIMIT)
        .expect("it ends")
        .expect("it is published");
    assert_eq!(sink.stat("frames"), 1);
}

#[test]
fn latency_delay_and_offset_are_added_up() {
    let (clock, sink, feed) = playing(|sink| {
        sink.set_property("render-delay", 30_000_000_u64);
        sink.set_property("ts-offset", 7_000_000_i64);
    });
    assert!(
        sink.element
            .send_event(gst::event::Latency::new(gst::ClockTime::from_mseconds(50)))
    );
    let pushed = feed.push_aside(100);
    assert_eq!(clock.awaited(), 1_100 + 50 - 30 + 7);
    // A change holds for what waits already.
    sink.element.set_property("ts-offset", 0_i64);
    while clock.awaited() != 1_120 {
        std::thread::yield_now();
    }
    clock.set(1_120);
    pushed
        .recv_timeout(LIMIT)
        .expect("it ends")
        .expect("it is published");
}

#[test]
fn what_is_as_late_as_it_may_be_is_sent_and_what_is_later_is_not() {
    let (clock, sink, feed) = playing(|sink| sink.set_property("max-lateness", 20_000_000_i64));
    clock.set(1_150);
    feed.push(Some(129), b"late").expect("it is taken");
    assert_eq!((sink.stat("frames"), sink.stat("dropped")), (0, 1));
    feed.push(Some(130), b"in time").expect("it is taken");
    assert_eq!((sink.stat("frames"), sink.stat("dropped")), (1, 1));
}

#[test]
fn a_gap_is_waited_for_and_what_follows_has_its_end() {
    let (clock, sink, feed) = playing(|_| ());
    let gap = gst::event::Gap::builder(gst::ClockTime::from_mseconds(200))
        .duration(gst::ClockTime::from_mseconds(300))
        .build();
    let aside = feed.clone();
    let passed = std::thread::spawn(move || aside.event(gap));
    assert_eq!(clock.awaited(), 1_200);
    clock.set(1_200);
    assert!(passed.join().expect("no panic"));
    let aside = feed.clone();
    let pushed = std::thread::spawn(move || aside.push(None, b"after the gap"));
    assert_eq!(clock.awaited(), 1_500);
    clock.set(1_500);
    pushed.join().expect("no panic").expect("it is published");
    assert_eq!(sink.stat("frames"), 1);
}

/// Plays a file of two seconds four times, on a machine that stands still at each seam and between; gives the times in
/// ms that viewers see, a packet each 20 ms.
fn looped(between: impl Fn(&Feed, u64)) -> Vec<u64> {
    let (clock, sink, feed) = playing(|_| ());
    // Nothing has to wait: the clock is ahead of what comes.
    let mut now = 1_000_000;
    clock.set(now);
    let mut seen = None;
    let mut times = Vec::new();
    for round in 0..4 {
        between(&feed, round);
        for packet in 0..100 {
            now += match packet {
                0 => 880,
                50 => 3_000,
                _ => packet % 3,
            };
            clock.set(now);
            feed.push(Some(packet * 20), b"x").expect("it is published");
            let (viewer, track) = seen.get_or_insert_with(|| {
                let viewer = Viewer::new(&sink);
                let track = viewer.subscribe("audio0");
                (viewer, track)
            });
            times.push(viewer.first(track).0 / 1_000);
        }
    }
    times
}

#[test]
fn the_seam_of_a_loop_follows_from_the_media_and_not_from_when_it_came() {
    let evenly: Vec<u64> = (0..400).map(|packet| packet * 20).collect();
    // As a file that is read again and again: its times begin anew.
    assert_eq!(looped(|_, _| ()), evenly);
    // As one that is sought by segments, each of which says where it lies.
    let sought = looped(|feed, round| {
        let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
        segment.set_base(gst::ClockTime::from_seconds(2 * round));
        segment.set_stop(gst::ClockTime::from_seconds(2));
        assert!(feed.event(gst::event::Segment::new(&segment)));
    });
    assert_eq!(sought, evenly);
    // As one that is followed by the next without a word of it.
    let followed = looped(|feed, _| {
        assert!(feed.event(gst::event::StreamStart::new("the same")));
        assert!(feed.segment());
    });
    assert_eq!(followed, evenly);
}
