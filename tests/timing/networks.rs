//! Networks that lose, stop and get narrow.

use std::time::Duration;

use crate::{
    camera::{Camera, Film, Films, Scene},
    link::{Conditions, Link},
    table::Row,
    viewer::Viewer,
};

fn through(link: &Link, more: &str) -> String {
    format!(
        "url=https://127.0.0.1:{}/ tls-disable-verify=true websocket=false {more}",
        link.port
    )
}

/// What the only camera takes.
fn film(films: &Films) -> Film {
    films.lock().expect("no test panics with it")[0].clone()
}

/// Watches ten seconds through a network that loses so many packets of a thousand, with a round trip of 50 ms.
fn lossy(name: &str, loss: u64) -> Row {
    let films = Films::default();
    let camera = Camera::new("listen=127.0.0.1:0", Scene::BOTH, &films);
    let conditions = Conditions {
        loss,
        delay: Duration::from_millis(25),
        ..Conditions::default()
    };
    let link = Link::new(camera.port(), conditions);
    let viewer = Viewer::new(&through(&link, ""), &films);
    viewer.wait_for(0, 300);
    let row = Row::of(name, &viewer);
    row.assert_in_step();
    assert_eq!(row.backwards, 0);
    row
}

#[test]
fn one_lost_packet_in_a_hundred_is_hardly_seen() {
    let row = lossy("1 % lost, round trip 50 ms", 10);
    assert!(row.missing + (row.late as u64) < 60, "{row:?}");
}

#[test]
fn one_lost_packet_in_twenty_is_survived() {
    let row = lossy("5 % lost, round trip 50 ms", 50);
    assert!(row.missing + (row.late as u64) < 120, "{row:?}");
}

#[test]
fn a_latency_that_may_grow_covers_what_the_network_needs() {
    let films = Films::default();
    let camera = Camera::new("listen=127.0.0.1:0", Scene::BOTH, &films);
    let conditions = Conditions {
        loss: 50,
        delay: Duration::from_millis(25),
        ..Conditions::default()
    };
    let link = Link::new(camera.port(), conditions);
    let viewer = Viewer::new(&through(&link, "latency=0 max-latency=1000"), &films);
    viewer.wait_for(0, 300);
    let row = Row::of("5 % lost, latency 0 to 1000 ms", &viewer);
    let latency = viewer.stat("latency") / 1_000_000;
    println!("{latency} ms of latency");
    // A packet that is lost comes a round trip later at the earliest.
    assert!((40..=1_000).contains(&latency), "{latency} ms");
    assert_eq!(row.backwards, 0);
}

#[test]
fn an_outage_of_three_seconds_leaves_no_delay_behind() {
    let films = Films::default();
    let camera = Camera::new("listen=127.0.0.1:0", Scene::BOTH, &films);
    let conditions = Conditions {
        delay: Duration::from_millis(10),
        ..Conditions::default()
    };
    let link = Link::new(camera.port(), conditions);
    let viewer = Viewer::new(&through(&link, ""), &films);
    viewer.wait_for(0, 60);
    let before = usual(&viewer);
    link.conditions().cut = true;
    film(&films).take(3 * 30);
    link.conditions().cut = false;
    viewer.wait_for(0, 330);
    let row = Row::of("an outage of three seconds", &viewer);
    row.assert_in_step();
    assert_eq!(row.backwards, 0);
    let after = usual(&viewer);
    assert!(after < before + 300, "{before} ms before, {after} ms after");
}

#[test]
fn half_the_bandwidth_for_ten_seconds_does_not_let_the_delay_grow() {
    let films = Films::default();
    let scene = Scene {
        noisy: true,
        ..Scene::BOTH
    };
    let camera = Camera::new("listen=127.0.0.1:0", scene, &films);
    let conditions = Conditions {
        delay: Duration::from_millis(10),
        rate: Some(1_500_000),
        ..Conditions::default()
    };
    let link = Link::new(camera.port(), conditions);
    let viewer = Viewer::new(&through(&link, ""), &films);
    viewer.wait_for(0, 60);
    let before = usual(&viewer);
    link.conditions().rate = Some(750_000);
    film(&films).take(10 * 30);
    let during = usual(&viewer);
    link.conditions().rate = Some(1_500_000);
    let now = viewer.log().pictures.last().expect("it played").number;
    viewer.wait_for(0, now + 180);
    let row = Row::of("half the bandwidth for ten seconds", &viewer);
    assert_eq!(row.backwards, 0);
    let after = usual(&viewer);
    println!("{before} ms before, {during} ms during, {after} ms after");
    // A receiver that shows everything is five seconds behind by then.
    assert!(during < 3_000, "{during}");
    row.assert_in_step();
    assert!(after < before + 500, "{before} ms before, {after} ms after");
}

/// How old the newest pictures are, in ms.
fn usual(viewer: &Viewer) -> i64 {
    let log = viewer.log();
    let newest = log.pictures.iter().rev().take(20);
    let mut ages: Vec<_> = newest.map(|shown| viewer.age(shown) / 1_000_000).collect();
    ages.sort_unstable();
    ages[ages.len() / 2]
}
