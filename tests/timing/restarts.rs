//! Publishers and relays that go away and come back.

use crate::{
    camera::{Camera, Films, Scene},
    relay::Relay,
    table::Row,
    viewer::Viewer,
};

#[test]
fn a_publisher_that_starts_again_is_watched_on_in_step() {
    let films = Films::default();
    let camera = Camera::new("listen=127.0.0.1:0", Scene::BOTH, &films);
    let port = camera.port();
    let viewer = Viewer::new(&format!("url=http://127.0.0.1:{port}/"), &films);
    viewer.wait("a click", |log| {
        !log.clicks.is_empty() && log.pictures.len() > 30
    });
    drop(camera);
    let _camera = Camera::new(&format!("listen=127.0.0.1:{port}"), Scene::BOTH, &films);
    viewer.wait_for(1, 0);
    let clicks = viewer.log().clicks.len();
    viewer.wait("two more clicks", |log| log.clicks.len() >= clicks + 2);
    let row = Row::of("the publisher starts again", &viewer);
    row.assert_in_step();
    assert_eq!(row.backwards, 0);
    let log = viewer.log();
    let first = log
        .pictures
        .iter()
        .find(|shown| shown.camera == 1)
        .expect("it was waited for");
    let age = viewer.age(first) / 1_000_000;
    assert!(age < 1_000, "{age} ms old");
}

#[test]
fn a_relay_that_starts_again_is_watched_on_in_step() {
    let films = Films::default();
    let relay = Relay::start();
    let url = relay.url();
    let _camera = Camera::new(&format!("url={url}"), Scene::BOTH, &films);
    let viewer = Viewer::new(&format!("url={url}"), &films);
    viewer.wait("a click", |log| {
        !log.clicks.is_empty() && log.pictures.len() > 30
    });
    let before = viewer.log().pictures.last().expect("it played").number;
    let port = relay.port;
    drop(relay);
    let _relay = Relay::start_at(port);
    viewer.wait_for(0, before + 45);
    let clicks = viewer.log().clicks.len();
    viewer.wait("two more clicks", |log| log.clicks.len() >= clicks + 2);
    let row = Row::of("the relay starts again", &viewer);
    row.assert_in_step();
    assert_eq!(row.backwards, 0);
}
