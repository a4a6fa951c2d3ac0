//! The page to publish: Chromium's made-up camera and microphone into a listening moqsrc.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    chromium::Page,
    fixture::report,
    viewer::{Unit, Viewer},
};

const SOURCE: &str = "moqsrc name=source listen=127.0.0.1:0 broadcast=me";

/// One microphone hears the beeps of all cameras.
static CAMERA: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    CAMERA.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(viewer: &Viewer) -> Page {
    Page::open(&format!("{}publish", viewer.url()))
}

/// What the page's encoders gave.
fn encoded(page: &Page, kind: &str) -> Vec<Unit> {
    let chunks = page.evaluate(&format!("encoded.{kind}"));
    serde_json::from_value(chunks).expect("they are times, sizes and kinds")
}

/// Chooses the camera, and waits until it is there.
pub(crate) fn start_camera(page: &Page) {
    page.click("[data-source=camera]");
    page.until("document.getElementById('stage').dataset.state === 'playing'");
}

/// Publishes as this codec of the page's list, which the source has to tell in caps that are `media`.
fn publishes(codec: &str, media: &str) {
    let _alone = alone();
    let viewer = Viewer::start(SOURCE);
    let page = open(&viewer);
    page.select("#codec", codec);
    start_camera(&page);
    let seen = viewer.until(|seen| {
        let keyframes = seen.coded[0].iter().filter(|unit| unit.keyframe);
        keyframes.count() >= 3
            && seen.is_steady()
            && seen.clock_errors().len() >= 30
            && seen.whole_seconds().len() >= 2
    });
    let caps = viewer.media("video_0");
    let media: gst::Structure = media.parse().expect("it is one");
    assert!(caps.is_subset(&media), "{caps}");
    assert_eq!(viewer.media("audio_0").name(), "audio/x-opus");
    page.until("document.getElementById('demand').textContent === 'Watching'");
    page.screenshot(&format!("publish-{codec}"));

    // Keyframes are made every two seconds, and what comes as one is one of them.
    let pictures = encoded(&page, "video");
    let made = pictures.iter().filter(|unit| unit.keyframe);
    let made: Vec<&Unit> = made.collect();
    for pair in made.windows(2) {
        let step = pair[1].time - pair[0].time;
        assert!((1500.0..3000.0).contains(&step), "{made:?}");
    }
    for came in seen.coded[0].iter().filter(|unit| unit.keyframe) {
        let made = made.iter().any(|unit| unit.size == came.size);
        assert!(made, "{came:?} is none");
    }

    // The clock in the picture goes as the stream's does.
    let errors = seen.clock_errors();
    let typical = errors[errors.len() / 2];
    assert!(typical < 40.0, "{errors:?}");

    // What the page encoded at one time comes out at one time.
    let sounds = encoded(&page, "audio");
    let delays = [seen.delay(0, &pictures), seen.delay(1, &sounds)];
    let skew = delays[0] - delays[1];
    assert!(skew.abs() < 10.0, "the picture is late by {skew} ms");
    // And what the camera and the microphone made at one time.
    let captured = page.evaluate("captured");
    let captured = serde_json::from_value(captured).expect("the page says it so");
    let lips = seen.sound_after_picture(&captured, delays[0]);
    report(&format!(
        "published as {codec}: sound {lips:.1} ms after the picture, of which moqsrc added {:.1} ms; \
         clock {typical:.1} ms off (median of {})",
        -skew,
        errors.len()
    ));
    assert!(lips.abs() < 20.0, "sound is {lips} ms after the picture");
}

