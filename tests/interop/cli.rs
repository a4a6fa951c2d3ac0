//! The published client for command lines, moq-cli, as a recorder and as a publisher.

use std::{
    collections::BTreeMap,
    io::Read,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Instant,
};

use bytes::Bytes;
use gstmoq::media::{
    Config,
    fmp4::{Demuxer, Event, Sample, Track},
};

use crate::{
    minted::Key,
    muxers::{AUDIO, VIDEO, fragments_are_watched},
    program::Program,
    relay::{Relay, program},
    support::{LIMIT, LISTEN, Publisher, live_video},
};

/// It connects to `url`, whose certificate it does not ask about.
fn client(url: &str, task: &[&str]) -> Command {
    let mut command = Command::new(program("MOQ_CLI"));
    command
        .args(["--log-level", "warn"])
        .args(["--connect", url, "--connect-tls-insecure"])
        .args(task);
    command
}

const RECORD: [&str; 4] = ["--broadcast", "cam", "export", "fmp4"];

/// A client that writes what it records, until the value is dropped.
struct Recorder {
    child: Child,
    pieces: mpsc::Receiver<Bytes>,
    demuxer: Demuxer,
    tracks: Vec<Track>,
    samples: BTreeMap<u32, Vec<Sample>>,
}

impl Recorder {
    fn start(url: &str) -> Self {
        let mut child = client(url, &RECORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("./test builds it");
        let mut stdout = child.stdout.take().expect("it is piped");
        let (sender, pieces) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(size @ 1..) = stdout.read(&mut buffer) {
                if sender
                    .send(Bytes::copy_from_slice(&buffer[..size]))
                    .is_err()
                {
                    break;
                }
            }
        });
        Self {
            child,
            pieces,
            demuxer: Demuxer::new(),
            tracks: Vec::new(),
            samples: BTreeMap::new(),
        }
    }

    /// Reads until there are `count` samples of each of so many tracks.
    fn record(&mut self, tracks: usize, count: usize) {
        let deadline = Instant::now() + LIMIT;
        let enough = |samples: &BTreeMap<u32, Vec<Sample>>| {
            samples.len() == tracks && samples.values().all(|samples| samples.len() >= count)
        };
        while !enough(&self.samples) {
            let left = deadline.saturating_duration_since(Instant::now());
            let piece = self.pieces.recv_timeout(left);
            let piece = piece.unwrap_or_else(|error| {
                let counts: Vec<_> = self.samples.values().map(Vec::len).collect();
                panic!("{error} with {counts:?} samples of {:?}", self.tracks)
            });
            self.demuxer.push(piece).expect("it writes fragmented MP4");
            while let Some(event) = self.demuxer.next() {
                match event {
                    Event::Tracks(tracks) => self.tracks = tracks,
                    Event::Sample(sample) => {
                        self.samples.entry(sample.track).or_default().push(sample);
                    }
                    Event::Fragment(_) => {}
                }
            }
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What it records of `publisher` is what went in, and sound and picture are in step.
fn is_recorded(publisher: &Publisher, url: &str) {
    let mut recorder = Recorder::start(url);
    publisher.play();
    recorder.record(2, 20);
    let mut steps = Vec::new();
    for track in &recorder.tracks {
        let name = match track.config {
            Ok(Config::Video(_)) => "sink_0",
            _ => "sink_1",
        };
        let sent = publisher.record.track(name).units;
        for sample in &recorder.samples[&track.id] {
            let micros = sample.pts * 1_000_000 / i64::from(track.timescale);
            let unit = sent.iter().find(|unit| unit.bytes == sample.payload);
            let unit = unit.unwrap_or_else(|| panic!("{name}: what came at {micros} was not sent"));
            steps.push(micros - unit.time.useconds() as i64);
        }
    }
    let (least, most) = (steps.iter().min().unwrap(), steps.iter().max().unwrap());
    assert!(most - least <= 2_000, "apart by {least} to {most} us");
}

#[test]
fn the_client_for_command_lines_records_every_container() {
    for container in ["legacy", "loc", "cmaf"] {
        let publisher = Publisher::new(&format!(
            "{VIDEO} ! video/x-h264,stream-format=avc ! queue ! moqsink name=sink listen=127.0.0.1:0 broadcast=cam \
             container={container} {AUDIO} ! queue ! sink."
        ));
        let url = format!("https://127.0.0.1:{}/", publisher.port);
        is_recorded(&publisher, &url);
    }
}

#[test]
fn the_client_for_command_lines_is_told_that_it_may_not_see() {
    let (key, foreign) = (Key::new("HS256"), Key::new("HS256"));
    let sink = format!("{LISTEN} auth-key={}", key.verifies.display());
    let publisher = Publisher::new(&live_video(&sink));
    publisher.play();
    let url = |token: &str| format!("https://127.0.0.1:{}/{token}", publisher.port);
    let wrong = [key.token(-5), foreign.token(60), "a.b.c".to_owned()];
    for token in wrong
        .map(|token| format!("?jwt={token}"))
        .iter()
        .chain([&String::new()])
    {
        let refused = Program::start(&mut client(&url(token), &RECORD));
        let (status, said) = refused.end();
        assert!(!status.success(), "{token}: {said:?}");
        assert!(
            said.iter().any(|line| line.contains("unauthorized")),
            "{token}: {said:?}"
        );
    }
    let mut recorder = Recorder::start(&url(&format!("?jwt={}", key.token(60))));
    recorder.record(1, 20);
}

#[test]
fn what_the_client_for_command_lines_publishes_is_watched_through_the_relay() {
    let relay = Relay::start();
    let url = format!("https://127.0.0.1:{}/anon", relay.port);
    let mut writer = client(&url, &["--broadcast", "cam", "import", "fmp4"]);
    fragments_are_watched(&relay, &mut writer);
}
