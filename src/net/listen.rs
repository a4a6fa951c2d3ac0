//! Listening: one port number that serves raw QUIC and WebTransport over UDP, and over TCP the certificate's fingerprint and the
//! pages for browsers.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use quinn::{
    Endpoint, Incoming, ServerConfig, TokioRuntime, VarInt,
    crypto::rustls::{HandshakeData, QuicServerConfig},
};
use tokio::{
    net::{self, TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{self, Instant},
};
use tracing::{Dispatch, instrument::WithSubscriber};
use web_transport_quinn::{Request, proto::ConnectResponse};
use web_transport_trait::Session as _;

use super::{
    Error, Fingerprint, Quic, Transport,
    admission::{Admission, Share, Verdict},
    http,
    keeper::{Clock, Keeper},
    seats::Seats,
    socket, tls,
};

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct ListenOptions {
    /// `HOST:PORT`; port 0 is any free one, `[::]` is every address of IPv6 and IPv4, and so is an empty host.
    pub address: String,
    /// PEM files of a certificate chain and of its key, which are read again when they change; without them a short-lived
    /// certificate is made, and made anew in time.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The folder of the files that are served over HTTP; without it, the pages that are built in.
    pub http_root: Option<PathBuf>,
    /// Transport parameters.
    pub quic: Quic,
    /// What is spoken: as ALPN over raw QUIC, as sub-protocols over WebTransport.
    pub protocols: Vec<&'static str>,
}

/// An open port. Dropping it frees the UDP and the TCP port at once, and its sessions end without a word to their peers;
/// [`close`](Self::close) says goodbye first.
pub struct Listener {
    endpoint: Endpoint,
    socket: Arc<socket::Releasable>,
    http: TcpListener,
    http_resumes: Option<Instant>,
    address: SocketAddr,
    service: http::Service,
    protocols: Arc<[&'static str]>,
    admission: Admission,
    share: Share,
    seats: Seats,
    refused: watch::Sender<Refusals>,
    handshakes: JoinSet<Option<Accepted>>,
    requests: JoinSet<()>,
    /// The one that looks after the certificate.
    _keeping: JoinSet<()>,
}

/// What was refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Handshakes of QUIC.
    pub handshakes: u64,
    /// Connections for HTTP.
    pub requests: u64,
}

/// A session that a client opened.
#[derive(Clone)]
pub struct Accepted {
    /// The session. Its `protocol` is what was agreed; `None` over WebTransport leaves the version to the SETUP exchange.
    pub transport: Transport,
    /// The path of the request, percent-encoded as it came; empty over raw QUIC, which has no place for it.
    pub path: String,
    /// The query of the request; it may hold a token.
    pub query: Option<String>,
    /// The client's address.
    pub remote: SocketAddr,
}

impl Listener {
    /// Binds the ports. Call it in a tokio runtime.
    pub async fn bind(options: &ListenOptions) -> Result<Self, Error> {
        Self::bind_sharing(options, Share::default()).await
    }

    /// As [`bind`](Self::bind); `share` is what each host may take.
    pub async fn bind_sharing(options: &ListenOptions, share: Share) -> Result<Self, Error> {
        Self::bind_by(options, share, Clock::default()).await
    }

    /// As [`bind_sharing`](Self::bind_sharing); `clock` says when a certificate that was made here is old.
    pub(super) async fn bind_by(
        options: &ListenOptions,
        share: Share,
        clock: Clock,
    ) -> Result<Self, Error> {
        let mut alpn = vec![web_transport_quinn::ALPN.as_bytes().to_vec()];
        alpn.extend(
            options
                .protocols
                .iter()
                .map(|protocol| protocol.as_bytes().to_vec()),
        );
        let keeper = Arc::new(Keeper::new(options.identity.clone(), clock)?);
        let service = http::Service {
            keeper: keeper.clone(),
            tls: Arc::new(tls::server(keeper.clone(), vec![b"http/1.1".to_vec()])?).into(),
            site: http::Site::new(options.http_root.as_deref())?,
        };
        let tls = tls::server(keeper.clone(), alpn)?;
        let tls = QuicServerConfig::try_from(tls).map_err(|error| Error::System {
            doing: "cannot set up TLS for QUIC",
            reason: error.to_string(),
        })?;
        let mut config = ServerConfig::with_crypto(Arc::new(tls));
        let mut transport = options.quic.transport();
        Arc::get_mut(&mut transport)
            .expect("it was made just now")
            .receive_window(VarInt::from_u32(share.receive_window));
        config.transport_config(transport);
        config.max_incoming(MOST_INCOMING);
        config.incoming_buffer_size(INCOMING_BYTES);
        config.incoming_buffer_size_total(MOST_INCOMING as u64 * INCOMING_BYTES);

        let (udp, tcp) = bind_any(&options.address).await?;
        let failed = |reason: io::Error| Error::Bind {
            address: options.address.clone(),
            reason,
        };
        let runtime = Arc::new(TokioRuntime);
        let address = udp.local_addr().map_err(failed)?;
        let socket = Arc::new(socket::Releasable::new(udp).map_err(failed)?);
        let endpoint = Endpoint::new_with_abstract_socket(
            Quic::endpoint(),
            Some(config),
            socket.clone(),
            runtime,
        )
        .map_err(failed)?;
        let http = TcpListener::from_std(tcp).map_err(failed)?;
        tracing::info!(%address, fingerprint = %keeper.fingerprint(), "listening");
        let mut keeping = JoinSet::new();
        keeping.spawn(keeper.keep());
        Ok(Self {
            endpoint,
            socket,
            http,
            http_resumes: None,
            address,
            service,
            protocols: options.protocols.clone().into(),
            admission: Admission::new(share.handshakes),
            share,
            seats: Seats::default(),
            refused: watch::Sender::default(),
            handshakes: JoinSet::new(),
            requests: JoinSet::new(),
            _keeping: keeping,
        })
    }

    /// The address bound, with the port that was chosen.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The fingerprint of the certificate of the moment.
    pub fn fingerprint(&self) -> Fingerprint {
        self.service.keeper.fingerprint()
    }

    /// What was refused so far because its host had its [share](Share).
    pub fn refused(&self) -> watch::Receiver<Refusals> {
        self.refused.subscribe()
    }

    /// The next session; `None` once the port is closed. Handshakes go on beside each other, and files are served, while
    /// this is awaited. Cancel safe.
    pub async fn accept(&mut self) -> Option<Accepted> {
        loop {
            let http = async {
                if let Some(instant) = self.http_resumes {
                    time::sleep_until(instant).await;
                }
                self.http.accept().await
            };
            tokio::select! {
                Some(ended) = self.handshakes.join_next() => match ended {
                    Ok(Some(accepted)) => return Some(accepted),
                    Ok(None) => {}
                    Err(error) => tracing::error!(%error, "a handshake broke off"),
                },
                incoming = self.endpoint.accept() => self.shake_hands(incoming?),
                Some(_) = self.requests.join_next() => {}
                accepted = http, if self.requests.len() < MOST_REQUESTS => match accepted {
                    Ok((stream, remote)) => {
                        self.http_resumes = None;
                        self.answer(stream, remote);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a TCP connection");
                        self.http_resumes = Some(Instant::now() + HTTP_PAUSE);
                    }
                },
            }
        }
    }

    /// Tells every peer that this end goes away, waits until they know (a second at most), and frees the ports.
    pub async fn close(self) {
        self.endpoint.close(VarInt::from_u32(0), GOODBYE);
        // What is late is lost: the ports are freed in any case.
        let _ = time::timeout(CLOSE_TIME, self.endpoint.wait_idle()).await;
    }

    fn answer(&mut self, stream: TcpStream, remote: SocketAddr) {
        let Some(seat) = self.seats.take(remote.ip().into(), self.share.requests) else {
            tracing::debug!(%remote, "too many HTTP connections of one host, one refused");
            self.refused.send_modify(|count| count.requests += 1);
            return;
        };
        let serve = http::serve(self.service.clone(), stream);
        self.requests.spawn(async move {
            if let Err(error) = serve.await {
                tracing::debug!(%remote, %error, "HTTP request broke off");
            }
            drop(seat);
        });
    }

    fn shake_hands(&mut self, incoming: Incoming) {
        let pending = self.handshakes.len();
        let address = incoming.remote_address().ip();
        let proven = incoming.remote_address_validated();
        let verdict = self
            .admission
            .judge(address, proven, Instant::now().into_std());
        if verdict == Verdict::Refuse {
            tracing::debug!(%address, "too many handshakes of one host, one refused");
            self.refused.send_modify(|count| count.handshakes += 1);
            incoming.refuse();
        } else if pending >= MOST_HANDSHAKES {
            tracing::debug!(remote = %incoming.remote_address(), "too many handshakes, one refused");
            incoming.refuse();
        } else if (pending >= RETRY_HANDSHAKES || verdict == Verdict::Prove) && incoming.may_retry()
        {
            // The client must show that its address is its own. It fails only where it may not be tried.
            let _ = incoming.retry();
        } else {
            let remote = incoming.remote_address();
            let handshake =
                time::timeout(HANDSHAKE_TIME, handshake(incoming, self.protocols.clone()));
            self.handshakes.spawn(async move {
                match handshake.await {
                    Ok(Ok(accepted)) => Some(accepted),
                    Ok(Err(reason)) => {
                        tracing::debug!(%remote, reason, "handshake failed");
                        None
                    }
                    Err(_) => {
                        tracing::debug!(%remote, "handshake took too long");
                        None
                    }
                }
            });
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.endpoint.close(VarInt::from_u32(0), GOODBYE);
        self.socket.release();
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("address", &self.address)
            .field("fingerprint", &self.fingerprint())
            .field("protocols", &self.protocols)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("carrier", &self.transport.carrier())
            .field("protocol", &self.transport.protocol())
            .field("path", &self.path)
            .field("query", &self.query.as_ref().map(|_| "***"))
            .field("remote", &self.remote)
            .finish()
    }
}

async fn handshake(incoming: Incoming, protocols: Arc<[&'static str]>) -> Result<Accepted, String> {
    let connection = incoming.await.map_err(|error| error.to_string())?;
    let remote = connection.remote_address();
    let alpn = connection
        .handshake_data()
        .and_then(|data| data.downcast::<HandshakeData>().ok())
        .and_then(|data| data.protocol);
    if alpn.as_deref() != Some(web_transport_quinn::ALPN.as_bytes()) {
        return Ok(Accepted {
            transport: Transport::Quic(web_transport_quinn::Session::raw(connection)),
            path: String::new(),
            query: None,
            remote,
        });
    }
    // Unheard, because the library logs the request, and the token in it.
    let request = Request::accept(connection)
        .with_subscriber(Dispatch::none())
        .await
        .map_err(|error| error.to_string())?;
    let path = request.url.path().to_owned();
    let query = request.url.query().map(str::to_owned);
    let mut response = ConnectResponse::OK;
    if let Some(protocol) = select(&request.protocols, &protocols) {
        response = response.with_protocol(protocol);
    }
    let transport = request
        .respond(response)
        .with_subscriber(Dispatch::none())
        .await
        .map_err(|error| error.to_string())?;
    Ok(Accepted {
        transport: Transport::Quic(transport),
        path,
        query,
        remote,
    })
}

/// The client's first choice among what is spoken here.
fn select(offered: &[String], spoken: &[&'static str]) -> Option<&'static str> {
    offered
        .iter()
        .find_map(|protocol| spoken.iter().find(|spoken| *spoken == protocol).copied())
}

/// Binds `text` for UDP and TCP, on the same port.
async fn bind_any(text: &str) -> Result<(std::net::UdpSocket, std::net::TcpListener), Error> {
    let mut failure = None;
    for address in addresses(text).await? {
        match bind_pair(address) {
            Err(error @ Error::Busy { .. }) => return Err(error),
            Err(error) => failure = failure.or(Some(error)),
            Ok(pair) => return Ok(pair),
        }
    }
    Err(failure
        .unwrap_or_else(|| Error::Settings(format!("\"{text}\" has no address to listen on"))))
}

async fn addresses(text: &str) -> Result<Vec<SocketAddr>, Error> {
    let wrong = || {
        Error::Settings(format!(
            "\"{text}\" is not an address to listen on: HOST:PORT is needed, such as [::]:4443"
        ))
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    match text.parse::<SocketAddr>() {
        // A machine without IPv6 still has every address of IPv4.
        Ok(address) if address == any => Ok(vec![any, (Ipv4Addr::UNSPECIFIED, port).into()]),
        Ok(address) => Ok(vec![address]),
        Err(_) if host.is_empty() => Ok(vec![any, (Ipv4Addr::UNSPECIFIED, port).into()]),
        Err(_) if host.contains([':', '[', ']']) => Err(wrong()),
        Err(_) => {
            let found = net::lookup_host((host, port)).await;
            let found = found.map_err(|error| Error::Resolve {
                host: host.into(),
                reason: error.to_string(),
            })?;
            Ok(found.collect())
        }
    }
}

fn bind_pair(address: SocketAddr) -> Result<(std::net::UdpSocket, std::net::TcpListener), Error> {
    let failed = |address: SocketAddr, protocol, reason: io::Error| match reason.kind() {
        io::ErrorKind::AddrInUse => Error::Busy { address, protocol },
        _ => Error::Bind {
            address: address.to_string(),
            reason,
        },
    };
    // Kept until a pair is found, so that the system does not offer the same port again.
    let mut passed_over = Vec::new();
    loop {
        let udp = socket::udp(address).map_err(|error| failed(address, "UDP", error))?;
        let bound = udp
            .local_addr()
            .map_err(|error| failed(address, "UDP", error))?;
        match socket::tcp(bound) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && address.port() == 0
                    && passed_over.len() < 32 =>
            {
                passed_over.push(udp);
            }
            Err(error) => return Err(failed(bound, "TCP", error)),
        }
    }
}

/// Handshakes under way; beyond, clients are refused.
const MOST_HANDSHAKES: usize = 256;

/// Handshakes under way from which on clients must show that their address is theirs.
const RETRY_HANDSHAKES: usize = 64;

/// From the first packet to the session.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// First packets that wait to be looked at, and the bytes kept for each.
const MOST_INCOMING: usize = 512;
const INCOMING_BYTES: u64 = 16 << 10;

/// HTTP requests under way; beyond, clients wait.
const MOST_REQUESTS: usize = 256;

/// After the system had no file descriptor for a TCP connection.
const HTTP_PAUSE: Duration = Duration::from_millis(200);

/// What saying goodbye may take.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// The reason that peers see.
const GOODBYE: &[u8] = b"the server goes away";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_to_listen_on_are_understood() {
        let parsed = async |text: &str| {
            addresses(text)
                .await
                .map(|list| list.iter().map(SocketAddr::to_string).collect::<Vec<_>>())
        };
        assert_eq!(parsed("127.0.0.1:80").await.unwrap(), ["127.0.0.1:80"]);
        assert_eq!(parsed("[::]:0").await.unwrap(), ["[::]:0", "0.0.0.0:0"]);
        assert_eq!(
            parsed(":4443").await.unwrap(),
            ["[::]:4443", "0.0.0.0:4443"]
        );
        for text in [
            "",
            "4443",
            "localhost",
            "127.0.0.1:65536",
            "::1:80",
            "[::1:80",
            "[::1]:",
        ] {
            let error = parsed(text).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "\"{text}\" is not an address to listen on: HOST:PORT is needed, such as [::]:4443"
                )
            );
        }
    }

    #[test]
    fn the_client_chooses_among_what_the_server_speaks() {
        let offered = |list: &[&str]| list.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        assert_eq!(select(&offered(&["new", "b", "a"]), &["a", "b"]), Some("b"));
        assert_eq!(select(&offered(&["new"]), &["a", "b"]), None);
        assert_eq!(select(&[], &["a"]), None);
    }
}
