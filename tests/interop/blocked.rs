//! A network that blocks UDP.

use std::{
    net::{Shutdown, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// A way to a relay that lets TCP through, and swallows UDP as a firewall does.
pub(crate) struct TcpOnly {
    port: u16,
    _swallows: UdpSocket,
    closed: Arc<AtomicBool>,
}

impl TcpOnly {
    pub(crate) fn to(relay: u16) -> Self {
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").expect("a TCP port is free");
            let address = tcp.local_addr().expect("it is bound");
            if let Ok(udp) = UdpSocket::bind(address) {
                break (tcp, udp);
            }
        };
        let port = tcp.local_addr().expect("it is bound").port();
        let closed = Arc::new(AtomicBool::new(false));
        let ended = closed.clone();
        std::thread::spawn(move || {
            for client in tcp.incoming().map_while(Result::ok) {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                if let Ok(server) = TcpStream::connect(("127.0.0.1", relay)) {
                    forward(&client, &server);
                    forward(&server, &client);
                }
            }
        });
        Self {
            port,
            _swallows: udp,
            closed,
        }
    }

    /// As [`Relay::url`].
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/anon", self.port)
    }
}

impl Drop for TcpOnly {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // Wakes the thread, which then sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Copies what comes, until either side is done.
fn forward(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (
        from.try_clone().expect("a descriptor is free"),
        to.try_clone().expect("a descriptor is free"),
    );
    to.set_nodelay(true).expect("TCP has it");
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
