//! `rendition=auto` on a path that becomes narrow, and wide again.

use std::time::{Duration, Instant};

use gst::prelude::*;
use gstmoq::media::Config;

use crate::{
    camera::{Publisher, video},
    link::{Conditions, Link},
    pace::Pace,
    player::{Player, Seen},
};

/// 30 frames a second of so many bytes each.
const HIGH: usize = 12_000;
const LOW: usize = 1_000;
const FRAME: Duration = Duration::from_micros(33_333);
/// Frames in a group.
const GROUP: u64 = 15;

fn quality(width: u32, height: u32, frame: usize) -> Config {
    let mut config = video(width, height);
    config.common_mut().bitrate = Some(frame as u64 * 8 * 30);
    config
}

/// How often in a row each width came.
fn runs(widths: &[i32]) -> Vec<(i32, usize)> {
    let runs = widths.chunk_by(|one, other| one == other);
    runs.map(|run| (run[0], run.len())).collect()
}

#[test]
fn the_picture_follows_what_the_network_carries() {
    let publisher = Publisher::new();
    let tracks = [
        ("high", quality(1280, 720, HIGH)),
        ("low", quality(320, 180, LOW)),
    ];
    let mut camera = publisher.camera("cam", &tracks);
    let link = Link::new(
        publisher.port(),
        Conditions {
            delay: Duration::from_millis(10),
            ..Conditions::default()
        },
    );
    let player = Player::new(&publisher, "cam");
    player
        .element
        .set_property("url", format!("moql://127.0.0.1:{}", link.port));
    player.play();
    player.until_pads();

    let pace = Pace::new();
    let mut frame = 0;
    let mut widths = Vec::new();
    // Frames in real time until the newest `count` that were given all have this width.
    let mut until = |width: i32, count: usize, limit: Duration| {
        let deadline = Instant::now() + limit;
        let shows = |widths: &[i32]| {
            widths.len() >= count && widths.iter().rev().take(count).all(|other| *other == width)
        };
        while !shows(&widths) {
            assert!(Instant::now() < deadline, "no {width}: {:?}", runs(&widths));
            let time = FRAME * frame;
            pace.wait_until(time);
            let keyframe = u64::from(frame).is_multiple_of(GROUP);
            for (track, size) in [("high", HIGH), ("low", LOW)] {
                camera.write_sized(track, time.as_micros() as u64, keyframe, size);
            }
            frame += 1;
            widths.extend(player.rest().into_iter().filter_map(|seen| match seen {
                Seen::Buffer { width, .. } => width,
                Seen::Pad(_) | Seen::Removed(_) | Seen::Eos(_) => panic!("{seen:?}"),
                Seen::NoMorePads => None,
            }));
        }
    };
    let limit = Duration::from_secs(20);
    until(1280, 60, limit);
    link.conditions().rate = Some(1_200_000);
    until(320, 60, limit);
    link.conditions().rate = None;
    until(1280, 30, 3 * limit);
}
