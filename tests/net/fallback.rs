//! A WebSocket where QUIC does not connect.

use std::{net::SocketAddr, sync::Arc};

use gstmoq::net::{Carrier, ConnectOptions, Error, Fingerprint, Kind, Tls, WebSocket, connect};
use qmux::ws::{
    Upgraded, tokio_tungstenite,
    tungstenite::handshake::server::{ErrorResponse, Request, Response},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};
use web_transport_trait::{Error as _, RecvStream as _, SendStream as _, Session as _, Stats as _};

use crate::support::*;

/// A TCP port where UDP is swallowed.
struct Port {
    tcp: TcpListener,
    _udp: UdpSocket,
    address: SocketAddr,
}

impl Port {
    async fn open() -> Self {
        loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = tcp.local_addr().unwrap();
            if let Ok(udp) = UdpSocket::bind(address).await {
                return Self {
                    tcp,
                    _udp: udp,
                    address,
                };
            }
        }
    }
}

fn fallback(url: &str, tls: Tls) -> ConnectOptions {
    ConnectOptions {
        websocket: WebSocket::default(),
        ..options(url, tls)
    }
}

/// The server's end, and the path and query that were asked for.
#[expect(clippy::result_large_err, reason = "the library wants the closure so")]
async fn accept<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    chosen: &'static str,
) -> (qmux::Session, String) {
    let mut target = String::new();
    let answer = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        target = request.uri().to_string();
        let headers = response.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", chosen.parse().unwrap());
        Ok(response)
    };
    let stream = tokio_tungstenite::accept_hdr_async(stream, answer).await;
    let session = Upgraded::new(stream.unwrap()).with_alpn(chosen).accept();
    (session, target)
}

#[tokio::test]
async fn where_udp_is_swallowed_a_websocket_carries_the_session() {
    let port = Port::open().await;
    let heard = Heard::default();
    let _listening = tracing::subscriber::set_default(heard.clone());
    let mut options = fallback(&format!("http://{}/room/a?b=c#d", port.address), insecure());
    options.token = Some("header.payload.signature".into());
    let server = async {
        let (stream, _) = port.tcp.accept().await.unwrap();
        accept(stream, "qmux-01.moql").await
    };
    let (connected, (server, target)) =
        within(async { tokio::join!(connect(&options), server) }).await;
    let connected = connected.unwrap();
    assert_eq!(target, "/room/a?b=c&jwt=header.payload.signature");
    assert_eq!(connected.transport.carrier(), Carrier::WebSocket);
    assert_eq!(connected.transport.protocol(), Some("moql"));
    assert_eq!(
        (connected.remote, connected.root.as_str()),
        (port.address, "")
    );
    echo_between(&connected.transport, &server).await;
    #[cfg(target_os = "linux")]
    assert!(connected.transport.stats().rtt().is_some());

    let (mut stream, _) = within(server.open_bi()).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    let (_, mut reset) = within(connected.transport.accept_bi()).await.unwrap();
    stream.reset(7);
    let error = within(reset.read_all()).await.unwrap_err();
    assert_eq!(error.stream_error(), Some(7));
    server.close(5, "enough");
    let closed = within(connected.transport.closed()).await;
    assert_eq!(closed.session_error(), Some((5, "enough".to_owned())));

    assert!(!format!("{connected:?}").contains("payload"));
    let heard = heard.0.lock().unwrap();
    assert!(heard.contains("using a WebSocket"), "{heard}");
    assert!(!heard.contains("payload"), "{heard}");
}

#[tokio::test]
async fn a_framing_without_a_protocol_leaves_the_version_open() {
    let port = Port::open().await;
    let options = fallback(&format!("http://{}/", port.address), insecure());
    let server = async {
        let (stream, _) = port.tcp.accept().await.unwrap();
        accept(stream, "qmux-02").await
    };
    let (connected, (server, target)) =
        within(async { tokio::join!(connect(&options), server) }).await;
    let connected = connected.unwrap();
    assert_eq!(target, "/");
    assert_eq!(connected.transport.protocol(), None);
    echo_between(&connected.transport, &server).await;
}

