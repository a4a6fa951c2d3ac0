//! What time of day the catalog says that the timestamps are.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gst::{glib, prelude::*};

use crate::{
    fmp4,
    support::{Feed, Sink, Viewer},
};

const OPUS: &str = "audio/x-opus,channels=2,channel-mapping-family=0";

/// From 1900 to 1970, in seconds.
const NTP: u64 = 2_208_988_800;

/// A sink that does not wait for the clock.
fn hasty(wall_clock: &str) -> Sink {
    let sink = Sink::listening();
    sink.element.set_property_from_str("wall-clock", wall_clock);
    sink.element.set_property("sync", false);
    sink
}

/// Pushes a buffer that was captured at a time of day.
fn push(feed: &Feed, payload: Vec<u8>, pts: u64, kind: &str, captured: u64) {
    let mut buffer = gst::Buffer::from_mut_slice(payload);
    {
        let buffer = buffer.get_mut().expect("it is new");
        buffer.set_pts(gst::ClockTime::from_seconds(pts));
        let reference = gst::Caps::new_empty_simple(kind);
        let captured = gst::ClockTime::from_seconds(captured);
        gst::ReferenceTimestampMeta::add(buffer, &reference, captured, gst::ClockTime::NONE);
    }
    feed.pad.push(buffer).expect("it is published");
}

/// When the timestamps of the broadcast are at zero.
fn zero(sink: &Sink) -> Duration {
    Viewer::new(sink).catalog().clock.expect("a clock").zero()
}

fn off(zero: Duration, expected: SystemTime) -> Duration {
    match (UNIX_EPOCH + zero).duration_since(expected) {
        Ok(after) => after,
        Err(error) => error.duration(),
    }
}

#[test]
fn the_time_at_which_a_sample_was_captured_counts() {
    for (kind, epoch) in [("timestamp/x-unix", 0), ("timestamp/x-ntp", NTP)] {
        let sink = hasty("reference");
        sink.set_state(gst::State::Playing);
        let feed = sink.feed(OPUS);
        push(&feed, b"x".to_vec(), 2, kind, epoch + 1_800_000_002);
        assert_eq!(zero(&sink).as_secs(), 1_800_000_000, "{kind}");
    }
}

#[test]
fn the_time_at_which_a_fragment_was_captured_counts() {
    let sink = hasty("reference");
    sink.set_state(gst::State::Playing);
    let feed = sink.feed("video/quicktime,variant=iso-fragmented");
    let mut movie = fmp4::header(&[fmp4::Track::new(1, 1_000, fmp4::opus())]);
    movie.extend(fmp4::fragment(1, 7_000, 20, &[(b"x", true), (b"y", true)]));
    push(&feed, movie, 2, "timestamp/x-unix", 1_800_000_002);
    assert_eq!(zero(&sink).as_secs(), 1_800_000_000);
}

#[test]
fn the_clock_of_the_system_tells_when_the_broadcast_began() {
    let sink = hasty("system");
    let began = SystemTime::now();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    feed.push(Some(0), b"x").expect("it is published");
    let off = off(zero(&sink), began);
    assert!(off < Duration::from_secs(5), "{off:?}");
}

#[test]
fn pictures_that_are_sent_before_they_are_shown_do_not_move_the_clock() {
    let sink = hasty("system");
    let began = SystemTime::now();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed("video/x-vp8,width=64,height=64");
    let mut buffer = gst::Buffer::from_slice([0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0]);
    {
        let buffer = buffer.get_mut().expect("it is new");
        buffer.set_dts(gst::ClockTime::ZERO);
        buffer.set_pts(gst::ClockTime::from_seconds(60));
    }
    feed.pad.push(buffer).expect("it is published");
    let off = off(zero(&sink), began);
    assert!(off < Duration::from_secs(5), "{off:?}");
}

#[test]
fn a_pipeline_that_runs_by_an_ntp_clock_says_its_time() {
    let sink = hasty("system");
    let clock = glib::Object::new::<ntp::Clock>();
    sink.pipeline.use_clock(Some(&clock));
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    let base = sink.element.base_time().expect("it plays");
    feed.push(Some(0), b"x").expect("it is published");
    let expected = Duration::from_nanos(base.nseconds()) - Duration::from_secs(NTP);
    assert_eq!(zero(&sink).as_micros(), expected.as_micros());
    assert_eq!(expected.as_secs() / 1_000, ntp::NOW / 1_000);
}

/// A clock as the network library of GStreamer has it, without a server.
mod ntp {
    use std::{sync::LazyLock, time::Instant};

    use gst::{glib, subclass::prelude::*};

    /// In seconds since the Unix epoch: of no day on which the test runs.
    pub(super) const NOW: u64 = 2_000_000_000;

    glib::wrapper! {
        pub(super) struct Clock(ObjectSubclass<Imp>) @extends gst::Clock, gst::Object;
    }

    #[derive(Default)]
    pub(super) struct Imp;

    #[glib::object_subclass]
    impl ObjectSubclass for Imp {
        const NAME: &'static str = "GstNtpClock";
        type Type = Clock;
        type ParentType = gst::Clock;
    }

    impl ObjectImpl for Imp {}
    impl GstObjectImpl for Imp {}

    impl ClockImpl for Imp {
        fn internal_time(&self) -> gst::ClockTime {
            static START: LazyLock<Instant> = LazyLock::new(Instant::now);
            let since = gst::ClockTime::try_from(START.elapsed()).expect("not for centuries");
            gst::ClockTime::from_seconds(NOW + super::NTP) + since
        }
    }
}
