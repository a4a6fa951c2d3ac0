//! Up and down many times, at any moment: quick, and nothing is left behind.

use std::{
    fs,
    time::{Duration, Instant},
};

use gst::prelude::*;

use crate::{
    camera::{Publisher, audio, video},
    pace::Pace,
    player::Player,
    waiting::wait_until,
};

const CYCLES: u64 = 200;
/// A stop takes a few milliseconds, and a few hundred on a machine that is busy with other things.
const SLOW: Duration = Duration::from_secs(1);

/// What the system holds for this process.
#[derive(Debug, Clone, Copy)]
struct Held {
    threads: usize,
    files: usize,
}

impl Held {
    fn now() -> Self {
        let count = |folder: &str| fs::read_dir(folder).expect("Linux has it").count();
        Self {
            threads: count("/proc/self/task"),
            files: count("/proc/self/fd"),
        }
    }
}

/// A test of its own process: others start threads and open files.
#[test]
fn two_hundred_stops_at_any_moment_are_quick_and_leave_nothing_behind() {
    const ALONE: &str = "GST_MOQ_TEST_ALONE";
    let name = "cycles::two_hundred_stops_at_any_moment_are_quick_and_leave_nothing_behind";
    if std::env::var_os(ALONE).is_none() {
        let program = std::env::current_exe().expect("it has a name");
        let status = std::process::Command::new(program)
            .args(["--exact", name, "--nocapture"])
            .env(ALONE, "1")
            .status();
        assert!(status.expect("it starts").success());
        return;
    }
    let publisher = Publisher::new();
    let tasks = publisher.tasks();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    let mut before = None;
    let mut stops = Vec::new();
    // The low bits of a linear congruence, so that a failure can be repeated.
    let mut random = 12_345_u64;
    for round in 0..CYCLES {
        player.play();
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Anywhere between the first packet and buffers on all pads.
        Pace::new().wait_until(Duration::from_micros((random >> 33) % 60_000));
        camera.write("picture", round * 100_000, true);
        camera.write("sound", round * 100_000, true);
        if round % 3 == 0 {
            let _ = player.pipeline.set_state(gst::State::Paused);
        }
        let begin = Instant::now();
        player
            .pipeline
            .set_state(gst::State::Null)
            .expect("it stops");
        stops.push(begin.elapsed());
        assert_eq!(player.element.num_src_pads(), 0);
        player.rest();
        player.forget_links();
        if round == 20 {
            // Pools of threads and sockets have their size by now.
            before = Some(Held::now());
        }
    }
    stops.sort_unstable();
    println!(
        "half of the stops took {:?}, the slowest {:?}",
        stops[stops.len() / 2],
        stops.last()
    );
    assert!(stops.iter().all(|stop| *stop < SLOW), "{:?}", stops.last());
    let before = before.expect("there were more rounds");
    // What goes away by itself gets the time for it: idle threads of the pools, sockets that drain.
    wait_until(&format!("what is held goes back to {before:?}"), || {
        let now = Held::now();
        now.threads <= before.threads && now.files <= before.files
    });
    // What holds the element: this test, and the pipeline.
    let element = player.element.downgrade();
    drop(player);
    assert!(
        element.upgrade().is_none(),
        "something still holds the element"
    );
    // No session is left, and so no reader.
    wait_until("no task reads", || {
        !camera.is_read("picture") && !camera.is_read("sound")
    });
    wait_until("no session has a task left", || publisher.tasks() <= tasks);
}
