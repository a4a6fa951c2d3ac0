//! What `moqsink` writes into the catalog, and when.

use gst::prelude::*;
use gstmoq::{media::Catalog, moq_lite::TrackConsumer};

use crate::support::{Feed, Sink, Viewer};

const OPUS: &str = "audio/x-opus,channels=2,channel-mapping-family=0";

/// A keyframe of VP8 with this many pixels in each direction.
fn vp8(size: u8) -> Vec<u8> {
    vec![0x10, 0, 0, 0x9d, 0x01, 0x2a, size, 0, size, 0]
}

/// A sink that does not wait for the clock.
fn hasty() -> Sink {
    let sink = Sink::listening();
    sink.element.set_property("sync", false);
    sink.set_state(gst::State::Playing);
    sink
}

fn push(feed: &Feed, pts: u64, payload: Vec<u8>) {
    let mut buffer = gst::Buffer::from_mut_slice(payload);
    let times = buffer.get_mut().expect("it is new");
    times.set_pts(gst::ClockTime::from_mseconds(pts));
    times.set_duration(gst::ClockTime::from_mseconds(40));
    feed.pad.push(buffer).expect("it is published");
}

fn tags(feed: &Feed, fill: impl FnOnce(&mut gst::TagListRef)) {
    let mut list = gst::TagList::new();
    fill(list.make_mut());
    assert!(feed.event(gst::event::Tag::new(list)));
}

/// Catalogs as they come.
struct Catalogs {
    viewer: Viewer,
    track: TrackConsumer,
}

impl Catalogs {
    fn new(sink: &Sink) -> Self {
        let viewer = Viewer::new(sink);
        let track = viewer.subscribe("catalog.json");
        Self { viewer, track }
    }

    fn next(&mut self) -> Catalog {
        self.viewer.next_catalog(&mut self.track)
    }
}

