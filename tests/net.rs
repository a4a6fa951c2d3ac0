//! The network layer over real sockets on the loopback interface.

use std::{
    future::Future,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use gstmoq::net::{
    Accepted, ConnectOptions, Connected, Error, Failure, Fingerprint, Kind, ListenOptions,
    Listener, Quic, Tls, connect,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use url::Url;

#[tokio::test]
async fn a_pinned_fingerprint_opens_a_webtransport_session() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let options = options(
        &format!("https://{}/room/a%20b?x=1", server.local_addr()),
        pinned(&server),
    );
    let (connected, accepted) = session(server, &options).await;
    assert_eq!(
        (accepted.path.as_str(), accepted.query.as_deref()),
        ("/room/a%20b", Some("x=1"))
    );
    assert_eq!(connected.root, "");
    assert_eq!(connected.transport.protocol(), Some("moql"));
    assert_eq!(accepted.transport.protocol(), Some("moql"));
    echo(&connected, &accepted).await;
}

#[tokio::test]
async fn a_root_from_a_file_makes_a_certificate_trusted() {
    let pki = Pki::new();
    let server = listen_as(Some(pki.identity())).await;
    let port = server.local_addr().port();
    let tls = Tls {
        roots_file: Some(pki.root.clone()),
        ..Tls::default()
    };
    let options = options(&format!("https://localhost:{port}/"), tls);
    let (connected, accepted) = session(server, &options).await;
    echo(&connected, &accepted).await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let pki = Pki::new();
    let server = listen_as(Some(pki.identity())).await;
    let address = server.local_addr();
    let tls = Tls {
        roots_file: Some(pki.root.clone()),
        ..Tls::default()
    };
    let error = refused(
        server,
        &options(&format!("https://127.0.0.1:{}/", address.port()), tls),
    )
    .await;
    assert_eq!(error.kind(), Kind::Tls);
}

#[tokio::test]
async fn a_development_url_fetches_the_fingerprint() {
    let server = listen("[::]:0", &["moql"]).await;
    let port = server.local_addr().port();
    let options = options(&format!("http://localhost:{port}/studio"), Tls::default());
    let (connected, accepted) = session(server, &options).await;
    assert_eq!(accepted.path, "/studio");
    echo(&connected, &accepted).await;
}

#[tokio::test]
async fn a_dual_stack_listener_serves_both_families() {
    for host in ["127.0.0.1", "[::1]"] {
        let server = listen("[::]:0", &["moql"]).await;
        let port = server.local_addr().port();
        let options = options(&format!("http://{host}:{port}/"), Tls::default());
        let (connected, accepted) = session(server, &options).await;
        echo(&connected, &accepted).await;
    }
}

#[tokio::test]
async fn a_name_with_an_address_where_nothing_listens_connects_to_the_other() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let port = server.local_addr().port();
    let options = options(&format!("http://localhost:{port}/"), Tls::default());
    let (connected, _accepted) = session(server, &options).await;
    assert!(connected.remote.is_ipv4());
}

#[tokio::test]
async fn verification_can_be_disabled() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let tls = Tls {
        disable_verify: true,
        ..Tls::default()
    };
    let options = options(&format!("https://{}/", server.local_addr()), tls);
    let (connected, accepted) = session(server, &options).await;
    echo(&connected, &accepted).await;
}

#[tokio::test]
async fn another_fingerprint_is_refused_even_without_verification() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let (address, fingerprint) = (server.local_addr(), server.fingerprint());
    let tls = Tls {
        fingerprints: vec!["00".repeat(32).parse().unwrap()],
        disable_verify: true,
        ..Tls::default()
    };
    let error = refused(server, &options(&format!("https://{address}/"), tls)).await;
    assert_eq!(error.kind(), Kind::Tls);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot connect to {address}: the certificate of {address} is not trusted (its fingerprint is {fingerprint}, not \
             one of those expected); set certificate-database-file, certificate-fingerprints or tls-disable-verify if it \
             should be"
        )
    );
}

