//! Fragmented MP4 of the published `isofmp4mux` and `cmafmux`.

use std::{
    os::fd::AsRawFd,
    path::Path,
    process::{Command, Stdio},
    sync::Once,
};

use gst::prelude::*;

use crate::{
    relay::{Relay, program},
    support::{Pipeline, Publisher, Record, Unit, Viewer, init},
};

pub(crate) fn load() {
    static LOADED: Once = Once::new();
    LOADED.call_once(|| {
        init();
        let file = Path::new(&program("FMP4_PLUGIN")).join("libgstfmp4.so");
        let plugin = gst::Plugin::load_file(file).expect("./test builds it");
        gst::Registry::get()
            .add_plugin(&plugin)
            .expect("it is a plugin");
    });
}

pub(crate) const VIDEO: &str = "videotestsrc num-buffers=75 pattern=ball ! video/x-raw,width=160,height=120,framerate=25/1 \
     ! x264enc speed-preset=ultrafast bframes=2 b-adapt=false key-int-max=25 bitrate=200 ! h264parse";
pub(crate) const AUDIO: &str = "audiotestsrc num-buffers=141 samplesperbuffer=1024 ! audio/x-raw,rate=48000,channels=1 \
     ! avenc_aac ! aacparse";

/// What goes into the muxers: pictures first, then sound.
pub(crate) fn watch_inputs(pipeline: &Pipeline, muxers: &[&str]) -> Record {
    let record = Record::default();
    let pads = muxers
        .iter()
        .flat_map(|muxer| pipeline.element(muxer).sink_pads());
    for (pad, name) in pads.zip(["video_0", "audio_0"]) {
        record.watch(&pad, name);
    }
    record
}

/// What `writer` publishes as `cam`, of the fragmented MP4 that it is given to read, arrives through the relay.
pub(crate) fn fragments_are_watched(relay: &Relay, writer: &mut Command) {
    let viewer = Viewer::with(&format!(
        "moqsrc name=source url={} broadcast=cam skip-policy=none",
        relay.url()
    ));
    let mut writer = writer
        .stdin(Stdio::piped())
        .spawn()
        .expect("./test installs it");
    let input = writer.stdin.take().expect("it is piped");
    let muxer = Pipeline::launch(&format!(
        "{VIDEO} ! identity sync=true ! queue ! mp4mux name=mux fragment-duration=200 ! fdsink fd={} sync=false \
         {AUDIO} ! identity sync=true ! queue ! mux.",
        input.as_raw_fd()
    ));
    let sent = watch_inputs(&muxer, &["mux"]);
    muxer.set_state(gst::State::Playing);
    for name in ["video_0", "audio_0"] {
        viewer.record.wait_for_units(name, 20);
        let (sent, got) = (sent.track(name), viewer.record.track(name));
        let (sent, got) = (sent.bytes(), got.bytes());
        let begin = sent
            .iter()
            .position(|unit| *unit == got[0])
            .expect("it was sent");
        assert!(sent[begin..].starts_with(&got[..20]), "{name}");
    }
    drop((muxer, input));
    let _ = writer.kill();
    let _ = writer.wait();
}

fn watching(publisher: &Publisher) -> Viewer {
    Viewer::with(&format!(
        "moqsrc name=source url=http://127.0.0.1:{}/ broadcast=cam skip-policy=none",
        publisher.port
    ))
}

