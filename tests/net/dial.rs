//! Dialling: whom a client trusts, what it says, and how failures read.

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use gstmoq::net::{Error, Failure, Kind, Tls, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use web_transport_trait::Session as _;

use crate::support::*;

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
            .contains("is not trusted (no authority trusted here has signed it); set certificate-database-file"),
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
async fn a_token_arrives_in_the_query_and_nowhere_else() {
    let heard = Heard::default();
    tracing::subscriber::set_global_default(heard.clone()).unwrap();
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let mut options = options(&format!("https://{}/?a=b", server.local_addr()), insecure());
    options.token = Some("header.payload.signature".into());
    let (connected, accepted) = session(server, &options).await;
    assert_eq!(
        accepted.query.as_deref(),
        Some("a=b&jwt=header.payload.signature")
    );
    assert!(!format!("{connected:?}{accepted:?}{options:?}").contains("payload"));
    echo(&connected, &accepted).await;
    let heard = heard.0.lock().unwrap();
    assert!(heard.contains("listening"), "{heard}");
    assert!(!heard.contains("payload"), "{heard}");
}

#[tokio::test]
async fn a_refused_request_says_what_to_check() {
    for (status, kind, says) in [
        (
            401,
            Kind::NotAuthorized,
            "does not allow this session (HTTP status 401); check auth-token and the path of the URL",
        ),
        (
            403,
            Kind::NotAuthorized,
            "does not allow this session (HTTP status 403); check auth-token and the path of the URL",
        ),
        (
            404,
            Kind::NotFound,
            "does not know the path of the URL (HTTP status 404)",
        ),
        (500, Kind::Refused, "refused the session (HTTP status 500)"),
    ] {
        let pki = Pki::new();
        let endpoint =
            quinn::Endpoint::server(pki.server(), SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = endpoint.local_addr().unwrap();
        let mut server = web_transport_quinn::Server::new(endpoint);
        let status = web_transport_quinn::http::StatusCode::from_u16(status).unwrap();
        let serving = tokio::spawn(async move {
            let request = server.accept().await.unwrap();
            let connection = request.conn().clone();
            request.reject(status).await.unwrap();
            connection.closed().await;
        });
        let mut options = options(&format!("https://{address}/room"), insecure());
        options.token = Some("secret".into());
        let error = within(connect(&options)).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(
            error.to_string(),
            format!("cannot connect to {address}: {address} {says}")
        );
        assert!(!format!("{error:?}").contains("secret"));
        within(serving).await.unwrap();
    }
}

#[tokio::test]
async fn where_nothing_listens_the_error_comes_at_once_and_names_the_address() {
    // The port of tcpmux, which no system hands out and nobody runs.
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
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
            protocol: "UDP",
            after: Duration::from_secs(10)
        }
    );
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

#[tokio::test]
async fn raw_quic_leaves_path_and_token_to_the_caller() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let url = format!("moqt://{}/room/a%20b?x=1&jwt=old", server.local_addr());
    let mut options = options(&url, pinned(&server));
    options.token = Some("header.payload.signature".into());
    let (connected, _accepted) = session(server, &options).await;
    assert_eq!(connected.root, "/room/a%20b");
    assert_eq!(
        connected.ask(true).unwrap().as_deref(),
        Some("/room/a%20b?x=1&jwt=header.payload.signature")
    );
    let error = connected.ask(false).unwrap_err();
    assert_eq!(error.kind(), Kind::Settings);
    for shown in [
        format!("{connected:?} {options:?} {error} {error:?}"),
        options.scrub("no header.payload.signature\nand no old here"),
    ] {
        assert!(
            !shown.contains("payload") && !shown.contains("old"),
            "{shown}"
        );
    }
}
