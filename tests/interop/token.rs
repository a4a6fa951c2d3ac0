//! Tokens, to a relay that asks a server of the test who may do what.

use gstmoq::{
    moq_lite::{Client, Error, Origin, Track, carries_path},
    net::{ConnectOptions, Kind, WebSocket, connect},
};

use crate::{
    authority::{TOKEN, authority},
    relay::Relay,
    transport::{Peer, options, reads_frames, within},
};

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
