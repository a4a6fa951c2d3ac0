//! The same clip as fragmented MP4, from real muxers, gives the same samples.

use std::{path::PathBuf, process::Command};

use gst::prelude::*;

use crate::support::{LISTEN, Pipeline, Publisher, Record, clip};

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
fn units(clip: &str) -> [Vec<Vec<u8>>; 2] {
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
    ["video", "audio"].map(|name| {
        record
            .track(name)
            .units
            .into_iter()
            .map(|unit| unit.bytes)
            .collect()
    })
}

fn arrives_whole(fragmented: &Scratch, clip: &str, blocksize: usize) {
    let publisher = Publisher::new(&format!(
        "filesrc location={} blocksize={blocksize} ! video/quicktime ! {LISTEN}",
        fragmented.0.display()
    ));
    let viewer = publisher.viewer();
    publisher.play();
    publisher.pipeline.wait_for_eos();
    viewer.record.wait_for_eos(&["video_0", "audio_0"]);
    let [video, audio] = units(clip);
    let (got_video, got_audio) = (
        viewer.record.track("video_0"),
        viewer.record.track("audio_0"),
    );
    assert!(
        video == got_video.bytes(),
        "{} sent, {} got",
        video.len(),
        got_video.units.len()
    );
    // The viewer joins while audio flows, one group a packet: it starts within it.
    let missed = audio.len() - got_audio.units.len();
    assert!(missed < 40, "{missed} of {} packets", audio.len());
    assert!(audio[missed..] == got_audio.bytes(), "{missed} missed");
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
        arrives_whole(&file, &clip, 4_096);
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
    arrives_whole(&file, &clip, 65_536);
}