#[tokio::test]
async fn an_https_url_means_tls_with_the_same_trust() {
    let pki = Pki::new();
    let port = Port::open().await;
    let tls = tokio_rustls::TlsAcceptor::from(Arc::new(pki.tls_server(b"http/1.1")));
    let url = format!("https://localhost:{}/", port.address.port());
    let trusting = Tls {
        roots_file: Some(pki.root.clone()),
        ..Tls::default()
    };
    let options = fallback(&url, trusting);
    let server = async {
        let (stream, _) = port.tcp.accept().await.unwrap();
        accept(tls.accept(stream).await.unwrap(), "qmux-01.moql").await
    };
    let (connected, (server, _)) = within(async { tokio::join!(connect(&options), server) }).await;
    let connected = connected.unwrap();
    assert_eq!(connected.transport.carrier(), Carrier::WebSocket);
    echo_between(&connected.transport, &server).await;
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_opens_no_websocket() {
    let pki = Pki::new();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let tls = tokio_rustls::TlsAcceptor::from(Arc::new(pki.tls_server(b"http/1.1")));
    let server = tokio::spawn(async move {
        let (stream, _) = tcp.accept().await.unwrap();
        tls.accept(stream).await.err().unwrap()
    });
    let pinned = Tls {
        fingerprints: vec!["00".repeat(32).parse().unwrap()],
        ..Tls::default()
    };
    let options = fallback(&format!("https://{address}/"), pinned);
    let error = within(connect(&options)).await.unwrap_err();
    let Error::Neither { websocket, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(
        (websocket.kind(), error.kind()),
        (Kind::Tls, Kind::Unreachable)
    );
    within(server).await.unwrap();
}

#[tokio::test]
async fn a_refusal_of_the_user_is_told_as_one() {
    for (status, kind, says) in [
        (401, Kind::NotAuthorized, "check auth-token"),
        (403, Kind::NotAuthorized, "check auth-token"),
        (404, Kind::Unreachable, "does not know the path"),
        (503, Kind::Unreachable, "(HTTP status 503)"),
    ] {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let mut options = fallback(&format!("http://{address}/"), insecure());
        options.token = Some("secret".into());
        let error = within(connect(&options)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!(
            "cannot connect to {address}: nothing is reachable at {address} (UDP): "
        )));
        assert!(
            text.contains(" (and over a WebSocket: ") && text.contains(says),
            "{text}"
        );
        assert!(!format!("{text}{error:?}").contains("secret"));
        within(server).await.unwrap();
    }
}

#[tokio::test]
async fn a_websocket_is_not_tried_where_it_may_not_be() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let some: Fingerprint = "00".repeat(32).parse().unwrap();
    let pinned = Tls {
        fingerprints: vec![some],
        ..Tls::default()
    };
    for options in [
        fallback(&format!("moql://{address}/"), insecure()),
        fallback(&format!("http://{address}/"), pinned),
        options(&format!("http://{address}/"), insecure()),
    ] {
        let error = within(connect(&options)).await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
    }
    // A connection that was made would be the next one.
    let _ours = tokio::net::TcpStream::connect(address).await.unwrap();
    let (_, remote) = within(tcp.accept()).await.unwrap();
    assert_eq!(remote, _ours.local_addr().unwrap());
}

#[tokio::test]
async fn quic_that_answers_is_what_is_used() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let options = fallback(
        &format!("https://{}/", server.local_addr()),
        pinned(&server),
    );
    let (connected, accepted) = session(server, &options).await;
    assert_eq!(connected.transport.carrier(), Carrier::WebTransport);
    assert_eq!(accepted.transport.carrier(), Carrier::WebTransport);
    echo(&connected, &accepted).await;
}