#[tokio::test]
async fn an_unknown_issuer_is_not_trusted() {
    let pki = Pki::new();
    let server = listen_as(Some(pki.identity())).await;
    let port = server.local_addr().port();
    let error = refused(
        server,
        &options(&format!("https://localhost:{port}/"), Tls::default()),
    )
    .await;
    assert_eq!(error.kind(), Kind::Tls);
    assert!(
        error
            .to_string()
            .contains("is not trusted (UnknownIssuer); set certificate-database-file"),
        "{error}"
    );
}

#[tokio::test]
async fn raw_quic_agrees_on_a_protocol_and_keeps_the_path() {
    let server = listen("127.0.0.1:0", &["moq-lite-03", "moql"]).await;
    for scheme in ["moql", "moqt"] {
        let options = options(
            &format!("{scheme}://{}/room", server.local_addr()),
            pinned(&server),
        );
        assert_eq!(options.protocols, ["moql"]);
    }
    let options = options(
        &format!("moql://{}/room", server.local_addr()),
        pinned(&server),
    );
    let (connected, accepted) = session(server, &options).await;
    assert_eq!(connected.root, "/room");
    assert_eq!(
        (accepted.path.as_str(), accepted.query.as_deref()),
        ("", None)
    );
    assert_eq!(connected.transport.protocol(), Some("moql"));
    assert_eq!(accepted.transport.protocol(), Some("moql"));
    echo(&connected, &accepted).await;
}

#[tokio::test]
async fn no_common_protocol_over_raw_quic_is_said() {
    let server = listen("127.0.0.1:0", &["moq-lite-03"]).await;
    let address = server.local_addr();
    let error = refused(server, &options(&format!("moql://{address}/"), insecure())).await;
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot connect to {address}: {address} speaks QUIC but none of the protocols offered (moql); is it a moq server, \
             and is the URL's scheme right?"
        )
    );
}

#[tokio::test]
async fn the_client_chooses_the_sub_protocol() {
    for (offered, spoken, agreed) in [
        (
            vec!["moq-lite-04", "moq-lite-03", "moql"],
            vec!["moql", "moq-lite-03"],
            Some("moq-lite-03"),
        ),
        (vec!["moq-lite-04"], vec!["moql"], None),
        (vec![], vec!["moql"], None),
    ] {
        let server = listen("127.0.0.1:0", &spoken).await;
        let mut options = options(&format!("https://{}/", server.local_addr()), insecure());
        options.protocols = offered;
        let (connected, accepted) = session(server, &options).await;
        assert_eq!(connected.transport.protocol(), agreed);
        assert_eq!(accepted.transport.protocol(), agreed);
    }
}

#[tokio::test]
async fn a_token_arrives_in_the_query_and_nowhere_else() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let mut options = options(&format!("https://{}/?a=b", server.local_addr()), insecure());
    options.token = Some("header.payload.signature".into());
    let (connected, accepted) = session(server, &options).await;
    assert_eq!(
        accepted.query.as_deref(),
        Some("a=b&jwt=header.payload.signature")
    );
    assert!(!format!("{connected:?}{accepted:?}{options:?}").contains("payload"));
}

