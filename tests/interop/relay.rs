//! A moq-relay of its own for each test.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    net::{TcpListener, UdpSocket},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// A running relay; ends with the value.
pub(crate) struct Relay {
    process: Process,
    pub(crate) port: u16,
}

impl Relay {
    /// Starts a relay where anybody may do anything below `/anon`, and waits until
    /// it serves.
    pub(crate) fn start() -> Self {
        Self::start_at(free_port())
    }

    /// As [`Self::start`] on a port that was in use before.
    pub(crate) fn start_at(port: u16) -> Self {
        Self::launch(port, &["--auth-public", "anon/**"])
    }

    /// As [`Self::start`] with more arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let arguments = [&["--auth-public", "anon/**"], arguments].concat();
        Self::launch(free_port(), &arguments)
    }

    /// A relay that asks `url` who may do what.
    pub(crate) fn start_asking(url: &str) -> Self {
        Self::launch(free_port(), &["--auth-url", url])
    }

    fn launch(port: u16, arguments: &[&str]) -> Self {
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(program("MOQ_RELAY"));
        command
            .args([
                "--listen",
                &address,
                "--listen-tls-generate",
                "localhost,127.0.0.1",
            ])
            .args(["--web-http-listen", &address])
            .args(arguments)
            .env(
                "RUST_LOG",
                "info,moq_net=debug,moq_relay=debug,moq_tokio=debug",
            );
        let mut process = Process::start(command.stderr(Stdio::piped()));
        process.wait_for_log("kind=\"quic\"");
        Self { process, port }
    }

    /// Waits for a line of the log that contains `text`, also among those that
    /// were read before.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        self.process.wait_for_log(text);
    }

    /// The development URL: its certificate is pinned over HTTP.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/anon", self.port)
    }
}

/// A program that runs until the value is dropped, and what it said.
pub(crate) struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    log: Vec<String>,
}

impl Process {
    /// Starts a program whose log is on the one piped output.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .spawn()
            .expect("the program can be started");
        let log: Box<dyn Read + Send> = match (child.stderr.take(), child.stdout.take()) {
            (Some(stderr), _) => Box::new(stderr),
            (None, Some(stdout)) => Box::new(stdout),
            (None, None) => Box::new(std::io::empty()),
        };
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if sender.send(without_colours(&line)).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            lines,
            log: Vec::new(),
        }
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
                Err(_) => panic!("it never said {text:?}:\n{}", self.log.join("\n")),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program that a variable names.
pub(crate) fn program(variable: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} must name a program; ./test builds it and sets the variable")
    })
}

/// A port that is free for UDP and TCP.
pub(crate) fn free_port() -> u16 {
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
