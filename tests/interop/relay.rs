//! A moq-relay of its own for each test.

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, UdpSocket},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// A running relay; ends with the value.
pub(crate) struct Relay {
    process: Child,
    pub(crate) port: u16,
    lines: mpsc::Receiver<String>,
    log: Vec<String>,
}

impl Relay {
    /// Starts a relay where anybody may do anything below `/anon`, and waits until
    /// it serves.
    pub(crate) fn start() -> Self {
        Self::start_at(free_port())
    }

    /// As [`Self::start`] on a port that was in use before.
    pub(crate) fn start_at(port: u16) -> Self {
        let program = std::env::var_os("MOQ_RELAY")
            .expect("MOQ_RELAY must name the moq-relay program; ./test builds it and sets it");
        let address = format!("127.0.0.1:{port}");
        let mut process = Command::new(program)
            .args([
                "--listen",
                &address,
                "--listen-tls-generate",
                "localhost,127.0.0.1",
            ])
            .args(["--web-http-listen", &address, "--auth-public", "anon/**"])
            .env(
                "RUST_LOG",
                "info,moq_net=debug,moq_relay=debug,moq_tokio=debug",
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moq-relay can be started");
        let stderr = process.stderr.take().expect("stderr is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(without_colours(&line)).is_err() {
                    break;
                }
            }
        });
        let mut relay = Self {
            process,
            port,
            lines,
            log: Vec::new(),
        };
        relay.wait_for_log("kind=\"quic\"");
        relay
    }

    /// The development URL: its certificate is pinned over HTTP.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/anon", self.port)
    }

    /// Waits for a line of the log that contains `text`, also among those that
    /// were read before.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        if self.log.iter().any(|line| line.contains(text)) {
            return;
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let found = line.contains(text);
                    self.log.push(line);
                    if found {
                        return;
                    }
                }
                Err(_) => panic!("the relay never said {text:?}:\n{}", self.log.join("\n")),
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that is free for UDP and TCP.
fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a TCP port is free");
        let port = tcp.local_addr().expect("it is bound").port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The line without its terminal escape sequences.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}
