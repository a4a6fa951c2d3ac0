//! Announcements from version 03 on: their hops, their numbers, their ends.

use gstmoq::moq_lite::{
    Error, Origin, OriginProducer, Path,
    lite::{Announce, AnnounceOk, AnnouncePlease, ControlType, Cost, Hops, Route, Version},
};

use super::peer::{HOP, Peer, announced, gone, start};
use crate::{
    assert_err,
    common::{now, transport::Ending, within},
};

fn hops(ids: &[u64]) -> Hops {
    Hops::try_from(ids.to_vec()).unwrap()
}

/// A publisher of "room/cam", and a peer that has asked for "room".
async fn asked(
    version: Version,
) -> (
    gstmoq::moq_lite::Session,
    OriginProducer,
    Peer,
    super::peer::Stream,
) {
    let publish = OriginProducer::default();
    let (session, peer) = Peer::client(version, publish.consume()).await;
    let cam = publish.create_broadcast("room/cam").unwrap();
    std::mem::forget(cam);
    let stream = peer.announce_please("room").await;
    (session, publish, peer, stream)
}

#[tokio::test(start_paused = true)]
async fn a_publisher_tells_the_way_as_its_version_does() {
    let suffix = || Path::new("cam");
    let (_session, _publish, _peer, mut stream) = asked(Version::Draft03).await;
    let active = Announce::Active {
        suffix: suffix(),
        hops: hops(&[]),
    };
    assert_eq!(
        within(stream.reader.decode::<Announce>()).await.unwrap(),
        active
    );

    // In 04 it is the only hop, by a number that lasts as long as the session.
    let (_session, _publish, peer, mut stream) = asked(Version::Draft04).await;
    let Announce::Active { hops: one, .. } = within(stream.reader.decode()).await.unwrap() else {
        panic!("it is active");
    };
    assert_eq!(one.ids().len(), 1);
    assert!((1..1 << 53).contains(&one.ids()[0]));
    let mut again = peer.announce_please("room").await;
    let active = Announce::Active {
        suffix: suffix(),
        hops: one.clone(),
    };
    assert_eq!(
        within(again.reader.decode::<Announce>()).await.unwrap(),
        active
    );
    let (_session, _publish, _peer, mut other) = asked(Version::Draft04).await;
    assert_ne!(
        within(other.reader.decode::<Announce>()).await.unwrap(),
        active
    );

    let (_session, _publish, _peer, mut stream) = asked(Version::Draft05).await;
    let ok: AnnounceOk = within(stream.reader.decode()).await.unwrap();
    assert_eq!(ok.active, 1);
    assert!((1..1 << 53).contains(&ok.hop));
    let active = Announce::Active {
        suffix: suffix(),
        hops: hops(&[]),
    };
    assert_eq!(
        within(stream.reader.decode::<Announce>()).await.unwrap(),
        active
    );

    let (_session, _publish, _peer, mut stream) = asked(Version::Draft06).await;
    let ok: AnnounceOk = within(stream.reader.decode()).await.unwrap();
    assert_eq!(ok.active, 1);
    let start = Route::Start {
        suffix: suffix(),
        hops: hops(&[]),
        cost: Cost::default(),
    };
    assert_eq!(
        within(stream.reader.decode::<Route>()).await.unwrap(),
        start
    );
}

