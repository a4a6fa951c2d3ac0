//! `moqsink`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use gst::prelude::*;

use crate::support::{LIMIT, Relay, Sink, Viewer, quickly};

const OPUS: &str = "audio/x-opus,channels=2,channel-mapping-family=0";
const BYTE_STREAM: &str = "video/x-h264,stream-format=byte-stream,alignment=au";
const HOUR: u64 = 3_600_000;

fn fails_to_start(sink: &Sink) -> gst::glib::Error {
    let started = sink.pipeline.set_state(gst::State::Playing);
    assert_eq!(started, Err(gst::StateChangeError));
    sink.error()
}

#[test]
fn without_url_and_listen_it_says_what_to_set() {
    let sink = Sink::bare();
    sink.element.set_property("broadcast", "cam");
    let error = fails_to_start(&sink);
    assert!(error.matches(gst::ResourceError::Settings));
    assert_eq!(
        error.message(),
        "Neither url nor listen is set: set url to connect to a relay or a peer, or listen to serve peers from here"
    );
}

#[test]
fn without_a_broadcast_it_says_what_to_set() {
    let sink = Sink::bare();
    sink.element.set_property("listen", "127.0.0.1:0");
    let error = fails_to_start(&sink);
    assert!(error.matches(gst::ResourceError::Settings));
    assert_eq!(
        error.message(),
        "broadcast is not set: give the broadcast a path, such as broadcast=cam"
    );
}

#[test]
fn a_url_that_is_none_is_refused() {
    let sink = Sink::bare();
    sink.element.set_property("broadcast", "cam");
    sink.element.set_property("url", "relay");
    let error = fails_to_start(&sink);
    assert!(error.matches(gst::ResourceError::Settings));
    assert_eq!(
        error.message(),
        "The url cannot be used: relative URL without a base; it should look like https://relay.example.com/room"
    );
}

#[test]
fn a_port_that_is_taken_is_an_error_of_its_own() {
    let first = Sink::listening();
    first.set_state(gst::State::Paused);
    let second = Sink::listening();
    second.element.set_property("listen", first.address());
    assert!(fails_to_start(&second).matches(gst::ResourceError::Busy));
}

#[test]
fn half_a_certificate_is_refused() {
    let sink = Sink::listening();
    sink.element.set_property("certificate-file", "cert.pem");
    let error = fails_to_start(&sink);
    assert_eq!(
        error.message(),
        "certificate-file is set without private-key-file: both are needed"
    );
}

#[test]
fn the_token_is_not_read_back() {
    let sink = Sink::bare();
    let token = || sink.element.property::<Option<String>>("auth-token");
    assert_eq!(token(), None);
    sink.element.set_property("auth-token", "secret");
    assert_eq!(token().as_deref(), Some("***"));
}

#[test]
fn every_property_can_be_read_and_statistics_are_never_null() {
    let sink = Sink::bare();
    for property in sink.element.list_properties() {
        let value = sink.element.property_value(property.name());
        assert!(
            value.type_().is_a(property.value_type()),
            "{}",
            property.name()
        );
    }
    assert_eq!((sink.stat("frames"), sink.stat("sessions-total")), (0, 0));
}

#[test]
fn a_setting_of_the_connection_does_not_change_while_it_runs() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Paused);
    sink.element.set_property("broadcast", "other");
    assert_eq!(sink.element.property::<String>("broadcast"), "cam");
}

#[test]
fn states_can_be_cycled_and_the_port_is_free_at_once() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let address = sink.address();
    sink.element.set_property("listen", "127.0.0.1:0");
    for _ in 0..5 {
        quickly(|| sink.set_state(gst::State::Null));
        assert_eq!(
            sink.element.property::<Option<String>>("listen-address"),
            None
        );
        sink.element.set_property("listen", &address);
        sink.set_state(gst::State::Playing);
        assert_eq!(sink.address(), address);
    }
}

