//! What plays a `moq://` address: players, decoders that plug themselves, the discoverer.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use gst::prelude::*;

use crate::{
    program::Program,
    support::{LIMIT, LISTEN, Pipeline, Publisher, Record},
    waiting::wait_until,
};

/// A picture in two sizes, both with a keyframe every half second, and sound.
fn publisher() -> Publisher {
    let encoder = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15";
    let publisher = Publisher::new(&format!(
        "{LISTEN} \
         videotestsrc is-live=true ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! tee name=picture \
         picture. ! queue ! {encoder} ! sink.sink_0 \
         picture. ! queue ! videoscale ! video/x-raw,width=320,height=180 ! {encoder} ! sink.sink_1 \
         audiotestsrc is-live=true samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=2 ! opusenc ! sink.sink_2"
    ));
    publisher.play();
    publisher.record.wait_for_units("sink_1", 1);
    publisher
}

/// The address of what it publishes, with the certificate to trust.
pub(crate) fn uri(publisher: &Publisher) -> String {
    let (port, fingerprint) = (publisher.port, fingerprint(publisher.port));
    format!("moq://127.0.0.1:{port}/cam?certificate-fingerprints={fingerprint}")
}

fn fingerprint(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("not zero");
    let request =
        "GET /certificate.sha256 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let body = answer.split("\r\n\r\n").nth(1).expect("there is a body");
    body.trim().to_owned()
}

/// Watches the input of the sink `name` once it is there.
fn watch_sink(pipeline: &Pipeline, name: &str) -> Record {
    let record = Record::default();
    let pad = pipeline.element(name).static_pad("sink");
    record.watch(&pad.expect("a sink has a pad"), name);
    record
}

fn width(record: &Record, name: &str) -> Option<i32> {
    let caps = record.track(name).caps?;
    caps.structure(0)?.get("width").ok()
}

/// A player with sinks that show nothing.
pub(crate) fn player(kind: &str, uri: &str) -> (gst::Pipeline, Record) {
    crate::support::init();
    let player = gst::ElementFactory::make(kind)
        .property("uri", uri)
        .build()
        .expect("it is part of GStreamer");
    let record = Record::default();
    for (property, name) in [("video-sink", "video"), ("audio-sink", "audio")] {
        let sink = gst::ElementFactory::make("fakesink")
            .property("sync", true)
            .build()
            .expect("it is part of GStreamer");
        record.watch(&sink.static_pad("sink").expect("a sink has a pad"), name);
        player.set_property(property, &sink);
    }
    let player = player
        .downcast::<gst::Pipeline>()
        .expect("a player is a pipeline");
    player.set_state(gst::State::Playing).expect("it starts");
    (player, record)
}

/// The next message of that kind that `found` takes.
fn message<T>(
    pipeline: &gst::Pipeline,
    kind: gst::MessageType,
    mut found: impl FnMut(&gst::MessageRef) -> Option<T>,
) -> T {
    let bus = pipeline.bus().expect("a pipeline has a bus");
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = gst::ClockTime::from_nseconds(left.as_nanos() as u64);
        let next = bus.timed_pop_filtered(left, &[kind, gst::MessageType::Error]);
        let next = next.unwrap_or_else(|| panic!("no {kind:?}"));
        assert!(next.type_() == kind, "{next:?}");
        if let Some(found) = found(&next) {
            return found;
        }
    }
}

