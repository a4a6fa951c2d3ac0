//! Times that come into `moqsink`, and times that viewers see.

use bytes::Bytes;
use gst::prelude::*;

use crate::support::{Feed, Sink, Viewer};

const OPUS: &str = "audio/x-opus,channels=2,channel-mapping-family=0";

/// A sink that does not wait for the clock, and what feeds it.
fn hasty() -> (Sink, Feed) {
    let sink = Sink::listening();
    sink.element.set_property("sync", false);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    (sink, feed)
}

/// The times in ms at which viewers see these packets, each named after its number.
struct Seen {
    viewer: Viewer,
    track: gstmoq::moq_lite::TrackConsumer,
}

impl Seen {
    /// The first packet is there already.
    fn new(sink: &Sink) -> Self {
        let viewer = Viewer::new(sink);
        let track = viewer.subscribe("audio0");
        Self { viewer, track }
    }

    fn next(&mut self) -> u64 {
        let group = self.viewer.group(&mut self.track).expect("a group");
        let [(time, _)] = group.as_slice() else {
            panic!("not one packet: {group:?}");
        };
        assert_eq!(time % 1000, 0);
        time / 1000
    }
}

fn segment(feed: &Feed, start: u64, stop: Option<u64>, base: u64, rate: f64) {
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_rate(rate);
    segment.set_start(gst::ClockTime::from_mseconds(start));
    segment.set_time(gst::ClockTime::from_mseconds(start));
    segment.set_stop(stop.map(gst::ClockTime::from_mseconds));
    segment.set_base(gst::ClockTime::from_mseconds(base));
    assert!(feed.event(gst::event::Segment::new(&segment)));
}

#[test]
fn odd_times_are_published_as_documented() {
    let (sink, feed) = hasty();
    feed.push(Some(1000), b"first").unwrap();
    let mut seen = Seen::new(&sink);
    assert_eq!(seen.next(), 1000);
    // A step back is no step.
    feed.push(Some(990), b"back").unwrap();
    assert_eq!(seen.next(), 1000);
    // Without a time it follows the one before.
    feed.push(Some(1100), b"x").unwrap();
    assert_eq!(seen.next(), 1100);
    feed.push(None, b"no time").unwrap();
    assert_eq!(seen.next(), 1120);
    feed.push(None, b"nor this").unwrap();
    assert_eq!(seen.next(), 1140);
    // What is empty is no sample, and a gap is a gap.
    feed.push(Some(1600), b"").unwrap();
    feed.push(Some(90_000), b"much later").unwrap();
    assert_eq!(seen.next(), 90_000);
    assert_eq!(sink.stat("frames"), 6);
}

#[test]
fn a_gap_event_moves_the_time_of_what_has_none() {
    let (sink, feed) = hasty();
    feed.push(Some(0), b"first").unwrap();
    let mut seen = Seen::new(&sink);
    assert_eq!(seen.next(), 0);
    let gap = gst::event::Gap::builder(gst::ClockTime::from_mseconds(20))
        .duration(gst::ClockTime::from_mseconds(480))
        .build();
    assert!(feed.event(gap));
    feed.push(None, b"after the gap").unwrap();
    assert_eq!(seen.next(), 500);
}

#[test]
fn the_segment_maps_times_and_cuts_what_lies_outside() {
    let (sink, feed) = hasty();
    segment(&feed, 10_000, Some(10_100), 0, 1.0);
    feed.push(Some(8_000), b"too early").unwrap();
    feed.push(Some(9_990), b"priming").unwrap();
    let mut seen = Seen::new(&sink);
    assert_eq!(seen.next(), 0);
    feed.push(Some(10_080), b"inside").unwrap();
    assert_eq!(seen.next(), 80);
    feed.push(Some(10_100), b"outside").unwrap();
    // The next part of a segment seek, and one at double speed.
    segment(&feed, 50_000, Some(60_000), 100, 1.0);
    feed.push(Some(50_000), b"next").unwrap();
    assert_eq!(seen.next(), 100);
    segment(&feed, 60_000, None, 10_100, 2.0);
    feed.push(Some(61_000), b"fast").unwrap();
    assert_eq!(seen.next(), 10_600);
    segment(&feed, 0, Some(60_000), 20_000, -1.0);
    feed.push(Some(59_000), b"backwards").unwrap();
    segment(&feed, 0, None, 20_000, 1.0);
    feed.push(Some(0), b"forwards").unwrap();
    assert_eq!(seen.next(), 20_000);
}

