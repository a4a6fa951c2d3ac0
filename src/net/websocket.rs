//! Dialling a WebSocket, for networks that let no UDP through.
//!
//! The streams inside it are those of [`qmux`], the library that relays speak it with: it implements the same trait as the QUIC
//! transport, has flow control and priorities, and brings no second TLS, HTTP or cryptography. Its oldest framings are not
//! offered: one has no flow control, the other may not carry newer protocols.

use std::{io, net::SocketAddr, sync::Arc};

use qmux::ws::{
    tokio_tungstenite::WebSocketStream,
    tungstenite::protocol::{Role, WebSocketConfig},
};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time,
};
use tokio_rustls::TlsConnector;
use url::Position;

use super::{
    Failure, Quic, Transport,
    connect::{Connected, PATIENCE},
    error::scrub,
    target::Target,
    tls,
    upgrade::{Refusal, upgrade},
};

/// What all attempts have in common.
pub(super) struct Dial {
    target: Arc<Target>,
    /// Without it the connection is plain TCP.
    tls: Option<tls::Client>,
    offered: Vec<String>,
    session: qmux::Config,
}

impl Dial {
    pub(super) fn new(
        target: Arc<Target>,
        tls: Option<tls::Client>,
        protocols: &[&'static str],
        quic: &Quic,
    ) -> Self {
        Self {
            target,
            tls: tls.map(|tls| tls.with_alpn(ALPN)),
            offered: offered(protocols),
            session: quic.multiplexed(),
        }
    }

    pub(super) async fn attempt(
        self: Arc<Self>,
        address: SocketAddr,
    ) -> Result<Connected, Failure> {
        time::timeout(PATIENCE, self.session(address))
            .await
            .unwrap_or(Err(Failure::Timeout {
                address,
                protocol: "TCP",
                after: PATIENCE,
            }))
    }

    async fn session(&self, address: SocketAddr) -> Result<Connected, Failure> {
        let stream = TcpStream::connect(address)
            .await
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|error| Failure::Unreachable {
                address,
                protocol: "TCP",
                reason: error.to_string(),
            })?;
        let socket = Socket::of(&stream);
        let Some(tls) = &self.tls else {
            return self.upgrade(stream, socket, address).await;
        };
        let name = ServerName::try_from(self.target.server_name())
            .map_err(|error| self.closed(address, &error.to_string()))?;
        let (config, complaint) = tls.attempt();
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| match complaint.get() {
                Some(reason) => Failure::Untrusted {
                    address,
                    reason: reason.clone(),
                },
                None => self.broken(address, &error),
            })?;
        self.upgrade(stream, socket, address).await
    }

    async fn upgrade<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        mut stream: S,
        socket: Socket,
        address: SocketAddr,
    ) -> Result<Connected, Failure> {
        let url = &self.target.url;
        let host = &url[Position::BeforeHost..Position::BeforePath];
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let upgraded = upgrade(&mut stream, host, path, &self.offered).await;
        let upgraded = upgraded.map_err(|refusal| match refusal {
            Refusal::Status(status) => Failure::Status { address, status },
            Refusal::Answer(reason) => self.closed(address, reason),
            Refusal::Broken(error) => self.broken(address, &error),
        })?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_LIMIT))
            .max_frame_size(Some(MESSAGE_LIMIT));
        let role = Role::Client;
        let stream =
            WebSocketStream::from_partially_read(stream, upgraded.rest, role, Some(config)).await;
        let mut session = qmux::ws::Upgraded::new(stream)
            .with_alpn(&upgraded.protocol)
            .with_session_config(self.session.clone());
        if let Some(stats) = socket.0 {
            session = session.with_socket_stats(stats);
        }
        Ok(Connected {
            transport: Transport::WebSocket(session.connect()),
            root: String::new(),
            query: None,
            remote: address,
        })
    }

    fn broken(&self, address: SocketAddr, error: &io::Error) -> Failure {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(rustls::Error::AlertReceived(alert))
                if tls::CLIENT_CERTIFICATE.contains(&u8::from(*alert)) =>
            {
                Failure::ClientCertificate { address }
            }
            _ => self.closed(address, &error.to_string()),
        }
    }

    fn closed(&self, address: SocketAddr, reason: &str) -> Failure {
        Failure::Closed {
            address,
            reason: scrub(reason, self.target.secret()),
        }
    }
}

/// What the system knows of a connection.
struct Socket(Option<qmux::SharedSocketStats>);

impl Socket {
    #[cfg(unix)]
    fn of(stream: &TcpStream) -> Self {
        // Without it the session measures the round trip by itself.
        let stats = qmux::TcpStats::new(stream).ok();
        Self(stats.map(|stats| Arc::new(stats) as qmux::SharedSocketStats))
    }

    #[cfg(not(unix))]
    fn of(_: &TcpStream) -> Self {
        Self(None)
    }
}

/// The sub-protocols: each protocol under each framing, then each framing alone, which leaves the version to the SETUP exchange.
fn offered(protocols: &[&'static str]) -> Vec<String> {
    let all = qmux::Version::ALL.iter();
    let framings = || all.clone().filter(|version| version.uses_records());
    let named = protocols.iter().flat_map(|protocol| {
        framings().map(move |framing| format!("{}{protocol}", framing.prefix()))
    });
    let bare = framings().map(|framing| framing.alpn().to_owned());
    named.chain(bare).collect()
}

const ALPN: &[u8] = b"http/1.1";

/// The largest message: several times what the framing sends in one.
const MESSAGE_LIMIT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_begins_with_the_best_protocol_and_ends_without_one() {
        assert_eq!(
            offered(&["moq-lite-03", "moql"]),
            [
                "qmux-02.moq-lite-03",
                "qmux-01.moq-lite-03",
                "qmux-02.moql",
                "qmux-01.moql",
                "qmux-02",
                "qmux-01",
            ]
        );
    }
}
