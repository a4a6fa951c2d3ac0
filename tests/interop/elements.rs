//! moqsink and moqsrc through moq-relay, each a gst-launch of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::{
    blocked::TcpOnly,
    relay::Relay,
    token::{self, TOKEN},
};

/// A running gst-launch; killed with the value.
struct Launch {
    process: Child,
    lines: mpsc::Receiver<String>,
    log: Vec<String>,
}

impl Launch {
    fn new(arguments: &str) -> Self {
        let mut process = Command::new("gst-launch-1.0")
            .arg("-v")
            .args(arguments.split_whitespace())
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

    /// Everything that was said so far, once the program has ended.
    fn whole_log(mut self) -> String {
        // The pipes close with the program.
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(30)) {
            self.log.push(line);
        }
        self.log.join("\n")
    }

    /// Shows what the viewer gets, a line for each buffer.
    fn viewer(url: &str) -> Self {
        Self::new(&format!(
            "moqsrc url={url} broadcast=cam ! h264parse ! avdec_h264 ! fakesink silent=false sync=false"
        ))
    }

    fn publisher(url: &str, buffers: u32) -> Self {
        Self::new(&format!(
            "videotestsrc is-live=true num-buffers={buffers} ! video/x-raw,format=I420 \
             ! x264enc tune=zerolatency key-int-max=30 ! moqsink url={url} broadcast=cam"
        ))
    }

    /// Waits for lines that contain `text`, among those that come from now on.
    #[track_caller]
    fn wait_for(&mut self, text: &str, times: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut seen = 0;
        while seen < times {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{text:?} came {seen} times:\n{}", self.log.join("\n"));
            };
            seen += usize::from(line.contains(text));
            self.log.push(line);
        }
    }

    #[track_caller]
    fn wait_for_pictures(&mut self) {
        self.wait_for("chain", 30);
    }

    #[track_caller]
    fn ends_well(mut self) {
        self.wait_for("Got EOS", 1);
        let status = self.process.wait().expect("it was started");
        assert!(status.success(), "{status}:\n{}", self.log.join("\n"));
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_picture_goes_through_the_relay_in_both_orders_and_ends_in_order() {
    let mut relay = Relay::start();
    let mut early = Launch::viewer(&relay.url());
    early.wait_for("Waiting for the broadcast", 1);
    let publisher = Launch::publisher(&relay.url(), 150);
    early.wait_for_pictures();
    let mut late = Launch::viewer(&relay.url());
    late.wait_for_pictures();
    relay.wait_for_log("negotiated version=moq-lite-0");
    publisher.ends_well();
    early.ends_well();
    late.ends_well();
}

#[test]
fn a_publisher_that_is_killed_may_come_back() {
    let relay = Relay::start();
    let mut viewer = Launch::viewer(&relay.url());
    let mut publisher = Launch::publisher(&relay.url(), 3_000);
    publisher.wait_for("Connected to", 1);
    viewer.wait_for_pictures();
    drop(publisher);
    let _publisher = Launch::publisher(&relay.url(), 3_000);
    viewer.wait_for("broke off", 1);
    viewer.wait_for_pictures();
}

#[test]
fn a_relay_that_is_restarted_is_found_again_by_both() {
    let relay = Relay::start();
    let (port, url) = (relay.port, relay.url());
    let mut viewer = Launch::viewer(&url);
    let _publisher = Launch::publisher(&url, 3_000);
    viewer.wait_for_pictures();
    drop(relay);
    let _relay = Relay::start_at(port);
    viewer.wait_for("Connecting again", 1);
    viewer.wait_for_pictures();
}

#[test]
fn a_relay_that_is_killed_again_and_again_is_found_each_time() {
    let mut relay = Relay::start();
    let (port, url) = (relay.port, relay.url());
    let mut publisher = Launch::publisher(&url, 3_000);
    let mut viewer = Launch::viewer(&url);
    viewer.wait_for_pictures();
    for _ in 0..3 {
        drop(relay);
        relay = Relay::start_at(port);
        publisher.wait_for("Connected to", 1);
        viewer.wait_for("Connecting again", 1);
        viewer.wait_for_pictures();
    }
}

#[test]
fn a_picture_goes_through_the_relay_where_udp_is_blocked() {
    let mut relay = Relay::start();
    let blocked = TcpOnly::to(relay.port);
    let mut viewer = Launch::viewer(&blocked.url());
    viewer.wait_for("Waiting for the broadcast", 1);
    let publisher = Launch::publisher(&blocked.url(), 90);
    viewer.wait_for_pictures();
    relay.wait_for_log(" ws{id=1 ");
    publisher.ends_well();
    viewer.ends_well();
}

#[test]
fn a_token_goes_along_over_either_binding_and_into_no_log() {
    let relay = Relay::start_asking(&token::authority());
    let url = |scheme| format!("{scheme}://127.0.0.1:{}/room", relay.port);
    let arguments = |scheme, token| {
        let url = url(scheme);
        format!("{url} tls-disable-verify=true auth-token={token} --gst-debug=moq*:9")
    };
    for scheme in ["moqt", "https"] {
        let mut viewer = Launch::viewer(&arguments(scheme, TOKEN));
        let mut publisher = Launch::publisher(&arguments(scheme, TOKEN), 60);
        viewer.wait_for_pictures();
        publisher.wait_for("Got EOS", 1);
        for log in [viewer.whole_log(), publisher.whole_log()] {
            assert!(log.contains("DEBUG"), "{log}");
            assert!(!log.contains(TOKEN), "{log}");
        }
        let refused = Launch::viewer(&arguments(scheme, "wrong.token"));
        let log = refused.whole_log();
        assert!(
            log.contains(
                "The server does not allow this: check the path of url, broadcast and auth-token (it may have expired)"
            ),
            "{log}"
        );
        assert!(!log.contains("wrong.token"), "{log}");
    }
}