#[test]
fn it_can_be_stopped_from_its_own_message() {
    let sink = Sink::bare();
    sink.element.set_property("broadcast", "cam");
    sink.element.set_property("url", "moql://127.0.0.1:1/");
    let (sender, receiver) = std::sync::mpsc::channel();
    let element = sink.element.clone();
    sink.bus().set_sync_handler(move |_, message| {
        if let gst::MessageView::Warning(_) = message.view() {
            let _ = sender.send(element.set_state(gst::State::Null));
        }
        gst::BusSyncReply::Drop
    });
    sink.set_state(gst::State::Playing);
    let stopped = receiver.recv_timeout(LIMIT).expect("a warning");
    stopped.expect("it stops");
}

#[test]
fn data_without_caps_is_refused() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed_raw();
    feed.event(gst::event::StreamStart::new("test"));
    feed.segment();
    assert_eq!(feed.push(Some(0), b"x"), Err(gst::FlowError::NotNegotiated));
    assert!(sink.error().matches(gst::CoreError::Negotiation));
}

#[test]
fn a_byte_stream_begins_with_its_first_keyframe_that_has_parameter_sets() {
    // A baseline stream of 16 x 16 pixels: access unit delimiter, parameter sets, slice.
    const KEY: &[u8] = &[
        0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0a, 0xdd, 0xec, 0x04, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 3, 0,
        0xa3, 0xc4, 0x89, 0xe0, 0, 0, 0, 1, 0x68, 0xce, 0x0f, 0xc8, 0, 0, 0, 1, 0x65, 0x88, 0x84,
    ];
    const BARE_KEY: &[u8] = &[0, 0, 0, 1, 0x65, 0x88, 0x84];
    const DELTA: &[u8] = &[0, 0, 0, 1, 0x41, 0x9a];
    let sink = Sink::listening();
    sink.element.set_property("sync", false);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(BYTE_STREAM);
    feed.push(Some(0), DELTA).unwrap();
    feed.push(Some(20), BARE_KEY).unwrap();
    let warning = sink.message(gst::MessageType::Warning).expect("a warning");
    assert!(
        matches!(warning.view(), gst::MessageView::Warning(text) if text.error().matches(gst::StreamError::Format))
    );
    feed.push(Some(40), KEY).unwrap();
    feed.push(Some(60), DELTA).unwrap();
    let viewer = Viewer::new(&sink);
    let catalog = viewer.catalog();
    let (name, config) = catalog.renditions().next().expect("a rendition");
    assert_eq!((name, config.codec()), ("video0", "avc3.42c00a"));
    assert_eq!(config.description(), None);
    let mut track = viewer.subscribe("video0");
    assert_eq!(viewer.first(&mut track), (40_000, Bytes::from_static(KEY)));
    // A later keyframe is given the parameter sets that it lacks.
    feed.push(Some(80), BARE_KEY).unwrap();
    assert_eq!(viewer.first(&mut track), (80_000, Bytes::from_static(KEY)));
    assert_eq!(sink.stat("groups"), 2);
}

#[test]
fn data_waits_for_playing_and_then_for_the_clock() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Paused);
    let feed = sink.feed(OPUS);
    let pushed = feed.push_aside(300);
    assert!(pushed.try_recv().is_err());
    sink.set_state(gst::State::Playing);
    let begin = sink.element.base_time().expect("a base time");
    pushed
        .recv_timeout(LIMIT)
        .expect("in time")
        .expect("published");
    let clock = sink.pipeline.clock().expect("a clock");
    assert!(clock.time() >= begin + gst::ClockTime::from_mseconds(300));
}

#[test]
fn a_wait_ends_at_once_when_the_element_stops() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    let pushed = feed.push_aside(HOUR);
    quickly(|| sink.set_state(gst::State::Null));
    let result = pushed.recv_timeout(LIMIT).expect("in time");
    assert_eq!(result, Err(gst::FlowError::Flushing));
}

#[test]
fn a_wait_ends_at_once_when_the_pad_is_flushed_and_data_goes_on_after_it() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    let pushed = feed.push_aside(HOUR);
    feed.event(gst::event::FlushStart::new());
    let result = pushed.recv_timeout(LIMIT).expect("in time");
    assert_eq!(result, Err(gst::FlowError::Flushing));
    feed.event(gst::event::FlushStop::new(true));
    feed.segment();
    feed.push(Some(0), b"again").expect("published");
}

