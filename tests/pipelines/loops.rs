//! Files that are played again and again: viewers see one stream that goes on.

use std::{path::PathBuf, time::Duration};

use gst::prelude::*;

use crate::support::{LISTEN, Pipeline, Publisher, Unit, Viewer};

/// A clip of 45 pictures with its sound, that goes with the value.
struct Clip(PathBuf);

impl Clip {
    fn new(name: &str, encoder: &str, muxer: &str) -> Self {
        let name = format!("gstmoq-loop-{}-{name}", std::process::id());
        let clip = Self(std::env::temp_dir().join(name));
        let pipeline = Pipeline::launch(&format!(
            "{muxer} name=mux ! filesink location={} \
             videotestsrc num-buffers=45 pattern=ball ! video/x-raw,width=160,height=120,framerate=30/1 \
             ! x264enc speed-preset=ultrafast key-int-max=15 {encoder} ! h264parse ! queue ! mux. \
             audiotestsrc num-buffers=75 samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=2 \
             ! opusenc ! queue ! mux.",
            clip.0.display()
        ));
        pipeline.set_state(gst::State::Playing);
        pipeline.wait_for_eos();
        clip
    }
}

impl Drop for Clip {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A viewer who rather waits than misses something, also where the machine is busy.
fn patient(publisher: &Publisher) -> Viewer {
    Viewer::with(&format!(
        "moqsrc name=source url=http://127.0.0.1:{}/ broadcast=cam latency=3000 skip-policy=none",
        publisher.port
    ))
}

/// The viewer has all that was sent from its first picture and sound on, and time goes on evenly.
fn goes_on(publisher: &Publisher, viewer: &Viewer, loops: usize) {
    for (kind, name, count, step) in [
        ("video", "video_0", 45 * loops, VIDEO_STEP),
        ("audio", "audio_0", 75 * loops, AUDIO_STEP),
    ] {
        viewer.record.wait_for_units(name, count);
        let got = viewer.record.track(name).units;
        let sent = sent(publisher, kind);
        // What waited for the pipeline to play when it was sought did not go out.
        let begin = sent
            .windows(2)
            .position(|pair| pair[0].bytes == got[0].bytes && pair[1].bytes == got[1].bytes)
            .expect("it was sent");
        for (number, (sent, got)) in sent[begin..].iter().zip(&got).enumerate() {
            assert!(sent.bytes == got.bytes, "{name}: unit {number} is lost");
        }
        passes_evenly(name, &got[..count], step);
    }
}

/// Time goes on evenly from the first unit to the last.
fn passes_evenly(name: &str, units: &[Unit], step: Duration) {
    let mut times: Vec<_> = units.iter().map(|unit| unit.time).collect();
    if name.starts_with("video") {
        // They come in the order in which they are decoded.
        times.sort_unstable();
    }
    // What lies before the start of a viewer's segment has no running time.
    times.retain(|time| !time.is_zero());
    for pair in times.windows(2) {
        // A packet from before the segment, which a decoder needs to start with, takes no time.
        let passed = pair[1].checked_sub(pair[0]).map(Duration::from);
        assert!(
            passed.is_some_and(|passed| passed < step * 2 + TOLERANCE),
            "{name}: {passed:?} after {} of {times:?}",
            pair[0]
        );
    }
    let all = Duration::from(times[times.len() - 1] - times[0]);
    let expected = step * u32::try_from(times.len() - 1).expect("there are few");
    assert!(all.abs_diff(expected) < TOLERANCE * 4, "{name}: {all:?}");
}

fn sent(publisher: &Publisher, kind: &str) -> Vec<Unit> {
    let tracks = publisher.record.lock();
    let is_it = |caps: &gst::Caps| {
        caps.structure(0)
            .is_some_and(|s| s.name().starts_with(kind))
    };
    let mut tracks = tracks.values();
    let track = tracks.find(|track| track.caps.as_ref().is_some_and(is_it));
    track.expect("it was sent").units.clone()
}

#[test]
fn a_transport_stream_that_is_read_again_and_again_goes_on() {
    let clip = Clip::new("clip.ts", "tune=zerolatency", "mpegtsmux");
    let publisher = Publisher::new(&format!(
        "multifilesrc location={} loop=true ! tsdemux name=demux \
         demux. ! video/x-h264 ! h264parse ! queue ! {LISTEN} \
         demux. ! audio/x-opus ! opusparse ! queue ! sink.",
        clip.0.display()
    ));
    publisher.play();
    let viewer = patient(&publisher);
    goes_on(&publisher, &viewer, 3);
}

#[test]
fn a_file_that_is_sought_by_segments_goes_on() {
    let clip = Clip::new("clip.mp4", "bframes=2", "mp4mux");
    let publisher = Publisher::new(&format!(
        "filesrc location={} ! qtdemux name=demux demux.video_0 ! queue ! {LISTEN} \
         demux.audio_0 ! queue ! sink.",
        clip.0.display()
    ));
    let viewer = patient(&publisher);
    viewer.record.wait("both pads", |tracks| tracks.len() == 2);
    let seek = |flags| {
        let pipeline = &publisher.pipeline.0;
        let sought = pipeline.seek(
            1.0,
            flags,
            gst::SeekType::Set,
            gst::ClockTime::ZERO,
            gst::SeekType::None,
            gst::ClockTime::NONE,
        );
        sought.expect("a file can be sought");
    };
    seek(gst::SeekFlags::FLUSH | gst::SeekFlags::SEGMENT);
    publisher.play();
    for _ in 0..3 {
        let done = publisher
            .pipeline
            .message(&[gst::MessageType::SegmentDone, gst::MessageType::Error]);
        let done = done.expect("the segment ends");
        assert_eq!(done.type_(), gst::MessageType::SegmentDone, "{done:?}");
        seek(gst::SeekFlags::SEGMENT);
    }
    goes_on(&publisher, &viewer, 3);
}

#[test]
fn a_fragmented_file_that_is_read_again_and_again_goes_on() {
    let clip = Clip::new("fragments.mp4", "bframes=2", "mp4mux fragment-duration=500");
    let publisher = Publisher::new(&format!(
        "multifilesrc location={} loop=true ! video/quicktime ! {LISTEN}",
        clip.0.display()
    ));
    publisher.play();
    let viewer = patient(&publisher);
    viewer.record.wait_for_units("video_0", 3 * 45);
    let pictures = viewer.record.track("video_0").units;
    // What comes after one round is what came before it.
    for (number, round) in pictures[..3 * 45].windows(45 + 1).enumerate() {
        assert!(
            round[0].bytes == round[45].bytes,
            "{number} is lost or moved"
        );
    }
    passes_evenly("video_0", &pictures[..3 * 45], VIDEO_STEP);
    // Sound lasts longer than the pictures: where it begins anew two packets have one time.
    viewer.record.wait_for_units("audio_0", 3 * 75);
    let sounds = viewer.record.track("audio_0").units;
    let times = sounds.iter().map(|unit| unit.time);
    let times: Vec<_> = times.filter(|time| !time.is_zero()).collect();
    for pair in times.windows(2) {
        let passed = pair[1].checked_sub(pair[0]).map(Duration::from);
        assert!(
            passed.is_some_and(|passed| passed < AUDIO_STEP * 5),
            "{passed:?} after {}",
            pair[0]
        );
    }
}

const VIDEO_STEP: Duration = Duration::from_nanos(33_333_333);
const AUDIO_STEP: Duration = Duration::from_millis(20);

/// Sound and pictures of a file do not last equally long, and the one waits for the other.
const TOLERANCE: Duration = Duration::from_millis(60);