#[tokio::test(start_paused = true)]
async fn numbers_rise_with_every_start() {
    let publish = OriginProducer::default();
    let (_session, peer) = Peer::client(Version::Draft06, publish.consume()).await;
    let mut stream = peer.announce_please("").await;
    let ok: AnnounceOk = within(stream.reader.decode()).await.unwrap();
    assert_eq!(ok.active, 0);
    for id in 0..3 {
        let cam = publish.create_broadcast("cam").unwrap();
        let started: Route = within(stream.reader.decode()).await.unwrap();
        assert!(matches!(started, Route::Start { .. }));
        drop(cam);
        let ended: Route = within(stream.reader.decode()).await.unwrap();
        assert_eq!(ended, Route::End { id });
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_excludes_this_hop_hears_nothing_of_it() {
    let (_session, _publish, peer, mut stream) = asked(Version::Draft05).await;
    let ok: AnnounceOk = within(stream.reader.decode()).await.unwrap();
    let please = AnnouncePlease {
        prefix: Path::new(""),
        exclude_hop: ok.hop,
    };
    let mut stream = peer.request(ControlType::Announce, &please).await;
    let none: AnnounceOk = within(stream.reader.decode()).await.unwrap();
    assert_eq!((none.hop, none.active), (ok.hop, 0));
    assert!(now(stream.reader.decode::<Announce>()).is_none());
}

/// The hop that this side asks to be spared of.
async fn own_hop(peer: &Peer) -> u64 {
    let record = peer
        .link
        .find(|record| record.written.starts_with(&[1]) && record.written.len() == 11);
    let bytes: [u8; 8] = record[0].written[3..].try_into().unwrap();
    u64::from_be_bytes(bytes) & 0x3fff_ffff_ffff_ffff
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_that_comes_from_here_is_not_taken_for_another() {
    for version in [Version::Draft04, Version::Draft05] {
        let (_session, origin, peer, mut announce) = Peer::server(version, &[]).await;
        let own = own_hop(&peer).await;
        start(&mut announce, version, "mine", &[5, own, 6]).await;
        start(&mut announce, version, "theirs", &[5, 6]).await;
        announced(&origin, "theirs").await;
        assert!(origin.consume_broadcast("mine").is_none());
    }
    // Neither is one that has been at the peer before.
    for version in [Version::Draft05, Version::Draft06] {
        let (_session, origin, _peer, mut announce) = Peer::server(version, &[]).await;
        start(&mut announce, version, "loop", &[5, HOP]).await;
        start(&mut announce, version, "theirs", &[5, 0, 0]).await;
        announced(&origin, "theirs").await;
        assert!(origin.consume_broadcast("loop").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_keeps_its_number_also_when_it_is_not_taken() {
    let version = Version::Draft06;
    let (session, origin, _peer, mut announce) = Peer::server(version, &[]).await;
    start(&mut announce, version, "loop", &[HOP]).await;
    start(&mut announce, version, "cam", &[]).await;
    let cam = announced(&origin, "cam").await;
    // It comes another way now, and one of them is a way to take.
    let moved = Route::Update {
        id: 0,
        hops: hops(&[5]),
        cost: Cost::default(),
    };
    announce.writer.encode(&moved).await.unwrap();
    announced(&origin, "loop").await;
    let moved = Route::Update {
        id: 1,
        hops: hops(&[9]),
        cost: Cost::default(),
    };
    announce.writer.encode(&moved).await.unwrap();
    announce.writer.encode(&Route::End { id: 0 }).await.unwrap();
    gone(&origin, "loop").await;
    assert!(
        now(cam.closed()).is_none(),
        "moving changes nothing for its readers"
    );
    announce.writer.encode(&Route::End { id: 1 }).await.unwrap();
    within(cam.closed()).await;
    // A number is used once.
    announce.writer.encode(&Route::End { id: 1 }).await.unwrap();
    assert_err!(within(session.closed()).await, Error::ProtocolViolation);
}

#[tokio::test(start_paused = true)]
async fn a_second_start_is_an_offence_except_where_it_is_a_restart() {
    for version in [Version::Draft03, Version::Draft04, Version::Draft06] {
        let (session, _origin, peer, mut announce) = Peer::server(version, &["cam"]).await;
        start(&mut announce, version, "cam", &[]).await;
        assert_err!(within(session.closed()).await, Error::Duplicate);
        assert!(matches!(
            peer.link.end(),
            Some(Ending::Closed { code: 3, .. })
        ));
    }
    let version = Version::Draft05;
    let (session, origin, _peer, mut announce) = Peer::server(version, &["cam"]).await;
    let cam = announced(&origin, "cam").await;
    start(&mut announce, version, "cam", &[4]).await;
    let restart = Announce::Restart {
        suffix: Path::new("cam"),
        hops: hops(&[3]),
    };
    announce.writer.encode(&restart).await.unwrap();
    start(&mut announce, version, "next", &[]).await;
    announced(&origin, "next").await;
    assert!(now(cam.closed()).is_none());
    assert!(now(session.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_end_without_a_start_is_none() {
    for version in [Version::Draft03, Version::Draft05] {
        let (session, origin, _peer, mut announce) = Peer::server(version, &[]).await;
        let ended = Announce::Ended {
            suffix: Path::new("cam"),
        };
        announce.writer.encode(&ended).await.unwrap();
        start(&mut announce, version, "cam", &[]).await;
        announced(&origin, "cam").await;
        assert!(now(session.closed()).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn more_broadcasts_than_promised_are_no_offence() {
    let publish = Origin::produce();
    let (_session, peer) = Peer::client(Version::Draft06, publish.consumer).await;
    let many: Vec<_> = (0..50)
        .map(|n| publish.producer.create_broadcast(format!("{n}")).unwrap())
        .collect();
    let mut stream = peer.announce_please("").await;
    let ok: AnnounceOk = within(stream.reader.decode()).await.unwrap();
    assert_eq!(ok.active, many.len() as u64);
    for _ in &many {
        let started: Route = within(stream.reader.decode()).await.unwrap();
        assert!(matches!(started, Route::Start { .. }));
    }
    assert!(now(stream.reader.decode::<Route>()).is_none());
}
