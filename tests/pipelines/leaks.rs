//! Nothing of GStreamer is left when a program has ended, as its own tracer counts.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::support::{LISTEN, Publisher, live_video};

/// `gst-launch-1.0` under the tracer of leaks. It loads the plugin from `GST_PLUGIN_PATH`.
struct Traced {
    process: Child,
    lines: mpsc::Receiver<String>,
    log: Vec<String>,
}

impl Traced {
    fn start(arguments: &str) -> Self {
        let mut process = Command::new("gst-launch-1.0")
            .arg("-v")
            .args(arguments.split_whitespace())
            .env("GST_TRACERS", "leaks")
            .env("GST_DEBUG", "GST_TRACER:7")
            .env("GST_DEBUG_NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gst-launch-1.0 is installed by ./test");
        let (sender, lines) = mpsc::channel();
        let stdout = process.stdout.take().expect("stdout is piped");
        let stderr = process.stderr.take().expect("stderr is piped");
        for pipe in [
            Box::new(stdout) as Box<dyn std::io::Read + Send>,
            Box::new(stderr),
        ] {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Self {
            process,
            lines,
            log: Vec::new(),
        }
    }

    /// The first line from now on in which `text` is, or with `None` the end.
    fn wait_for(&mut self, text: Option<&str>) -> Option<String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.lines.recv_timeout(left) {
                Ok(line) => line,
                Err(mpsc::RecvTimeoutError::Disconnected) if text.is_none() => return None,
                Err(error) => panic!("no {text:?} ({error}):\n{}", self.log.join("\n")),
            };
            self.log.push(line.clone());
            if text.is_some_and(|text| line.contains(text)) {
                return Some(line);
            }
        }
    }

    /// It played to the end, and nothing is left of it.
    fn ends_clean(mut self) {
        self.wait_for(None);
        let status = self.process.wait().expect("it was started");
        // The tracer also says what its lines look like.
        let leaked = |line: &&String| {
            line.contains("object-alive, type-name=(string)") && !line.contains("(string)%s")
        };
        let left: Vec<_> = self.log.iter().filter(leaked).collect();
        assert!(status.success(), "{status}:\n{}", self.log.join("\n"));
        assert!(
            self.log.iter().any(|line| line.contains("Got EOS")),
            "{}",
            self.log.join("\n")
        );
        assert!(left.is_empty(), "{left:#?}");
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_sink_that_had_a_viewer_leaves_nothing() {
    let mut sink = Traced::start(&format!(
        "{LISTEN} videotestsrc is-live=true num-buffers=90 ! video/x-raw,width=160,height=120,framerate=30/1 \
         ! x264enc tune=zerolatency key-int-max=15 ! sink. \
         audiotestsrc is-live=true num-buffers=150 samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=2 \
         ! opusenc ! sink."
    ));
    let line = sink
        .wait_for(Some("listen-address = "))
        .expect("it listens");
    let (_, address) = line.split_once("listen-address = ").expect("it is there");
    let address = address.trim().trim_matches('"').replace("\\:", ":");
    let viewer = crate::support::Viewer::new(&format!("http://{address}/"));
    viewer.record.wait_for_units("video_0", 1);
    sink.ends_clean();
}

#[test]
fn a_source_leaves_nothing() {
    let publisher =
        Publisher::new(&live_video(LISTEN).replace("is-live=true", "is-live=true num-buffers=60"));
    let mut source = Traced::start(&format!(
        "moqsrc url=http://127.0.0.1:{}/ broadcast=cam ! h264parse ! avdec_h264 ! fakesink",
        publisher.port
    ));
    source.wait_for(Some("Connected to"));
    publisher.play();
    source.ends_clean();
}
