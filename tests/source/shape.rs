//! Addresses, statistics, and which broadcasts there are.

use gst::{glib, prelude::*};

use crate::{
    camera::{Publisher, audio, init, video},
    player::{Player, Seen, playing},
};

fn element() -> gst::Element {
    init();
    gst::ElementFactory::make("moqsrc")
        .build()
        .expect("the element exists")
}

fn text(element: &gst::Element, property: &str) -> Option<String> {
    element.property(property)
}

#[test]
fn an_address_makes_the_element_with_its_properties() {
    init();
    let uri = "moq://relay.example:4443/demo/cam?latency=250&rendition=max-height%3D720&tls-disable-verify=true&q=1";
    for scheme in ["moq", "moqt", "moql"] {
        let uri = format!("{scheme}://h/cam");
        let made = gst::Element::make_from_uri(gst::URIType::Src, &uri, None);
        assert!(made.is_ok(), "{scheme}");
    }
    let element = gst::Element::make_from_uri(gst::URIType::Src, uri, None).expect("it is ours");
    assert_eq!(element.factory().expect("it has one").name(), "moqsrc");
    assert_eq!(
        text(&element, "url").as_deref(),
        Some("https://relay.example:4443/demo?q=1")
    );
    assert_eq!(text(&element, "broadcast").as_deref(), Some("cam"));
    assert_eq!(
        text(&element, "rendition").as_deref(),
        Some("max-height=720")
    );
    assert_eq!(element.property::<u32>("latency"), 250);
    assert!(element.property::<bool>("tls-disable-verify"));
    let handler = element
        .dynamic_cast_ref::<gst::URIHandler>()
        .expect("it is one");
    assert_eq!(
        handler.uri().as_deref(),
        Some("moq://relay.example:4443/demo/cam?q=1")
    );
}

#[test]
fn a_token_cannot_be_read_anywhere() {
    let element = element();
    let handler = element
        .dynamic_cast_ref::<gst::URIHandler>()
        .expect("it is one");
    handler
        .set_uri("moq://h/cam?jwt=hush.hush")
        .expect("it is right");
    let shown = |element: &gst::Element| {
        let mut all = handler
            .uri()
            .map(String::from)
            .into_iter()
            .collect::<Vec<_>>();
        let mut query = gst::query::Uri::new();
        assert!(element.query(&mut query));
        all.extend(query.uri().map(|uri| uri.to_string()));
        for property in element.list_properties() {
            if property.flags().contains(glib::ParamFlags::READABLE) {
                all.push(format!("{:?}", element.property_value(property.name())));
            }
        }
        all.join("\n")
    };
    assert_eq!(text(&element, "auth-token").as_deref(), Some("***"));
    assert!(!shown(&element).contains("hush"), "{}", shown(&element));
    element.set_property("url", "https://h/room?a=1&jwt=hush.hush");
    assert_eq!(
        text(&element, "url").as_deref(),
        Some("https://h/room?a=1&jwt=***")
    );
    assert!(!shown(&element).contains("hush"), "{}", shown(&element));
}

#[test]
fn an_address_that_cannot_be_is_refused_as_a_whole() {
    let element = element();
    let handler = element
        .dynamic_cast_ref::<gst::URIHandler>()
        .expect("it is one");
    for (uri, error) in [
        ("moq://h/", gst::URIError::BadUri),
        ("moq:cam", gst::URIError::BadUri),
        ("moq://h/cam?latency=soon", gst::URIError::BadReference),
        ("moq://h/cam?listen=0.0.0.0:1", gst::URIError::BadReference),
        ("moq://h/cam?http-root=/", gst::URIError::BadReference),
        ("moq://h/cam?auth-key=/key", gst::URIError::BadReference),
    ] {
        let refused = handler.set_uri(uri).expect_err(uri);
        assert!(refused.matches(error), "{uri}: {refused}");
    }
    assert_eq!(
        (
            text(&element, "url"),
            text(&element, "broadcast"),
            handler.uri()
        ),
        (None, None, None)
    );
    let (_publisher, _camera, player) = playing(&[("picture", video(64, 64))]);
    let handler = player
        .element
        .dynamic_cast_ref::<gst::URIHandler>()
        .expect("it is one");
    let refused = handler.set_uri("moq://h/cam").expect_err("it runs");
    assert!(refused.matches(gst::URIError::BadState));
}

