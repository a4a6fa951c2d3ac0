//! Renditions that lie in another broadcast than the catalog that names them.

use std::time::Duration;

use gst::prelude::*;
use gstmoq::media::Config;

use crate::{
    camera::{Camera, Publisher, audio, video},
    pace::Pace,
    player::{Player, Seen},
};

const FRAME: u64 = 33_333;
const GROUP: u64 = 10;

/// A small picture and a sound, and a large picture of which the catalog says where it lies.
fn tracks(reference: &str) -> Vec<(&'static str, Config)> {
    let mut large = video(1280, 720);
    large.common_mut().broadcast = Some(reference.into());
    vec![
        ("small", video(320, 180)),
        ("sound", audio()),
        ("large", large),
    ]
}

/// Both broadcasts, at the pace of their timestamps.
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

    /// Writes until `done` says so of what was seen.
    fn run(
        &mut self,
        camera: &mut Camera,
        mut other: Option<&mut Camera>,
        player: &Player,
        mut done: impl FnMut(&[Seen]) -> bool,
    ) -> Vec<Seen> {
        let last = self.frame + 450;
        let mut all = Vec::new();
        while !done(&all) {
            assert!(self.frame < last, "{:?}", pictures(&all));
            let (time, keyframe) = (self.frame * FRAME, self.frame.is_multiple_of(GROUP));
            self.pace.wait_until(Duration::from_micros(time));
            camera.write("small", time, keyframe);
            camera.write("sound", time, true);
            if let Some(other) = &mut other {
                other.write("large", time, keyframe || !other.has_begun("large"));
            }
            self.frame += 1;
            all.extend(player.rest());
        }
        all
    }
}

/// Media times and widths of the pictures.
fn pictures(seen: &[Seen]) -> Vec<(u64, i32)> {
    let pictures = seen.iter().filter_map(|seen| match seen {
        Seen::Buffer {
            pad, media, width, ..
        } if pad == "video_0" => Some((*media, width.unwrap_or(0))),
        _ => None,
    });
    pictures.collect()
}

fn shows(width: i32, count: usize) -> impl Fn(&[Seen]) -> bool {
    move |seen| {
        let pictures = pictures(seen);
        let shown = pictures.iter().filter(|(_, other)| *other == width);
        shown.count() >= count
    }
}

fn streams(player: &Player) -> Vec<String> {
    let message = player.message(|message| message.type_() == gst::MessageType::StreamCollection);
    let gst::MessageView::StreamCollection(message) = message.view() else {
        unreachable!("it was asked for");
    };
    let collection = message.stream_collection();
    let ids = collection.iter().filter_map(|stream| stream.stream_id());
    ids.map(String::from).collect()
}

#[test]
fn a_rendition_in_another_broadcast_is_played_and_takes_over_without_a_gap() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("room/cam", &tracks("../transcoder/cam"));
    let mut other = publisher.camera("transcoder/cam", &[("large", video(1280, 720))]);
    let player = Player::new(&publisher, "room/cam");
    player.play();
    let ids = streams(&player);
    assert_eq!(ids.len(), 3);
    let pad = |name: &str| Seen::Pad(name.into());
    let begin = [pad("video_0"), pad("audio_0"), Seen::NoMorePads];
    assert_eq!(player.until_pads(), begin);

    let mut clock = Clock::new();
    let mut seen = clock.run(&mut camera, Some(&mut other), &player, shows(1280, 15));
    assert!(other.is_read("large") && !camera.is_read("large") && !camera.is_read("small"));
    // From one broadcast to the other, and back, as within one.
    for (track, width) in [("small", 320), ("large", 1280)] {
        let wanted = ids.iter().map(String::as_str);
        let wanted = wanted.filter(|id| id.ends_with(track) || id.ends_with("sound"));
        let event = gst::event::SelectStreams::new(wanted);
        assert!(player.element.send_event(event));
        seen.extend(clock.run(&mut camera, Some(&mut other), &player, shows(width, 15)));
    }
    let pictures = pictures(&seen);
    for pair in pictures.windows(2) {
        assert_eq!(pair[1].0, pair[0].0 + FRAME, "{pictures:?}");
    }
    let changes = |seen: &Seen| matches!(seen, Seen::Pad(_) | Seen::Removed(_) | Seen::Eos(_));
    assert!(!seen.iter().any(changes));
}

