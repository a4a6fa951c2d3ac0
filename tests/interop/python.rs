//! The published moq-rs for Python as a viewer and as a publisher.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Instant,
};

use serde_json::Value;

use crate::{
    muxers::{AUDIO, VIDEO, fragments_are_watched, load, watch_inputs},
    relay::{Relay, program},
    support::{LIMIT, Publisher, Record},
};

/// A script that runs until the value is dropped.
struct Script {
    child: Child,
    lines: mpsc::Receiver<String>,
}

fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/python");
    folder.join(name)
}

impl Script {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(program("MOQ_PYTHON"))
            .arg(script(name))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("./test installs it");
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// What it said, once it has ended.
    fn said(&self) -> Vec<Value> {
        let deadline = Instant::now() + LIMIT;
        let mut said = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => said.push(serde_json::from_str(&line).expect("it says JSON")),
                Err(mpsc::RecvTimeoutError::Disconnected) => return said,
                Err(error) => panic!("{error} after {said:?}"),
            }
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn digest(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What the script reads from the publisher is what went in, at the running times of the sink.
fn is_read(publisher: &Publisher, sent: &Record, names: [&str; 2], container: &str) {
    const COUNT: usize = 30;
    publisher.play();
    let url = format!("https://127.0.0.1:{}/", publisher.port);
    let said = Script::start("reader.py", &[&url, &COUNT.to_string()]).said();
    for (track, name) in ["video0", "audio0"].into_iter().zip(names) {
        let said: Vec<_> = said.iter().filter(|line| line["track"] == track).collect();
        assert_eq!(said.len(), COUNT + 1, "{container}: {said:?}");
        assert_eq!(said[0]["container"], container);
        let sent = sent.track(name).units;
        for said in &said[1..] {
            let micros = said["time"].as_u64().expect("a number");
            // Of sound, of which each packet is a group, it may leave some out.
            let found = sent.iter().any(|unit| {
                let apart = unit.time.useconds().abs_diff(micros);
                apart <= 1_000 && said["sha256"] == digest(&unit.bytes)
            });
            assert!(found, "{container}: {said} was not sent");
        }
        let times: BTreeSet<_> = said[1..].iter().map(|said| said["time"].as_u64()).collect();
        assert_eq!(times.len(), COUNT, "{container}: {said:?}");
        assert_eq!(said[1]["keyframe"], true);
    }
}

#[test]
fn python_reads_every_container() {
    for container in ["legacy", "loc", "cmaf"] {
        let publisher = Publisher::new(&format!(
            "{VIDEO} ! video/x-h264,stream-format=avc ! queue ! moqsink name=sink listen=127.0.0.1:0 broadcast=cam \
             container={container} {AUDIO} ! queue ! sink."
        ));
        is_read(
            &publisher,
            &publisher.record,
            ["sink_0", "sink_1"],
            container,
        );
    }
}

#[test]
fn python_reads_fragments_that_are_passed_on() {
    load();
    let publisher = Publisher::new(&format!(
        "{VIDEO} ! queue ! isofmp4mux name=mux fragment-duration=1000000000 chunk-duration=200000000 \
         ! moqsink name=sink listen=127.0.0.1:0 broadcast=cam container=cmaf {AUDIO} ! queue ! mux."
    ));
    let sent = watch_inputs(&publisher.pipeline, &["mux"]);
    is_read(&publisher, &sent, ["video_0", "audio_0"], "cmaf");
}

#[test]
fn fragments_that_python_publishes_are_watched_through_the_relay() {
    let relay = Relay::start();
    let mut writer = Command::new(program("MOQ_PYTHON"));
    writer
        .arg(script("writer.py"))
        .arg(format!("https://127.0.0.1:{}/anon", relay.port));
    fragments_are_watched(&relay, &mut writer);
}
