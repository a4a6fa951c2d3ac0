//! The programs in `examples/`, built and run as a user does.
#![cfg(feature = "plugin")]

#[path = "common/program.rs"]
mod program;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use gst::prelude::*;
use program::Program;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program of an example in Rust, built if that has not happened.
fn example(name: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let build = Command::new(cargo)
        .args(["build", "--quiet", "--example", name])
        .current_dir(root())
        .status();
    assert!(build.expect("there is cargo").success());
    let mut folder = std::env::current_exe().expect("it has a name");
    folder.pop();
    folder.pop();
    folder.join("examples").join(name)
}

/// Publishes a picture and sound of five seconds, and says where.
fn publisher() -> (gst::Pipeline, String) {
    gst::init().expect("GStreamer is installed");
    // Tests of other processes register it from its file; this one has it linked in.
    gstmoq::plugin_register_static().expect("the plugin registers");
    let pipeline = gst::parse::launch(
        "moqsink name=sink listen=127.0.0.1:0 broadcast=cam \
         videotestsrc is-live=true num-buffers=150 ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! sink.sink_0 \
         audiotestsrc is-live=true num-buffers=250 samplesperbuffer=960 ! audio/x-raw,rate=48000 ! opusenc ! sink.sink_1",
    );
    let pipeline = pipeline.expect("it is right").downcast::<gst::Pipeline>();
    let pipeline = pipeline.expect("several elements make a pipeline");
    pipeline.set_state(gst::State::Paused).expect("it starts");
    let sink = pipeline.by_name("sink").expect("it has that name");
    let address = sink.property::<Option<String>>("listen-address");
    let uri = format!(
        "moq://{}/cam?tls-disable-verify=true",
        address.expect("it listens")
    );
    (pipeline, uri)
}

/// A viewer names its pads, plays, and ends with the broadcast.
fn plays(command: &mut Command) {
    let (pipeline, uri) = publisher();
    let mut viewer = Program::start(command.arg(uri));
    viewer.line(|line| line == "Waiting for the broadcast cam");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    viewer.line(|line| line.starts_with("pad: video_0 video/x-h264"));
    viewer.line(|line| line.starts_with("pad: audio_0 audio/x-opus"));
    let end = viewer
        .line(|line| line == "the broadcast has ended" || line.starts_with("warning: Nothing"));
    assert_eq!(end, "the broadcast has ended");
    viewer.ends_well();
    pipeline.set_state(gst::State::Null).expect("it stops");
}

#[test]
fn the_viewer_in_python_plays_a_broadcast() {
    let has_gstreamer = |python: &&str| {
        let mut import = Command::new(python);
        import.args(["-c", "import gi; gi.require_version('Gst', '1.0')"]);
        import.stderr(Stdio::null());
        import.status().is_ok_and(|status| status.success())
    };
    let python = ["python3", "/usr/bin/python3"];
    let python = python.iter().find(|python| has_gstreamer(python));
    let python = python.expect("ci/install-deps test installs python3-gi");
    let mut command = Command::new(python);
    command.arg(root().join("examples/viewer.py"));
    command.args(["--video-sink=fakesink", "--audio-sink=fakesink"]);
    plays(&mut command);
}

#[test]
fn the_viewer_in_rust_plays_a_broadcast() {
    let mut command = Command::new("sh");
    let script = "exec \"$0\" \"$1\" fakesink fakesink";
    command.args(["-c", script]).arg(example("viewer"));
    plays(&mut command);
}

#[test]
fn the_viewer_in_c_builds_without_warnings_and_plays_a_broadcast() {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("viewer");
    let flags = Command::new("pkg-config")
        .args(["--cflags", "--libs", "gstreamer-1.0"])
        .output();
    let flags = flags.expect("ci/install-deps build installs it").stdout;
    let flags = String::from_utf8(flags).expect("flags are text");
    let build = Command::new("cc")
        .args([
            "-Wall",
            "-Wextra",
            "-Wno-unused-parameter",
            "-Wno-cast-function-type",
            "-Werror",
            "-o",
        ])
        .arg(&program)
        .arg(root().join("examples/viewer.c"))
        .args(flags.split_whitespace())
        .status();
    assert!(build.expect("there is a compiler").success());
    let script = "exec \"$0\" \"$1\" fakesink fakesink";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(&program);
    plays(&mut command);
}

#[test]
fn the_examples_in_rust_send_the_time_to_each_other() {
    let (publish, subscribe) = (example("publish"), example("subscribe"));
    let mut publisher = Program::start(Command::new(publish).arg("127.0.0.1:0"));
    let url = publisher.line(|line| line.starts_with("http://"));
    let mut command = Command::new(subscribe);
    let mut subscriber = Program::start(command.args([url.as_str(), "clock", "seconds"]));
    let is_time = |line: &str| {
        line.parse::<u64>()
            .is_ok_and(|seconds| seconds > 1_700_000_000)
    };
    let first: u64 = subscriber.line(is_time).parse().expect("it is one");
    let second: u64 = subscriber.line(is_time).parse().expect("it is one");
    assert!(second > first, "{first} {second}");
}
