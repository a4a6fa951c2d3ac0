//! Listening: ports, certificates, HTTP, and clients that misbehave.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    path::PathBuf,
    time::Instant,
};

use gstmoq::net::{Kind, Listener, Share, Tls, Transport, connect};
use rustls::pki_types::CertificateDer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use web_transport_trait::{RecvStream as _, SendStream as _, Session as _};

use crate::support::*;

#[tokio::test]
async fn a_dual_stack_listener_serves_both_families() {
    let six = UdpSocket::bind("[::1]:0").is_ok();
    for host in if six {
        &["127.0.0.1", "[::1]"][..]
    } else {
        &["127.0.0.1"]
    } {
        let server = listen("[::]:0", &["moql"]).await;
        let port = server.local_addr().port();
        let options = options(&format!("http://{host}:{port}/"), Tls::default());
        let (connected, accepted) = session(server, &options).await;
        echo(&connected, &accepted).await;
    }
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
async fn packets_grow_where_the_path_carries_larger_ones() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let options = options(&format!("moql://{}/", server.local_addr()), insecure());
    let (connected, accepted) = session(server, &options).await;
    let size = |transport: &Transport| {
        let connection = transport.connection().expect("it is QUIC");
        connection.stats().path.current_mtu
    };
    within(async {
        while size(&connected.transport) < 8952 || size(&accepted.transport) < 8952 {
            echo(&connected, &accepted).await;
        }
    })
    .await;
}

#[tokio::test]
async fn many_large_packets_at_once_arrive() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let options = options(&format!("moql://{}/", server.local_addr()), insecure());
    let (connected, accepted) = session(server, &options).await;
    let path = |transport: &Transport| {
        let connection = transport.connection().expect("it is QUIC");
        connection.stats().path
    };
    // What fits into any receive buffer, again and again: the window grows, until all of it goes out in one go.
    let burst = vec![7; 100_000];
    for (from, to) in [
        (&connected.transport, &accepted.transport),
        (&accepted.transport, &connected.transport),
    ] {
        let mut grown = 0;
        within(async {
            while grown < 20 {
                let mut send = from.open_uni().await.unwrap();
                send.write_all(&burst).await.unwrap();
                send.finish().unwrap();
                let mut receive = to.accept_uni().await.unwrap();
                assert_eq!(receive.read_all().await.unwrap().len(), burst.len());
                echo(&connected, &accepted).await;
                let path = path(from);
                grown += u32::from(path.current_mtu == 8952 && path.cwnd > burst.len() as u64);
            }
        })
        .await;
        let path = path(from);
        assert_eq!((path.lost_packets, path.current_mtu), (0, 8952));
    }
}

#[tokio::test]
async fn packets_are_acknowledged_three_at_a_time() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let options = options(&format!("moql://{}/", server.local_addr()), insecure());
    let (connected, accepted) = session(server, &options).await;
    let told = |transport: &Transport| {
        let connection = transport.connection().expect("it is QUIC");
        connection.stats().frame_tx.acks
    };
    // Settles what the two agree upon.
    echo(&connected, &accepted).await;

    let (began, before) = (Instant::now(), told(&accepted.transport));
    within(async {
        for _ in 0..PACKETS {
            let mut send = connected.transport.open_uni().await.unwrap();
            send.write_all(b"one way").await.unwrap();
            send.finish().unwrap();
            let mut receive = accepted.transport.accept_uni().await.unwrap();
            assert_eq!(receive.read_all().await.unwrap(), "one way");
        }
    })
    .await;
    let acknowledgements = told(&accepted.transport) - before;
    // Some are due because time passed: of those there may be more on a busy machine.
    let due = u64::try_from(began.elapsed().as_millis() / 25).unwrap() + 5;
    assert!(
        acknowledgements <= PACKETS * 2 / 5 + due,
        "{acknowledgements} for {PACKETS} packets, of which {due} were due"
    );
}

/// Without an agreement, every other one is acknowledged.
const PACKETS: u64 = 400;

#[tokio::test]
async fn clients_that_never_finish_do_not_hold_up_others() {
    let pki = Pki::new();
    // Here it is not a matter of how many one host may begin.
    let share = Share {
        handshakes: 1000,
        ..Share::default()
    };
    let mut listen = listen_options("[::]:0", &["moql"]);
    listen.identity = Some(pki.identity());
    let mut server = Listener::bind_sharing(&listen, share).await.unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], server.local_addr().port()));
    let (sender, mut accepted) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(session) = server.accept().await {
            let _ = sender.send(session);
        }
    });

    // More than are let in without a proof of their address; none of them asks for a session.
    let mut endpoint = quinn::Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    endpoint.set_default_client_config(pki.client());
    let mut stuck = Vec::new();
    for _ in 0..80 {
        stuck.push(
            within(endpoint.connect(address, "localhost").unwrap())
                .await
                .unwrap(),
        );
    }
    let tls = Tls {
        roots_file: Some(pki.root.clone()),
        ..Tls::default()
    };
    let options = options(&format!("https://localhost:{}/after", address.port()), tls);
    let connected = within(connect(&options)).await.unwrap();
    let accepted = within(accepted.recv()).await.unwrap();
    assert_eq!(accepted.path, "/after");
    echo(&connected, &accepted).await;
    assert!(
        stuck
            .iter()
            .all(|connection| connection.close_reason().is_none())
    );
}

#[tokio::test]
async fn closed_sessions_leave_no_task_behind() {
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = alive();
    for scheme in ["https", "moql"] {
        let mut server = listen("127.0.0.1:0", &["moql"]).await;
        let options = options(&format!("{scheme}://{}/", server.local_addr()), insecure());
        let (connected, accepted) =
            within(async { tokio::join!(connect(&options), server.accept()) }).await;
        connected.unwrap().transport.close(0, "done");
        within(accepted.unwrap().transport.closed()).await;
        drop(server);
        within(async {
            while alive() > before {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
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
    let chain = connected.transport.connection().unwrap();
    let chain = chain.peer_identity().unwrap();
    let chain = chain.downcast::<Vec<CertificateDer<'static>>>().unwrap();
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
