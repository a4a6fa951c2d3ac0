//! Viewers that come late, leave, and come several; publishers that end.

use gst::prelude::*;

use crate::support::{LISTEN, Publisher, Viewer, live_video};

#[test]
fn a_late_joiner_starts_with_a_keyframe_and_leaves_without_harm() {
    let publisher = Publisher::new(&live_video(LISTEN));
    publisher.play();
    publisher.record.wait_for_units("sink_0", 45);
    let first = publisher.viewer();
    first.record.wait_for_units("video_0", 30);
    let second = publisher.viewer();
    second.record.wait_for_units("video_0", 30);
    for viewer in [&first, &second] {
        let units = viewer.record.track("video_0").units;
        assert!(units[0].keyframe);
        let sent = publisher.record.track("sink_0").units;
        let start = sent
            .iter()
            .position(|unit| unit.bytes == units[0].bytes)
            .expect("it was sent");
        for (sent, got) in sent[start..].iter().zip(&units) {
            assert!(sent.bytes == got.bytes);
        }
    }
    drop(first);
    let so_far = second.record.track("video_0").units.len();
    second.record.wait_for_units("video_0", so_far + 30);
}

#[test]
fn the_first_picture_after_the_join_is_live() {
    let publisher = Publisher::new(&live_video(LISTEN));
    publisher.play();
    // In the middle of a group of one second.
    publisher.record.wait_for_units("sink_0", 75);
    let viewer = publisher.viewer();
    viewer.record.wait_for_units("video_0", 40);
    let track = viewer.record.track("video_0");
    let shown = track
        .units
        .iter()
        .find(|unit| unit.time > gst::ClockTime::ZERO)
        .expect("something is shown");
    // What is shown first is as old as the network and the estimate make it, not as a group.
    let last = track.units.last().expect("there are units");
    let age =
        |unit: &crate::support::Unit| unit.arrival.nseconds() as i64 - unit.time.nseconds() as i64;
    assert!(age(last).abs() < 300_000_000, "{} ns behind", age(last));
    assert!(
        age(shown).abs() < 300_000_000,
        "{} ns behind at the start",
        age(shown)
    );
}

#[test]
fn the_encoder_makes_a_keyframe_for_the_first_viewer_of_a_long_group() {
    // By itself it makes one in a hundred seconds.
    let publisher =
        Publisher::new(&live_video(LISTEN).replace("key-int-max=30", "key-int-max=3000"));
    publisher.play();
    publisher.record.wait_for_units("sink_0", 75);
    let keyframes =
        |units: &[crate::support::Unit]| units.iter().filter(|unit| unit.keyframe).count();
    assert_eq!(keyframes(&publisher.record.track("sink_0").units), 1);
    let viewer = publisher.viewer();
    viewer
        .record
        .wait("a picture without much before it", |tracks| {
            let units = tracks.get("video_0").map(|track| track.units.as_slice());
            keyframes(units.unwrap_or_default()) == 2
        });
    assert_eq!(keyframes(&publisher.record.track("sink_0").units), 2);
}

#[test]
fn a_publisher_that_ends_ends_its_viewers_with_the_last_frame() {
    let publisher =
        Publisher::new(&live_video(LISTEN).replace("is-live=true", "is-live=true num-buffers=60"));
    let viewer = publisher.viewer();
    publisher.play();
    publisher.pipeline.wait_for_eos();
    viewer.pipeline.wait_for_eos();
    let (sent, got) = (
        publisher.record.track("sink_0"),
        viewer.record.track("video_0"),
    );
    assert_eq!(sent.units.len(), 60);
    assert!(sent.bytes() == got.bytes(), "{} got", got.units.len());
}

#[test]
fn a_viewer_may_come_first() {
    let port = {
        let publisher = Publisher::new(&live_video(LISTEN));
        publisher.port
    };
    let viewer = Viewer::new(&format!("http://127.0.0.1:{port}/"));
    let sink = LISTEN.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    let publisher = Publisher::new(&live_video(&sink));
    publisher.play();
    viewer.record.wait_for_units("video_0", 30);
}

#[test]
fn a_viewer_plays_again_and_again() {
    let publisher = Publisher::new(&live_video(LISTEN));
    publisher.play();
    let viewer = publisher.viewer();
    for _ in 0..5 {
        let so_far = viewer.record.track("video_0").units.len();
        viewer.record.wait_for_units("video_0", so_far + 10);
        viewer.pipeline.set_state(gst::State::Null);
        viewer.pipeline.set_state(gst::State::Playing);
    }
    let names: Vec<_> = viewer.record.lock().keys().cloned().collect();
    assert_eq!(names, ["video_0"]);
}

#[test]
fn a_publisher_may_push_into_a_listening_source() {
    let viewer = Viewer::with("moqsrc name=source listen=127.0.0.1:0 broadcast=cam");
    let source = viewer.pipeline.element("source");
    let address = source
        .property::<Option<String>>("listen-address")
        .expect("it listens");
    let sink = format!("moqsink name=sink url=http://{address}/ broadcast=cam");
    let publisher = crate::support::Pipeline::launch(&live_video(&sink));
    publisher.set_state(gst::State::Playing);
    viewer.record.wait_for_units("video_0", 30);
}

#[test]
fn sound_and_picture_stay_in_step_for_a_late_joiner() {
    let publisher = Publisher::new(&format!(
        "{} audiotestsrc is-live=true wave=white-noise samplesperbuffer=960 ! audio/x-raw,rate=48000 ! opusenc ! sink.",
        live_video(LISTEN)
    ));
    publisher.play();
    publisher.record.wait_for_units("sink_0", 50);
    let viewer = publisher.viewer();
    viewer.record.wait_for_units("video_0", 40);
    viewer.record.wait_for_units("audio_0", 30);
    let sent = publisher.record.lock().clone();
    let got = viewer.record.lock().clone();
    let mut offsets = Vec::new();
    for name in ["video_0", "audio_0"] {
        let unit = got[name]
            .units
            .iter()
            .rfind(|unit| unit.time > gst::ClockTime::ZERO)
            .expect("it played");
        let original = sent
            .values()
            .flat_map(|track| &track.units)
            .find(|sent| sent.bytes == unit.bytes);
        let original = original.expect("it was sent");
        offsets.push(unit.time.nseconds() as i64 - original.time.nseconds() as i64);
    }
    let skew = offsets[0] - offsets[1];
    assert!(skew.abs() < 33_000_000, "out of step by {skew} ns");
}