#[test]
fn a_broadcast_that_is_not_there_is_named_and_the_rest_plays_until_it_comes() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("room/cam", &tracks("./large"));
    let player = Player::new(&publisher, "room/cam");
    player.element.set_property("rendition", "highest");
    player.play();
    let warning = player.warning();
    assert_eq!(
        warning.message(),
        "The video track large is left out: it lies in the broadcast room/large, which is not there"
    );
    let mut clock = Clock::new();
    clock.run(&mut camera, None, &player, shows(320, 5));
    let mut other = publisher.camera("room/large", &[("large", video(1280, 720))]);
    let seen = clock.run(&mut camera, Some(&mut other), &player, shows(1280, 5));
    let pictures = pictures(&seen);
    for pair in pictures.windows(2) {
        assert_eq!(pair[1].0, pair[0].0 + FRAME, "{pictures:?}");
    }
    let changes = |seen: &Seen| matches!(seen, Seen::Pad(_) | Seen::Removed(_) | Seen::Eos(_));
    assert!(!seen.iter().any(changes), "{seen:?}");
}

#[test]
fn when_the_other_broadcast_breaks_off_another_rendition_takes_its_place() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &tracks("large"));
    let mut other = publisher.camera("large", &[("large", video(1280, 720))]);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until_pads();
    let mut clock = Clock::new();
    clock.run(&mut camera, Some(&mut other), &player, shows(1280, 5));
    drop(other);
    clock.run(&mut camera, None, &player, shows(320, 5));
    let mut other = publisher.camera("large", &[("large", video(1280, 720))]);
    player.element.set_property("rendition", "large");
    let seen = clock.run(&mut camera, Some(&mut other), &player, shows(1280, 5));
    let changes = |seen: &Seen| matches!(seen, Seen::Pad(_) | Seen::Removed(_) | Seen::Eos(_));
    assert!(!seen.iter().any(changes), "{seen:?}");
}

#[test]
fn a_picture_whose_only_broadcast_breaks_off_waits_for_its_return() {
    let publisher = Publisher::new();
    let mut tracks = tracks("large");
    tracks.remove(0);
    let mut camera = publisher.camera("cam", &tracks);
    camera.announce(&[("small", video(320, 180)), ("sound", audio())]);
    camera.announce(&tracks);
    let mut other = publisher.camera("large", &[("large", video(1280, 720))]);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until_pads();
    let mut clock = Clock::new();
    clock.run(&mut camera, Some(&mut other), &player, shows(1280, 5));
    drop(other);
    let warning = player.message(|message| {
        let gst::MessageView::Warning(warning) = message.view() else {
            return false;
        };
        warning.error().message().contains("is left out")
    });
    assert!(warning.src().is_some_and(|src| *src == player.element));
    let sound = |seen: &[Seen]| {
        let of_sound = |seen: &&Seen| matches!(seen, Seen::Buffer { pad, .. } if pad == "audio_0");
        seen.iter().filter(of_sound).count() >= 5
    };
    clock.run(&mut camera, None, &player, sound);
    let mut other = publisher.camera("large", &[("large", video(1280, 720))]);
    let seen = clock.run(&mut camera, Some(&mut other), &player, shows(1280, 5));
    let changes = |seen: &Seen| matches!(seen, Seen::Pad(_) | Seen::Removed(_) | Seen::Eos(_));
    assert!(!seen.iter().any(changes), "{seen:?}");
}

#[test]
fn a_reference_that_leads_out_of_the_session_is_said() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &tracks("../elsewhere/cam"));
    let player = Player::new(&publisher, "cam");
    player.play();
    let warning = player.warning();
    assert_eq!(
        warning.message(),
        "The video track large is left out: it lies in the broadcast ../elsewhere/cam, which is outside of what url leads to"
    );
    Clock::new().run(&mut camera, None, &player, shows(320, 1));
}
