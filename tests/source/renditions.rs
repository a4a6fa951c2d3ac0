//! Several renditions: which are played, and how one takes over from another.

use std::time::Duration;

use gst::prelude::*;
use gstmoq::media::Config;

use crate::{
    camera::{Camera, Publisher, audio, video},
    pace::Pace,
    player::{Player, Seen},
};

/// A picture in two qualities, and sound in two languages.
fn tracks() -> Vec<(&'static str, Config)> {
    let quality = |width, height, rate| {
        let mut config = video(width, height);
        config.common_mut().bitrate = Some(rate);
        config
    };
    let sound = |language: &str, label: &str| {
        let mut config = audio();
        config.common_mut().lang = Some(language.into());
        config.common_mut().label = Some(label.into());
        config
    };
    vec![
        ("sd", quality(640, 360, 1_000_000)),
        ("hd", quality(1280, 720, 3_000_000)),
        ("english", sound("en", "English")),
        ("deutsch", sound("de", "Deutsch")),
    ]
}

const FRAME: u64 = 33_333;
/// Frames in a group.
const GROUP: u64 = 10;

/// Writes the frame of that number of every track, at its time.
struct Clock {
    pace: Pace,
    frame: u64,
}

impl Clock {
    fn new() -> Self {
        Self {
            pace: Pace::new(),
            frame: 0,
        }
    }

    fn write(&mut self, camera: &mut Camera, tracks: &[&str]) {
        let time = self.frame * FRAME;
        self.pace.wait_until(Duration::from_micros(time));
        for track in tracks {
            camera.write(track, time, self.frame.is_multiple_of(GROUP));
        }
        self.frame += 1;
    }

    /// Writes all tracks until `done` says so of what was seen.
    fn run(
        &mut self,
        camera: &mut Camera,
        player: &Player,
        mut done: impl FnMut(&[Seen]) -> bool,
    ) -> Vec<Seen> {
        let begin = self.pace.elapsed();
        let mut all = Vec::new();
        while !done(&all) {
            assert!(
                self.pace.elapsed() < begin + Duration::from_secs(15),
                "{:?}",
                pictures(&all, "video_0")
            );
            self.write(camera, &["hd", "sd", "english", "deutsch"]);
            all.extend(player.rest());
        }
        all
    }
}

/// Media times and widths of what a pad gave.
fn pictures(seen: &[Seen], name: &str) -> Vec<(u64, i32)> {
    let of_pad = seen.iter().filter_map(|seen| match seen {
        Seen::Buffer {
            pad, media, width, ..
        } if pad == name => Some((*media, width.unwrap_or(0))),
        _ => None,
    });
    of_pad.collect()
}

fn shows(name: &'static str, width: i32, count: usize) -> impl Fn(&[Seen]) -> bool {
    move |seen| {
        let of_width = |(_, other): &&(u64, i32)| *other == width;
        pictures(seen, name).iter().filter(of_width).count() >= count
    }
}

fn collection(player: &Player) -> gst::StreamCollection {
    let message = player.message(|message| message.type_() == gst::MessageType::StreamCollection);
    match message.view() {
        gst::MessageView::StreamCollection(message) => message.stream_collection(),
        _ => unreachable!("it was asked for"),
    }
}

/// The names of the tracks of the streams that the element says are played.
fn selected(player: &Player) -> Vec<String> {
    let message = player.message(|message| message.type_() == gst::MessageType::StreamsSelected);
    match message.view() {
        gst::MessageView::StreamsSelected(message) => {
            message.streams().map(|stream| track(&stream)).collect()
        }
        _ => unreachable!("it was asked for"),
    }
}

fn track(stream: &gst::Stream) -> String {
    let id = stream.stream_id().expect("a stream has an id");
    id.rsplit('/').next().unwrap_or_default().to_owned()
}

fn ids(collection: &gst::StreamCollection, tracks: &[&str]) -> Vec<String> {
    let wanted = collection
        .iter()
        .filter(|stream| tracks.contains(&track(stream).as_str()));
    wanted
        .filter_map(|stream| stream.stream_id().map(String::from))
        .collect()
}

#[test]
fn one_picture_and_every_sound_get_pads_and_only_what_is_played_is_asked_for() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &tracks());
    let player = Player::linking(&publisher, "cam", |name| name != "audio_1");
    player.play();
    let begin = player.until_pads();
    let pad = |name: &str| Seen::Pad(name.into());
    assert_eq!(
        begin,
        [
            pad("video_0"),
            pad("audio_0"),
            pad("audio_1"),
            Seen::NoMorePads
        ]
    );
    let seen = Clock::new().run(&mut camera, &player, shows("video_0", 1280, 20));
    assert!(!pictures(&seen, "audio_0").is_empty());
    let mut read: Vec<_> = tracks()
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| camera.is_read(name))
        .collect();
    read.sort_unstable();
    assert_eq!(read, ["deutsch", "hd"]);
}

