//! A moq-relay of its own for each test.

use std::{
    ffi::OsString,
    net::{TcpListener, UdpSocket},
    process::Command,
};

use crate::program::Program;

/// A running relay; ends with the value.
pub(crate) struct Relay {
    process: Program,
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

    /// As [`Self::start`] with the certificate of these files and over TLS alone, as in the wide world.
    #[allow(dead_code, reason = "for the tests in a browser")]
    pub(crate) fn start_certified(chain: &str, key: &str) -> Self {
        let certificate = ["--listen-tls-cert", chain, "--listen-tls-key", key];
        let arguments = [&certificate[..], &["--auth-public", "anon/**"]].concat();
        Self::run(free_port(), &arguments)
    }

    fn launch(port: u16, arguments: &[&str]) -> Self {
        let address = format!("127.0.0.1:{port}");
        let development = [
            "--listen-tls-generate",
            "localhost,127.0.0.1",
            "--web-http-listen",
            &address,
        ];
        Self::run(port, &[&development, arguments].concat())
    }

    fn run(port: u16, arguments: &[&str]) -> Self {
        let mut command = Command::new(program("MOQ_RELAY"));
        command
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(arguments)
            .env(
                "RUST_LOG",
                "info,moq_net=debug,moq_relay=debug,moq_tokio=debug",
            );
        let mut process = Program::start(&mut command);
        process.has_said("kind=\"quic\"");
        Self { process, port }
    }

    /// Waits for a line of the log that contains `text`, also among those that
    /// were read before.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        self.process.has_said(text);
    }

    /// The development URL: its certificate is pinned over HTTP.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/anon", self.port)
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
