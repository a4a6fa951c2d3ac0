//! What a session gives a subscriber that the test plays by hand.

use bytes::Bytes;
use gstmoq::moq_lite::{
    BroadcastProducer, Error, Origin, OriginProducer, Path, Session, Track,
    lite::{Announce, AnnounceInit, Hops, SubscribeOk, Version},
};
use web_transport_trait::Session as _;

use super::peer::{Peer, Stream, read_all};
use crate::{
    assert_err,
    common::{
        now,
        transport::{Config, Record},
        within,
    },
};

/// A session that publishes the broadcast `room/cam`.
async fn cam(version: Version) -> (Session, OriginProducer, BroadcastProducer, Peer) {
    let origin = Origin::produce();
    let broadcast = origin.producer.create_broadcast("room/cam").unwrap();
    let (session, peer) = Peer::client(version, origin.consumer).await;
    (session, origin.producer, broadcast, peer)
}

async fn change(stream: &mut Stream) -> Announce<'static> {
    within(stream.reader.decode()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn paths_are_announced_without_the_prefix_that_was_asked_for() {
    let (_session, origin, broadcast, peer) = cam(Version::Draft02).await;
    for (prefix, suffix) in [("", "room/cam"), ("room", "cam"), ("room/cam", "")] {
        let mut stream = peer.announce_please(prefix).await;
        let init: AnnounceInit = within(stream.reader.decode()).await.unwrap();
        assert_eq!(init.suffixes, [Path::new(suffix)]);
    }
    let mut stream = peer.announce_please("room").await;
    let _: AnnounceInit = within(stream.reader.decode()).await.unwrap();
    let second = origin.create_broadcast("room/second").unwrap();
    let _outside = origin.create_broadcast("rooms").unwrap();
    drop((second, broadcast));
    // What was undone before it was told is left out.
    let suffix = Path::new("cam");
    assert_eq!(change(&mut stream).await, Announce::Ended { suffix });
    let _third = origin.create_broadcast("room/third").unwrap();
    let suffix = Path::new("third");
    assert_eq!(
        change(&mut stream).await,
        Announce::Active {
            suffix,
            hops: Hops::default()
        }
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_seen_is_an_empty_set() {
    let origin = Origin::produce();
    let _cam = origin.producer.create_broadcast("secret/cam").unwrap();
    let public = origin
        .consumer
        .consume_only(&[Path::new("public")])
        .unwrap();
    let (_session, peer) = Peer::client(Version::Draft02, public).await;
    for prefix in ["", "secret", "nowhere"] {
        let mut stream = peer.announce_please(prefix).await;
        let init: AnnounceInit = within(stream.reader.decode()).await.unwrap();
        assert_eq!(init.suffixes, []);
        assert!(now(stream.reader.closed()).is_none());
    }
    let mut refused = peer.subscribe(0, "secret/cam", "video").await;
    let result = within(refused.reader.decode::<SubscribeOk>()).await;
    assert_err!(result, Error::NotFound);
}

#[tokio::test(start_paused = true)]
async fn announcements_end_when_the_peer_ends_its_side() {
    let (_session, _origin, _broadcast, peer) = cam(Version::Draft02).await;
    let mut stream = peer.announce_please("").await;
    let _: AnnounceInit = within(stream.reader.decode()).await.unwrap();
    stream.writer.finish().unwrap();
    assert!(within(stream.reader.closed()).await.is_ok());
    peer.assert_serves("room/cam").await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_broadcast_is_not_found() {
    let (_session, _origin, _broadcast, peer) = cam(Version::Draft02).await;
    let mut stream = peer.subscribe(0, "room", "video").await;
    assert_err!(
        within(stream.reader.decode::<SubscribeOk>()).await,
        Error::NotFound
    );
    peer.assert_serves("room/cam").await;
}

#[tokio::test(start_paused = true)]
async fn the_answer_carries_the_priority_in_version_01_only() {
    for (version, bytes) in [(Version::Draft01, &[1, 7][..]), (Version::Draft02, &[0])] {
        let (_session, _origin, mut broadcast, peer) = cam(version).await;
        let _track = broadcast.create_track(Track::new("video"));
        let (mut send, mut recv) = peer.transport.open_bi().await.unwrap();
        super::peer::send_all(&mut send, b"\x02\x11\x03\x08room/cam\x05video\x07").await;
        assert_eq!(read_all(&mut recv, bytes.len()).await, bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_is_a_stream_with_the_bytes_of_the_specification() {
    let (_session, _origin, mut broadcast, peer) = cam(Version::Draft02).await;
    let mut track = broadcast.create_track(Track::new("video"));
    let mut group = track.create_group(300u64.into()).unwrap();
    group.write_frame("abc").unwrap();
    group.write_frame("").unwrap();
    group.write_frame(vec![0x55; 200]).unwrap();
    group.close();
    let _stream = peer.subscribe(5, "room/cam", "video").await;
    let mut recv = within(peer.transport.accept_uni()).await.unwrap();
    let head = b"\x00\x03\x05\x41\x2c\x03abc\x00\x40\xc8";
    let bytes = read_all(&mut recv, head.len() + 200).await;
    assert_eq!(&bytes[..head.len()], head);
    assert!(bytes[head.len()..].iter().all(|&byte| byte == 0x55));
    let end = web_transport_trait::RecvStream::read_chunk(&mut recv, 1);
    assert_eq!(within(end).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_track_is_said_when_its_last_group_has_arrived() {
    let (_session, _origin, mut broadcast, peer) = cam(Version::Draft02).await;
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame("last").unwrap();
    track.close();
    let mut stream = peer.subscribe(0, "room/cam", "video").await;
    let _: SubscribeOk = within(stream.reader.decode()).await.unwrap();
    let (_, mut group) = peer.accept_group().await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
        assert!(
            now(stream.reader.closed()).is_none(),
            "the group is not read yet"
        );
    }
    assert_eq!(within(group.decode::<Bytes>()).await.unwrap(), "last");
    within(group.closed()).await.unwrap();
    within(stream.reader.closed()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn leaving_ends_the_answer_and_resets_unfinished_groups() {
    for finish in [true, false] {
        let (_session, _origin, mut broadcast, peer) = cam(Version::Draft02).await;
        let mut track = broadcast.create_track(Track::new("video"));
        let mut group = track.append_group().unwrap();
        group.write_frame("a").unwrap();
        let mut stream = peer.subscribe(0, "room/cam", "video").await;
        let _: SubscribeOk = within(stream.reader.decode()).await.unwrap();
        let (_, mut received) = peer.accept_group().await;
        assert_eq!(within(received.decode::<Bytes>()).await.unwrap(), "a");
        if finish {
            stream.writer.finish().unwrap();
            within(stream.reader.closed()).await.unwrap();
        } else {
            stream.writer.abort(&Error::Cancel);
            assert_err!(within(stream.reader.closed()).await, Error::Cancel);
        }
        assert_err!(within(received.closed()).await, Error::Cancel);
        within(track.unused()).await;
        within(group.unused()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_the_peer_stops_ends_alone() {
    let (_session, _origin, mut broadcast, peer) = cam(Version::Draft02).await;
    let mut track = broadcast.create_track(Track::new("video"));
    let mut group = track.append_group().unwrap();
    group.write_frame("a").unwrap();
    let mut stream = peer.subscribe(0, "room/cam", "video").await;
    let _: SubscribeOk = within(stream.reader.decode()).await.unwrap();
    let (_, mut received) = peer.accept_group().await;
    received.abort(&Error::Old);
    within(group.unused()).await;
    track.write_frame("b").unwrap();
    let (header, mut received) = peer.accept_group().await;
    assert_eq!(header.sequence, 1);
    assert_eq!(within(received.decode::<Bytes>()).await.unwrap(), "b");
    assert!(now(stream.reader.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_group_that_expires_is_reset_as_old() {
    let (_session, _origin, mut broadcast, peer) = cam(Version::Draft02).await;
    let mut track = broadcast.create_track(Track::new("video"));
    let mut group = track.append_group().unwrap();
    group.write_frame("a").unwrap();
    let _stream = peer.subscribe(0, "room/cam", "video").await;
    let (_, mut received) = peer.accept_group().await;
    assert_eq!(within(received.decode::<Bytes>()).await.unwrap(), "a");
    let _next = track.append_group().unwrap();
    tokio::time::advance(2 * Track::MAX_AGE).await;
    let _newest = track.append_group().unwrap();
    assert_err!(within(received.closed()).await, Error::Old);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_says_nothing_holds_up_no_other() {
    let (_session, _origin, _broadcast, peer) = cam(Version::Draft02).await;
    let _silent = peer.transport.open_bi().await.unwrap();
    let (mut half, _recv) = peer.transport.open_bi().await.unwrap();
    super::peer::send_all(&mut half, b"\x02\x20\x00").await;
    peer.assert_serves("room/cam").await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_of_one_track_holds_up_no_other_reader() {
    let (_session, _origin, mut broadcast, peer) = cam(Version::Draft02).await;
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame(vec![0; 4 << 20]).unwrap();
    let _slow = peer.subscribe(0, "room/cam", "video").await;
    let (first, _unread) = peer.accept_group().await;
    assert_eq!(first.subscribe, 0);
    let _quick = peer.subscribe(1, "room/cam", "video").await;
    let (second, mut received) = peer.accept_group().await;
    assert_eq!(second.subscribe, 1);
    assert_eq!(
        within(received.decode::<Bytes>()).await.unwrap().len(),
        4 << 20
    );
}

#[tokio::test(start_paused = true)]
async fn groups_that_cannot_be_sent_in_time_are_given_up_for_the_newest() {
    let origin = Origin::produce();
    let mut broadcast = origin.producer.create_broadcast("cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    let config = Config {
        uni: 1,
        window: 10,
        ..Config::default()
    };
    let (_session, peer) = Peer::client_over(config, Version::Draft02, origin.consumer).await;
    track.write_frame("longer than the window").unwrap();
    let mut stream = peer.subscribe(0, "cam", "video").await;
    let _: SubscribeOk = within(stream.reader.decode()).await.unwrap();
    let (header, mut stuck) = peer.accept_group().await;
    assert_eq!(header.sequence, 0);
    for _ in 1..5 {
        // These wait for a stream.
        track.write_frame("longer than the window").unwrap();
    }
    tokio::time::advance(2 * Track::MAX_AGE).await;
    track.write_frame("newest").unwrap();
    let reset = |records: &[Record]| records.iter().find_map(|record| record.reset);
    assert_eq!(within(peer.link.until(reset)).await, Error::Old.to_code());
    assert!(
        within(stuck.read(100)).await.is_ok(),
        "this was read before"
    );
    assert_err!(within(stuck.read(100)).await, Error::Old);
    let mut sequences = Vec::new();
    while sequences.last() != Some(&5) {
        let (header, mut received) = peer.accept_group().await;
        sequences.push(header.sequence);
        let _ = within(received.decode::<Bytes>()).await;
    }
    assert!(sequences.len() <= 2, "{sequences:?} were sent");
}
