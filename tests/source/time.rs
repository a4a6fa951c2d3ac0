//! What is late, what is recorded, how long sinks wait, and what buffers say of their time.

use std::{
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use gst::prelude::*;
use gstmoq::media::{catalog::Clock, opus};

use crate::{
    camera::{Camera, Publisher, audio, video},
    player::{Player, Seen},
    waiting::wait_until,
};

/// What passes a pad.
#[derive(Debug)]
enum Item {
    Buffer(gst::Buffer),
    Gap(gst::ClockTime, gst::ClockTime),
}

/// Notes what passes the pads whose names begin like this.
fn items(player: &Player, pads: &'static str) -> Receiver<Item> {
    let (sender, items) = channel();
    player.element.connect_pad_added(move |_, pad| {
        if !pad.name().starts_with(pads) {
            return;
        }
        let sender = sender.clone();
        let types = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        pad.add_probe(types, move |_, info| {
            if let Some(buffer) = info.buffer() {
                let _ = sender.send(Item::Buffer(buffer.clone()));
            } else if let Some(gst::EventView::Gap(gap)) = info.event().map(|event| event.view()) {
                let (from, duration) = gap.get();
                let _ = sender.send(Item::Gap(from, duration.expect("it lasts")));
            }
            gst::PadProbeReturn::Ok
        });
    });
    items
}

fn next(items: &Receiver<Item>) -> Item {
    let item = items.recv_timeout(Duration::from_secs(15));
    item.expect("something has to come")
}

fn next_buffer(items: &Receiver<Item>) -> gst::Buffer {
    loop {
        if let Item::Buffer(buffer) = next(items) {
            return buffer;
        }
    }
}

/// Bytes of a picture whose coming can be told from what else comes.
const LARGE: usize = 50_000;

fn number(buffer: &gst::BufferRef) -> u8 {
    buffer.map_readable().expect("system memory")[0]
}

fn counter(player: &Player, name: &str) -> u64 {
    let stats: gst::Structure = player.element.property("stats");
    stats.get(name).expect("there is such a number")
}

/// A player that has shown a picture, cannot take the next one, and has two more to choose from then: the rest of the
/// group, which is late, and another group, which is not.
fn held_up(
    player: &Player,
    camera: &mut Camera,
    latency_of_pipeline: gst::ClockTime,
) -> Receiver<Item> {
    let (items, sound) = (items(player, "video"), items(player, "audio"));
    player.play();
    player.until_pads();
    let pad = player.pad("video_0");
    camera.write("picture", 0, true);
    let begin = Instant::now();
    assert_eq!(number(&next_buffer(&items)), 0);
    pad.send_event(gst::event::Latency::new(latency_of_pipeline));

    let (sender, blocked) = channel();
    let types = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER;
    let probe = pad.add_probe(types, move |_, _| {
        let _ = sender.send(());
        gst::PadProbeReturn::Ok
    });
    camera.write("picture", 33_333, false);
    blocked
        .recv_timeout(Duration::from_secs(15))
        .expect("it is pushed");
    // The first picture waited for the end of the join, so that this one comes too late by more than the latency.
    let before = counter(player, "bytes-received");
    camera.write_sized("picture", 66_666, false, LARGE);
    let now = begin.elapsed().as_micros() as u64;
    assert!(now > 200_000, "{now}");
    camera.write_sized("picture", now, true, LARGE);
    wait_until("both pictures have come", || {
        counter(player, "bytes-received") >= before + 2 * LARGE as u64
    });
    // Once this has come, what was sent before has too.
    camera.write("sound", now, true);
    next_buffer(&sound);
    pad.remove_probe(probe.expect("it blocks"));
    items
}

#[test]
fn what_comes_too_late_gives_way_to_a_newer_group_and_that_is_said() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    let items = held_up(&player, &mut camera, gst::ClockTime::ZERO);
    assert_eq!(number(&next_buffer(&items)), 1);
    let (from, duration) = match next(&items) {
        Item::Gap(from, duration) => (from, duration),
        Item::Buffer(buffer) => panic!("no gap before {}: {buffer:?}", number(&buffer)),
    };
    let Item::Buffer(buffer) = next(&items) else {
        panic!("two gaps");
    };
    assert_eq!(number(&buffer), 3);
    assert!(buffer.flags().contains(gst::BufferFlags::DISCONT));
    assert_eq!(Some(from + duration), buffer.pts());
    let message = player.message(|message| matches!(message.view(), gst::MessageView::Qos(_)));
    let gst::MessageView::Qos(qos) = message.view() else {
        unreachable!("it was asked for");
    };
    assert!(qos.live() && qos.src() == Some(player.pad("video_0").upcast_ref()));
    // It was due 66 ms after the first, and so late was it.
    assert!(qos.jitter() > 100_000_000, "{}", qos.jitter());
    assert_eq!(counter(&player, "late"), 1);
    assert_eq!(counter(&player, "skipped-groups"), 1);
}

#[test]
fn what_sinks_still_wait_for_is_not_too_late() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    let items = held_up(&player, &mut camera, gst::ClockTime::from_seconds(30));
    for expected in 1..=3 {
        assert_eq!(number(&next_buffer(&items)), expected);
    }
    assert_eq!(counter(&player, "late"), 0);
}

#[test]
fn nothing_is_left_out_of_a_recording() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    player.element.set_property_from_str("skip-policy", "none");
    let items = held_up(&player, &mut camera, gst::ClockTime::ZERO);
    for expected in 1..=3 {
        assert_eq!(number(&next_buffer(&items)), expected);
    }
    assert_eq!(counter(&player, "late"), 0);
}

