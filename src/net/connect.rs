//! Dialling: every address of a host, side by side, bounded in time.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use quinn::{
    ClientConfig, ConnectionError, Endpoint, TokioRuntime, TransportConfig,
    crypto::rustls::QuicClientConfig,
};
use tokio::{net, task::JoinSet, time};
use tracing::{Dispatch, instrument::WithSubscriber};
use url::Url;
use web_transport_quinn::{ClientError, ConnectError, proto};
use web_transport_trait::Session as _;

use super::{
    Carrier, Error, Failure, Kind, Quic, Tls, Transport, WebSocket,
    error::{most_telling, scrub, take_heaviest},
    fallback::{self, MEMORY},
    http, socket,
    target::{self, Binding, Target},
    tls, websocket,
};

/// How to reach a server.
#[derive(Clone)]
pub struct ConnectOptions {
    /// `https://` (WebTransport), `http://` (development: the certificate's fingerprint is fetched over HTTP and pinned, unless
    /// `tls` names fingerprints or verifies nothing), `moqt://` or `moql://` (raw QUIC).
    pub url: Url,
    /// Sent as `jwt` in the query of the WebTransport or WebSocket request; over raw QUIC the caller sends it
    /// ([`Connected::ask`]). Shown in no error, log or `Debug`.
    pub token: Option<String>,
    /// Whom to trust.
    pub tls: Tls,
    /// Transport parameters.
    pub quic: Quic,
    /// Offered in this order: as ALPN over raw QUIC, as sub-protocols over WebTransport and a WebSocket.
    pub protocols: Vec<&'static str>,
    /// What to do where QUIC does not connect. Has no meaning for raw QUIC.
    pub websocket: WebSocket,
}

impl ConnectOptions {
    /// The token that the URL of the request carries: [`token`](Self::token), or else the one in the query of `url`.
    pub fn shown_token(&self) -> Option<String> {
        let set = self.token.clone().filter(|token| !token.is_empty());
        set.or_else(|| {
            let mut pairs = self.url.query_pairs();
            let found = pairs.find(|(name, value)| name == "jwt" && !value.is_empty());
            found.map(|(_, token)| token.into_owned())
        })
    }

    /// Words of the server fit to print: one line, bounded, without the token.
    pub fn scrub(&self, words: &str) -> String {
        let words = scrub(words, self.token.as_deref());
        scrub(&words, self.url.query().and_then(target::token))
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("url", &super::redact(&self.url))
            .field("token", &self.token.as_ref().map(|_| "***"))
            .field("tls", &self.tls)
            .field("quic", &self.quic)
            .field("protocols", &self.protocols)
            .field("websocket", &self.websocket)
            .finish()
    }
}

/// A session that [`connect`] made.
#[derive(Clone)]
pub struct Connected {
    /// The session. Its `protocol` is what was agreed; `None`, except over raw QUIC, leaves the version to the SETUP exchange.
    pub transport: Transport,
    /// The path of the URL where the binding has no place for it (raw QUIC), so that the caller can apply it; else empty.
    pub root: String,
    /// The query of the URL, with the token, where the binding has no place for it.
    pub query: Option<String>,
    /// The address that answered.
    pub remote: SocketAddr,
}

impl Connected {
    /// The path and query that the caller has to ask the server for, if any. `carried` says whether the protocol that was agreed
    /// on has a place for them; where it has none the caller can only put [`root`](Self::root) before each path.
    ///
    /// # Errors
    /// [`Error::TokenNotCarried`] when there is a token and no place for it.
    pub fn ask(&self, carried: bool) -> Result<Option<String>, Error> {
        if self.root.is_empty() {
            return Ok(None);
        }
        let token = self.query.as_deref().and_then(target::token);
        match &self.query {
            _ if !carried && token.is_some() => Err(Error::TokenNotCarried {
                protocol: self.transport.protocol().unwrap_or_default().to_owned(),
            }),
            _ if !carried => Ok(None),
            Some(query) => Ok(Some(format!("{}?{query}", self.root))),
            None => Ok(Some(self.root.clone())),
        }
    }
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected")
            .field("carrier", &self.transport.carrier())
            .field("protocol", &self.transport.protocol())
            .field("root", &self.root)
            .field("query", &self.query.as_ref().map(|_| "***"))
            .field("remote", &self.remote)
            .finish()
    }
}

