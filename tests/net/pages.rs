//! What browsers get over HTTP: files, in the clear and over TLS, and certificates that change.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use gstmoq::net::{Kind, Listener, Share, Tls, connect};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Duration, Instant},
};

use crate::{support::*, waiting::eventually};

/// A listener that serves until the test ends.
async fn serving(http_root: Option<PathBuf>) -> SocketAddr {
    let mut options = listen_options("127.0.0.1:0", &["moql"]);
    options.http_root = http_root;
    let mut server = Listener::bind(&options).await.unwrap();
    let address = server.local_addr();
    tokio::spawn(async move { while server.accept().await.is_some() {} });
    address
}

/// The head and the body of the answer to a request.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> (String, Vec<u8>) {
    let mut answer = Vec::new();
    within(async {
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_to_end(&mut answer).await.unwrap();
    })
    .await;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let body = answer.split_off(end.expect("a head ends with an empty line") + 4);
    (String::from_utf8(answer).unwrap(), body)
}

async fn get(address: SocketAddr, target: &str) -> (String, Vec<u8>) {
    let stream = TcpStream::connect(address).await.unwrap();
    ask(stream, &format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")).await
}

#[tokio::test]
async fn the_pages_are_built_in_and_load_nothing_from_elsewhere() {
    let address = serving(None).await;
    for target in ["/", "/publish", "/?url=x", "/publish?broadcast=me"] {
        let (head, body) = get(address, target).await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{target}: {head}");
        for header in [
            "Content-Type: text/html; charset=utf-8",
            "Content-Security-Policy: default-src 'none'; script-src 'self' blob:;",
            "X-Content-Type-Options: nosniff",
            "Cross-Origin-Opener-Policy: same-origin",
        ] {
            assert!(
                head.contains(&format!("\r\n{header}")),
                "{target}: {header}"
            );
        }
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
        let text = String::from_utf8(body).unwrap();
        assert!(text.starts_with("<!doctype html>") && !text.contains("src=\"http"));
    }
    let stream = TcpStream::connect(address).await.unwrap();
    let (head, body) = ask(stream, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && body.is_empty());
    assert!(!head.contains("Content-Length: 0"));
}

#[tokio::test]
async fn nothing_else_answers() {
    let folder = Pki::new();
    std::fs::create_dir(folder.folder.join("site")).unwrap();
    std::fs::write(folder.folder.join("site/index.html"), "mine").unwrap();
    for root in [None, Some(folder.folder.join("site"))] {
        let address = serving(root).await;
        for (target, status) in [
            ("/other", 404),
            ("/assets/x.js", 404),
            ("/key.pem", 404),
            ("/../key.pem", 400),
            ("/%2e%2e/key.pem", 400),
            ("/..%2fkey.pem", 400),
            ("/..%5ckey.pem", 400),
            ("/.git/config", 400),
            ("//key.pem", 400),
            ("/index.html/", 400),
            ("key.pem", 400),
            (&format!("/{}", "a".repeat(9000)), 400),
        ] {
            let (head, _) = get(address, target).await;
            assert!(
                head.starts_with(&format!("HTTP/1.1 {status} ")),
                "{target}: {head}"
            );
        }
    }
}

#[tokio::test]
async fn the_fingerprint_is_a_line_and_for_players_of_other_pages_nothing_but_itself() {
    let address = serving(None).await;
    let (_, line) = get(address, "/certificate.sha256").await;
    assert_eq!((line.len(), line.last()), (65, Some(&b'\n')));
    let stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /certificate.sha256 HTTP/1.1\r\nHost: h\r\nOrigin: http://other\r\n\r\n";
    let (head, alone) = ask(stream, request).await;
    assert_eq!(alone, line[..64]);
    for header in ["Access-Control-Allow-Origin: *", "Content-Length: 64"] {
        assert!(head.contains(&format!("\r\n{header}\r\n")), "{head}");
    }
}

#[tokio::test]
async fn a_folder_replaces_the_pages_and_links_lead_not_out_of_it() {
    let pki = Pki::new();
    let site = pki.folder.join("site");
    std::fs::create_dir_all(site.join("sub")).unwrap();
    std::fs::write(site.join("index.html"), "mine").unwrap();
    std::fs::write(site.join("about.html"), "about").unwrap();
    std::fs::write(site.join("sub/code.js"), vec![b'x'; 3 << 20]).unwrap();
    std::os::unix::fs::symlink(&pki.key, site.join("leak.pem")).unwrap();
    let address = serving(Some(site)).await;

    assert_eq!(get(address, "/").await.1, b"mine");
    assert_eq!(get(address, "/about").await.1, b"about");
    let (head, body) = get(address, "/sub/code.js").await;
    assert!(head.contains("\r\nContent-Type: text/javascript; charset=utf-8\r\n"));
    assert_eq!(body.len(), 3 << 20);
    for target in ["/publish", "/leak.pem", "/sub"] {
        let (head, _) = get(address, target).await;
        assert!(head.starts_with("HTTP/1.1 404 "), "{target}: {head}");
    }
    let (_, fingerprint) = get(address, "/certificate.sha256").await;
    assert_eq!(fingerprint.len(), 65);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let pki = Pki::new();
    for (root, says) in [
        (pki.folder.join("missing"), "No such file"),
        (pki.key.clone(), "it is not a folder"),
    ] {
        let mut options = listen_options("127.0.0.1:0", &["moql"]);
        options.http_root = Some(root.clone());
        let error = Listener::bind(&options).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Settings);
        let text = format!("cannot use {}: {says}", root.display());
        assert!(error.to_string().starts_with(&text), "{error}");
    }
}

