//! The page to publish: Chromium's made-up camera and microphone into a listening moqsrc.

use crate::{
    chromium::Page,
    fixture::{Viewer, report},
};

/// Publishes as this codec of the page's list, which the source has to call `media`.
fn publishes(codec: &str, media: &str) {
    let viewer = Viewer::start("moqsrc name=source listen=127.0.0.1:0 broadcast=me");
    let page = Page::open(&format!("{}publish", viewer.url()));
    page.select("#codec", codec);
    page.click("[data-source=camera]");
    let (pictures, sounds) = viewer.plays(30);
    assert_eq!(viewer.media(), [media, "audio/x-opus"]);
    page.until("document.getElementById('demand').textContent === 'Watching'");
    page.screenshot(&format!("publish-{codec}"));
    report(&format!(
        "published as {codec}: {pictures} different pictures and {sounds} loud buffers of sound came out decoded"
    ));
}

#[test]
fn a_camera_goes_out_as_h264() {
    publishes("avc1", "video/x-h264");
}

#[test]
fn a_camera_goes_out_as_vp8() {
    publishes("vp8", "video/x-vp8");
}

#[test]
fn a_camera_goes_out_as_vp9() {
    publishes("vp09", "video/x-vp9");
}

#[test]
fn a_camera_goes_out_as_av1() {
    publishes("av01", "video/x-av1");
}
