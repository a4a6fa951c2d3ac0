//! A recording that other programs accept: from the keyframe before, in decoding order, without a hole.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use gst::prelude::*;

use crate::{
    camera::{Camera, FRAME, Films, Scene},
    program::Program,
};

/// A file that is removed with the value.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let name = format!("gst-plugin-moq-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Records what `camera` shows for so long, from the middle of a group on.
fn record(camera: &Camera, films: &Films, parser: &str, file: &Path, duration: gst::ClockTime) {
    let clock = gst::SystemClock::obtain();
    let begin = films.lock().expect("no test panics with it")[0].begin;
    let due = begin + gst::ClockTime::from_mseconds(3_000);
    let _ = clock.new_single_shot_id(due).wait();
    let text = format!(
        "moqsrc name=source url=http://127.0.0.1:{}/ broadcast=cam skip-policy=none \
         source.video_0 ! queue ! {parser} ! mp4mux name=mux ! filesink location={} \
         source.audio_0 ! queue ! opusparse ! mux.",
        camera.port(),
        file.display()
    );
    let pipeline = gst::parse::launch(&text).expect("the description is right");
    let source = pipeline
        .downcast_ref::<gst::Bin>()
        .and_then(|bin| bin.by_name("source"));
    let source = source.expect("it is named");
    pipeline.set_state(gst::State::Playing).expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    // Not before something is there, whatever the machine does.
    let buffers = || -> u64 {
        let stats: gst::Structure = source.property("stats");
        stats.get("buffers").expect("there is such a number")
    };
    let _ = clock.new_single_shot_id(due + duration).wait();
    while buffers() < 200 {
        assert!(Instant::now() < deadline, "only {} buffers", buffers());
        let _ = clock
            .new_single_shot_id(clock.time() + gst::ClockTime::from_mseconds(50))
            .wait();
    }
    assert!(pipeline.send_event(gst::event::Eos::new()));
    let bus = pipeline.bus().expect("it has one");
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(20), &kinds);
    let _ = pipeline.set_state(gst::State::Null);
    let end = end.expect("an end");
    assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
}

fn probe(arguments: &[&str], file: &Path) -> String {
    let output = Command::new("ffprobe").args(arguments).arg(file).output();
    let output = output.expect("ffmpeg is installed by ./test");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_recording_begins_with_the_keyframe_before_and_is_valid() {
    is_valid("h264parse", false);
}

#[test]
fn a_recording_of_reordered_pictures_of_h264_is_valid() {
    is_valid("h264parse", true);
}

#[test]
fn a_recording_of_reordered_pictures_of_h265_is_valid() {
    is_valid("h265parse", true);
}

/// As the page of the element has it.
#[test]
fn a_recording_by_the_command_line_that_is_interrupted_is_valid() {
    is_valid_after_an_interrupt(false);
}

#[test]
fn a_recording_of_reordered_pictures_by_the_command_line_that_is_interrupted_is_valid() {
    is_valid_after_an_interrupt(true);
}

fn is_valid_after_an_interrupt(reordered: bool) {
    let films = Films::default();
    let scene = Scene {
        reordered,
        ..Scene::BOTH
    };
    let camera = Camera::new("listen=127.0.0.1:0", scene, &films);
    let film = films.lock().expect("no test panics with it")[0].clone();
    let file = File::new(&format!("interrupted-{reordered}.mp4"));
    let mut recorder = Program::gst_launch(&format!(
        "-e moqsrc url=http://127.0.0.1:{}/ broadcast=cam skip-policy=none ! h264parse ! mp4mux ! filesink location={}",
        camera.port(),
        file.0.display()
    ));
    recorder.wait_for("Connected to");
    film.take(150);
    recorder.interrupt();
    let log = recorder.ends_well();
    let complaints = |line: &&String| line.contains("CRITICAL") || line.contains("WARNING");
    let complaints: Vec<_> = log.iter().filter(complaints).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    check("by gst-launch-1.0 -e", &file, reordered);
}

fn is_valid(parser: &str, reordered: bool) {
    let films = Films::default();
    let scene = Scene {
        reordered,
        h265: parser == "h265parse",
        ..Scene::BOTH
    };
    let camera = Camera::new("listen=127.0.0.1:0", scene, &films);
    let file = File::new(&format!("{parser}-{reordered}.mp4"));
    let duration = gst::ClockTime::from_seconds(4);
    record(&camera, &films, parser, &file.0, duration);
    check(parser, &file, reordered);
}

fn check(recorded: &str, file: &File, reordered: bool) {
    let show = ["-v", "error", "-select_streams", "v", "-of", "csv=p=0"];
    let entries = ["-show_entries", "packet=pts_time,dts_time,flags"];
    let packets = probe(&[&show[..], &entries].concat(), &file.0);
    let packets: Vec<(f64, f64, bool)> = packets
        .lines()
        .map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            let number = |index: usize| fields[index].parse().expect("a time");
            (number(0), number(1), fields[2].starts_with('K'))
        })
        .collect();
    assert!(packets.len() >= 120, "{} pictures", packets.len());
    assert!(packets[0].2, "the first is no keyframe");
    assert!(
        packets.iter().all(|(pts, dts, _)| dts <= pts),
        "{packets:?}"
    );
    assert!(
        packets.windows(2).all(|pair| pair[0].1 < pair[1].1),
        "{packets:?}"
    );
    let delayed = packets.iter().any(|(pts, dts, _)| pts - dts > 0.05);
    assert_eq!(delayed, reordered);
    // In the order of presentation, no picture is missing before the last few, which others may have gone before.
    let mut times: Vec<_> = packets.iter().map(|packet| packet.0).collect();
    times.sort_by(f64::total_cmp);
    times.truncate(times.len() - 4);
    let frame = FRAME as f64 / 1e9;
    assert!(
        times
            .windows(2)
            .all(|pair| (pair[1] - pair[0] - frame).abs() < 0.003),
        "{times:?}"
    );

    let format = [
        "-v",
        "error",
        "-of",
        "csv=p=0",
        "-show_entries",
        "format=duration",
    ];
    let duration: f64 = probe(&format, &file.0).trim().parse().expect("a time");
    let expected = packets.len() as f64 * frame;
    assert!(
        (duration - expected).abs() < 0.5,
        "{duration} s for {expected} s of pictures"
    );
    println!(
        "| recording, {recorded}, reordered {reordered}: {} pictures, {duration} s |",
        packets.len()
    );

    // Every picture can be decoded.
    let decode = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&file.0)
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed by ./test");
    let errors = String::from_utf8_lossy(&decode.stderr);
    assert!(decode.status.success() && errors.is_empty(), "{errors}");
}