#[test]
fn a_wait_ends_at_once_when_the_pad_is_released() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    let pushed = feed.push_aside(HOUR);
    quickly(|| sink.element.release_request_pad(&feed.sink));
    // The push may have come too late to find the pad.
    let result = pushed.recv_timeout(LIMIT).expect("in time");
    assert!(matches!(
        result,
        Err(gst::FlowError::Flushing | gst::FlowError::NotLinked)
    ));
}

#[test]
fn eos_is_posted_once_when_every_pad_has_it() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let (first, second) = (sink.feed(OPUS), sink.feed(OPUS));
    first.push(Some(0), b"a").unwrap();
    second.push(Some(0), b"b").unwrap();
    assert!(first.event(gst::event::Eos::new()));
    assert_eq!(first.push(Some(20), b"late"), Err(gst::FlowError::Eos));
    assert!(sink.bus().pop_filtered(&[gst::MessageType::Eos]).is_none());
    assert!(second.event(gst::event::Eos::new()));
    assert!(sink.message(gst::MessageType::Eos).is_some());
    sink.set_state(gst::State::Paused);
    sink.set_state(gst::State::Playing);
    assert!(sink.bus().pop_filtered(&[gst::MessageType::Eos]).is_none());
}

#[test]
fn it_stops_at_once_while_somebody_watches() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    feed.push(Some(0), b"a").unwrap();
    let viewer = Viewer::new(&sink);
    assert_eq!(viewer.catalog().renditions().count(), 1);
    let begin = Instant::now();
    sink.set_state(gst::State::Null);
    let took = begin.elapsed();
    assert!(took < Duration::from_millis(500), "it took {took:?}");
    println!("stopped in {took:?}");
    viewer.ended();
}

#[test]
fn eos_waits_for_viewers_but_not_longer_than_asked() {
    let sink = Sink::listening();
    sink.element.set_property("drain-timeout", 60_000_u32);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    feed.push(Some(0), b"a").unwrap();
    let viewer = Viewer::new(&sink);
    let mut track = viewer.subscribe("audio0");
    assert!(viewer.group(&mut track).is_some());
    feed.push(Some(20), b"last").unwrap();
    // The viewer's session reads to the end on its own, long before the minute is over.
    let begin = Instant::now();
    feed.event(gst::event::Eos::new());
    assert!(sink.message(gst::MessageType::Eos).is_some());
    assert!(begin.elapsed() < Duration::from_secs(30));
    assert_eq!(
        viewer.group(&mut track),
        Some(vec![(20_000, Bytes::from_static(b"last"))])
    );
    assert_eq!(viewer.group(&mut track), None);
}

#[test]
fn pads_are_numbered_named_and_reached_as_children() {
    let sink = Sink::bare();
    let proxy = sink
        .element
        .dynamic_cast_ref::<gst::ChildProxy>()
        .expect("a child proxy");
    let pad = sink.element.request_pad_simple("sink_%u").expect("a pad");
    let named = sink.element.request_pad_simple("sink_7").expect("a pad");
    assert_eq!(
        (pad.name().as_str(), named.name().as_str()),
        ("sink_0", "sink_7")
    );
    proxy.set_child_property("sink_7::track", "camera");
    assert_eq!(named.property::<String>("track"), "camera");
    assert_eq!(proxy.children_count(), 2);
    sink.element.release_request_pad(&pad);
    sink.element.release_request_pad(&named);
    assert_eq!(proxy.children_count(), 0);
}

#[test]
fn a_track_has_the_name_that_its_pad_gives_it() {
    let sink = Sink::listening();
    sink.element.set_property("sync", false);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed_raw();
    feed.sink.set_property("track", "microphone");
    feed.event(gst::event::StreamStart::new("test"));
    feed.caps(OPUS);
    feed.segment();
    feed.push(Some(0), b"a").unwrap();
    let names: Vec<_> = Viewer::new(&sink)
        .catalog()
        .renditions()
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(names, ["microphone"]);
}

/// Publishes sound as `cam` to a relay, below the path `studio`.
fn publishing(address: &str) -> Sink {
    let sink = Sink::bare();
    sink.element.set_property("broadcast", "cam");
    sink.element
        .set_property("url", format!("moql://{address}/studio"));
    sink.element.set_property("tls-disable-verify", true);
    sink.element.set_property("sync", false);
    sink
}

