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

/// How often in a row each width came, and between which frames.
fn runs(pictures: &[(i32, u64)]) -> Vec<(i32, u64, u64)> {
    let runs = pictures.chunk_by(|one, other| one.0 == other.0);
    runs.map(|run| (run[0].0, run[0].1, run[run.len() - 1].1))
        .collect()
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
    let mut pictures: Vec<(i32, u64)> = Vec::new();
    // Frames in real time until the newest `count` that were given all have this width.
    let mut until = |width: i32, count: usize, limit: Duration| {
        let deadline = Instant::now() + limit;
        let shows = |pictures: &[(i32, u64)]| {
            let mut newest = pictures.iter().rev().take(count);
            pictures.len() >= count && newest.all(|(other, _)| *other == width)
        };
        while !shows(&pictures) {
            assert!(
                Instant::now() < deadline,
                "no {width}: {:?}",
                runs(&pictures)
            );
            let time = FRAME * frame;
            pace.wait_until(time);
            let keyframe = u64::from(frame).is_multiple_of(GROUP);
            for (track, size) in [("high", HIGH), ("low", LOW)] {
                camera.write_sized(track, time.as_micros() as u64, keyframe, size);
            }
            frame += 1;
            pictures.extend(player.rest().into_iter().filter_map(|seen| match seen {
                Seen::Buffer { width, media, .. } => {
                    let frame = (media + 1_000) / FRAME.as_micros() as u64;
                    width.map(|width| (width, frame))
                }
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
    let runs = runs(&pictures);
    // One takes over from the other with a group.
    assert!(
        runs.iter().all(|(_, first, _)| first.is_multiple_of(GROUP)),
        "{runs:?}"
    );
    assert!(
        pictures.windows(2).all(|pair| pair[0].1 < pair[1].1),
        "{runs:?}"
    );
    // Where there is room for both, nothing is missing in between, and there always is for the step up.
    let [.., (_, _, last), (_, first, _)] = runs[..] else {
        panic!("{runs:?}");
    };
    assert_eq!(first, last + 1, "{runs:?}");
}