#[test]
fn statistics_say_what_was_carried_and_are_posted_on_request() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::linking(&publisher, "cam", |name| name == "video_0");
    let idle = player.element.property::<gst::Structure>("stats");
    assert_eq!(idle.get::<u64>("buffers"), Ok(0));
    player.element.set_property("post-stats", true);
    player.play();
    player.until_pads();
    for frame in 0..5 {
        camera.write("picture", frame * 33_333, frame == 0);
    }
    player.until(|seen| matches!(seen, Seen::Buffer { payload, .. } if payload[0] == 4));
    let message = player.message(|message| {
        let buffers = message
            .structure()
            .and_then(|stats| stats.get::<u64>("buffers").ok());
        message.type_() == gst::MessageType::Element && buffers == Some(5)
    });
    let stats = message.structure().expect("it has one");
    assert_eq!(stats.name(), "moq-stats");
    assert_eq!(stats.get::<u64>("bytes"), Ok(45));
    assert_eq!(stats.get::<u64>("skipped-groups"), Ok(0));
    assert_eq!(stats.get::<u64>("latency"), Ok(100_000_000));
    assert_eq!(
        stats.get::<Option<String>>("transport"),
        Ok(Some("quic".into()))
    );
    let version = text(&player.element, "moq-version");
    assert_eq!(stats.get::<Option<String>>("version"), Ok(version));
    assert!(stats.get::<u64>("rtt").is_ok_and(|rtt| rtt > 0));
    assert!(
        stats
            .get::<u64>("bytes-received")
            .is_ok_and(|bytes| bytes > 45)
    );
    let tracks = stats.get::<gst::Array>("tracks").expect("it is there");
    let tracks: Vec<_> = tracks
        .iter()
        .filter_map(|track| track.get::<gst::Structure>().ok())
        .collect();
    let names: Vec<_> = tracks
        .iter()
        .filter_map(|track| track.get::<String>("track").ok())
        .collect();
    assert_eq!(names, ["picture", "sound"]);
    let counts =
        |track: &gst::Structure| (track.get::<u64>("samples"), track.get::<bool>("subscribed"));
    assert_eq!(counts(&tracks[0]), (Ok(5), Ok(true)));
    assert_eq!(counts(&tracks[1]), (Ok(0), Ok(false)));
}

#[test]
fn broadcasts_are_listed_below_a_path_in_any_state() {
    let publisher = Publisher::new();
    let _cameras = ["room/a", "room/b", "hall/c"].map(|path| publisher.camera(path, &[]));
    let player = Player::new(&publisher, "room/a");
    let list = |prefix: &str| -> Vec<String> {
        let found = player
            .element
            .emit_by_name::<glib::StrV>("list-broadcasts", &[&prefix]);
        found.iter().map(|path| path.to_string()).collect()
    };
    assert_eq!(list("room"), ["room/a", "room/b"]);
    player.play();
    assert_eq!(list(""), ["hall/c", "room/a", "room/b"]);
    assert_eq!(list("cellar"), [""; 0]);
    let nobody = element();
    nobody.set_property("url", "moql://127.0.0.1:9");
    nobody.set_property("timeout", 300_u32);
    assert!(
        nobody
            .emit_by_name::<glib::StrV>("list-broadcasts", &[&"room"])
            .is_empty()
    );
}

#[test]
fn broadcasts_that_peers_bring_are_listed_too() {
    init();
    let player = Player::listening("room/a");
    let list = |prefix: &str| -> Vec<String> {
        let found = player
            .element
            .emit_by_name::<glib::StrV>("list-broadcasts", &[&prefix]);
        found.iter().map(|path| path.to_string()).collect()
    };
    // The port is not open yet.
    assert!(list("").is_empty());
    player.play();
    assert!(list("").is_empty());
    let publisher = Publisher::dialling(&player.element);
    let _cameras = ["hall", "room/a", "room/b"].map(|path| publisher.camera(path, &[]));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(15);
    while list("").len() < 3 {
        assert!(std::time::Instant::now() < deadline, "{:?}", list(""));
        std::thread::yield_now();
    }
    assert_eq!(list(""), ["hall", "room/a", "room/b"]);
    assert_eq!(list("room"), ["room/a", "room/b"]);
    assert!(list("yard").is_empty());
    // Of the others it plays nothing.
    assert_eq!(player.element.num_src_pads(), 0);
}

