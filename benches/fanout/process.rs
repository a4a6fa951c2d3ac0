//! The two programs that serve, and what they use.

use std::{
    env, fs,
    net::{TcpListener, UdpSocket},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The relay; ends with the value.
pub(crate) struct Relay {
    child: Child,
    pub(crate) port: u16,
}

/// A pipeline that encodes once, listens, and publishes to the relay too; ends with the value.
pub(crate) struct Publisher {
    child: Child,
    pub(crate) port: u16,
}

/// What a process uses.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    /// Of one core.
    pub(crate) cpu: f64,
    /// Resident, in bytes.
    pub(crate) memory: f64,
}

impl Relay {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let program = env::var_os("MOQ_RELAY").expect("./bench sets MOQ_RELAY");
        let mut command = Command::new(program);
        command
            .args([
                "--listen",
                &address,
                "--listen-tls-generate",
                "localhost,127.0.0.1",
            ])
            .args(["--web-http-listen", &address, "--auth-public", "anon/**"]);
        let child = start(&mut command);
        wait_for(port);
        Self { child, port }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Publisher {
    pub(crate) fn start(relay: &Relay) -> Self {
        let port = free_port();
        let pipeline = format!(
            "videotestsrc is-live=true pattern=snow ! video/x-raw,width=640,height=360,framerate=30/1 \
             ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=2500 key-int-max=60 ! h264parse ! tee name=t \
             t. ! queue ! moqsink listen=127.0.0.1:{port} broadcast=cam max-handshakes-per-address=10000 \
             max-sessions-per-address=10000 max-sessions=10000 \
             t. ! queue ! moqsink url=http://127.0.0.1:{}/anon broadcast=cam",
            relay.port
        );
        let mut command = Command::new("gst-launch-1.0");
        command.arg("-q").args(pipeline.split_whitespace());
        let child = start(&mut command);
        wait_for(port);
        Self { child, port }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

impl Usage {
    /// What `pid` uses for so long from now.
    pub(crate) fn over(pid: u32, time: Duration) -> Self {
        let (begin, before) = (Instant::now(), ticks(pid));
        thread::sleep(time);
        let used = (ticks(pid) - before) / TICKS_PER_SECOND;
        let pages = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        let pages = pages
            .split_whitespace()
            .nth(1)
            .and_then(|pages| pages.parse::<f64>().ok());
        Self {
            cpu: used / begin.elapsed().as_secs_f64(),
            memory: pages.unwrap_or(0.0) * PAGE,
        }
    }
}

/// User and system time.
fn ticks(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in brackets, may hold spaces.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum()
}

fn start(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started")
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Until the HTTP port beside QUIC answers.
fn wait_for(port: u16) {
    let begin = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "port {port} does not open"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// A port that is free for UDP and TCP.
fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = tcp.local_addr().expect("it is bound").port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Of Linux, on every machine that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE: f64 = 4096.0;