#[test]
fn the_collection_tells_what_there_is_and_pads_carry_its_streams() {
    let publisher = Publisher::new();
    let _camera = publisher.camera("cam", &tracks());
    let player = Player::new(&publisher, "cam");
    player.play();
    let collection = collection(&player);
    player.until_pads();
    let streams: Vec<_> = collection.iter().collect();
    let names: Vec<_> = streams.iter().map(track).collect();
    assert_eq!(names, ["hd", "sd", "deutsch", "english"]);
    let (hd, english) = (&streams[0], &streams[3]);
    assert_eq!(
        (hd.stream_type(), english.stream_type()),
        (gst::StreamType::VIDEO, gst::StreamType::AUDIO)
    );
    let caps = hd.caps().expect("it has caps");
    let caps = caps.structure(0).expect("one structure");
    assert_eq!((caps.get("width"), caps.get("height")), (Ok(1280), Ok(720)));
    let tags = hd.tags().expect("it has tags");
    assert_eq!(
        tags.get::<gst::tags::Bitrate>().map(|tag| tag.get()),
        Some(3_000_000)
    );
    assert_eq!(
        tags.get::<gst::tags::VideoCodec>()
            .map(|tag| tag.get().to_owned())
            .as_deref(),
        Some("H.264")
    );
    let tags = english.tags().expect("it has tags");
    assert_eq!(
        tags.get::<gst::tags::LanguageCode>()
            .map(|tag| tag.get().to_owned())
            .as_deref(),
        Some("en")
    );
    assert_eq!(
        tags.get::<gst::tags::Title>()
            .map(|tag| tag.get().to_owned())
            .as_deref(),
        Some("English")
    );

    let carried = |name: &str| player.pad(name).stream().map(|stream| track(&stream));
    assert_eq!(carried("video_0").as_deref(), Some("hd"));
    assert_eq!(carried("audio_1").as_deref(), Some("english"));
    let event = player
        .pad("audio_0")
        .sticky_event::<gst::event::StreamCollection>(0);
    let event = event.expect("it is on each pad");
    assert_eq!(event.stream_collection(), collection);
    assert_eq!(selected(&player), ["hd", "deutsch", "english"]);
    let mut query = gst::query::Selectable::new();
    assert!(player.pad("video_0").query(&mut query) && query.selectable());
}

#[test]
fn stream_ids_are_the_same_in_each_run() {
    let publisher = Publisher::new();
    let _camera = publisher.camera("cam", &tracks());
    let player = Player::new(&publisher, "cam");
    let mut seen = Vec::new();
    for _ in 0..2 {
        player.play();
        seen.push(ids(&collection(&player), &["hd", "english"]));
        player.stop();
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0][0], seen[0][1]);
}

#[test]
fn a_selected_rendition_takes_over_on_the_same_pad_without_a_gap() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &tracks());
    let player = Player::new(&publisher, "cam");
    player.play();
    let collection = collection(&player);
    player.until_pads();
    let mut clock = Clock::new();
    let mut seen = clock.run(&mut camera, &player, shows("video_0", 1280, 15));
    assert_eq!(selected(&player).len(), 3);

    let wanted = ids(&collection, &["sd", "english", "deutsch"]);
    let event = gst::event::SelectStreams::new(wanted.iter().map(String::as_str));
    let seqnum = event.seqnum();
    assert!(player.pad("video_0").send_event(event));
    seen.extend(clock.run(&mut camera, &player, shows("video_0", 640, 15)));
    let message = player.message(|message| message.type_() == gst::MessageType::StreamsSelected);
    assert_eq!(message.seqnum(), seqnum);
    assert_eq!(
        player
            .pad("video_0")
            .stream()
            .map(|stream| track(&stream))
            .as_deref(),
        Some("sd")
    );

    // And back, on the element.
    let wanted = ids(&collection, &["hd", "english", "deutsch"]);
    let event = gst::event::SelectStreams::new(wanted.iter().map(String::as_str));
    assert!(player.element.send_event(event));
    seen.extend(clock.run(&mut camera, &player, shows("video_0", 1280, 15)));

    assert!(
        !seen
            .iter()
            .any(|seen| matches!(seen, Seen::Pad(_) | Seen::Removed(_) | Seen::Eos(_)))
    );
    let pictures = pictures(&seen, "video_0");
    for pair in pictures.windows(2) {
        assert_eq!(pair[1].0, pair[0].0 + FRAME, "{pictures:?}");
        assert!(
            pair[0].1 == pair[1].1 || pair[1].0.is_multiple_of(GROUP * FRAME),
            "{pictures:?}"
        );
    }
    assert!(!camera.is_read("sd"));
    // Nobody's stream is not taken for one.
    let event = gst::event::SelectStreams::new(["nobody's"]);
    assert!(!player.element.send_event(event));
}

