//! When `moqsink` sends, what it asks of the elements before it, and what it says of the network.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use gst::prelude::*;

use crate::support::{Feed, LIMIT, Sink, Viewer};

const OPUS: &str = "audio/x-opus,channels=2,channel-mapping-family=0";
const VP8: &str = "video/x-vp8,width=64,height=64";
const KEY: &[u8] = &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
const DELTA: &[u8] = &[0x11, 0, 0];

fn ms(millis: u64) -> gst::ClockTime {
    gst::ClockTime::from_mseconds(millis)
}

/// Events that come out of the sink upstream.
fn upstream(feed: &Feed) -> mpsc::Receiver<gst::Event> {
    let (sender, receiver) = mpsc::channel();
    feed.pad
        .add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            if let Some(event) = info.event() {
                let _ = sender.send(event.to_owned());
            }
            gst::PadProbeReturn::Ok
        });
    receiver
}

fn next(events: &mpsc::Receiver<gst::Event>, kind: gst::EventType) -> gst::Event {
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = events.recv_timeout(left).expect("the event in time");
        if event.type_() == kind {
            return event;
        }
    }
}

fn key_units(events: &mpsc::Receiver<gst::Event>) -> usize {
    let key_unit = |event: &gst::Event| {
        event
            .structure()
            .is_some_and(|structure| structure.name() == "GstForceKeyUnit")
    };
    events.try_iter().filter(key_unit).count()
}

#[test]
fn a_keyframe_is_asked_for_where_nothing_can_be_sent_without() {
    let sink = Sink::listening();
    sink.element.set_property("sync", false);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(VP8);
    let events = upstream(&feed);
    feed.push(Some(0), DELTA).unwrap();
    feed.push(Some(40), DELTA).unwrap();
    assert_eq!(key_units(&events), 1);
    feed.push(Some(80), KEY).unwrap();
    // A viewer of a young group has what it needs.
    let viewer = Viewer::new(&sink);
    let mut track = viewer.subscribe("video0");
    viewer.first(&mut track);
    feed.push(Some(120), DELTA).unwrap();
    assert_eq!(key_units(&events), 0);
}

#[test]
fn what_is_too_late_is_dropped_up_to_the_next_keyframe_and_upstream_knows() {
    let sink = Sink::listening();
    sink.element.set_property("max-lateness", 20_000_000_i64);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(VP8);
    let events = upstream(&feed);
    // Time passes until what is stamped 0 is late.
    let clock = sink.pipeline.clock().expect("a clock");
    let base = sink.element.base_time().expect("it plays");
    let _ = clock.new_single_shot_id(base + ms(500)).wait();
    feed.push(Some(0), KEY).unwrap();
    let qos = next(&events, gst::EventType::Qos);
    let gst::EventView::Qos(qos) = qos.view() else {
        unreachable!("it was filtered");
    };
    assert!(qos.get().2 >= 400_000_000, "{:?}", qos.get());
    let now = || {
        sink.element
            .current_running_time()
            .expect("it plays")
            .mseconds()
    };
    feed.push(Some(now() + 100), DELTA).unwrap();
    assert_eq!((sink.stat("frames"), sink.stat("dropped")), (0, 2));
    feed.push(Some(now() + 100), KEY).unwrap();
    assert_eq!(sink.stat("frames"), 1);
}

#[test]
fn the_render_delay_is_part_of_the_latency_and_taken_off_the_wait() {
    let sink = Sink::listening();
    sink.element
        .set_property("render-delay", ms(300).nseconds());
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    let source = gst::Pad::builder(gst::PadDirection::Src)
        .query_function(|pad, parent, query| match query.view_mut() {
            gst::QueryViewMut::Latency(latency) => {
                latency.set(true, ms(40), ms(500));
                true
            }
            _ => gst::Pad::query_default(pad, parent, query),
        })
        .build();
    source.set_active(true).expect("a lone pad can be active");
    feed.pad.unlink(&feed.sink).expect("it was linked");
    source.link(&feed.sink).expect("it is free now");
    let mut query = gst::query::Latency::new();
    assert!(sink.element.query(&mut query));
    assert_eq!(query.result(), (true, ms(340), Some(ms(800))));
    // The pipeline configures what was asked for: the wait is for the 40 ms alone.
    assert!(sink.element.send_event(gst::event::Latency::new(ms(340))));
    let feed = Feed {
        pad: source,
        ..feed
    };
    assert!(feed.event(gst::event::StreamStart::new("test")));
    assert!(feed.caps(OPUS));
    assert!(feed.segment());
    feed.push(Some(300), b"x").unwrap();
    let now = sink.element.current_running_time().expect("it plays");
    assert!(now >= ms(340), "{now}");
    sink.element.set_property("render-delay", 0_u64);
    assert!(sink.message(gst::MessageType::Latency).is_some());
}

