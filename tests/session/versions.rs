//! What holds in every version, and how those without the SETUP exchange begin.

use gstmoq::moq_lite::{
    Client, Error, Frame, Origin, Server, Timestamp, Track,
    coding::{Reader, Writer},
    lite::{self, ControlType, DataType, ProbeLevel, Role, Setup, Version},
};
use web_transport_trait::{SendStream as _, Session as _};

use super::peer::{Peer, announced, next_group, over, pair, pair_in, set_up, start, subscribed};
use crate::{
    assert_err,
    common::{
        now,
        transport::{self, Config, Ending, Kind, Side},
        versions::{EVERY, print_row},
        within,
    },
};

pub(super) const MARKED: [Version; 2] = [Version::Draft05, Version::Draft06];

#[tokio::test(start_paused = true)]
async fn both_sides_publish_and_consume_in_every_version() {
    for version in EVERY {
        let mut pair = pair_in(version).await;
        assert_eq!(pair.client.session.version_name(), version.name);
        assert_eq!(pair.server.session.version_name(), version.name);
        let sides = [
            (&mut pair.client.publish, &pair.server.consume),
            (&mut pair.server.publish, &pair.client.consume),
        ];
        for (publish, consume) in sides {
            let mut broadcast = publish.create_broadcast("room/cam").unwrap();
            let mut track = broadcast.create_track(Track::new("video"));
            track.write_frame("newest").unwrap();
            let seen = announced(consume, "room/cam").await;
            let mut received = seen.subscribe_track(&Track::new("video"));
            assert_eq!(next_group(&mut received).await.1, ["newest"]);
            let mut group = track.append_group().unwrap();
            let mut group_received = {
                group.write_frame("a").unwrap();
                within(received.recv_group()).await.unwrap().unwrap()
            };
            assert_eq!(
                within(group_received.read_frame()).await.unwrap().unwrap(),
                "a"
            );
            let mut frame = group.create_frame(Frame { size: 2 }).unwrap();
            frame.write_chunk("b").unwrap();
            frame.write_chunk("c").unwrap();
            frame.close().unwrap();
            assert_eq!(
                within(group_received.read_frame()).await.unwrap().unwrap(),
                "bc"
            );
            group.close();
            assert_eq!(within(group_received.read_frame()).await.unwrap(), None);
            track.write_frame("last").unwrap();
            track.close();
            assert_eq!(next_group(&mut received).await.1, ["last"]);
            assert!(within(received.recv_group()).await.unwrap().is_none());
            broadcast.refuse_requests();
            let mut missing = seen.subscribe_track(&Track::new("missing"));
            assert_err!(within(missing.recv_group()).await, Error::NotFound);
            drop(broadcast);
            within(seen.closed()).await;
        }
        assert_eq!(pair.link.end(), None);
    }
    print_row(
        "our client and server publish and consume",
        "memory",
        &EVERY,
    );
}