#[test]
fn a_camera_goes_out_as_h264() {
    publishes("avc1", "video/x-h264,stream-format=byte-stream");
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

#[test]
fn nothing_is_encoded_that_nobody_plays() {
    let _alone = alone();
    let viewer = Viewer::listen(SOURCE);
    let page = open(&viewer);
    start_camera(&page);
    viewer.until(|seen| seen.beeps.len() >= 4);
    assert_eq!(encoded(&page, "video").len(), 0);
    let port = viewer.port();
    drop(viewer);
    let sounds = "encoded.audio.length";
    page.until("document.getElementById('demand').textContent === 'Nobody yet'");
    let before = page.evaluate(sounds);
    page.until("document.getElementById('status').textContent === 'Connecting'");
    assert_eq!(page.evaluate(sounds), before);

    // Who comes later gets what there is.
    let source = SOURCE.replace(":0", &format!(":{port}"));
    let viewer = Viewer::start(&source);
    viewer.until(|seen| seen.whole_seconds().len() >= 2 && seen.beeps.len() >= 4);
}

#[test]
fn a_voice_goes_out_without_a_picture() {
    let _alone = alone();
    let viewer = Viewer::listen(SOURCE);
    let page = open(&viewer);
    page.click("[data-source=microphone]");
    // The made-up microphone beeps only while somebody uses the camera: not to publish here.
    page.evaluate(
        "navigator.mediaDevices.getUserMedia({ video: true }).then((stream) => { window.kept = stream; })",
    );
    let seen = viewer.until(|seen| seen.beeps.len() >= 6);
    for pair in seen.beeps[1..].windows(2) {
        assert!(
            (300.0..700.0).contains(&(pair[1] - pair[0])),
            "{:?}",
            seen.beeps
        );
    }
    page.until("document.getElementById('notice-title').textContent === 'You can be heard'");
    page.click("#stop");
    page.until("document.getElementById('notice-title').textContent === 'You are not live'");
}

#[test]
fn a_page_that_gets_no_camera_says_why_and_asks_again() {
    let _alone = alone();
    let viewer = Viewer::watch(SOURCE);
    let page = open(&viewer);
    page.evaluate(
        "window.camera = MediaDevices.prototype.getUserMedia, window.error = 'NotAllowedError', \
         MediaDevices.prototype.getUserMedia = () => Promise.reject(new DOMException('what it says', window.error)), 0",
    );
    for (error, title, says) in [
        (
            "NotAllowedError",
            "Not allowed",
            "Allow it beside the address",
        ),
        ("NotFoundError", "Nothing there", "knows of no such device"),
        ("NotReadableError", "It does not start", "(what it says)"),
    ] {
        page.evaluate(&format!("window.error = '{error}'"));
        page.click("[data-source=camera]");
        page.until(&format!(
            "document.getElementById('notice-title').textContent === '{title}' \
             && document.getElementById('notice-text').textContent.includes('{says}')"
        ));
    }
    page.screenshot("publish-not-allowed");
    page.evaluate("MediaDevices.prototype.getUserMedia = window.camera, 0");
    start_camera(&page);
    viewer.until(|seen| seen.pictures.len() >= 10);
}

#[test]
fn a_screen_goes_out() {
    let _alone = alone();
    let viewer = Viewer::watch(SOURCE);
    let page = open(&viewer);
    page.click("[data-source=screen]");
    let seen = viewer.until(|seen| seen.pictures.len() >= 10);
    assert!(seen.pictures.iter().all(|picture| picture.width % 16 == 0));
}

#[test]
fn a_picture_of_an_uneven_size_is_rounded_and_plays() {
    let _alone = alone();
    let viewer = Viewer::watch(SOURCE);
    let page = open(&viewer);
    page.evaluate(
        "document.querySelector('moq-publish').broadcast.video.hd.config.update((config) => ({ ...config, maxPixels: 640 * 360 }))",
    );
    start_camera(&page);
    let seen = viewer.until(|seen| seen.pictures.len() >= 30);
    let caps = viewer.media("video_0");
    assert_eq!(
        (caps.get("width"), caps.get("height")),
        (Ok(640), Ok(352)),
        "{caps}"
    );
    assert!(seen.pictures.iter().all(|picture| picture.width == 640));
}

#[test]
fn the_page_fits_on_a_desk_and_on_a_phone() {
    let viewer = Viewer::watch(SOURCE);
    for (name, width, height) in [
        ("publish-desk", 1280, 800),
        ("publish-phone", 390, 844),
        ("publish-small-phone", 360, 640),
    ] {
        let page = Page::open_sized(&format!("{}publish", viewer.url()), width, height);
        page.until("document.getElementById('status').textContent === 'Connected'");
        let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(page.evaluate(fits), true, "{name} is too wide");
        page.screenshot(name);
    }
}