#[test]
fn the_configured_latency_is_added_to_the_wait() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    assert!(sink.element.send_event(gst::event::Latency::new(ms(400))));
    feed.push(Some(100), b"x").unwrap();
    let now = sink.element.current_running_time().expect("it plays");
    assert!(now >= ms(500), "{now}");
}

#[test]
fn statistics_are_posted_every_second_and_say_who_reads_what() {
    let sink = Sink::listening();
    let (notify, notified) = mpsc::channel();
    let notify = move |sink: &gst::Element, _: &gst::glib::ParamSpec| {
        let _ = notify.send(sink.property::<u64>("estimated-send-bitrate"));
    };
    sink.element
        .connect_notify(Some("estimated-send-bitrate"), notify);
    sink.element.set_property("sync", false);
    sink.element.set_property("post-stats", true);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    feed.push(Some(0), b"four").unwrap();
    let viewer = Viewer::new(&sink);
    let mut track = viewer.subscribe("audio0");
    viewer.first(&mut track);
    let deadline = Instant::now() + LIMIT;
    let mut posted = Vec::new();
    let viewer_stats = loop {
        assert!(Instant::now() < deadline, "no viewer in {posted:?}");
        let message = sink.message(gst::MessageType::Element).expect("a message");
        let stats = message.structure().expect("it has one").to_owned();
        assert_eq!(stats.name(), "moq-stats");
        if stats.get::<u64>("frames") == Ok(0) {
            // From before the sample.
            continue;
        }
        posted.push(Instant::now());
        assert_eq!(stats.get::<u64>("frames"), Ok(1));
        let tracks = stats.get::<gst::Array>("tracks").expect("an array");
        let track = tracks[0].get::<gst::Structure>().expect("a track");
        assert_eq!(track.get::<&str>("track"), Ok("audio0"));
        assert_eq!(track.get::<u64>("bytes"), Ok(4));
        let viewers = stats.get::<gst::Array>("connections").expect("an array");
        let Some(viewer) = viewers.first() else {
            continue;
        };
        let viewer = viewer.get::<gst::Structure>().expect("a viewer");
        let read = viewer.get::<gst::Array>("tracks").expect("an array");
        let reads = |entry: &gst::glib::SendValue| {
            let entry = entry.get::<gst::Structure>().expect("a track");
            entry.get::<&str>("track") == Ok("audio0") && entry.get::<u64>("groups") == Ok(1)
        };
        if read.iter().any(reads) {
            break viewer;
        }
    };
    assert!(viewer_stats.get::<u64>("rtt").is_ok_and(|rtt| rtt > 0));
    assert_eq!(viewer_stats.get::<&str>("transport"), Ok("quic"));
    let estimated = notified.recv_timeout(LIMIT).expect("it is told");
    assert!(estimated > 0);
    // At most once a second.
    let fastest = posted.windows(2).map(|pair| pair[1] - pair[0]).min();
    assert!(
        fastest.is_none_or(|pause| pause > Duration::from_millis(400)),
        "{posted:?}"
    );
}

#[test]
fn an_encoder_is_steered_between_the_limits_unless_the_application_does_it() {
    let description = "videotestsrc is-live=true ! video/x-raw,width=64,height=64,framerate=30/1 \
        ! bin.( x264enc name=e bitrate=4000 tune=zerolatency ! h264parse ) ! queue \
        ! moqsink name=m listen=127.0.0.1:0 broadcast=cam bitrate-adaptation=true min-bitrate=200000 \
        max-bitrate=900000";
    crate::support::init();
    for handled in [false, true] {
        let pipeline = gst::parse::launch(description).expect("the description is right");
        let pipeline = pipeline
            .downcast::<gst::Pipeline>()
            .expect("several elements");
        let by_name = |name| pipeline.by_name(name).expect("it is named");
        let (element, encoder) = (by_name("m"), by_name("e"));
        let (sender, found) = mpsc::channel();
        element.connect("encoder-setup", false, move |values| {
            let pad: String = values[1].get().expect("a name");
            let encoder: gst::Element = values[2].get().expect("an element");
            let _ = sender.send((pad, encoder.name().to_string()));
            Some(handled.to_value())
        });
        let (changed, changes) = mpsc::channel();
        encoder.connect_notify(Some("bitrate"), move |encoder, _| {
            let _ = changed.send(encoder.property::<u32>("bitrate"));
        });
        let sink = Sink { pipeline, element };
        sink.set_state(gst::State::Playing);
        let viewer = Viewer::new(&sink);
        let mut track = viewer.subscribe("video0");
        viewer.first(&mut track);
        let setup = found.recv_timeout(LIMIT).expect("the encoder is found");
        assert_eq!(setup, ("sink_0".to_owned(), "e".to_owned()));
        if handled {
            assert_eq!(changes.try_recv(), Err(mpsc::TryRecvError::Empty));
        } else {
            assert_eq!(changes.recv_timeout(LIMIT), Ok(900));
        }
        assert_eq!(found.try_recv(), Err(mpsc::TryRecvError::Empty));
    }
}