#[test]
fn what_is_not_selected_loses_its_pad_and_gets_another_when_it_is() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &tracks());
    let player = Player::new(&publisher, "cam");
    player.play();
    let collection = collection(&player);
    player.until_pads();
    let mut clock = Clock::new();
    clock.run(&mut camera, &player, shows("video_0", 1280, 5));
    let select = |tracks: &[&str]| {
        let wanted = ids(&collection, tracks);
        let event = gst::event::SelectStreams::new(wanted.iter().map(String::as_str));
        assert!(player.element.send_event(event));
    };
    select(&["hd", "english"]);
    let gone = Seen::Removed("audio_0".into());
    let seen = clock.run(&mut camera, &player, |seen| seen.contains(&gone));
    assert!(seen.contains(&Seen::Eos("audio_0".into())));
    assert!(!camera.is_read("deutsch"));
    select(&["hd", "sd", "english"]);
    let come = Seen::Pad("video_1".into());
    clock.run(&mut camera, &player, |seen| seen.contains(&come));
    clock.run(&mut camera, &player, shows("video_1", 640, 5));
}

#[test]
fn the_property_says_which_rendition_and_may_change() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &tracks());
    let player = Player::new(&publisher, "cam");
    player.element.set_property("rendition", "max-height=400");
    player.play();
    player.until_pads();
    let mut clock = Clock::new();
    let mut seen = clock.run(&mut camera, &player, shows("video_0", 640, 5));
    for (wish, width) in [("highest", 1280), ("lowest", 640), ("hd", 1280)] {
        player.element.set_property("rendition", wish);
        seen.extend(clock.run(&mut camera, &player, shows("video_0", width, 5)));
    }
    let pictures = pictures(&seen, "video_0");
    assert!(
        pictures
            .windows(2)
            .all(|pair| pair[1].0 == pair[0].0 + FRAME),
        "{pictures:?}"
    );
    player.element.set_property("rendition", "all");
    clock.run(&mut camera, &player, |seen| {
        seen.contains(&Seen::Pad("video_1".into()))
    });
    player.element.set_property("rendition", "max-height=tall");
    let warning = player.warning();
    assert!(warning.message().contains("max-height"));
}

#[test]
fn a_rendition_that_is_not_there_is_named_and_something_plays() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &tracks());
    let player = Player::new(&publisher, "cam");
    player.element.set_property("rendition", "uhd");
    player.play();
    let warning = player.warning();
    assert!(warning.message().starts_with("There is no rendition uhd"));
    Clock::new().run(&mut camera, &player, shows("video_0", 1280, 1));
}

#[test]
fn a_picture_that_comes_later_and_later_gives_way_to_a_lower_one() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &tracks());
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until_pads();
    let mut clock = Clock::new();
    clock.run(&mut camera, &player, shows("video_0", 1280, 30));
    // The frames of the high one come 400 ms late from now on.
    let begin = clock.frame;
    let mut seen = Vec::new();
    while !shows("video_0", 640, 5)(&seen) {
        assert!(
            clock.frame < begin + 300,
            "{:?}",
            pictures(&seen, "video_0")
        );
        clock.write(&mut camera, &["sd", "english", "deutsch"]);
        if let Some(late) = clock.frame.checked_sub(begin + 12) {
            let number = begin + late;
            camera.write("hd", number * FRAME, number.is_multiple_of(GROUP));
        }
        seen.extend(player.rest());
    }
    assert!(
        !seen
            .iter()
            .any(|seen| matches!(seen, Seen::Pad(_) | Seen::Removed(_)))
    );
    let seen = clock.run(&mut camera, &player, |seen| {
        pictures(seen, "video_0").len() > 15
    });
    assert!(
        pictures(&seen, "video_0")
            .iter()
            .all(|(_, width)| *width == 640)
    );
    assert!(!camera.is_read("hd"));
    // The same stream goes on, in another form.
    assert_eq!(
        player
            .pad("video_0")
            .stream()
            .map(|stream| track(&stream))
            .as_deref(),
        Some("hd")
    );
}
