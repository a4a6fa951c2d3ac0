//! The same clip as fragmented MP4, from real muxers, gives the same samples.

use std::{path::PathBuf, process::Command};

use gst::prelude::*;

use crate::support::{LISTEN, Pipeline, Publisher, Record, Unit, Viewer, clip};

/// A file that goes with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("gstmoq-{}-{name}.mp4", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The access units of the clip as its demuxer gives them, video then audio.
fn units(clip: &str) -> [Vec<Unit>; 2] {
    let pipeline = Pipeline::launch(&format!(
        "filesrc location={clip} ! qtdemux name=d d.video_0 ! queue ! fakesink name=video \
         d.audio_0 ! queue ! fakesink name=audio"
    ));
    let record = Record::default();
    for name in ["video", "audio"] {
        let pad = pipeline
            .element(name)
            .static_pad("sink")
            .expect("a sink has a pad");
        record.watch(&pad, name);
    }
    pipeline.set_state(gst::State::Playing);
    pipeline.wait_for_eos();
    ["video", "audio"].map(|name| record.track(name).units)
}

/// The samples of a fragmented copy of the clip, their times and their keyframes arrive in this container.
fn arrives_whole(container: &str, fragmented: &Scratch, clip: &str, blocksize: usize) {
    let publisher = Publisher::new(&format!(
        "filesrc location={} blocksize={blocksize} ! video/quicktime ! {LISTEN} container={container}",
        fragmented.0.display()
    ));
    let viewer = Viewer::with(&format!(
        "moqsrc name=source url=http://127.0.0.1:{}/ broadcast=cam skip-policy=none",
        publisher.port
    ));
    publisher.play();
    publisher.pipeline.wait_for_eos();
    viewer.record.wait_for_eos(&["video_0", "audio_0"]);
    let mut delay = None;
    for (sent, name) in units(clip).into_iter().zip(["video_0", "audio_0"]) {
        let got = viewer.record.track(name).units;
        // The viewer joins while audio flows, one group a packet: it starts within it.
        let missed = sent.len() - got.len();
        let most = if name == "video_0" { 0 } else { 39 };
        assert!(
            missed <= most,
            "{container}: {missed} of {} of {name}",
            sent.len()
        );
        for (index, (sent, got)) in sent[missed..].iter().zip(&got).enumerate() {
            assert!(sent.bytes == got.bytes, "{container}: {name} {index}");
            let late = got.time.nseconds() as i64 - sent.time.nseconds() as i64;
            let apart = (late - *delay.get_or_insert(late)).abs();
            assert!(
                apart < 500_000,
                "{container}: {name} {index} is {apart} ns off"
            );
            if name == "video_0" {
                assert_eq!(sent.keyframe, got.keyframe, "{container}: {name} {index}");
            }
        }
    }
}

#[test]
fn fragments_of_ffmpeg_give_the_same_samples() {
    let Some(clip) = clip("bigbuckbunny.mp4") else {
        return;
    };
    let clip = clip.display().to_string();
    for flags in [
        "frag_keyframe+empty_moov",
        "frag_every_frame+empty_moov+default_base_moof",
    ] {
        let file = Scratch::new(&flags.replace('+', "-"));
        let status = Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-y",
                "-i",
                &clip,
                "-c",
                "copy",
                "-movflags",
                flags,
            ])
            .arg(&file.0)
            .status()
            .expect("ffmpeg is installed by ./test");
        assert!(status.success());
        for container in ["legacy", "cmaf"] {
            arrives_whole(container, &file, &clip, 4_096);
        }
    }
}

#[test]
fn fragments_of_mp4mux_give_the_same_samples() {
    let Some(clip) = clip("bigbuckbunny.mp4") else {
        return;
    };
    let clip = clip.display().to_string();
    let file = Scratch::new("mp4mux");
    let pipeline = Pipeline::launch(&format!(
        "filesrc location={clip} ! qtdemux name=d d.video_0 ! queue ! h264parse \
         ! mp4mux name=mux fragment-duration=500 ! filesink location={} \
         d.audio_0 ! queue ! aacparse ! mux.",
        file.0.display()
    ));
    pipeline.set_state(gst::State::Playing);
    pipeline.wait_for_eos();
    drop(pipeline);
    for container in ["legacy", "cmaf"] {
        arrives_whole(container, &file, &clip, 65_536);
    }
}