#[tokio::test]
async fn the_same_port_speaks_tls_with_the_same_certificate() {
    let pki = Pki::new();
    let mut options = listen_options("127.0.0.1:0", &["moql"]);
    options.identity = Some(pki.identity());
    let mut server = Listener::bind(&options).await.unwrap();
    let (address, fingerprint) = (server.local_addr(), server.fingerprint());
    tokio::spawn(async move { while server.accept().await.is_some() {} });

    let connector = tokio_rustls::TlsConnector::from(Arc::new(pki.tls_client()));
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = within(connector.connect(name, stream)).await.unwrap();
    let request = "GET /certificate.sha256 HTTP/1.1\r\nHost: h\r\n\r\n";
    let (head, body) = ask(stream, request).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(body, format!("{fingerprint}\n").as_bytes());
}

#[tokio::test]
async fn files_of_a_certificate_may_change_while_sessions_run() {
    let (pki, other) = (Pki::new(), Pki::new());
    let mut listening = listen_options("127.0.0.1:0", &["moql"]);
    listening.identity = Some(pki.identity());
    let mut server = Listener::bind(&listening).await.unwrap();
    let address = server.local_addr();
    let (sender, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(accepted) = server.accept().await {
            let _ = sender.send(accepted);
        }
    });
    let trusting = |root: &PathBuf| {
        let tls = Tls {
            roots_file: Some(root.clone()),
            ..Tls::default()
        };
        options(&format!("https://localhost:{}/", address.port()), tls)
    };
    let first = within(connect(&trusting(&pki.root))).await.unwrap();
    let first_accepted = within(sessions.recv()).await.unwrap();
    let (_, before) = get(address, "/certificate.sha256").await;

    for (from, to) in [(&other.chain, &pki.chain), (&other.key, &pki.key)] {
        std::fs::copy(from, to).unwrap();
    }
    eventually("the certificate is read again", async || {
        get(address, "/certificate.sha256").await.1 != before
    })
    .await;
    let second = within(connect(&trusting(&other.root))).await.unwrap();
    let second_accepted = within(sessions.recv()).await.unwrap();
    echo(&second, &second_accepted).await;
    // The one before goes on.
    echo(&first, &first_accepted).await;
}

#[tokio::test]
async fn one_host_holds_no_more_connections_than_its_share_and_no_longer_than_its_time() {
    let options = listen_options("127.0.0.1:0", &["moql"]);
    let mut server = Listener::bind(&options).await.unwrap();
    let address = server.local_addr();
    let mut refused = server.refused();
    tokio::spawn(async move { while server.accept().await.is_some() {} });
    let most = Share::default().requests;

    // Each says a byte and no more, as long as it is let.
    let mut slow = Vec::new();
    for _ in 0..most {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"G").await.unwrap();
        slow.push(stream);
    }
    // Those beyond are closed at once.
    for _ in 0..500 - most {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut answer = [0];
        let read = within(stream.read(&mut answer)).await;
        assert!(matches!(read, Ok(0) | Err(_)));
    }
    let count = within(refused.wait_for(|refused| refused.requests == 500 - most as u64)).await;
    drop(count.unwrap());
    // Another host is served meanwhile.
    let stream = TcpSocket::new_v4().unwrap();
    stream.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = within(stream.connect(address)).await.unwrap();
    let (head, _) = ask(stream, "GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    // The slow ones keep writing, and are cut off all the same.
    let begin = Instant::now();
    for stream in &mut slow {
        let mut answer = Vec::new();
        let cut = async {
            loop {
                tokio::select! {
                    read = stream.read_buf(&mut answer) => match read {
                        Ok(0) | Err(_) => break,
                        Ok(_) => {}
                    },
                    () = tokio::time::sleep(Duration::from_millis(500)) => {
                        if stream.write_all(b"E").await.is_err() {
                            break;
                        }
                    }
                }
            }
        };
        within(cut).await;
    }
    assert!(begin.elapsed() < Duration::from_secs(15));
    let (head, _) = get(address, "/").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
}