/// Opens a session.
///
/// The host's addresses are tried in the resolver's order, the next one 250 ms after the one before or as soon as that fails;
/// the first session wins. Each address gets 10 s for everything up to the session, as does the resolver. Dropping the future
/// ends every attempt.
///
/// For `https://` and `http://` a WebSocket is tried beside QUIC after the head start, or when QUIC fails for another
/// reason than that the certificate or the user is refused: `wss://` with the same trust, or unencrypted `ws://`. The latter
/// can prove no certificate, so it is not tried where `tls` names fingerprints.
pub async fn connect(options: &ConnectOptions) -> Result<Connected, Error> {
    let target = Arc::new(Target::new(&options.url, options.token.as_deref())?);
    if target.binding == Binding::Raw && options.protocols.is_empty() {
        return Err(Error::Settings(
            "raw QUIC needs at least one protocol to offer".into(),
        ));
    }
    let addresses = resolve(&target).await?;
    // Over TCP, and before the head start: it says nothing about UDP.
    let trust = trust(options, &target, &addresses).await;
    let (to, at) = (target.clone(), addresses.clone());
    let quic = async { quic(options, trust?, to, at).await };
    let tls = match target.binding {
        Binding::Raw => return quic.await,
        _ if !options.websocket.enabled => return quic.await,
        Binding::WebTransport { development: true } if !options.tls.fingerprints.is_empty() => {
            return quic.await;
        }
        Binding::WebTransport { development: true } => None,
        Binding::WebTransport { development: false } => Some(options.tls.client(Vec::new())?),
    };

    let dial = websocket::Dial::new(target.clone(), tls, &options.protocols, &options.quic);
    let dial = Arc::new(dial);
    let websocket = race(addresses, |address| dial.clone().attempt(address));
    let host = target.authority();
    let whole = options.websocket.head_start;
    let head_start = MEMORY.head_start(&host, whole, Instant::now());
    let raced = fallback::race(quic, websocket, head_start, is_final).await;
    let connected = raced.map_err(|(quic, websocket)| {
        match websocket.and_then(|mut failures| take_heaviest(&mut failures)) {
            Some(websocket) => Error::Neither {
                quic: Box::new(quic),
                websocket,
            },
            None => quic,
        }
    })?;
    let over_websocket = connected.transport.carrier() == Carrier::WebSocket;
    MEMORY.won(&host, over_websocket, Instant::now());
    if over_websocket {
        tracing::info!(host, "QUIC did not connect in time: using a WebSocket");
    }
    Ok(connected)
}

/// Whether a WebSocket to the same host should not be tried: the server itself, or this machine, says no.
fn is_final(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Settings | Kind::Tls | Kind::NotAuthorized | Kind::System
    )
}

/// Whom to trust over QUIC, which for a development URL is to be asked first.
async fn trust(
    options: &ConnectOptions,
    target: &Target,
    addresses: &[SocketAddr],
) -> Result<Tls, Error> {
    let mut trust = options.tls.clone();
    if target.binding == (Binding::WebTransport { development: true })
        && trust.fingerprints.is_empty()
        && !trust.disable_verify
    {
        let fingerprint = http::fetch(target, addresses.to_vec()).await?;
        tracing::debug!(%fingerprint, host = target.authority(), "fetched the certificate's fingerprint");
        trust.fingerprints.push(fingerprint);
    }
    Ok(trust)
}

/// Opens a session over QUIC.
async fn quic(
    options: &ConnectOptions,
    trust: Tls,
    target: Arc<Target>,
    addresses: Vec<SocketAddr>,
) -> Result<Connected, Error> {
    let alpn = match target.binding {
        Binding::WebTransport { .. } => vec![web_transport_quinn::ALPN.as_bytes().to_vec()],
        Binding::Raw => options
            .protocols
            .iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect(),
    };
    let dial = Arc::new(Dial {
        tls: trust.client(alpn)?,
        transport: options.quic.transport(),
        target,
        protocols: options.protocols.clone(),
    });
    let raced = race(addresses, |address| dial.clone().attempt(address)).await;
    raced.map_err(|failures| {
        most_telling(dial.target.authority(), failures).unwrap_or_else(|| Error::Resolve {
            host: dial.target.authority(),
            reason: "every attempt was given up".into(),
        })
    })
}

/// Runs `attempt` for each address, the next one when the latest fails or after a while; the first success ends the others. If
/// none succeeds: all errors in the order of the addresses.
pub(super) async fn race<T, E, F>(
    addresses: Vec<SocketAddr>,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> Result<T, Vec<E>>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let mut waiting = addresses.into_iter().enumerate().collect::<VecDeque<_>>();
    let mut running = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        if let Some((position, address)) = waiting.pop_front() {
            let future = attempt(address);
            running.spawn(async move { (position, future.await) });
        }
        let head_start = time::sleep(HEAD_START);
        tokio::select! {
            () = head_start, if !waiting.is_empty() => {}
            ended = running.join_next() => match ended {
                Some(Ok((_, Ok(success)))) => return Ok(success),
                Some(Ok((position, Err(failure)))) => failures.push((position, failure)),
                Some(Err(error)) => tracing::error!(%error, "an attempt to connect broke off"),
                None if waiting.is_empty() => {
                    failures.sort_by_key(|(position, _)| *position);
                    return Err(failures.into_iter().map(|(_, failure)| failure).collect());
                }
                None => {}
            },
        }
    }
}