/// Everything that went into the muxers comes out of the viewer, in step.
fn arrives_whole(muxers: &[&str], description: &str) {
    load();
    for container in ["legacy", "cmaf"] {
        let publisher = Publisher::new(&format!(
            "{description} moqsink name=sink listen=127.0.0.1:0 broadcast=cam container={container}"
        ));
        let inputs = watch_inputs(&publisher.pipeline, muxers);
        let viewer = watching(&publisher);
        publisher.play();
        publisher.pipeline.wait_for_eos();
        viewer.record.wait_for_eos(&["video_0", "audio_0"]);
        let mut delay = None;
        for name in ["video_0", "audio_0"] {
            let (sent, got) = (inputs.track(name).units, viewer.record.track(name).units);
            let what = format!("{container}: {name} of {description}");
            // The viewer joins while sound flows, a group a packet.
            let missed = sent.len() - got.len();
            assert!(
                missed <= if name == "video_0" { 0 } else { 50 },
                "{what}: {missed}"
            );
            for (index, (sent, got)) in sent[missed..].iter().zip(&got).enumerate() {
                assert!(sent.bytes == got.bytes, "{what}: {index} differs");
                assert_eq!(sent.keyframe, got.keyframe, "{what}: {index}");
                if got.time.is_zero() {
                    // From before the segment of the viewer.
                    continue;
                }
                let late = got.time.nseconds() as i64 - sent.time.nseconds() as i64;
                let apart = (late - *delay.get_or_insert(late)).abs();
                assert!(apart < 1_000_000, "{what}: {index} is {apart} ns off");
            }
        }
    }
}

#[test]
fn fragments_of_isofmp4mux_hold_what_went_in() {
    arrives_whole(
        &["mux"],
        &format!(
            "{VIDEO} ! queue ! isofmp4mux name=mux fragment-duration=1000000000 ! sink. {AUDIO} ! queue ! mux."
        ),
    );
}

#[test]
fn chunks_of_isofmp4mux_hold_what_went_in() {
    arrives_whole(
        &["mux"],
        &format!(
            "{VIDEO} ! queue ! isofmp4mux name=mux fragment-duration=1000000000 chunk-duration=200000000 ! sink. \
             {AUDIO} ! queue ! mux."
        ),
    );
}

#[test]
fn chunks_of_two_cmafmux_hold_what_went_in() {
    arrives_whole(
        &["one", "two"],
        &format!(
            "{VIDEO} ! cmafmux name=one fragment-duration=1000000000 chunk-duration=200000000 ! queue ! sink. \
             {AUDIO} ! cmafmux name=two fragment-duration=1000000000 chunk-duration=200000000 ! queue ! sink."
        ),
    );
}

#[test]
fn what_is_linked_in_the_middle_begins_with_the_header_of_the_caps() {
    load();
    let publisher = Publisher::new(&format!(
        "{VIDEO} ! cmafmux name=mux fragment-duration=1000000000 chunk-duration=200000000 ! identity name=late \
         ! moqsink name=sink listen=127.0.0.1:0 broadcast=cam"
    ));
    let inputs = watch_inputs(&publisher.pipeline, &["mux"]);
    let late = publisher.pipeline.element("late");
    let input = late.static_pad("sink").expect("it has one");
    let passed = std::sync::atomic::AtomicUsize::new(0);
    input.add_probe(
        gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST,
        move |_, info| {
            let buffers = match &mut info.data {
                Some(gst::PadProbeData::BufferList(list)) => {
                    // Half of the first list is missing, and with it all headers.
                    let first = passed.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
                    let half = list.len() / 2;
                    if first {
                        assert!(half >= 3, "header, fragment and samples: {}", list.len());
                        list.make_mut().remove(..half);
                    }
                    list.len()
                }
                _ => 1,
            };
            assert!(buffers > 0);
            gst::PadProbeReturn::Ok
        },
    );
    let viewer = watching(&publisher);
    publisher.play();
    publisher.pipeline.wait_for_eos();
    viewer.record.wait_for_eos(&["video_0"]);
    let (sent, got) = (
        inputs.track("video_0").units,
        viewer.record.track("video_0").units,
    );
    // The first group lacks its keyframe.
    let second = sent[1..].iter().position(|unit| unit.keyframe);
    let whole = &sent[1 + second.expect("another group")..];
    assert!(whole.len() >= 50);
    let bytes =
        |units: &[Unit]| -> Vec<_> { units.iter().map(|unit| unit.bytes.clone()).collect() };
    assert!(
        bytes(whole) == bytes(&got),
        "{} of {}",
        got.len(),
        whole.len()
    );
}