fn names(catalog: &Catalog) -> Vec<String> {
    catalog
        .renditions()
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn three_renditions_and_two_languages_are_one_catalog() {
    let sink = hasty();
    let mut feeds = Vec::new();
    for (name, label) in [("hd", "1080p"), ("sd", "480p"), ("ld", "240p")] {
        let feed = sink.feed_raw();
        feed.sink.set_property("track", name);
        feed.sink.set_property("label", label);
        feeds.push(feed);
    }
    for language in ["en", "pt-BR"] {
        let feed = sink.feed_raw();
        feed.sink.set_property("language", language);
        feeds.push(feed);
    }
    for (number, feed) in feeds.iter().enumerate() {
        assert!(feed.event(gst::event::StreamStart::new(&number.to_string())));
        let is_video = number < 3;
        assert!(feed.caps(if is_video {
            "video/x-vp8,width=64,height=64"
        } else {
            OPUS
        }));
        assert!(feed.segment());
        let payload = if is_video { vp8(64) } else { b"x".to_vec() };
        push(feed, 0, payload);
    }
    // They are announced together.
    let catalog = Catalogs::new(&sink).next();
    assert_eq!(names(&catalog), ["hd", "ld", "sd", "audio0", "audio1"]);
    let video = catalog.video.expect("video");
    assert_eq!(
        video.renditions["hd"].common.label.as_deref(),
        Some("1080p")
    );
    let audio = catalog.audio.expect("audio");
    assert_eq!(
        audio.renditions["audio1"].common.lang.as_deref(),
        Some("pt-BR")
    );
}

#[test]
fn properties_of_pads_are_reached_by_name_as_in_gst_launch() {
    crate::support::init();
    let pipeline = gst::parse::launch(
        "moqsink name=m sink_0::track=hd sink_0::priority=7 sink_0::group-duration=-1 sink_0::max-latency=900 \
         sink_0::label=High fakesrc ! m.sink_0",
    )
    .expect("the description is right");
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("two elements");
    let pad = pipeline
        .by_name("m")
        .and_then(|sink| sink.static_pad("sink_0"));
    let pad = pad.expect("it was requested");
    assert_eq!(pad.property::<String>("track"), "hd");
    assert_eq!(pad.property::<i32>("priority"), 7);
    assert_eq!(pad.property::<i32>("group-duration"), -1);
    assert_eq!(pad.property::<u32>("max-latency"), 900);
    assert_eq!(pad.property::<String>("label"), "High");
}

#[test]
fn tags_are_told_and_a_property_counts_before_them() {
    let sink = hasty();
    let feed = sink.feed("video/x-vp8,width=64,height=64");
    tags(&feed, |tags| {
        use gst::{TagMergeMode::Append, tags};
        tags.add::<tags::LanguageCode>(&"de", Append);
        tags.add::<tags::Title>(&"A walk", Append);
        tags.add::<tags::ImageOrientation>(&"rotate-90", Append);
        tags.add::<tags::NominalBitrate>(&500_000, Append);
    });
    push(&feed, 0, vp8(64));
    let mut catalogs = Catalogs::new(&sink);
    let catalog = catalogs.next();
    assert_eq!(catalog.title.as_deref(), Some("A walk"));
    let video = catalog.video.expect("video");
    assert_eq!((video.rotation, video.flip), (Some(90.0), Some(false)));
    let rendition = &video.renditions["video0"];
    assert_eq!(rendition.common.lang.as_deref(), Some("de"));
    assert_eq!(rendition.common.bitrate, Some(500_000));
    // A change while it plays.
    feed.sink.set_property("language", "fr");
    let catalog = catalogs.next();
    let video = catalog.video.expect("video");
    assert_eq!(
        video.renditions["video0"].common.lang.as_deref(),
        Some("fr")
    );
}

#[test]
fn a_change_of_caps_keeps_the_track_and_its_viewers() {
    let sink = hasty();
    let feed = sink.feed("video/x-vp8,width=64,height=64");
    push(&feed, 0, vp8(64));
    let mut catalogs = Catalogs::new(&sink);
    let viewer = Viewer::new(&sink);
    let mut track = viewer.subscribe("video0");
    assert_eq!(viewer.first(&mut track).0, 0);
    let size = |catalog: Catalog| catalog.video.expect("video").renditions["video0"].coded_width;
    assert_eq!(size(catalogs.next()), Some(64));
    // Nothing that decoders or viewers need: nothing changes, not even the group.
    assert!(
        feed.caps(
            "video/x-vp8,width=64,height=64,pixel-aspect-ratio=1/1,interlace-mode=progressive"
        )
    );
    push(&feed, 40, vec![0x11, 0, 0]);
    // Another size.
    assert!(feed.caps("video/x-vp8,width=32,height=32"));
    push(&feed, 80, vp8(32));
    assert_eq!(size(catalogs.next()), Some(32));
    assert_eq!(viewer.first(&mut track).0, 80_000);
    // Another codec needs another decoder, and is another track: no catalog has both, or none.
    let caps = "video/x-vp9,width=32,height=32,profile=(string)0";
    assert!(feed.caps(caps));
    push(
        &feed,
        120,
        vec![0x82, 0x49, 0x83, 0x42, 0, 0x1, 0xf0, 0, 0xf0],
    );
    let video = catalogs.next().video.expect("video");
    let codecs: Vec<_> = video.renditions.iter().collect();
    let [(name, config)] = codecs[..] else {
        panic!("{codecs:?}");
    };
    assert_eq!(name, "video1");
    assert!(config.codec.starts_with("vp09"), "{}", config.codec);
    let mut track = viewer.subscribe("video1");
    assert_eq!(viewer.first(&mut track).0, 120_000);
    assert_eq!(sink.stat("groups"), 3);
    assert_eq!(sink.stat("frames"), 4);
}

#[test]
fn a_track_with_a_name_of_its_own_keeps_it_and_its_viewers_with_another_codec() {
    let sink = hasty();
    let feed = sink.feed_raw();
    feed.sink.set_property("track", "camera");
    assert!(feed.event(gst::event::StreamStart::new("pictures")));
    assert!(feed.caps("video/x-vp8,width=64,height=64"));
    assert!(feed.segment());
    push(&feed, 0, vp8(64));
    let mut catalogs = Catalogs::new(&sink);
    let viewer = Viewer::new(&sink);
    let mut track = viewer.subscribe("camera");
    assert_eq!(viewer.first(&mut track).0, 0);
    let codec = |catalog: Catalog| {
        catalog.video.expect("video").renditions["camera"]
            .codec
            .clone()
    };
    assert_eq!(codec(catalogs.next()), "vp8");
    assert!(feed.caps("video/x-vp9,width=32,height=32,profile=(string)0"));
    push(
        &feed,
        40,
        vec![0x82, 0x49, 0x83, 0x42, 0, 0x1, 0xf0, 0, 0xf0],
    );
    assert!(codec(catalogs.next()).starts_with("vp09"));
    assert_eq!(viewer.first(&mut track).0, 40_000);
}

#[test]
fn pads_come_and_go_while_it_plays() {
    let sink = hasty();
    let first = sink.feed(OPUS);
    push(&first, 0, b"x".to_vec());
    let mut catalogs = Catalogs::new(&sink);
    assert_eq!(names(&catalogs.next()), ["audio0"]);
    let second = sink.feed(OPUS);
    push(&second, 20, b"x".to_vec());
    assert_eq!(names(&catalogs.next()), ["audio0", "audio1"]);
    sink.element.release_request_pad(&first.sink);
    assert_eq!(names(&catalogs.next()), ["audio1"]);
    // The name of what is gone is not used again.
    let third = sink.feed(OPUS);
    push(&third, 40, b"x".to_vec());
    assert_eq!(names(&catalogs.next()), ["audio1", "audio2"]);
}

#[test]
fn rates_are_measured_once() {
    let sink = hasty();
    let feed = sink.feed("video/x-vp8,width=64,height=64");
    let frame = |key: bool| {
        let mut frame = if key { vp8(64) } else { vec![0x11, 0, 0] };
        frame.resize(1250, 0);
        frame
    };
    push(&feed, 0, frame(true));
    let mut catalogs = Catalogs::new(&sink);
    let rendition = |catalog: Catalog| catalog.video.expect("video").renditions["video0"].clone();
    assert_eq!(rendition(catalogs.next()).common.bitrate, None);
    for number in 1..250 {
        push(&feed, number * 40, frame(number % 25 == 0));
    }
    let measured = rendition(catalogs.next());
    assert_eq!(measured.common.bitrate, Some(250_000));
    assert_eq!(measured.framerate, Some(25.0));
    assert_eq!(measured.common.jitter, Some(40));
    // The next catalog is that of the end: there was none in between.
    feed.event(gst::event::Eos::new());
    assert_eq!(names(&catalogs.next()), Vec::<String>::new());
}

#[test]
fn sound_is_grouped_as_its_pad_says() {
    let sink = hasty();
    let feed = sink.feed_raw();
    feed.sink.set_property("group-duration", 100);
    assert!(feed.event(gst::event::StreamStart::new("sound")));
    assert!(feed.caps(OPUS));
    assert!(feed.segment());
    for number in 0..10 {
        push(&feed, number * 20, b"x".to_vec());
    }
    assert_eq!(sink.stat("groups"), 2);
    feed.sink.set_property("group-duration", 0);
    for number in 10..13 {
        push(&feed, number * 20, b"x".to_vec());
    }
    assert_eq!(sink.stat("groups"), 5);
    // With the groups of pictures.
    let video = sink.feed("video/x-vp8,width=64,height=64");
    feed.sink.set_property("group-duration", -1);
    for number in 13..23 {
        if number % 5 == 0 {
            push(&video, number * 20, vp8(64));
        }
        push(&feed, number * 20, b"x".to_vec());
    }
    let groups = |feed: &Feed| {
        let stats: gst::Structure = feed.sink.property("stats");
        stats.get::<u64>("groups").expect("a counter")
    };
    assert_eq!(groups(&video), 2);
    // One before the first picture, and one with each.
    assert_eq!(groups(&feed), 5 + 3);
}
