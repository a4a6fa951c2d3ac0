//! The page to publish: Chromium's made-up camera and microphone into a listening moqsrc.

use crate::{
    chromium::Page,
    fixture::{Viewer, report},
};

fn publishes(codec: &str) {
    let viewer = Viewer::start("moqsrc name=source listen=127.0.0.1:0 broadcast=me");
    let page = Page::open(&format!("{}publish", viewer.url()));
    page.select("#codec", codec);
    page.click("[data-source=camera]");
    let (pictures, sounds) = viewer.plays(30);
    page.until("document.getElementById('demand').textContent === 'Watching'");
    page.screenshot(&format!("publish-{codec}"));
    report(&format!(
        "published as {codec}: {pictures} different pictures and {sounds} loud buffers of sound came out decoded"
    ));
}

#[test]
fn a_camera_goes_out_as_h264() {
    publishes("avc1");
}

#[test]
fn a_camera_goes_out_as_vp8() {
    publishes("vp8");
}

#[test]
fn a_camera_goes_out_as_vp9() {
    publishes("vp09");
}

#[test]
fn a_camera_goes_out_as_av1() {
    publishes("av01");
}
