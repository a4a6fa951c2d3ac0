//! Nothing of GStreamer is left when a program has ended, as its own tracer counts.

use crate::{
    program::{Program, gst_launch},
    support::{LISTEN, Publisher, live_video},
};

/// `gst-launch-1.0` under the tracer of leaks.
fn traced(pipeline: &str) -> Program {
    let mut command = gst_launch(pipeline);
    command
        .env("GST_TRACERS", "leaks")
        .env("GST_DEBUG", "GST_TRACER:7")
        .env("GST_DEBUG_NO_COLOR", "1");
    Program::start(&mut command)
}

/// It played to the end, and nothing is left of it.
#[track_caller]
fn ends_clean(program: Program) {
    let log = program.ends_well();
    // The tracer also says what its lines look like.
    let leaked = |line: &&String| {
        line.contains("object-alive, type-name=(string)") && !line.contains("(string)%s")
    };
    let left: Vec<_> = log.iter().filter(leaked).collect();
    let played = log.iter().any(|line| line.contains("Got EOS"));
    assert!(played, "{}", log.join("\n"));
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn a_sink_that_had_a_viewer_leaves_nothing() {
    let mut sink = traced(&format!(
        "{LISTEN} videotestsrc is-live=true num-buffers=90 ! video/x-raw,width=160,height=120,framerate=30/1 \
         ! x264enc tune=zerolatency key-int-max=15 ! sink. \
         audiotestsrc is-live=true num-buffers=150 samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=2 \
         ! opusenc ! sink."
    ));
    let line = sink.wait_for("listen-address = ");
    let (_, address) = line.split_once("listen-address = ").expect("it is there");
    let address = address.trim().trim_matches('"').replace("\\:", ":");
    let viewer = crate::support::Viewer::new(&format!("http://{address}/"));
    viewer.record.wait_for_units("video_0", 1);
    ends_clean(sink);
}

#[test]
fn a_source_leaves_nothing() {
    let publisher =
        Publisher::new(&live_video(LISTEN).replace("is-live=true", "is-live=true num-buffers=60"));
    let mut source = traced(&format!(
        "moqsrc url=http://127.0.0.1:{}/ broadcast=cam ! h264parse ! avdec_h264 ! fakesink",
        publisher.port
    ));
    source.wait_for("Connected to");
    publisher.play();
    ends_clean(source);
}