#[test]
fn a_loop_goes_on_where_it_ended() {
    let (sink, feed) = hasty();
    feed.push(Some(0), b"first").unwrap();
    let mut seen = Seen::new(&sink);
    assert_eq!(seen.next(), 0);
    for round in 0..5 {
        for time in [1000, 1980] {
            feed.push(Some(time), b"x").unwrap();
            assert_eq!(seen.next(), round * 2000 + time);
        }
        feed.push(Some(0), b"again").unwrap();
        assert_eq!(seen.next(), (round + 1) * 2000);
    }
}

#[test]
fn a_segment_that_begins_again_without_base_goes_on_too() {
    let (sink, feed) = hasty();
    feed.push(Some(4980), b"first").unwrap();
    let mut seen = Seen::new(&sink);
    assert_eq!(seen.next(), 4980);
    assert!(feed.event(gst::event::StreamStart::new("another")));
    assert!(feed.segment());
    feed.push(Some(0), b"again").unwrap();
    assert_eq!(seen.next(), 5000);
}

#[test]
fn time_goes_on_over_a_flush_and_nothing_waits_for_what_is_past() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    feed.push(Some(0), b"first").unwrap();
    let mut seen = Seen::new(&sink);
    assert_eq!(seen.next(), 0);
    feed.push(Some(700), b"x").unwrap();
    assert_eq!(seen.next(), 700);
    for _ in 0..2 {
        let before = sink.element.current_running_time().expect("it plays");
        assert!(feed.event(gst::event::FlushStart::new()));
        assert!(feed.event(gst::event::FlushStop::new(true)));
        assert!(feed.segment());
        feed.push(Some(0), b"again").unwrap();
        let after = sink.element.current_running_time().expect("it plays");
        let first = seen.next();
        assert!(
            (before.mseconds()..=after.mseconds() + 20).contains(&first),
            "{first}"
        );
        feed.push(Some(600), b"and on").unwrap();
        assert_eq!(seen.next(), first + 600);
        let now = sink.element.current_running_time().expect("it plays");
        assert!(now.mseconds() >= first + 600, "it came too early");
    }
}

#[test]
fn pads_stay_in_step_over_a_loop() {
    let (sink, one) = hasty();
    let two = sink.feed(OPUS);
    one.push(Some(0), b"one").unwrap();
    two.push(Some(0), b"two").unwrap();
    let viewer = Viewer::new(&sink);
    let mut tracks = ["audio0", "audio1"].map(|name| viewer.subscribe(name));
    for track in &mut tracks {
        assert_eq!(viewer.first(track).0, 0);
    }
    for round in 1..4 {
        // The first is a little shorter.
        one.push(Some(1960), b"end").unwrap();
        two.push(Some(1980), b"end").unwrap();
        one.push(Some(0), b"again").unwrap();
        two.push(Some(0), b"again").unwrap();
        for track in &mut tracks {
            // Groups may overtake each other.
            let times = [viewer.first(track).0, viewer.first(track).0];
            assert!(times.contains(&(round * 2_000_000)), "{times:?}");
        }
    }
}

#[test]
fn a_stretch_of_bytes_gets_the_times_of_its_arrival() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed_raw();
    assert!(feed.event(gst::event::StreamStart::new("bytes")));
    assert!(feed.caps(OPUS));
    let bytes = gst::FormattedSegment::<gst::format::Bytes>::new();
    assert!(feed.event(gst::event::Segment::new(&bytes)));
    let push = || feed.pad.push(gst::Buffer::from_slice(b"x"));
    push().unwrap();
    let viewer = Viewer::new(&sink);
    let mut track = viewer.subscribe("audio0");
    let (first, _) = viewer.first(&mut track);
    push().unwrap();
    let (second, payload) = viewer.first(&mut track);
    assert_eq!(payload, Bytes::from_static(b"x"));
    let now = sink.element.current_running_time().expect("it plays");
    assert!(
        first < second && second <= now.useconds(),
        "{first} {second} {now}"
    );
}