#[tokio::test]
async fn where_nothing_listens_the_error_comes_at_once_and_names_the_address() {
    let address = free_port();
    let error = within(connect(&options(
        &format!("https://{address}/"),
        insecure(),
    )))
    .await
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(
        error.to_string().starts_with(&format!(
            "cannot connect to {address}: nothing is reachable at {address} (UDP): Connection refused"
        )),
        "{error}"
    );
    let error = within(connect(&options(
        &format!("http://{address}/"),
        Tls::default(),
    )))
    .await
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up_after_ten_seconds() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let start = tokio::time::Instant::now();
    let error = connect(&options(&format!("https://{address}/"), insecure()))
        .await
        .unwrap_err();
    assert!(start.elapsed() <= Duration::from_secs(11));
    assert_eq!(error.kind(), Kind::Unreachable);
    let Error::Connect { failure, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(
        failure,
        Failure::Timeout {
            address,
            after: Duration::from_secs(10)
        }
    );
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Listener::bind(&listen_options(&address.to_string(), &["moql"]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Busy);
    assert_eq!(
        error.to_string(),
        format!("{address} (TCP) is already in use: stop the other program or choose another port")
    );

    let server = listen("127.0.0.1:0", &["moql"]).await;
    let address = server.local_addr();
    let error = Listener::bind(&listen_options(&address.to_string(), &["moql"]))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{address} (UDP) is already in use: stop the other program or choose another port")
    );
}

#[tokio::test]
async fn dropping_a_listener_frees_its_ports_at_once() {
    let mut server = listen("127.0.0.1:0", &["moql"]).await;
    let address = server.local_addr();
    for _ in 0..3 {
        let options = options(&format!("http://{address}/"), Tls::default());
        let (connected, accepted) =
            within(async { tokio::join!(connect(&options), server.accept()) }).await;
        let (connected, accepted) = (connected.unwrap(), accepted.unwrap());
        drop(server);
        server = listen(&address.to_string(), &["moql"]).await;
        within(accepted.transport.closed()).await;
        drop(connected);
    }
}

#[tokio::test]
async fn closing_a_listener_tells_its_peers() {
    let mut server = listen("127.0.0.1:0", &["moql"]).await;
    let address = server.local_addr();
    let options = options(&format!("moql://{address}/"), insecure());
    let (connected, accepted) =
        within(async { tokio::join!(connect(&options), server.accept()) }).await;
    let (connected, _accepted) = (connected.unwrap(), accepted.unwrap());
    let ((), reason) =
        within(async { tokio::join!(server.close(), connected.transport.closed()) }).await;
    assert!(
        reason.to_string().contains("the server goes away"),
        "{reason}"
    );
    listen(&address.to_string(), &["moql"]).await;
}

#[tokio::test]
async fn garbage_on_either_port_disturbs_nobody() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let address = server.local_addr();
    let noise = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 20, 100, 1200, 1500] {
        for first in [0x00, 0x40, 0xc0, 0xff] {
            noise.send_to(&vec![first; length], address).unwrap();
        }
    }
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /cert").await.unwrap();
    let options = options(&format!("http://{address}/"), Tls::default());
    let (connected, accepted) = session(server, &options).await;
    echo(&connected, &accepted).await;
}

#[tokio::test]
async fn http_answers_by_the_book() {
    let mut server = listen("127.0.0.1:0", &["moql"]).await;
    let (address, fingerprint) = (server.local_addr(), server.fingerprint());
    let serving = tokio::spawn(async move { server.accept().await.is_some() });
    for (request, status) in [
        (
            "GET /certificate.sha256 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK",
        ),
        (
            "GET /other HTTP/1.1\r\n\r\n".to_owned(),
            "HTTP/1.1 404 Not Found",
        ),
        (
            "PUT /certificate.sha256 HTTP/1.1\r\n\r\n".to_owned(),
            "HTTP/1.1 405 Method Not Allowed",
        ),
        (
            "\u{1}\u{2}\u{3}\r\n\r\n".to_owned(),
            "HTTP/1.1 400 Bad Request",
        ),
        ("A".repeat(20_000), "HTTP/1.1 400 Bad Request"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.unwrap();
        assert_eq!(answer.lines().next(), Some(status));
        if status.contains("200") {
            assert!(answer.contains("\r\nAccess-Control-Allow-Origin: *\r\n"));
            assert!(answer.ends_with(&format!("\r\n\r\n{fingerprint}\n")));
        }
    }
    serving.abort();
}

#[tokio::test]
async fn a_development_url_without_a_fingerprint_says_what_was_answered() {
    let http = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = http.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = http.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let error = within(connect(&options(
        &format!("http://{address}/a?jwt=secret"),
        Tls::default(),
    )))
    .await
    .unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot fetch the certificate's fingerprint from http://{address}/certificate.sha256: the answer is HTTP status 404"
        )
    );
    answering.await.unwrap();
}