#[test]
fn signals_tell_of_broadcasts_that_come_and_go() {
    let publisher = Publisher::new();
    let _camera = publisher.camera("room/a", &[("picture", video(64, 64))]);
    let player = Player::new(&publisher, "room/a");
    let (sender, news) = std::sync::mpsc::channel();
    for signal in ["broadcast-added", "broadcast-removed"] {
        let sender = sender.clone();
        player.element.connect(signal, false, move |values| {
            let path = values[1].get::<String>().expect("a path");
            let _ = sender.send((signal, path));
            None
        });
    }
    player.play();
    player.until_pads();
    let next = || {
        news.recv_timeout(std::time::Duration::from_secs(15))
            .expect("it is told")
    };
    assert_eq!(next(), ("broadcast-added", "room/a".to_owned()));
    let other = publisher.camera("room/b", &[]);
    assert_eq!(next(), ("broadcast-added", "room/b".to_owned()));
    drop(other);
    assert_eq!(next(), ("broadcast-removed", "room/b".to_owned()));
    // It plays nothing but its own.
    assert_eq!(player.element.num_src_pads(), 1);
}

#[test]
fn seeks_are_refused_and_a_flushing_one_leaves_the_stream_as_it_was() {
    let (_publisher, mut camera, player) = playing(&[("picture", video(64, 64))]);
    camera.write("picture", 0, true);
    player.until_buffers(&["video_0"]);
    // It plays at a position that goes on, and has no length.
    let pad = player.pad("video_0");
    let position = || pad.query_position::<gst::ClockTime>().expect("it plays");
    let before = position();
    assert!(before < gst::ClockTime::from_seconds(60), "{before}");
    assert_eq!(pad.query_duration::<gst::ClockTime>(), None);
    for flags in [gst::SeekFlags::FLUSH, gst::SeekFlags::KEY_UNIT] {
        assert!(
            player
                .pipeline
                .seek_simple(flags, gst::ClockTime::ZERO)
                .is_err()
        );
        assert!(
            player
                .element
                .seek_simple(flags, gst::ClockTime::ZERO)
                .is_err()
        );
    }
    camera.write("picture", 33_333, false);
    let seen = player.until_buffers(&["video_0"]);
    assert!(!seen.iter().any(|seen| matches!(seen, Seen::Eos(_))));
    assert!(position() > before);
}

#[test]
fn two_sources_number_their_pads_for_themselves() {
    let publisher = Publisher::new();
    let _camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let players = [
        Player::new(&publisher, "cam"),
        Player::new(&publisher, "cam"),
    ];
    for player in &players {
        player.play();
        player.until_pads();
        let names: Vec<_> = player
            .element
            .src_pads()
            .iter()
            .map(|pad| pad.name())
            .collect();
        assert_eq!(names, ["video_0", "audio_0"]);
    }
}

#[test]
fn a_track_that_breaks_off_is_a_warning_while_another_plays() {
    let (_publisher, mut camera, player) =
        playing(&[("picture", video(64, 64)), ("sound", audio())]);
    camera.write("picture", 0, true);
    camera.write("sound", 0, true);
    player.until_buffers(&["video_0", "audio_0"]);
    camera.abort("picture");
    let message = player.message(|message| {
        matches!(
            message.type_(),
            gst::MessageType::Warning | gst::MessageType::Error
        )
    });
    assert_eq!(message.type_(), gst::MessageType::Warning);
    for packet in 1..5 {
        camera.write("sound", packet * 20_000, true);
        player.until_buffers(&["audio_0"]);
    }
}

#[test]
fn frames_that_nobody_understands_are_a_warning_while_another_track_plays() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    let problem = |message: &gst::MessageRef| {
        matches!(
            message.type_(),
            gst::MessageType::Warning | gst::MessageType::Error
        )
    };
    camera.write_noise("picture");
    let message = player.message(problem);
    let gst::MessageView::Warning(warning) = message.view() else {
        panic!("{message:?}");
    };
    let text = warning.error().message().to_owned();
    assert!(
        text.starts_with("Frames of video_0 are left out: "),
        "{text}"
    );
    for packet in 0..4 {
        camera.write_noise("picture");
        camera.write("sound", packet * 20_000, true);
        player.until_buffers(&["audio_0"]);
    }
    // Frames that are understood again are played, and what was said once is not said again.
    camera.write("picture", 100_000, true);
    player.until_buffers(&["video_0"]);
    let bus = player.pipeline.bus().expect("a pipeline has one");
    assert!(!bus.iter().any(|message| problem(&message)));
}

#[test]
fn data_that_downstream_does_not_take_is_an_error() {
    let (_publisher, mut camera, player) = playing(&[("picture", video(64, 64))]);
    let peer = player.pad("video_0").peer().expect("it is linked");
    peer.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        info.data = None;
        info.flow_res = Err(gst::FlowError::NotNegotiated);
        gst::PadProbeReturn::Handled
    });
    camera.write("picture", 0, true);
    let error = player.error();
    let text = error.message().to_owned();
    assert!(text.contains("video_0 does not take its data"), "{text}");
}
