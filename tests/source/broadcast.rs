//! A broadcast that is joined, ends, breaks off and comes back.

use gst::prelude::*;
use gstmoq::media::Config;

use crate::{
    camera::{Camera, Publisher, audio, init, video},
    player::{Player, Seen},
};

#[test]
fn a_late_joiner_gets_the_group_from_its_keyframe_and_shows_the_live_edge() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    // A second that is over when the viewer comes.
    for frame in 0..30 {
        camera.write("picture", 5_000_000 + frame * 33_333, frame == 0);
    }
    let player = Player::new(&publisher, "cam");
    player.play();
    let seen =
        player.until(|seen| matches!(seen, Seen::Buffer { payload, .. } if payload[0] == 29));
    let mut buffers = seen.iter().filter_map(|seen| match seen {
        Seen::Buffer {
            running_time,
            flags,
            ..
        } => Some((*running_time, *flags)),
        _ => None,
    });
    let (first, flags) = buffers.next().expect("the keyframe");
    assert_eq!((first, flags), (None, gst::BufferFlags::DISCONT));
    let rest: Vec<_> = buffers.collect();
    assert_eq!(rest.len(), 29);
    assert!(
        rest.iter()
            .all(|(_, flags)| *flags == gst::BufferFlags::DELTA_UNIT)
    );
    // What is no older than the latency is shown, and that alone.
    let shown: Vec<_> = rest.iter().filter_map(|(time, _)| *time).collect();
    assert!((1..=4).contains(&shown.len()), "{shown:?}");
    assert!(rest.last().is_some_and(|(time, _)| time.is_some()));
}

#[test]
fn a_viewer_that_was_there_first_gets_everything() {
    let publisher = Publisher::new();
    let player = Player::new(&publisher, "cam");
    player.play();
    player.message(|message| match message.view() {
        gst::MessageView::Progress(progress) => {
            let (kind, code, text) = progress.get();
            kind == gst::ProgressType::Start && code == "broadcast" && text.contains("cam")
        }
        _ => false,
    });
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    player.until_pads();
    camera.write("picture", 0, true);
    let seen = player.until_buffer();
    assert!(
        matches!(
            seen.last(),
            Some(Seen::Buffer {
                running_time: Some(_),
                ..
            })
        ),
        "{seen:?}"
    );
}

#[test]
fn the_end_of_the_broadcast_is_eos_once_on_each_pad() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    // The samples do not come at the pace of their timestamps, and all of them count.
    player.element.set_property("latency", 10_000_u32);
    player.play();
    player.until_pads();
    let frame = |camera: &mut Camera, frame: u64| {
        camera.write("picture", frame * 33_333, frame == 0);
        camera.write("sound", frame * 20_000, true);
    };
    frame(&mut camera, 0);
    let mut seen = player.until_buffers(&["video_0", "audio_0"]);
    frame(&mut camera, 1);
    frame(&mut camera, 2);
    camera.end();
    player.until_eos();
    player.stop();
    seen.extend(player.rest());
    for pad in ["video_0", "audio_0"] {
        let of_pad = |seen: &&Seen| match seen {
            Seen::Buffer { pad: other, .. } | Seen::Eos(other) => other == pad,
            _ => false,
        };
        let of_pad: Vec<_> = seen.iter().filter(of_pad).collect();
        assert_eq!(of_pad.len(), 4, "{of_pad:?}");
        assert!(matches!(of_pad[3], Seen::Eos(_)));
    }
}

#[test]
fn a_broadcast_that_vanishes_is_waited_for_and_goes_on_when_it_returns() {
    let publisher = Publisher::new();
    let tracks: &[(&str, Config)] = &[("picture", video(64, 64))];
    let mut camera = publisher.camera("cam", tracks);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until_pads();
    camera.write("picture", 60_000_000, true);
    player.until_buffer();

    drop(camera);
    player.message(|message| match message.view() {
        gst::MessageView::Warning(warning) => warning.error().message().contains("broke off"),
        _ => false,
    });
    // Its time begins anew.
    let mut camera = publisher.camera("cam", tracks);
    camera.write("picture", 0, true);
    let seen = player.until_buffer();
    assert!(
        !seen
            .iter()
            .any(|seen| matches!(seen, Seen::Pad(_) | Seen::Removed(_) | Seen::Eos(_)))
    );
    let Some(Seen::Buffer {
        pad,
        flags,
        running_time,
        ..
    }) = seen.last()
    else {
        panic!("{seen:?}");
    };
    assert_eq!(
        (pad.as_str(), *flags),
        ("video_0", gst::BufferFlags::DISCONT)
    );
    assert!(running_time.is_some());
}

#[test]
fn of_two_publishers_of_one_name_the_newer_is_played_and_the_older_when_that_is_gone() {
    let publisher = Publisher::new();
    let mut older = publisher.camera("cam", &[("picture", video(64, 64))]);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until_pads();
    older.write("picture", 60_000_000, true);
    player.until_buffer();

    let mut newer = publisher.camera("cam", &[("picture", video(128, 128))]);
    player.until_width(128, |time| newer.write("picture", time, true));
    drop(newer);
    let mut seen = Vec::new();
    player.until_width(64, |time| {
        older.write("picture", 70_000_000 + time, true);
        seen.extend(player.rest());
    });
    let changes = |seen: &Seen| matches!(seen, Seen::Pad(_) | Seen::Removed(_) | Seen::Eos(_));
    assert!(!seen.iter().any(changes), "{seen:?}");
}

#[test]
fn a_broadcast_that_vanishes_ends_when_nobody_waits() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    let player = Player::new(&publisher, "cam");
    player.element.set_property("wait-for-broadcast", false);
    player.play();
    player.until_pads();
    camera.write("picture", 0, true);
    player.until_buffer();
    drop(camera);
    player.until_eos();
}

#[test]
fn a_broadcast_whose_renditions_were_taken_out_has_ended_when_it_vanishes() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    let player = Player::new(&publisher, "cam");
    player.play();
    camera.write("picture", 0, true);
    player.until_buffers(&["video_0"]);
    // As a relay shows a clean end: the catalog is the last to be passed on.
    camera.announce(&[]);
    player.until_eos();
    drop(camera);
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    camera.write("picture", 0, true);
    player.stop();
    let seen = player.rest();
    assert!(
        !seen
            .iter()
            .any(|seen| matches!(seen, Seen::Pad(_) | Seen::Buffer { .. })),
        "{seen:?}"
    );
}

#[test]
fn a_broadcast_that_does_not_come_in_time_is_an_error() {
    let publisher = Publisher::new();
    let player = Player::new(&publisher, "nothing");
    player.element.set_property("timeout", 300_u32);
    player.play();
    let error = player.error();
    assert!(error.matches(gst::ResourceError::NotFound), "{error:?}");
}

#[test]
fn a_publisher_may_push_into_a_listening_source() {
    init();
    let player = Player::listening("cam");
    player.play();
    let publisher = Publisher::dialling(&player.element);
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    player.until_pads();
    camera.write("picture", 0, true);
    player.until_buffer();
    camera.end();
    player.until_eos();
}
