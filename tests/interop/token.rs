//! Tokens, to a relay that asks a server of the test who may do what.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
};

use gstmoq::{
    moq_lite::{Client, Error, Origin, Track, carries_path},
    net::{ConnectOptions, Kind, WebSocket, connect},
};

use crate::{
    relay::Relay,
    transport::{Peer, options, reads_frames, within},
};

/// Lets in who comes with this.
pub(crate) const TOKEN: &str = "header.right.signature";

/// Asked by the relay over HTTP; it answers for as long as the test runs.
pub(crate) fn authority() -> String {
    authority_that(|token| token == TOKEN)
}

/// One that lets in whoever comes with a token that is `good`.
pub(crate) fn authority_that(good: impl Fn(&str) -> bool + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A relay that is ended in the middle of a question wants no answer.
            let _ = stream.and_then(|stream| answer(stream, &good));
        }
    });
    url
}

fn answer(mut stream: TcpStream, good: &dyn Fn(&str) -> bool) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 && !line.trim().is_empty() {
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let question: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let query = question["query"].as_str().unwrap_or_default();
    let (status, grant) = if query.strip_prefix("jwt=").is_some_and(good) {
        ("200 OK", r#"{"publish":["**"],"subscribe":["**"]}"#)
    } else {
        ("401 Unauthorized", "")
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{grant}",
        grant.len()
    )
}

pub(crate) fn with_token(url: &str, protocol: &'static str, token: &str) -> ConnectOptions {
    let websocket = WebSocket {
        enabled: false,
        ..WebSocket::default()
    };
    ConnectOptions {
        token: Some(token.into()),
        ..options(url, &[protocol], websocket)
    }
}

pub(crate) async fn session(options: &ConnectOptions) -> Result<Peer, Error> {
    let connected = within(connect(options)).await.unwrap();
    let carrier = connected.transport.carrier();
    let protocol = web_transport_trait::Session::protocol(&connected.transport);
    let (has, sees) = (Origin::produce(), Origin::produce());
    let client = Client::new()
        .with_publish(has.consumer)
        .with_consume(sees.producer)
        .with_token(options.shown_token())
        .with_path(connected.ask(carries_path(protocol)).unwrap());
    Ok(Peer {
        session: within(client.connect(connected.transport)).await?,
        carrier,
        sees: sees.consumer,
        has: has.producer,
    })
}

/// Where a token can be sent.
const CARRIED: &[(&str, &str)] = &[
    ("https", "moq-lite-06"),
    ("https", "moq-lite-04"),
    ("https", "moql"),
    ("https", "moq-00"),
    ("moqt", "moq-lite-06"),
    ("moqt", "moq-lite-05"),
    ("moqt", "moq-00"),
];

#[tokio::test]
async fn a_token_opens_the_relay_over_either_binding() {
    let relay = Relay::start_asking(&authority());
    for (scheme, protocol) in CARRIED {
        let url = format!("{scheme}://127.0.0.1:{}/room", relay.port);
        let options = with_token(&url, protocol, TOKEN);
        let publisher = session(&options).await.unwrap();
        let path = format!("{scheme}-{protocol}");
        let mut broadcast = publisher.has.create_broadcast(path.as_str()).unwrap();
        let mut track = broadcast.create_track(Track::new("video"));
        track.write_frame("keyframe").unwrap();
        let mut viewer = session(&options).await.unwrap();
        reads_frames(&mut viewer, &path, &mut track).await;
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_apart_from_other_failures() {
    let relay = Relay::start_asking(&authority());
    for (scheme, protocol) in CARRIED {
        let url = format!("{scheme}://127.0.0.1:{}/room", relay.port);
        let refused = session(&with_token(&url, protocol, "wrong")).await;
        let error = match refused {
            Ok(peer) => within(peer.session.closed()).await.unwrap_err(),
            Err(error) => error,
        };
        let case = format!("{scheme} {protocol}: {error}");
        assert!(matches!(error, Error::Unauthorized), "{case}");
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_an_error_after_the_version_is_known() {
    let relay = Relay::start_asking(&authority());
    let url = format!("moqt://127.0.0.1:{}/room", relay.port);
    let options = with_token(&url, "moq-lite-04", TOKEN);
    let connected = within(connect(&options)).await.unwrap();
    let error = connected
        .ask(carries_path(Some("moq-lite-04")))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Settings);
    assert_eq!(
        error.to_string(),
        "the token cannot be sent: the server agreed on moq-lite-04, which over raw QUIC has no place for it; use an \
         https:// URL, whose request carries it"
    );
}
