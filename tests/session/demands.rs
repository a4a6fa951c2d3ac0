//! What a subscriber wants, and what it gets: age, range, order, the end.

use std::time::Duration;

use gstmoq::moq_lite::{
    BroadcastProducer, Demand, Error, OriginProducer, Session, Track, TrackProducer,
    lite::{
        ControlType, Subscribe, SubscribeDrop, SubscribeEnd, SubscribeReply, SubscribeStart,
        SubscribeUpdate, Version,
    },
};
use tokio::time::{Instant, sleep};
use web_transport_trait::Session as _;

use super::{
    peer::{Peer, Stream, announced, next_group, over, pair, subscribed},
    versions::MARKED,
};
use crate::{
    assert_err,
    common::{
        now,
        transport::{Config, Kind, Record, Side},
        within,
    },
};

const RANGED: [Version; 4] = [
    Version::Draft03,
    Version::Draft04,
    Version::Draft05,
    Version::Draft06,
];

/// A publisher of one track, and a peer.
struct Scene {
    _session: Session,
    _broadcast: BroadcastProducer,
    track: TrackProducer,
    peer: Peer,
}

async fn scene(version: Version) -> Scene {
    let publish = OriginProducer::default();
    let mut broadcast = publish.create_broadcast("cam").unwrap();
    let track = broadcast.create_track(Track {
        name: "video".to_owned(),
        priority: 60,
    });
    let (session, peer) = Peer::client(version, publish.consume()).await;
    Scene {
        _session: session,
        _broadcast: broadcast,
        track,
        peer,
    }
}

fn wants() -> SubscribeUpdate {
    SubscribeUpdate {
        priority: 7,
        max_age: Duration::from_secs(5),
        start: None,
        end: None,
        frame_start: 0,
        frame_end: None,
    }
}

impl Scene {
    async fn subscribe(&self, wants: SubscribeUpdate) -> Stream {
        let message = Subscribe {
            id: 3,
            broadcast: "cam".into(),
            track: "video".into(),
            priority: wants.priority,
            max_age: wants.max_age,
            start: wants.start,
            end: wants.end,
            frame_start: wants.frame_start,
            frame_end: wants.frame_end,
        };
        self.peer.request(ControlType::Subscribe, &message).await
    }

    /// The sequence numbers of the next groups.
    async fn sequences(&self, count: usize) -> Vec<u64> {
        let mut sequences = Vec::new();
        for _ in 0..count {
            sequences.push(self.peer.accept_group().await.0.sequence);
        }
        sequences
    }

    /// That no more groups come.
    async fn assert_quiet(&self) {
        sleep(Duration::from_millis(1)).await;
        assert!(now(self.peer.transport.accept_uni()).is_none());
    }
}