async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Error> {
    if let Some(address) = target.address() {
        return Ok(vec![(address, target.port).into()]);
    }
    let name = target.server_name();
    let failed = |reason: String| Error::Resolve {
        host: name.clone(),
        reason,
    };
    let found = time::timeout(PATIENCE, net::lookup_host((name.as_str(), target.port)))
        .await
        .map_err(|_| failed(format!("no answer within {} s", PATIENCE.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    let addresses = interleave(found.collect());
    if addresses.is_empty() {
        return Err(failed("it has none".into()));
    }
    Ok(addresses)
}

/// The families in turn, beginning with that of the first address; no duplicates, and not too many.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut ours, mut theirs): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first);
    let mut list = Vec::new();
    while list.len() < MOST_ADDRESSES {
        let Some(address) = ours.pop_front().or_else(|| theirs.pop_front()) else {
            break;
        };
        if !list.contains(&address) {
            list.push(address);
            if !theirs.is_empty() {
                std::mem::swap(&mut ours, &mut theirs);
            }
        }
    }
    list
}

/// What all attempts have in common.
struct Dial {
    tls: tls::Client,
    transport: Arc<TransportConfig>,
    target: Arc<Target>,
    protocols: Vec<&'static str>,
}

impl Dial {
    async fn attempt(self: Arc<Self>, address: SocketAddr) -> Result<Connected, Failure> {
        let session = async {
            tokio::select! {
                result = self.session(address) => result,
                reason = refusal(address) => Err(Failure::Unreachable { address, protocol: "UDP", reason: reason.to_string() }),
            }
        };
        time::timeout(PATIENCE, session)
            .await
            .unwrap_or(Err(Failure::Timeout {
                address,
                protocol: "UDP",
                after: PATIENCE,
            }))
    }

    async fn session(&self, address: SocketAddr) -> Result<Connected, Failure> {
        let broken = |reason: String| Failure::Closed { address, reason };
        let (tls, complaint) = self.tls.attempt();
        let tls = QuicClientConfig::try_from(tls).map_err(|error| broken(error.to_string()))?;
        let mut config = ClientConfig::new(Arc::new(tls));
        config.transport_config(self.transport.clone());

        // An endpoint of its own: it ends with the only connection on it.
        let unreachable = |error: io::Error| Failure::Unreachable {
            address,
            protocol: "UDP",
            reason: error.to_string(),
        };
        let socket = socket::towards(address)
            .and_then(socket::Releasable::new)
            .map_err(unreachable)?;
        let runtime = Arc::new(TokioRuntime);
        let endpoint =
            Endpoint::new_with_abstract_socket(Quic::endpoint(), None, Arc::new(socket), runtime)
                .map_err(unreachable)?;
        let connection = endpoint
            .connect_with(config, address, &self.target.server_name())
            .map_err(|error| broken(error.to_string()))?
            .await
            .map_err(|error| match complaint.get() {
                Some(reason) => Failure::Untrusted {
                    address,
                    reason: reason.clone(),
                },
                None => self.connection_failure(address, &error),
            })?;

        let url = &self.target.url;
        let (transport, root, query) = match self.target.binding {
            Binding::Raw => (
                Transport::Quic(web_transport_quinn::Session::raw(connection)),
                url.path().to_owned(),
                url.query().map(str::to_owned),
            ),
            Binding::WebTransport { .. } => {
                let request = proto::ConnectRequest::new(url.clone())
                    .with_protocols(self.protocols.iter().map(|protocol| protocol.to_string()));
                // Unheard, because the library logs the request, and the token in it.
                let session = web_transport_quinn::Session::connect(connection.clone(), request)
                    .with_subscriber(Dispatch::none())
                    .await
                    .map_err(|error| match connection.close_reason() {
                        Some(error) => self.connection_failure(address, &error),
                        None => self.request_failure(address, error),
                    })?;
                (Transport::Quic(session), String::new(), None)
            }
        };
        Ok(Connected {
            transport,
            root,
            query,
            remote: address,
        })
    }

    fn connection_failure(&self, address: SocketAddr, error: &ConnectionError) -> Failure {
        let closed = |reason: String| Failure::Closed {
            address,
            reason: scrub(&reason, self.target.secret()),
        };
        match error {
            ConnectionError::TimedOut => Failure::Timeout {
                address,
                protocol: "UDP",
                after: PATIENCE,
            },
            ConnectionError::VersionMismatch => closed("it speaks another version of QUIC".into()),
            ConnectionError::TransportError(error) => match alert(error.code) {
                Some(NO_APPLICATION_PROTOCOL) => self.no_common_protocol(address),
                _ => closed(error.to_string()),
            },
            ConnectionError::ConnectionClosed(close) => match alert(close.error_code) {
                Some(NO_APPLICATION_PROTOCOL) => self.no_common_protocol(address),
                Some(alert) if tls::CLIENT_CERTIFICATE.contains(&alert) => {
                    Failure::ClientCertificate { address }
                }
                _ => closed(close.to_string()),
            },
            ConnectionError::ApplicationClosed(close) => closed(close.to_string()),
            error => closed(error.to_string()),
        }
    }

    fn request_failure(&self, address: SocketAddr, error: ClientError) -> Failure {
        use proto::ConnectError::{ErrorStatus, WrongStatus};
        match error {
            ClientError::HttpError(
                ConnectError::ErrorStatus(status)
                | ConnectError::ProtoError(ErrorStatus(status) | WrongStatus(Some(status))),
            ) => Failure::Status {
                address,
                status: status.as_u16(),
            },
            // HTTP/3 is agreed and the connection stands: what is left is a server without WebTransport.
            ClientError::SettingsError(_) => Failure::NoCommonProtocol {
                address,
                offered: "WebTransport".into(),
            },
            error => Failure::Closed {
                address,
                reason: scrub(&error.to_string(), self.target.secret()),
            },
        }
    }

    fn no_common_protocol(&self, address: SocketAddr) -> Failure {
        let offered = match self.target.binding {
            Binding::WebTransport { .. } => "HTTP/3 for WebTransport".to_owned(),
            Binding::Raw => self.protocols.join(", "),
        };
        Failure::NoCommonProtocol { address, offered }
    }
}

/// Resolves when the system knows that nothing can be reached at `address`; else never.
///
/// An unconnected socket, which QUIC needs to survive a change of networks, is not told of refusals. So a connected one sends a
/// byte that no QUIC server answers, and listens for the refusal.
async fn refusal(address: SocketAddr) -> io::Error {
    let probe = async {
        let socket = net::UdpSocket::bind(socket::any(address)).await.ok()?;
        if let Err(error) = socket.connect(address).await {
            return Some(error);
        }
        let mut answer = [0; 1];
        match socket.send(&[0]).await {
            Ok(_) => socket.recv(&mut answer).await.err(),
            Err(error) => Some(error),
        }
    };
    match probe.await {
        Some(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
            ) =>
        {
            error
        }
        _ => std::future::pending().await,
    }
}

/// The TLS alert in a QUIC error code.
fn alert(code: quinn::TransportErrorCode) -> Option<u8> {
    let code = u64::from(code);
    (code & !0xff == 0x100).then_some(code as u8)
}

/// The TLS alert of a server that speaks none of the protocols offered.
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// What an attempt may take, and the resolver.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long an address is preferred to the next one.
const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses of a host that are tried.
const MOST_ADDRESSES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter()
            .map(|address| address.parse().unwrap())
            .collect()
    }

    #[test]
    fn families_take_turns() {
        let found = addresses(&[
            "[::1]:1",
            "[::2]:1",
            "[::1]:1",
            "[::3]:1",
            "1.1.1.1:1",
            "2.2.2.2:1",
        ]);
        assert_eq!(
            interleave(found),
            addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"])
        );
        assert_eq!(interleave(Vec::new()), Vec::new());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_only_costs_the_head_start() {
        let start = time::Instant::now();
        let result: Result<u16, Vec<u16>> =
            race(addresses(&["[::1]:1", "[::1]:2"]), |address| async move {
                if address.port() == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(address.port())
            })
            .await;
        assert_eq!((result, start.elapsed().as_millis() / 10), (Ok(2), 25));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_starts_the_next_address_at_once_and_all_are_told() {
        let start = time::Instant::now();
        let result: Result<u16, Vec<u16>> = race(
            addresses(&["[::1]:1", "[::1]:2", "[::1]:3"]),
            |address| async move { Err(address.port()) },
        )
        .await;
        assert_eq!(
            (result, start.elapsed()),
            (Err(vec![1, 2, 3]), Duration::ZERO)
        );
    }

    #[test]
    fn options_in_debug_show_no_token() {
        let options = ConnectOptions {
            url: Url::parse("https://h/?jwt=secret").unwrap(),
            token: Some("secret".into()),
            tls: Tls::default(),
            quic: Quic::default(),
            protocols: vec!["moql"],
            websocket: WebSocket::default(),
        };
        assert!(!format!("{options:?}").contains("secret"));
    }
}