#[tokio::test]
async fn files_that_do_not_serve_are_named() {
    let (pki, other) = (Pki::new(), Pki::new());
    let bind = async |chain: &PathBuf, key: &PathBuf| {
        let mut options = listen_options("127.0.0.1:0", &["moql"]);
        options.identity = Some((chain.clone(), key.clone()));
        let error = Listener::bind(&options).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Settings);
        error.to_string()
    };
    let missing = pki.folder.join("missing.pem");
    let name = |path: &PathBuf| path.display().to_string();
    assert!(
        bind(&missing, &pki.key)
            .await
            .starts_with(&format!("cannot use {}: No such file", name(&missing)))
    );
    assert_eq!(
        bind(&pki.key, &pki.key).await,
        format!(
            "cannot use {}: it holds no certificate in PEM",
            name(&pki.key)
        )
    );
    assert!(bind(&pki.chain, &pki.chain).await.starts_with(&format!(
        "cannot use {}: it holds no private key",
        name(&pki.chain)
    )));
    assert_eq!(
        bind(&pki.chain, &other.key).await,
        format!(
            "cannot use {}: the key in {} belongs to another certificate",
            name(&pki.chain),
            name(&other.key)
        )
    );
}

#[tokio::test]
async fn the_made_certificate_suits_browsers() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let options = options(
        &format!("https://{}/", server.local_addr()),
        pinned(&server),
    );
    let (connected, _accepted) = session(server, &options).await;
    let chain = connected.transport.peer_identity().unwrap();
    let chain = chain
        .downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>()
        .unwrap();
    let der: &[u8] = &chain[0];

    // SubjectPublicKeyInfo: id-ecPublicKey, prime256v1.
    const P256: &[u8] = &[
        0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
    ];
    assert_eq!(
        der.windows(P256.len())
            .filter(|window| *window == P256)
            .count(),
        1
    );
    for name in [
        &b"\x82\x09localhost"[..],
        b"\x87\x04\x7f\x00\x00\x01",
        &[&b"\x87\x10"[..], &[0; 15], &[1]].concat(),
    ] {
        assert!(
            der.windows(name.len()).any(|window| window == name),
            "{name:?}"
        );
    }

    // Validity: a sequence of two UTCTimes, YYMMDDHHMMSSZ.
    let at = der
        .windows(4)
        .position(|window| window == [0x30, 0x1e, 0x17, 0x0d])
        .expect("a validity in UTCTime");
    let time = |text: &[u8]| {
        let part = |at: usize| {
            std::str::from_utf8(&text[at..at + 2])
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        let (year, month) = (2000 + part(0), part(2));
        // Days since 1970 in the proleptic Gregorian calendar.
        let (y, m) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + part(4) - 1 - 719_468;
        days * 86_400 + part(6) * 3600 + part(8) * 60 + part(10)
    };
    let (from, to) = (time(&der[at + 4..at + 17]), time(&der[at + 19..at + 32]));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!(from <= now - 3500 && now < to, "{from} {now} {to}");
    assert_eq!(to - from, 13 * 86_400);
}

#[tokio::test]
async fn a_client_may_show_a_certificate() {
    let (pki, other) = (Pki::new(), Pki::new());
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let url = format!("https://{}/", server.local_addr());
    let bad = Tls {
        identity: Some((pki.chain.clone(), other.key.clone())),
        ..insecure()
    };
    assert_eq!(
        connect(&options(&url, bad)).await.unwrap_err().kind(),
        Kind::Settings
    );
    let good = Tls {
        identity: Some(pki.identity()),
        ..insecure()
    };
    session(server, &options(&url, good)).await;
}

/// A root, a certificate for `localhost` under it, and the files that hold them, for as long as this lives.
struct Pki {
    folder: PathBuf,
    root: PathBuf,
    chain: PathBuf,
    key: PathBuf,
}