async fn reply(stream: &mut Stream) -> SubscribeReply {
    within(stream.reader.decode()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_group_and_the_end_are_marked() {
    for version in MARKED {
        let mut scene = scene(version).await;
        for n in 0..3 {
            scene.track.write_frame(n.to_string()).unwrap();
        }
        let mut stream = scene.subscribe(wants()).await;
        if version == Version::Draft06 {
            // Its age lets in what is young enough.
            assert_eq!(scene.sequences(3).await, [0, 1, 2]);
        } else {
            assert_eq!(scene.sequences(1).await, [2]);
        }
        let group = if version == Version::Draft06 { 0 } else { 2 };
        let start = SubscribeReply::Start(SubscribeStart { group });
        assert_eq!(reply(&mut stream).await, start);
        scene.track.close();
        let end = SubscribeReply::End(SubscribeEnd { group: 3 });
        assert_eq!(reply(&mut stream).await, end);
    }
}

#[tokio::test(start_paused = true)]
async fn the_stream_ends_once_every_group_was_delivered() {
    for version in MARKED {
        let mut scene = scene(version).await;
        let mut stream = scene.subscribe(wants()).await;
        scene.track.write_frame("one").unwrap();
        let (_, mut group) = scene.peer.accept_group().await;
        scene.track.close();
        reply(&mut stream).await;
        reply(&mut stream).await;
        sleep(Duration::from_secs(1)).await;
        assert!(now(stream.reader.closed()).is_none());
        within(group.skip(3 + 1 + 3)).await.ok();
        while within(group.read(100)).await.unwrap().is_some() {}
        within(stream.reader.closed()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_track_that_ends_without_a_group_ends_at_zero() {
    for version in MARKED {
        let scene = scene(version).await;
        let mut stream = scene.subscribe(wants()).await;
        scene.track.close();
        let end = SubscribeReply::End(SubscribeEnd { group: 0 });
        assert_eq!(reply(&mut stream).await, end);
        within(stream.reader.closed()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_is_served_as_far_as_it_is_kept() {
    for version in RANGED {
        let mut scene = scene(version).await;
        for n in 0..6 {
            scene.track.write_frame(n.to_string()).unwrap();
        }
        let range = SubscribeUpdate {
            start: Some(2),
            end: Some(4),
            ..wants()
        };
        let _stream = scene.subscribe(range).await;
        assert_eq!(scene.sequences(3).await, [2, 3, 4]);
        scene.track.write_frame("6").unwrap();
        scene.assert_quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn frames_of_the_first_and_the_last_group_can_be_chosen() {
    let mut scene = scene(Version::Draft06).await;
    for _ in 0..2 {
        let mut group = scene.track.append_group().unwrap();
        for frame in ["a", "b", "c"] {
            group.write_frame(frame).unwrap();
        }
        group.close();
    }
    let range = SubscribeUpdate {
        start: Some(1),
        end: Some(1),
        frame_start: 1,
        frame_end: Some(1),
        ..wants()
    };
    let _stream = scene.subscribe(range).await;
    let (header, mut reader) = scene.peer.accept_group().await;
    assert_eq!((header.sequence, header.frame_start), (1, 1));
    let _time: u64 = within(reader.decode()).await.unwrap();
    let frame: String = within(reader.decode()).await.unwrap();
    assert_eq!(frame, "b");
    within(reader.closed()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_an_age_there_is_only_the_newest_group() {
    let mut scene = scene(Version::Draft06).await;
    for n in 0..3 {
        scene.track.write_frame(n.to_string()).unwrap();
    }
    let newest = SubscribeUpdate {
        max_age: Duration::ZERO,
        ..wants()
    };
    let _stream = scene.subscribe(newest).await;
    assert_eq!(scene.sequences(1).await, [2]);
    scene.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_older_than_wanted_is_reset() {
    for version in RANGED {
        let mut scene = scene(version).await;
        let wants = SubscribeUpdate {
            max_age: Duration::from_secs(2),
            ..wants()
        };
        let _stream = scene.subscribe(wants).await;
        let mut old = scene.track.append_group().unwrap();
        old.write_frame("a").unwrap();
        let _old = scene.peer.accept_group().await;
        scene.track.write_frame("next").unwrap();
        let _next = scene.peer.accept_group().await;
        let start = Instant::now();
        let reset =
            |records: &[Record]| records.iter().any(|r| r.reset == Some(0x34)).then_some(());
        within(scene.peer.link.until(reset)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_age_an_unfinished_group_ends_with_the_next_and_a_whole_one_arrives() {
    for version in RANGED {
        let mut scene = scene(version).await;
        let newest = SubscribeUpdate {
            max_age: Duration::ZERO,
            ..wants()
        };
        let _stream = scene.subscribe(newest).await;
        scene.track.write_frame("whole").unwrap();
        let (_, mut whole) = scene.peer.accept_group().await;
        let mut unfinished = scene.track.append_group().unwrap();
        unfinished.write_frame("a").unwrap();
        let (_, mut group) = scene.peer.accept_group().await;
        scene.track.write_frame("next").unwrap();
        let _next = scene.peer.accept_group().await;
        while within(whole.read(100)).await.unwrap().is_some() {}
        let ended = async {
            while group.read(100).await?.is_some() {}
            Ok::<_, Error>(())
        };
        assert_err!(within(ended).await, Error::Old);
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_changes_the_order_and_the_range_of_what_is_under_way() {
    for version in RANGED {
        let mut scene = scene(version).await;
        let mut stream = scene.subscribe(wants()).await;
        let mut group = scene.track.append_group().unwrap();
        group.write_frame("a").unwrap();
        let _group = scene.peer.accept_group().await;
        let orders = || {
            let group = |r: &Record| {
                r.kind == Kind::Uni && r.sender == Side::Server && r.written.starts_with(&[0])
            };
            scene.peer.link.find(group)[0].orders.clone()
        };
        let before = *orders().last().unwrap();
        let update = SubscribeUpdate {
            priority: 200,
            end: Some(0),
            ..wants()
        };
        stream.writer.encode(&update).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        assert!(*orders().last().unwrap() > before);
        assert_eq!(scene.track.demand().priority, 200);
        drop(group);
        scene.track.write_frame("beyond").unwrap();
        scene.assert_quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn readers_together_decide_what_is_asked_for() {
    for version in RANGED {
        let (_session, origin, peer, _announce) = Peer::server(version, &["cam"]).await;
        let broadcast = origin.consume_broadcast("cam").unwrap();
        let low = Track {
            name: "video".to_owned(),
            priority: 3,
        };
        let mut one = broadcast.subscribe_track(&low);
        let (request, mut stream) = peer.accept_subscribe().await;
        assert_eq!(
            (request.priority, request.start, request.end),
            (3, None, None)
        );
        // Where the age decides about the start, none is asked for until there is one.
        let by_age = version == Version::Draft06;
        let age = if by_age {
            Duration::ZERO
        } else {
            Track::MAX_AGE
        };
        assert_eq!(request.max_age, age);
        if version < Version::Draft05 {
            let ok = gstmoq::moq_lite::lite::SubscribeOk {
                priority: 3,
                max_age: age,
                start: None,
                end: None,
            };
            stream.writer.encode(&SubscribeReply::Ok(ok)).await.unwrap();
        } else {
            peer.accept_track(1, 1_000_000).await;
        }
        peer.send_group(request.id, 8, "frame").await;
        next_group(&mut one).await;
        let from = by_age.then_some(8);
        let mut expected = SubscribeUpdate {
            priority: 3,
            max_age: Track::MAX_AGE,
            start: from,
            end: None,
            frame_start: 0,
            frame_end: None,
        };
        let update = |stream: &mut Stream| {
            now(stream.reader.decode::<SubscribeUpdate>()).map(Result::unwrap)
        };
        assert_eq!(update(&mut stream), by_age.then(|| expected.clone()));

        let mut two = one.clone();
        let mut demand = Demand::new(9);
        demand.max_age = Duration::from_secs(9);
        two.set_demand(demand);
        sleep(Duration::from_millis(1)).await;
        (expected.priority, expected.max_age) = (9, Duration::from_secs(9));
        assert_eq!(update(&mut stream), Some(expected.clone()));
        // It leaves, and what it wanted leaves with it.
        drop(two);
        sleep(Duration::from_millis(1)).await;
        (expected.priority, expected.max_age) = (3, Track::MAX_AGE);
        assert_eq!(update(&mut stream), Some(expected.clone()));
        one.set_demand(Demand {
            end: Some(20),
            ..one.demand().clone()
        });
        sleep(Duration::from_millis(1)).await;
        expected.end = Some(20);
        assert_eq!(update(&mut stream), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_comes_too_slowly_is_given_up() {
    for version in RANGED {
        let (session, origin, peer, _announce) = Peer::server(version, &["cam"]).await;
        let (mut track, id, _stream) = subscribed(&origin, &peer).await;
        let _slow = peer.group(id, 0).await;
        let mut received = within(track.recv_group()).await.unwrap().unwrap();
        peer.send_group(id, 1, "next").await;
        next_group(&mut track).await;
        let start = Instant::now();
        assert_err!(within(received.next_frame()).await, Error::Old);
        assert_eq!(start.elapsed(), Track::MAX_AGE);
        sleep(Duration::from_millis(1)).await;
        let stats = session.stats();
        assert_eq!((stats.received.old, stats.received.groups), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_bare_end_is_none_where_ends_are_marked() {
    for version in MARKED {
        let (_session, origin, peer, _announce) = Peer::server(version, &["cam"]).await;
        let (mut track, _id, mut stream) = subscribed(&origin, &peer).await;
        stream.writer.finish().unwrap();
        assert_err!(within(track.recv_group()).await, Error::ProtocolViolation);
        assert_eq!(peer.link.end(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn no_group_lies_behind_the_end() {
    for (version, end, good) in [
        (Version::Draft05, 1, true),
        (Version::Draft05, 0, false),
        (Version::Draft06, 2, true),
        (Version::Draft06, 1, false),
    ] {
        let (_session, origin, peer, _announce) = Peer::server(version, &["cam"]).await;
        let (mut track, id, mut stream) = subscribed(&origin, &peer).await;
        for sequence in 0..2 {
            peer.send_group(id, sequence, "frame").await;
            next_group(&mut track).await;
        }
        let start = SubscribeReply::Start(SubscribeStart { group: 0 });
        stream.writer.encode(&start).await.unwrap();
        let drop = SubscribeDrop {
            start: 7,
            end: 9,
            code: 0,
        };
        stream
            .writer
            .encode(&SubscribeReply::Drop(drop))
            .await
            .unwrap();
        let end = SubscribeReply::End(SubscribeEnd { group: end });
        stream.writer.encode(&end).await.unwrap();
        stream.writer.finish().unwrap();
        let result = within(track.recv_group()).await;
        if good {
            assert!(result.unwrap().is_none());
        } else {
            assert_err!(result, Error::ProtocolViolation);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers_of_other_versions_end_the_track() {
    for version in RANGED {
        let (_session, origin, peer, _announce) = Peer::server(version, &["cam"]).await;
        let (mut track, _id, mut stream) = subscribed(&origin, &peer).await;
        stream.writer.encode(&9u64).await.unwrap();
        stream.writer.encode(&0u64).await.unwrap();
        assert_err!(within(track.recv_group()).await, Error::Decode(_));
        assert_eq!(peer.link.end(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_wants_no_more_gets_no_end() {
    for version in RANGED {
        let mut scene = scene(version).await;
        scene.track.write_frame("a").unwrap();
        let mut stream = scene.subscribe(wants()).await;
        scene.sequences(1).await;
        stream.writer.finish().unwrap();
        within(scene.track.unused()).await;
        let answered = async {
            while stream
                .reader
                .decode_maybe::<SubscribeReply>()
                .await?
                .is_some()
            {}
            Ok::<_, Error>(())
        };
        let clean = within(answered).await.is_ok();
        assert_eq!(clean, version < Version::Draft05);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_far_behind_a_session_can_rewind() {
    let pair = pair(over(Config::default(), Version::Draft06)).await;
    let mut broadcast = pair.server.publish.create_broadcast("cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    for n in 0..4 {
        track.write_frame(n.to_string()).unwrap();
    }
    let seen = announced(&pair.client.consume, "cam").await;
    let mut received = seen.subscribe_track(&Track::new("video"));
    received.set_demand(Demand {
        start: Some(1),
        ..Demand::new(0)
    });
    received.rewind(Duration::MAX);
    let mut sequences = Vec::new();
    for _ in 0..3 {
        sequences.push(next_group(&mut received).await.0);
    }
    sequences.sort_unstable();
    assert_eq!(sequences, [1, 2, 3]);
}