/// The next progress message that is not the start.
fn progress(sink: &Sink) -> gst::ProgressType {
    loop {
        let message = sink.message(gst::MessageType::Progress).expect("progress");
        match message.view() {
            gst::MessageView::Progress(progress)
                if progress.get().0 != gst::ProgressType::Start =>
            {
                assert_eq!(progress.get().1, "connect");
                return progress.get().0;
            }
            _ => {}
        }
    }
}

#[test]
fn over_raw_quic_the_path_of_the_url_goes_before_the_broadcast() {
    let mut relay = Relay::new("127.0.0.1:0");
    let sink = publishing(&relay.address);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    feed.push(Some(0), b"a").unwrap();
    let (_session, path) = relay.accept();
    assert_eq!(path, "studio/cam");
    assert_eq!(progress(&sink), gst::ProgressType::Complete);
    let version = sink.element.property::<Option<String>>("moq-version");
    assert_eq!(version.as_deref(), Some("moq-lite-02"));
    let stats: gst::Structure = sink.element.property("stats");
    assert_eq!(stats.get::<&str>("transport").unwrap(), "quic");
}

#[test]
fn it_connects_when_the_relay_comes_later_and_again_when_it_was_lost() {
    let address = Relay::new("127.0.0.1:0").address.clone();
    let sink = publishing(&address);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    feed.push(Some(0), b"a").unwrap();
    assert_eq!(progress(&sink), gst::ProgressType::Error);
    let mut relay = Relay::new(&address);
    let (session, path) = relay.accept();
    assert_eq!(path, "studio/cam");
    assert_eq!(progress(&sink), gst::ProgressType::Complete);
    drop(session);
    assert_eq!(progress(&sink), gst::ProgressType::Error);
    assert_eq!(progress(&sink), gst::ProgressType::Continue);
    let (_session, path) = relay.accept();
    assert_eq!(path, "studio/cam");
    assert_eq!(progress(&sink), gst::ProgressType::Complete);
    assert_eq!(sink.stat("sessions-total"), 2);
}

#[test]
fn it_gives_up_after_as_many_reconnects_as_it_may_make() {
    let address = Relay::new("127.0.0.1:0").address.clone();
    let sink = publishing(&address);
    sink.element.set_property("max-reconnects", 2);
    sink.set_state(gst::State::Playing);
    let error = sink.error();
    assert!(
        error
            .message()
            .ends_with("(given up after max-reconnects=2)")
    );
    let stats: gst::Structure = sink.element.property("stats");
    assert_eq!(stats.get::<u64>("connect-failures"), Ok(3));
}

#[test]
fn without_reconnection_a_lost_session_is_an_error() {
    let mut relay = Relay::new("127.0.0.1:0");
    let sink = publishing(&relay.address);
    sink.element.set_property("auto-reconnect", false);
    sink.set_state(gst::State::Playing);
    sink.feed(OPUS).push(Some(0), b"a").unwrap();
    drop(relay.accept());
    assert!(sink.error().matches(gst::ResourceError::Close));
}

#[test]
fn connecting_is_given_up_after_the_timeout() {
    let address = Relay::new("127.0.0.1:0").address.clone();
    let sink = publishing(&address);
    sink.element.set_property("timeout", 100_u32);
    sink.set_state(gst::State::Paused);
    let error = sink.error();
    assert!(error.matches(gst::ResourceError::OpenReadWrite));
    assert_eq!(
        error.message(),
        "No connection within the 100 ms of timeout"
    );
}

#[test]
fn eos_after_a_flush_is_posted_also_when_no_data_came() {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    feed.push(Some(0), b"a").unwrap();
    for _ in 0..2 {
        feed.event(gst::event::Eos::new());
        assert!(sink.message(gst::MessageType::Eos).is_some());
        feed.event(gst::event::FlushStart::new());
        feed.event(gst::event::FlushStop::new(true));
        feed.segment();
    }
    feed.push(Some(0), b"again").unwrap();
    let names = Viewer::new(&sink).catalog().renditions().count();
    assert_eq!(names, 1);
}