#[tokio::test(start_paused = true)]
async fn versions_without_setup_open_nothing_but_what_they_need() {
    for version in [Version::Draft03, Version::Draft04] {
        let pair = pair(over(Config::default(), version)).await;
        let first: Vec<_> = pair
            .link
            .records()
            .iter()
            .map(|r| (r.kind, r.written.clone()))
            .collect();
        assert!(first.iter().all(|(kind, _)| *kind == Kind::Bi));
        // The announce requests of both sides, and no answers: there is nothing.
        assert_eq!(first.len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn each_side_describes_itself_first_of_all() {
    for version in MARKED {
        let config = Config {
            rate: Some(1),
            ..over(Config::default(), version)
        };
        let (client, server, _link) = transport::connect(config);
        let connecting = Client::new()
            .with_publish(Origin::produce().consumer)
            .with_path("/anon?jwt=abc".to_owned());
        let reading = async {
            let mut reader = Reader::new(server.accept_uni().await.unwrap(), version);
            let kind: DataType = reader.decode().await.unwrap();
            (
                kind,
                reader.decode::<Setup>().await.unwrap(),
                reader.closed().await.is_ok(),
            )
        };
        let (session, read) =
            within(async { tokio::join!(connecting.connect(client), reading) }).await;
        let expected = Setup {
            probe: ProbeLevel::Report,
            path: Some("/anon?jwt=abc".to_owned()),
            role: Some(Role::Publisher),
            ..Setup::default()
        };
        assert_eq!(read, (DataType::Setup, expected, true));
        assert!(session.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_asks_before_it_accepts_and_heeds_the_role() {
    for version in MARKED {
        let (client, server, link) = transport::connect(over(Config::default(), version));
        let publish = Origin::produce();
        let _cam = publish.producer.create_broadcast("cam").unwrap();
        let setup = Setup {
            path: Some("/room".to_owned()),
            role: Some(Role::Subscriber),
            ..Setup::default()
        };
        set_up(&client, version, &setup).await;
        let request = within(Server::new().request(server)).await.unwrap();
        assert_eq!(request.version_name(), version.name());
        assert_eq!(request.path(), Some("/room"));
        let consume = Origin::produce();
        let accepted = request.accept(publish.consumer, consume.producer);
        let _session = within(accepted).await.unwrap();
        let server_setup = async {
            let mut reader = Reader::new(client.accept_uni().await.unwrap(), version);
            let kind: DataType = reader.decode().await.unwrap();
            (kind, reader.decode::<Setup>().await.unwrap())
        };
        let expected = (DataType::Setup, Setup::default());
        assert_eq!(within(server_setup).await, expected);
        // It does not ask for the broadcasts of one that has none.
        assert!(now(client.accept_bi()).is_none());
        assert_eq!(link.end(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_can_be_rejected() {
    let version = Version::Draft06;
    let (client, server, link) = transport::connect(over(Config::default(), version));
    set_up(&client, version, &Setup::default()).await;
    let request = within(Server::new().request(server)).await.unwrap();
    request.reject(Error::Unauthorized);
    let ending = Ending::Closed {
        by: Side::Server,
        code: 2,
        reason: "unauthorized".to_owned(),
    };
    assert_eq!(link.end(), Some(ending));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_describe_itself_is_given_up() {
    for version in MARKED {
        let (_client, server, link) = transport::connect(over(Config::default(), version));
        assert_err!(Server::new().accept(server).await, Error::Timeout);
        assert!(matches!(
            link.end(),
            Some(Ending::Closed { code: 0x11, .. })
        ));

        // Streams for nobody do not count.
        let (client, server, _link) = transport::connect(over(Config::default(), version));
        let mut strays = Vec::new();
        for _ in 0..16 {
            let mut stray = client.open_uni().await.unwrap();
            stray.write_chunk(vec![0].into()).await.unwrap();
            strays.push(stray);
        }
        assert_err!(
            within(Server::new().accept(server)).await,
            Error::ProtocolViolation
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_describes_itself_twice_is_cut_off() {
    for version in MARKED {
        let (session, peer) = Peer::client(version, Origin::produce().consumer).await;
        set_up(&peer.transport, version, &Setup::default()).await;
        assert_err!(within(session.closed()).await, Error::ProtocolViolation);
        let ending = peer.link.ended().await;
        assert!(matches!(
            ending,
            Ending::Closed {
                by: Side::Server,
                code: 3,
                ..
            }
        ));
    }
    // Before 05 it is a stream like any other that is not known.
    let (_session, peer) = Peer::client(Version::Draft04, Origin::produce().consumer).await;
    let stream = peer.transport.open_uni().await.unwrap();
    let mut writer = Writer::new(stream, Version::Draft05);
    writer.encode(&DataType::Setup).await.unwrap();
    writer.encode(&Setup::default()).await.unwrap();
    assert!(within(writer.closed()).await.is_err());
    assert_eq!(peer.link.end(), None);
}

#[tokio::test(start_paused = true)]
async fn types_that_a_version_does_not_have_end_their_stream_only() {
    let cases = [
        (Version::Draft02, ControlType::Fetch, 10),
        (Version::Draft02, ControlType::Track, 10),
        (Version::Draft03, ControlType::Session, 0),
        (Version::Draft03, ControlType::Goaway, 0),
        (Version::Draft04, ControlType::Fetch, 0),
        (Version::Draft04, ControlType::Track, 0),
        (Version::Draft06, ControlType::Session, 0),
    ];
    for (version, kind, code) in cases {
        let (_session, peer) = Peer::client(version, Origin::produce().consumer).await;
        let mut stream = peer.request(kind, &0u64).await;
        assert!(within(stream.reader.closed()).await.is_err());
        let refused = |record: &transport::Record| record.reset == Some(code);
        assert_eq!(peer.link.find(refused).len(), 1, "{version:?} {kind:?}");
        assert_eq!(peer.link.end(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn first_versions_are_never_asked_what_they_do_not_know() {
    let mut pair = pair(Config::default()).await;
    assert_err!(pair.client.session.send_goaway(""), Error::Unsupported);
    let mut broadcast = pair.server.publish.create_broadcast("cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame("a").unwrap();
    let seen = announced(&pair.client.consume, "cam").await;
    let mut received = seen.subscribe_track(&Track::new("video"));
    next_group(&mut received).await;
    let requests = pair
        .link
        .find(|record| record.kind == Kind::Bi && record.sender == record.opener);
    let kinds: Vec<_> = requests.iter().map(|record| record.written[0]).collect();
    assert_eq!(kinds, [0x20, 1, 1, 2]);
    pair.client.consume = Origin::produce().consumer;
}

#[tokio::test(start_paused = true)]
async fn timestamps_travel_where_there_is_a_place_for_them() {
    for version in EVERY {
        let pair = pair_in(version).await;
        let mut broadcast = pair.server.publish.create_broadcast("cam").unwrap();
        let mut track = broadcast.create_track(Track::new("video"));
        let times = [1_000_000, 1_033_333, 1_016_666, 0].map(Timestamp::new);
        let mut group = track.append_group().unwrap();
        for time in times {
            group.write_frame_at(time, ["frame".into()]).unwrap();
        }
        group.close();
        let seen = announced(&pair.client.consume, "cam").await;
        let mut received = seen.subscribe_track(&Track::new("video"));
        let mut group = within(received.recv_group()).await.unwrap().unwrap();
        for time in times {
            let frame = within(group.next_frame()).await.unwrap().unwrap();
            let carried = MARKED.map(Version::name).contains(&version.name);
            let expected = carried.then_some(time);
            assert_eq!(frame.timestamp(), expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn frames_without_a_time_are_given_one_that_does_not_run_back() {
    let pair = pair(over(Config::default(), Version::Draft06)).await;
    let mut broadcast = pair.server.publish.create_broadcast("cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    let mut group = track.append_group().unwrap();
    for _ in 0..3 {
        group.write_frame("frame").unwrap();
    }
    group.close();
    let seen = announced(&pair.client.consume, "cam").await;
    let mut received = seen.subscribe_track(&Track::new("video"));
    let mut group = within(received.recv_group()).await.unwrap().unwrap();
    let mut last = Timestamp::ZERO;
    while let Some(frame) = within(group.next_frame()).await.unwrap() {
        let time = frame.timestamp().expect("it was given one");
        assert!(time >= last && time < Timestamp::from_secs(60).unwrap());
        last = time;
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_of_another_scale_is_converted_and_one_before_the_beginning_refused() {
    for version in MARKED {
        let (_session, origin, peer, _announce) = Peer::server(version, &["cam"]).await;
        let broadcast = origin.consume_broadcast("cam").unwrap();
        let mut track = broadcast.subscribe_track(&Track::new("video"));
        assert!(now(track.recv_group()).is_none());
        let (request, _stream) = peer.accept_subscribe().await;
        // The group is there before the scale is.
        let mut group = peer.group(request.id, 0).await;
        let frame = lite::FrameHeader {
            delta: 90_000,
            size: 0,
        };
        group.encode(&frame).await.unwrap();
        peer.accept_track(0, 90_000).await;
        let mut received = within(track.recv_group()).await.unwrap().unwrap();
        let frame = within(received.next_frame()).await.unwrap().unwrap();
        assert_eq!(frame.timestamp(), Some(Timestamp::new(1_000_000)));
        let frame = lite::FrameHeader {
            delta: -90_001,
            size: 0,
        };
        group.encode(&frame).await.unwrap();
        assert_err!(
            within(received.next_frame()).await,
            Error::ProtocolViolation
        );
    }
}

#[tokio::test(start_paused = true)]
async fn codes_are_those_of_the_version() {
    for (version, old, cancel) in [
        (Version::Draft02, 2, 0),
        (Version::Draft03, 0x34, 1),
        (Version::Draft06, 0x34, 1),
    ] {
        let (_session, origin, peer, _announce) = Peer::server(version, &["cam"]).await;
        let (mut track, id, _stream) = subscribed(&origin, &peer).await;
        peer.send_group(id, 4, "once").await;
        next_group(&mut track).await;
        let mut again = peer.group(id, 4).await;
        assert!(within(again.closed()).await.is_err());
        let mut unknown = peer.group(id + 1, 0).await;
        assert!(within(unknown.closed()).await.is_err());
        drop(track);
        let stopped = |code| move |record: &transport::Record| record.stopped == Some(code);
        assert_eq!(peer.link.find(stopped(old)).len(), 1, "{version:?}");
        assert!(!peer.link.find(stopped(cancel)).is_empty(), "{version:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn connect_waits_for_as_many_broadcasts_as_were_promised() {
    for version in MARKED {
        let (session, origin, peer, mut announce) = Peer::server(version, &["a", "b"]).await;
        assert!(origin.consume_broadcast("a").is_some());
        assert!(origin.consume_broadcast("b").is_some());
        start(&mut announce, version, "later", &[]).await;
        announced(&origin, "later").await;
        assert_eq!(peer.link.end(), None);
        drop(session);
    }
}
