//! Client and server over real QUIC and WebTransport on the loopback interface.

mod common;

use bytes::Bytes;
use common::{
    versions::{EVERY, print_row},
    within,
};
use gstmoq::{
    moq_lite::{
        ALPNS, Client, Error, Group, Origin, OriginConsumer, Server, Session, Track, carries_path,
    },
    net::{ConnectOptions, Kind, ListenOptions, Listener, Quic, Tls, WebSocket, connect},
};
use url::Url;

async fn listener() -> Listener {
    let options = ListenOptions {
        address: "127.0.0.1:0".into(),
        identity: None,
        http_root: None,
        quic: Quic::default(),
        protocols: ALPNS.to_vec(),
    };
    Listener::bind(&options).await.unwrap()
}

fn client_options(listener: &Listener, scheme: &str, protocols: &[&'static str]) -> ConnectOptions {
    let url = format!("{scheme}://127.0.0.1:{}/", listener.local_addr().port());
    ConnectOptions {
        url: Url::parse(&url).unwrap(),
        token: None,
        tls: Tls {
            fingerprints: vec![listener.fingerprint()],
            ..Tls::default()
        },
        quic: Quic::default(),
        protocols: protocols.to_vec(),
        websocket: WebSocket::default(),
    }
}

/// Both ends of a session; each publishes one origin and consumes into another.
struct Pair {
    client: Session,
    server: Session,
    client_sees: OriginConsumer,
    server_sees: OriginConsumer,
    client_has: gstmoq::moq_lite::OriginProducer,
    server_has: gstmoq::moq_lite::OriginProducer,
    /// Its socket carries the session.
    _listener: Listener,
}

async fn pair(scheme: &str) -> Pair {
    pair_of(scheme, &ALPNS, Client::new()).await
}

/// The client offers only these protocols.
async fn pair_of(scheme: &str, protocols: &[&'static str], client: Client) -> Pair {
    let mut listener = listener().await;
    let options = client_options(&listener, scheme, protocols);
    let (client_has, server_has) = (Origin::produce(), Origin::produce());
    let (client_gets, server_gets) = (Origin::produce(), Origin::produce());
    let server = async {
        let accepted = listener.accept().await.unwrap();
        Server::new()
            .with_publish(server_has.consumer)
            .with_consume(server_gets.producer)
            .accept(accepted.transport.clone())
            .await
            .unwrap()
            .with_congestion_window(move || accepted.transport.congestion_window())
    };
    let client = async {
        let connected = connect(&options).await.unwrap();
        client
            .with_publish(client_has.consumer)
            .with_consume(client_gets.producer)
            .connect(connected.transport)
            .await
            .unwrap()
    };
    let (client, server) = within(async { tokio::join!(client, server) }).await;
    Pair {
        client,
        server,
        client_sees: client_gets.consumer,
        server_sees: server_gets.consumer,
        client_has: client_has.producer,
        server_has: server_has.producer,
        _listener: listener,
    }
}

async fn frames_arrive(scheme: &str, protocols: &[&'static str], client: Client, version: &str) {
    let mut pair = pair_of(scheme, protocols, client).await;
    assert_eq!(pair.client.version_name(), version);
    assert_eq!(pair.server.version_name(), version);
    for (producer, consumer) in [
        (&pair.client_has, &mut pair.server_sees),
        (&pair.server_has, &mut pair.client_sees),
    ] {
        let mut broadcast = producer.create_broadcast("room/cam").unwrap();
        let mut track = broadcast.create_track(Track::new("video"));
        let payload = Bytes::from(vec![7u8; 100_000]);
        let mut group = track.create_group(Group { sequence: 41 }).unwrap();
        group.write_frame("first").unwrap();
        group.write_frame(payload.clone()).unwrap();

        let (path, remote) = within(consumer.announced()).await.unwrap();
        assert_eq!(path.as_str(), "room/cam");
        let mut reader = remote.unwrap().subscribe_track(&Track::new("video"));
        let mut received = within(reader.recv_group()).await.unwrap().unwrap();
        assert_eq!(received.info.sequence, 41);
        assert_eq!(
            within(received.read_frame()).await.unwrap().unwrap(),
            "first"
        );
        assert_eq!(
            within(received.read_frame()).await.unwrap().unwrap(),
            payload
        );

        // What is written just before the end arrives, and then the end.
        group.close();
        track.write_frame("").unwrap();
        track.write_frame("last").unwrap();
        track.close();
        assert_eq!(within(received.read_frame()).await.unwrap(), None);
        let mut empty = within(reader.recv_group()).await.unwrap().unwrap();
        assert_eq!(within(empty.read_frame()).await.unwrap().unwrap(), "");
        let mut last = within(reader.recv_group()).await.unwrap().unwrap();
        assert_eq!(within(last.read_frame()).await.unwrap().unwrap(), "last");
        assert!(within(reader.recv_group()).await.unwrap().is_none());
        drop(broadcast);
        let (path, gone) = within(consumer.announced()).await.unwrap();
        assert_eq!((path.as_str(), gone.is_none()), ("room/cam", true));
    }
}

#[tokio::test]
async fn frames_arrive_in_both_directions_in_every_version_over_every_binding() {
    for scheme in ["https", "moqt"] {
        for forced in EVERY {
            let client = Client::new().with_versions([forced.number]);
            frames_arrive(scheme, &[forced.protocol], client, forced.name).await;
        }
        frames_arrive(scheme, &ALPNS, Client::new(), EVERY[0].name).await;
        print_row("our client and server publish and consume", scheme, &EVERY);
    }
    // WebTransport without a sub-protocol: SETUP decides.
    let (_, agreed) = EVERY.split_at(4);
    for forced in agreed {
        let client = Client::new().with_versions([forced.number]);
        frames_arrive("https", &[], client, forced.name).await;
    }
    frames_arrive("https", &[], Client::new(), agreed[0].name).await;
    let binding = "https without wt-protocol";
    print_row("our client and server publish and consume", binding, agreed);
}

#[tokio::test]
async fn a_path_reaches_the_server_where_the_version_carries_it() {
    for forced in EVERY {
        let mut listener = listener().await;
        let mut options = client_options(&listener, "moqt", &[forced.protocol]);
        options.url.set_path("/room");
        options.token = Some("abc".into());
        let client = async {
            let connected = connect(&options).await.unwrap();
            let protocol = web_transport_trait::Session::protocol(&connected.transport);
            let carries = carries_path(protocol);
            let ask = connected.ask(carries);
            if let Err(error) = &ask {
                let says = format!(
                    "the token cannot be sent: the server agreed on {}, which over raw QUIC has no place for it; use an \
                     https:// URL, whose request carries it",
                    forced.protocol
                );
                assert_eq!(error.to_string(), says);
                assert_eq!(error.kind(), Kind::Settings);
            }
            assert_eq!(ask.is_ok(), carries);
            let client = Client::new()
                .with_versions([forced.number])
                .with_path(ask.ok().flatten());
            let session = client.connect(connected.transport).await.unwrap();
            (session, carries)
        };
        let server = async {
            let transport = listener.accept().await.unwrap().transport;
            let request = Server::new().request(transport).await.unwrap();
            let (name, path) = (request.version_name(), request.path().map(str::to_owned));
            (request.accept(None, None).await.unwrap(), name, path)
        };
        let ((_client, carries), (_server, name, path)) =
            within(async { tokio::join!(client, server) }).await;
        let expected = carries.then(|| "/room?jwt=abc".to_owned());
        assert_eq!((name, path), (forced.name, expected));
        let with = ["moq-lite-05", "moq-lite-06", "moq-transport-14"];
        assert_eq!(carries, with.contains(&forced.name));
    }
}

#[tokio::test]
async fn a_session_counts_what_it_carries() {
    let mut pair = pair("https").await;
    let mut broadcast = pair.server_has.create_broadcast("room/cam").unwrap();
    let mut producer = broadcast.create_track(Track::new("video"));
    producer.write_frame("frame").unwrap();
    let (_, remote) = within(pair.client_sees.announced()).await.unwrap();
    let mut track = remote.unwrap().subscribe_track(&Track::new("video"));
    producer.close();
    while let Some(mut group) = within(track.recv_group()).await.unwrap() {
        while within(group.read_frame()).await.unwrap().is_some() {}
    }
    let received = pair.client.stats().received;
    let counts = (received.groups, received.frames, received.bytes);
    assert_eq!(counts, (1, 1, 5));
    let stats = pair.server.stats();
    assert_eq!((stats.sent.frames, stats.sent.bytes), (1, 5));
    assert_eq!(stats.version, "moq-lite-06");
    assert!(stats.rtt.is_some() && stats.bytes_sent.is_some_and(|bytes| bytes > 0));
    assert!(stats.send_rate.is_some_and(|rate| rate > 0));
    assert!(stats.congestion_window.is_some_and(|bytes| bytes > 0));
    // It was not told how to look.
    assert_eq!(pair.client.stats().congestion_window, None);
}

#[tokio::test]
async fn a_track_that_is_not_there_is_not_found() {
    let mut pair = pair("https").await;
    let mut broadcast = pair.server_has.create_broadcast("cam").unwrap();
    broadcast.refuse_requests();
    let (_, remote) = within(pair.client_sees.announced()).await.unwrap();
    let mut track = remote.unwrap().subscribe_track(&Track::new("nothing"));
    assert!(matches!(
        within(track.recv_group()).await,
        Err(Error::NotFound)
    ));
}

#[tokio::test]
async fn a_reader_that_leaves_frees_the_publishers_track() {
    let mut pair = pair("https").await;
    let mut broadcast = pair.server_has.create_broadcast("cam").unwrap();
    let mut producer = broadcast.create_track(Track::new("video"));
    producer.write_frame("frame").unwrap();
    let (_, remote) = within(pair.client_sees.announced()).await.unwrap();
    let mut track = remote.unwrap().subscribe_track(&Track::new("video"));
    within(track.recv_group()).await.unwrap().unwrap();
    drop(track);
    within(producer.unused()).await;
}

#[tokio::test]
async fn dropping_a_session_ends_the_other_side() {
    for scheme in ["https", "moql"] {
        let pair = pair(scheme).await;
        drop(pair.client);
        assert!(matches!(
            within(pair.server.closed()).await,
            Err(Error::Cancel | Error::Transport(_))
        ));
    }
}

#[tokio::test]
async fn every_one_of_many_small_groups_arrives_once() {
    let mut pair = pair("https").await;
    let mut broadcast = pair.server_has.create_broadcast("cam").unwrap();
    let mut producer = broadcast.create_track(Track::new("audio"));
    let (_, remote) = within(pair.client_sees.announced()).await.unwrap();
    let mut track = remote.unwrap().subscribe_track(&Track::new("audio"));
    producer.write_frame("0").unwrap();
    let first = within(track.recv_group()).await.unwrap().unwrap();
    let mut seen = vec![first.info.sequence];
    for sequence in 1..500u64 {
        producer.write_frame(sequence.to_string()).unwrap();
    }
    producer.close();
    while let Some(mut group) = within(track.recv_group()).await.unwrap() {
        let frame = within(group.read_frame()).await.unwrap().unwrap();
        assert_eq!(frame, group.info.sequence.to_string());
        seen.push(group.info.sequence);
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..500).collect::<Vec<_>>());
}