fn stop(pipeline: &gst::Pipeline) {
    let begin = Instant::now();
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn players_play_an_address_and_playbin3_changes_the_rendition() {
    let publisher = publisher();
    let uri = uri(&publisher);
    let (player, record) = player("playbin", &uri);
    record.wait_for_units("video", 30);
    record.wait_for_units("audio", 30);
    assert_eq!(width(&record, "video"), Some(640));
    stop(&player);

    let (player, record) = self::player("playbin3", &uri);
    let collection = message(
        &player,
        gst::MessageType::StreamCollection,
        |message| match message.view() {
            gst::MessageView::StreamCollection(message) => {
                let collection = message.stream_collection();
                (collection.len() == 3).then_some(collection)
            }
            _ => None,
        },
    );
    record.wait_for_units("video", 20);
    record.wait_for_units("audio", 20);
    assert_eq!(width(&record, "video"), Some(640));
    let id_of_width = |width: i32| {
        let found = collection.iter().find(|stream| {
            let caps = stream.caps();
            let structure = caps.as_ref().and_then(|caps| caps.structure(0));
            structure.and_then(|caps| caps.get("width").ok()) == Some(width)
        });
        found
            .and_then(|stream| stream.stream_id())
            .expect("it is there")
    };
    let audio = collection
        .iter()
        .find(|stream| stream.stream_type() == gst::StreamType::AUDIO);
    let audio = audio
        .and_then(|stream| stream.stream_id())
        .expect("it is there");
    for wanted in [320, 640, 320] {
        let video = id_of_width(wanted);
        let event = gst::event::SelectStreams::new([video.as_str(), audio.as_str()]);
        let before = record.track("audio").units.len();
        assert!(player.send_event(event));
        record.wait(&format!("a picture of width {wanted}"), |_| true);
        let deadline = Instant::now() + LIMIT;
        while width(&record, "video") != Some(wanted) {
            assert!(Instant::now() < deadline, "{:?}", width(&record, "video"));
            let units = record.track("video").units.len();
            record.wait_for_units("video", units + 1);
        }
        let selected = |message: &gst::MessageRef| match message.view() {
            gst::MessageView::StreamsSelected(message) => {
                let ids: Vec<_> = message
                    .streams()
                    .filter_map(|stream| stream.stream_id())
                    .collect();
                ids.contains(&video).then_some(())
            }
            _ => None,
        };
        message(&player, gst::MessageType::StreamsSelected, selected);
        let units = record.track("video").units.len();
        record.wait_for_units("video", units + 10);
        record.wait_for_units("audio", before + 20);
    }
    // What is decoded for the screen has no hole where one rendition took over.
    let units = record.track("video").units;
    let steps: Vec<_> = units
        .windows(2)
        .map(|pair| pair[1].time.saturating_sub(pair[0].time))
        .collect();
    let most = steps.iter().max().copied().unwrap_or_default();
    assert!(most < gst::ClockTime::from_mseconds(110), "{most}");
    stop(&player);
}

#[test]
fn playbin3_plays_one_of_two_sounds_and_the_other_one_when_it_is_selected() {
    let sound = |channels: u32| {
        format!(
            "audiotestsrc is-live=true samplesperbuffer=960 ! audio/x-raw,rate=48000,channels={channels} ! opusenc ! sink. "
        )
    };
    let publisher = Publisher::new(&format!(
        "{LISTEN} {} {} videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! sink.",
        sound(1),
        sound(2)
    ));
    publisher.play();
    let (player, record) = player("playbin3", &uri(&publisher));
    let collection = message(
        &player,
        gst::MessageType::StreamCollection,
        |message| match message.view() {
            gst::MessageView::StreamCollection(message) => {
                let collection = message.stream_collection();
                (collection.len() == 3).then_some(collection)
            }
            _ => None,
        },
    );
    record.wait_for_units("video", 20);
    record.wait_for_units("audio", 20);
    let channels = |caps: Option<gst::Caps>| -> Option<i32> {
        let caps = caps?;
        caps.structure(0)?.get("channels").ok()
    };
    let id = |wanted: &dyn Fn(&gst::Stream) -> bool| {
        let found = collection.iter().find(|stream| wanted(stream));
        found
            .and_then(|stream| stream.stream_id())
            .expect("it is there")
    };
    let video = id(&|stream| stream.stream_type() == gst::StreamType::VIDEO);
    let first = channels(record.track("audio").caps).expect("it plays");
    for wanted in [3 - first, first] {
        let audio = id(&|stream| channels(stream.caps()) == Some(wanted));
        let event = gst::event::SelectStreams::new([video.as_str(), audio.as_str()]);
        assert!(player.send_event(event));
        record.wait(&format!("a sound of {wanted} channels"), |tracks| {
            channels(tracks["audio"].caps.clone()) == Some(wanted)
        });
        for name in ["video", "audio"] {
            record.wait_for_units(name, record.track(name).units.len() + 20);
        }
    }
    stop(&player);
}

#[test]
fn what_plugs_its_decoders_itself_finds_a_picture_first() {
    let publisher = publisher();
    let port = publisher.port;
    let source = format!("moqsrc url=http://127.0.0.1:{port}/ broadcast=cam");
    let uri = uri(&publisher);
    for description in [
        format!("{source} ! decodebin ! fakesink name=out"),
        format!("{source} ! decodebin3 ! fakesink name=out"),
        format!("{source} ! parsebin ! fakesink name=out"),
        format!("{source} ! h264parse ! avdec_h264 ! fakesink name=out"),
        format!("uridecodebin uri={uri} caps=video/x-raw ! fakesink name=out"),
        format!("uridecodebin3 uri={uri} ! video/x-raw ! fakesink name=out"),
    ] {
        let pipeline = Pipeline::launch(&description);
        let record = watch_sink(&pipeline, "out");
        pipeline.set_state(gst::State::Playing);
        let deadline = Instant::now() + LIMIT;
        while record.track("out").units.len() < 15 {
            assert!(Instant::now() < deadline, "nothing came: {description}");
            assert!(
                pipeline
                    .0
                    .bus()
                    .is_none_or(|bus| bus.pop_filtered(&[gst::MessageType::Error]).is_none()),
                "{description}"
            );
            std::thread::yield_now();
            record.wait_for_units("out", record.track("out").units.len() + 1);
        }
        let caps = record.track("out").caps.expect("before any buffer");
        let name = caps.structure(0).expect("one").name();
        assert!(name.starts_with("video/"), "{caps} of {description}");
        assert_eq!(width(&record, "out"), Some(640), "{description}");
        stop(&pipeline.0);
    }
}

#[test]
fn pads_are_linked_by_name() {
    let publisher = publisher();
    let port = publisher.port;
    let pipeline = Pipeline::launch(&format!(
        "moqsrc name=s url=http://127.0.0.1:{port}/ broadcast=cam rendition=all \
         s.video_1 ! h264parse ! avdec_h264 ! fakesink name=low s.audio_0 ! opusdec ! fakesink name=sound \
         s.video_0 ! h264parse ! fakesink name=high"
    ));
    let records = ["low", "sound", "high"].map(|name| (name, watch_sink(&pipeline, name)));
    pipeline.set_state(gst::State::Playing);
    for (name, record) in &records {
        record.wait_for_units(name, 10);
    }
    assert_eq!(width(&records[0].1, "low"), Some(320));
    assert_eq!(width(&records[2].1, "high"), Some(640));
}

/// Runs a program until it ends, for a limited time; what it prints.
fn run(program: &str, arguments: &[&str], seconds: u32) -> String {
    let output = Command::new("timeout")
        .args(["-k", "5", &seconds.to_string(), program])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("coreutils are there");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn the_discoverer_reports_what_a_broadcast_has() {
    let publisher = publisher();
    let report = run("gst-discoverer-1.0", &["-v", &uri(&publisher)], 60);
    for expected in [
        "Live: yes",
        "Seekable: no",
        "audio/x-opus, rate=(int)48000, channels=(int)2",
        "Width: 640",
        "Height: 360",
        "Frame rate: 30/1",
    ] {
        assert!(
            report.contains(expected),
            "{expected:?} is missing in {report}"
        );
    }
}

#[test]
fn gst_play_plays_an_address_until_the_broadcast_ends() {
    for playbin3 in [false, true] {
        let publisher = Publisher::new(&format!(
            "videotestsrc is-live=true num-buffers=90 ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
             ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! {LISTEN}"
        ));
        publisher.play();
        let uri = uri(&publisher);
        let mut arguments = vec![
            "--no-interactive",
            "--videosink=fakevideosink",
            "--audiosink=fakesink",
        ];
        if playbin3 {
            arguments.push("--use-playbin3");
        }
        arguments.push(&uri);
        let text = run("gst-play-1.0", &arguments, 30);
        assert!(text.contains("Reached end of play list"), "{text}");
        assert!(!text.contains("ERROR"), "{text}");
    }
}

/// The pads of the sink of which a viewer reads now.
fn read(publisher: &Publisher) -> Vec<String> {
    let stats: gst::Structure = publisher.pipeline.element("sink").property("stats");
    let structures = |of: &gst::StructureRef, name: &str| -> Vec<gst::Structure> {
        let array = of.get::<gst::Array>(name).expect("there is such an array");
        let values = array.iter().map(|value| value.get());
        values.collect::<Result<_, _>>().expect("of structures")
    };
    let connections = structures(&stats, "connections");
    let read = connections
        .iter()
        .flat_map(|open| structures(open, "tracks"));
    let read: Vec<String> = read.filter_map(|track| track.get("track").ok()).collect();
    let tracks = structures(&stats, "tracks");
    let pads = tracks.iter().filter(|track| {
        let name: Result<String, _> = track.get("track");
        name.is_ok_and(|name| read.contains(&name))
    });
    let mut pads: Vec<_> = pads.filter_map(|track| track.get("pad").ok()).collect();
    pads.sort_unstable();
    pads
}

#[test]
fn the_keys_of_gst_play_change_the_picture_and_the_sound() {
    let encoder = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15";
    let sound = "audiotestsrc is-live=true samplesperbuffer=960 ! audio/x-raw,rate=48000 ! opusenc";
    let publisher = Publisher::new(&format!(
        "{LISTEN} videotestsrc is-live=true ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! tee name=picture \
         picture. ! queue ! {encoder} ! sink.sink_0 \
         picture. ! queue ! videoscale ! video/x-raw,width=320,height=180 ! {encoder} ! sink.sink_1 \
         {sound} ! sink.sink_2 {sound} ! sink.sink_3"
    ));
    publisher.play();
    let mut player = Program::at_a_terminal(&format!(
        "exec gst-play-1.0 --use-playbin3 --videosink=fakevideosink --audiosink=fakesink '{}'",
        uri(&publisher)
    ));
    // Before that it knows of no other stream.
    player.wait_for("Prerolled.");
    let mut played = read(&publisher);
    assert!(played.len() == 2 && played[0] == "sink_0", "{played:?}");
    for key in ["v", "a", "v"] {
        let pad = match key {
            "v" => &mut played[0],
            _ => &mut played[1],
        };
        let other = match pad.as_str() {
            "sink_0" => "sink_1",
            "sink_1" => "sink_0",
            "sink_2" => "sink_3",
            _ => "sink_2",
        };
        *pad = other.into();
        player.press(key);
        wait_until(&format!("{played:?} are played"), || {
            read(&publisher) == played
        });
    }
    player.press("q");
    player.ends_well();
}