#[test]
fn a_recording_begins_with_the_keyframe_before_the_live_edge() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    for frame in 0..30 {
        camera.write("picture", 5_000_000 + frame * 33_333, frame == 0);
    }
    let player = Player::new(&publisher, "cam");
    player.element.set_property_from_str("skip-policy", "none");
    player.play();
    let seen =
        player.until(|seen| matches!(seen, Seen::Buffer { payload, .. } if payload[0] == 29));
    let times: Vec<_> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Buffer { running_time, .. } => Some(running_time.expect("all of it counts")),
            _ => None,
        })
        .collect();
    assert_eq!(times.len(), 30);
    for pair in times.windows(2) {
        assert_eq!((pair[1] - pair[0]).useconds(), 33_333);
    }
}

#[test]
fn the_latency_grows_with_what_the_publisher_announces_within_its_bounds() {
    for (announced, most, expected) in [
        (200, 500, 200),
        (900, 500, 500),
        (200, 0, 20),
        (10, 500, 20),
    ] {
        let publisher = Publisher::new();
        let mut config = video(64, 64);
        config.common_mut().jitter = Some(announced);
        let mut camera = publisher.camera("cam", &[("picture", config)]);
        let player = Player::new(&publisher, "cam");
        player.element.set_property("latency", 20_u32);
        player.element.set_property("max-latency", most as u32);
        player.play();
        player.until_pads();
        camera.write("picture", 0, true);
        player.until_buffers(&["video_0"]);
        let latency = || {
            let mut query = gst::query::Latency::new();
            assert!(player.pad("video_0").query(&mut query));
            query.result()
        };
        let expected = gst::ClockTime::from_mseconds(expected);
        assert_eq!(
            latency(),
            (true, expected, Some(gst::ClockTime::from_seconds(5)))
        );
        assert_eq!(counter(&player, "latency"), expected.nseconds());

        // Whoever sets it is told that sinks wait anew.
        while player.pipeline.bus().is_some_and(|bus| bus.pop().is_some()) {}
        player.element.set_property("max-latency", 0_u32);
        player.element.set_property("latency", 7_000_u32);
        player.message(|message| matches!(message.view(), gst::MessageView::Latency(_)));
        let set = gst::ClockTime::from_seconds(7);
        assert_eq!(latency(), (true, set, Some(set)));
    }
}

#[test]
fn buffers_say_when_they_were_taken_by_the_clock_of_the_publisher() {
    let publisher = Publisher::new();
    let tracks = [("picture", video(64, 64)), ("sound", audio())];
    let mut camera = publisher.camera("cam", &tracks);
    camera.clock = Clock::new(Duration::from_secs(1_700_000_000));
    camera.announce(&tracks);
    let player = Player::new(&publisher, "cam");
    let items = items(&player, "");
    player.play();
    player.until_pads();
    camera.write("picture", 2_000_000, true);
    camera.write("sound", 2_000_000, true);
    for _ in 0..2 {
        let buffer = next_buffer(&items);
        let meta = buffer
            .meta::<gst::ReferenceTimestampMeta>()
            .expect("the catalog has a clock");
        assert_eq!(meta.reference().to_string(), "timestamp/x-unix");
        assert_eq!(
            meta.timestamp(),
            gst::ClockTime::from_seconds(1_700_000_002)
        );
    }
}

#[test]
fn buffers_say_when_to_decode_them_and_how_long_they_last() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    let items = items(&player, "");
    player.play();
    player.until_pads();
    // In decoding order, with two pictures that are presented before the second.
    for (index, time) in [0, 3, 1, 2, 6, 4, 5].into_iter().enumerate() {
        camera.write("picture", 10_000_000 + time * 33_333, index == 0);
    }
    let mut pictures: Vec<_> = (0..7).map(|_| next_buffer(&items)).collect();
    let decode: Vec<_> = pictures
        .iter()
        .map(|picture| picture.dts().expect("of H.264"))
        .collect();
    for (picture, decode) in pictures.iter().zip(&decode) {
        assert!(Some(*decode) <= picture.pts());
        assert_eq!(picture.duration().map(|time| time.mseconds()), Some(33));
    }
    assert!(
        decode.windows(2).all(|pair| pair[0] < pair[1]),
        "{decode:?}"
    );
    pictures.sort_by_key(|picture| picture.pts());
    let order: Vec<_> = pictures.iter().map(|picture| number(picture)).collect();
    assert_eq!(order, [0, 2, 3, 1, 5, 6, 4]);

    camera.write("sound", 10_200_000, true);
    let sound = next_buffer(&items);
    let expected = opus::packet_duration(&sound.map_readable().expect("system memory"));
    assert_eq!(sound.duration().map(Duration::from), expected);
    assert_eq!(sound.dts(), None);
}

#[test]
fn sound_that_stops_does_not_hold_up_the_others() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    let items = items(&player, "");
    player.play();
    player.until_pads();
    camera.write("sound", 0, true);
    let sound = next_buffer(&items);
    let end = sound.pts().expect("it has a time") + sound.duration().unwrap_or_default();
    let mut until = end;
    for _ in 0..2 {
        let Item::Gap(from, duration) = next(&items) else {
            panic!("sound");
        };
        assert_eq!(from, until);
        until = from + duration;
    }
    // What has the latency to arrive may still come.
    let now = player.element.current_running_time().expect("it plays");
    assert!(until < now, "{until} {now}");
}
