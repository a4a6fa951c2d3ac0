//! Single requests: about a track, for a group, for the bandwidth, to leave; and
//! datagrams.

use std::time::Duration;

use gstmoq::moq_lite::{
    Error, Origin, OriginProducer, Timestamp, Track,
    coding::Encode,
    lite::{
        ControlType, Datagram, Fetch, FrameHeader, Goaway, Probe, TrackInfo, TrackRequest, Version,
    },
};
use tokio::time::Instant;
use web_transport_trait::Session as _;

use super::{
    peer::{Peer, next_group, over, pair, subscribed},
    versions::MARKED,
};
use crate::{
    assert_err,
    common::{
        now,
        transport::{Config, Ending},
        waiting::eventually,
        within,
    },
};

fn about(track: &str) -> TrackRequest<'static> {
    TrackRequest {
        broadcast: "cam".into(),
        track: track.to_owned().into(),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_track_is_told() {
    for version in MARKED {
        let publish = OriginProducer::default();
        let mut broadcast = publish.create_broadcast("cam").unwrap();
        let _track = broadcast.create_track(Track {
            name: "video".to_owned(),
            priority: 60,
        });
        let (_session, peer) = Peer::client(version, publish.consume()).await;
        // One that is made on request has no priority of its own.
        for (track, priority) in [("video", 60), ("on request", 0)] {
            let mut stream = peer.request(ControlType::Track, &about(track)).await;
            let info: TrackInfo = within(stream.reader.decode()).await.unwrap();
            let expected = TrackInfo {
                priority,
                max_age: Track::MAX_AGE,
                timescale: 1_000_000,
            };
            assert_eq!(info, expected);
            within(stream.reader.closed()).await.unwrap();
        }
        broadcast.refuse_requests();
        let mut stream = peer.request(ControlType::Track, &about("refused")).await;
        assert_err!(
            within(stream.reader.decode::<TrackInfo>()).await,
            Error::NotFound
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_track_about_which_nothing_is_told_fails() {
    let (_session, origin, peer, _announce) = Peer::server(Version::Draft06, &["cam"]).await;
    let broadcast = origin.consume_broadcast("cam").unwrap();
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    assert!(now(track.recv_group()).is_none());
    let (_request, _stream) = peer.accept_subscribe().await;
    let mut about = within(super::peer::Stream::accept(&peer.transport, peer.version))
        .await
        .unwrap();
    about.writer.abort(&Error::App(5));
    assert_err!(within(track.recv_group()).await, Error::App(5));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_kept_can_be_fetched() {
    for version in MARKED {
        let publish = OriginProducer::default();
        let mut broadcast = publish.create_broadcast("cam").unwrap();
        let mut track = broadcast.create_track(Track::new("video"));
        for _ in 0..3 {
            let mut group = track.append_group().unwrap();
            for frame in ["a", "b", "c"] {
                let time = Timestamp::new(9);
                group.write_frame_at(time, [frame.into()]).unwrap();
            }
            group.close();
        }
        let (_session, peer) = Peer::client(version, publish.consume()).await;
        let fetch = |group| Fetch {
            broadcast: "cam".into(),
            track: "video".into(),
            priority: 3,
            group,
            frame_start: 1,
            frame_end: Some(1),
        };
        let mut stream = peer.request(ControlType::Fetch, &fetch(1)).await;
        let expected = if version == Version::Draft06 {
            "b"
        } else {
            "abc"
        };
        let mut delta = 9;
        for frame in expected.chars() {
            let header: FrameHeader = within(stream.reader.decode()).await.unwrap();
            assert_eq!(header, FrameHeader { delta, size: 1 });
            let payload = within(stream.reader.read_exact(1)).await.unwrap();
            assert_eq!(payload, frame.to_string());
            delta = 0;
        }
        within(stream.reader.closed()).await.unwrap();
        let mut stream = peer.request(ControlType::Fetch, &fetch(9)).await;
        assert_err!(within(stream.reader.closed()).await, Error::NotFound);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_answered_when_there_is_something_to_tell() {
    let rate = Some(4_000_000);
    for version in [Version::Draft03, Version::Draft04, Version::Draft06] {
        let config = Config {
            rate,
            ..Config::default()
        };
        let (_session, peer) = Peer::client_over(config, version, Origin::produce().consumer).await;
        let mut stream = super::peer::Stream::open(&peer.transport, version)
            .await
            .unwrap();
        stream.writer.encode(&ControlType::Probe).await.unwrap();
        let report: Probe = within(stream.reader.decode()).await.unwrap();
        assert_eq!(
            report,
            Probe {
                bitrate: rate,
                rtt: None
            }
        );
        // Nothing changes, so nothing more is said.
        let start = Instant::now();
        let more = tokio::time::timeout(Duration::from_secs(9), stream.reader.decode::<Probe>());
        assert!(more.await.is_err());
        assert_eq!(start.elapsed(), Duration::from_secs(9));
        stream.writer.finish().unwrap();
        within(stream.reader.closed()).await.unwrap();
    }
    let (_session, peer) = Peer::client(Version::Draft06, Origin::produce().consumer).await;
    let mut stream = super::peer::Stream::open(&peer.transport, peer.version)
        .await
        .unwrap();
    stream.writer.encode(&ControlType::Probe).await.unwrap();
    assert!(within(stream.reader.decode::<Probe>()).await.is_err());
    assert_eq!(peer.link.end(), None);
}

#[tokio::test(start_paused = true)]
async fn a_session_knows_how_much_a_peer_that_says_so_could_send() {
    let rate = Some(4_000_000);
    let config = |version| {
        let config = Config {
            rate,
            ..Config::default()
        };
        over(config, version)
    };
    for version in MARKED {
        let pair = pair(config(version)).await;
        for side in [&pair.client, &pair.server] {
            eventually("it is told", async || {
                side.session.stats().receive_rate == rate
            })
            .await;
        }
    }
    // Before 05 nobody says whether it would answer, so nobody is asked.
    let pair = pair(config(Version::Draft04)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(pair.client.session.stats().receive_rate, None);
}

#[tokio::test(start_paused = true)]
async fn either_side_can_ask_the_other_to_leave() {
    for version in [Version::Draft04, Version::Draft05, Version::Draft06] {
        let pair = pair(over(Config::default(), version)).await;
        assert!(now(pair.client.session.goaway()).is_none());
        let uri = "https://elsewhere/";
        pair.server.session.send_goaway(uri).unwrap();
        assert_eq!(
            within(pair.client.session.goaway()).await.as_deref(),
            Some(uri)
        );
        assert_err!(pair.client.session.send_goaway(uri), Error::Unsupported);
        pair.client.session.send_goaway("").unwrap();
        assert_eq!(
            within(pair.server.session.goaway()).await.as_deref(),
            Some("")
        );
        let long = "u".repeat(8193);
        assert_err!(pair.server.session.send_goaway(&long), Error::TooLarge);
        // The session goes on, and nothing more is to be waited for.
        assert_eq!(pair.link.end(), None);
    }
    let pair = pair(over(Config::default(), Version::Draft06)).await;
    drop(pair.server.session);
    assert_eq!(within(pair.client.session.goaway()).await, None);
    let pair = super::peer::pair(over(Config::default(), Version::Draft03)).await;
    assert_err!(pair.server.session.send_goaway(""), Error::Unsupported);
}

#[tokio::test(start_paused = true)]
async fn a_peer_asks_once_and_a_client_names_no_other_server() {
    let goaway = |uri: &'static str| Goaway { uri: uri.into() };
    let version = Version::Draft06;
    let (session, peer) = Peer::client(version, Origin::produce().consumer).await;
    let other = goaway("https://elsewhere/");
    let _other = peer.request(ControlType::Goaway, &other).await;
    assert_err!(within(session.closed()).await, Error::ProtocolViolation);

    let (session, peer) = Peer::client(version, Origin::produce().consumer).await;
    let _first = peer.request(ControlType::Goaway, &goaway("")).await;
    assert_eq!(within(session.goaway()).await.as_deref(), Some(""));
    let _second = peer.request(ControlType::Goaway, &goaway("")).await;
    assert_err!(within(session.closed()).await, Error::ProtocolViolation);
    assert!(matches!(
        peer.link.end(),
        Some(Ending::Closed { code: 3, .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_datagram_is_a_group_of_one_frame() {
    for version in MARKED {
        let (_session, origin, peer, _announce) = Peer::server(version, &["cam"]).await;
        let (mut track, id, _stream) = subscribed(&origin, &peer).await;
        let datagram = |subscribe| Datagram {
            subscribe,
            sequence: 5,
            timestamp: 20,
            payload: "sound".into(),
        };
        let send = |datagram: Datagram| {
            let bytes = datagram.encode_bytes(version).unwrap();
            peer.transport.send_datagram(bytes).unwrap();
        };
        // One for nobody and one that is none are dropped.
        send(datagram(id + 1));
        peer.transport.send_datagram("\u{1}".into()).unwrap();
        send(datagram(id));
        let mut group = within(track.recv_group()).await.unwrap().unwrap();
        assert_eq!(group.info.sequence, 5);
        let mut frame = within(group.next_frame()).await.unwrap().unwrap();
        assert_eq!(frame.timestamp(), Some(Timestamp::new(20)));
        assert_eq!(within(frame.read_all()).await.unwrap(), "sound");
        assert!(within(group.next_frame()).await.unwrap().is_none());
        peer.send_group(id, 6, "stream").await;
        assert_eq!(next_group(&mut track).await.0, 6);
    }
}