impl Pki {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!(
            "gst-plugin-moq-net-{}-{number}",
            std::process::id()
        ));
        std::fs::create_dir_all(&folder).unwrap();

        let root_key = rcgen::KeyPair::generate().unwrap();
        let mut root = rcgen::CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root_certificate = root.self_signed(&root_key).unwrap();
        let issuer = rcgen::Issuer::new(root, root_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();

        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        Self {
            root: write("root.pem", pem("CERTIFICATE", root_certificate.der())),
            chain: write("chain.pem", pem("CERTIFICATE", leaf.der())),
            key: write("key.pem", pem("PRIVATE KEY", &key.serialize_der())),
            folder,
        }
    }

    fn identity(&self) -> (PathBuf, PathBuf) {
        (self.chain.clone(), self.key.clone())
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, three) in der.chunks(3).enumerate() {
        if index > 0 && index % 16 == 0 {
            text.push('\n');
        }
        let bits = (0..3).fold(0u32, |bits, at| {
            bits << 8 | u32::from(*three.get(at).unwrap_or(&0))
        });
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit <= three.len() {
                DIGITS[value] as char
            } else {
                '='
            });
        }
    }
    text + &format!("\n-----END {label}-----\n")
}

async fn listen(address: &str, protocols: &[&'static str]) -> Listener {
    Listener::bind(&listen_options(address, protocols))
        .await
        .unwrap()
}

async fn listen_as(identity: Option<(PathBuf, PathBuf)>) -> Listener {
    let mut options = listen_options("[::]:0", &["moql"]);
    options.identity = identity;
    Listener::bind(&options).await.unwrap()
}

fn listen_options(address: &str, protocols: &[&'static str]) -> ListenOptions {
    ListenOptions {
        address: address.into(),
        identity: None,
        quic: Quic::default(),
        protocols: protocols.to_vec(),
    }
}

fn options(url: &str, tls: Tls) -> ConnectOptions {
    ConnectOptions {
        url: Url::parse(url).unwrap(),
        token: None,
        tls,
        quic: Quic::default(),
        protocols: vec!["moql"],
    }
}

fn pinned(server: &Listener) -> Tls {
    let fingerprint: Fingerprint = server.fingerprint();
    Tls {
        fingerprints: vec![fingerprint],
        ..Tls::default()
    }
}

fn insecure() -> Tls {
    Tls {
        disable_verify: true,
        ..Tls::default()
    }
}

/// An address of this machine where nothing listens.
fn free_port() -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind(tcp.local_addr().unwrap()).unwrap();
    udp.local_addr().unwrap()
}

/// Both ends of a session with `server`, which goes on accepting until the test ends.
async fn session(mut server: Listener, options: &ConnectOptions) -> (Connected, Accepted) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(accepted) = server.accept().await {
            let _ = sender.send(accepted);
        }
    });
    let connected = within(connect(options)).await.unwrap();
    let accepted = within(receiver.recv()).await.unwrap();
    (connected, accepted)
}

/// The error of connecting to a server that goes on accepting.
async fn refused(mut server: Listener, options: &ConnectOptions) -> Error {
    tokio::spawn(async move { while server.accept().await.is_some() {} });
    within(connect(options)).await.unwrap_err()
}

/// Bytes there and back.
async fn echo(connected: &Connected, accepted: &Accepted) {
    within(async {
        let (mut send, mut receive) = connected.transport.open_bi().await.unwrap();
        send.write_all(b"there").await.unwrap();
        send.finish().unwrap();
        let (mut back, mut there) = accepted.transport.accept_bi().await.unwrap();
        assert_eq!(there.read_to_end(100).await.unwrap(), b"there");
        back.write_all(b"back").await.unwrap();
        back.finish().unwrap();
        assert_eq!(receive.read_to_end(100).await.unwrap(), b"back");
    })
    .await;
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future)
        .await
        .expect("an end within 20 s")
}
