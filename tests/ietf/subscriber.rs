//! Our subscriber, fed by a peer that the test plays.

use gstmoq::moq_lite::{Client, Error, Origin, Path, Track, TrackConsumer, ietf::*};

use crate::{
    common::{now, within},
    peer::{Peer, announced, done, ok},
};

/// The request for a track, as the peer sees it.
pub(crate) async fn asked(peer: &mut Peer, track: &mut TrackConsumer, id: u64) {
    assert!(now(track.recv_group()).is_none());
    let request: Subscribe = peer.recv().await;
    let expected = Subscribe {
        request_id: RequestId(id),
        track_namespace: Path::new("cam"),
        track_name: "video".into(),
        subscriber_priority: 255,
        group_order: GroupOrder::Descending,
        forward: true,
        filter_type: FilterType::NextGroup,
        start_location: None,
        end_group: None,
        delivery_timeout: None,
    };
    assert_eq!(request, expected);
}

pub(crate) async fn frames(track: &mut TrackConsumer) -> (u64, Vec<bytes::Bytes>) {
    within(async {
        let mut group = track.recv_group().await.unwrap().expect("a group comes");
        let mut frames = Vec::new();
        while let Some(frame) = group.read_frame().await.unwrap() {
            frames.push(frame);
        }
        (group.info.sequence, frames)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn groups_that_precede_the_answer_are_held() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    asked(&mut peer, &mut track, 0).await;
    peer.whole(b"\x18\x09\x05\x80\x00\x03key\x00\x04more").await;
    assert!(now(track.recv_group()).is_none());
    peer.send(&ok(0, 9)).await;
    assert_eq!(
        frames(&mut track).await,
        (5, vec!["key".into(), "more".into()])
    );
    peer.whole(b"\x18\x09\x06\x80\x00\x04last").await;
    peer.send(&done(0, 2, 2)).await;
    assert_eq!(frames(&mut track).await, (6, vec!["last".into()]));
    assert!(within(track.recv_group()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_header_is_read_and_extensions_are_skipped() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    asked(&mut peer, &mut track, 0).await;
    peer.send(&ok(0, 9)).await;
    for kind in [
        0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d,
    ] {
        let mut bytes = vec![kind, 9, kind];
        bytes.extend((kind & 4 != 0).then_some(0));
        bytes.push(128);
        for payload in [b'a', b'b'] {
            bytes.push(0);
            if kind & 1 != 0 {
                bytes.extend([2, 0x3c, 7]);
            }
            bytes.extend([1, payload]);
        }
        peer.whole(&bytes).await;
        let expected = (u64::from(kind), vec!["a".into(), "b".into()]);
        assert_eq!(frames(&mut track).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn statuses_end_groups_and_tracks() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    asked(&mut peer, &mut track, 0).await;
    peer.send(&ok(0, 9)).await;
    // An empty frame, one that does not exist, the end of the group.
    peer.whole(b"\x10\x09\x01\x80\x00\x01a\x00\x00\x00\x00\x00\x01\x00\x00\x03")
        .await;
    assert_eq!(frames(&mut track).await, (1, vec!["a".into(), "".into()]));
    // The end of the track stands alone, and PUBLISH_DONE never comes.
    peer.whole(b"\x10\x09\x02\x80\x00\x00\x04").await;
    assert!(within(track.recv_group()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_group_without_its_start_or_of_a_higher_subgroup_is_left_out() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    asked(&mut peer, &mut track, 0).await;
    peer.send(&ok(0, 9)).await;
    peer.whole(b"\x18\x09\x01\x80\x05\x01a").await;
    peer.whole(b"\x1c\x09\x02\x01\x80\x00\x01a").await;
    peer.whole(b"\x18\x09\x03\x80\x00\x01a").await;
    assert_eq!(frames(&mut track).await, (3, vec!["a".into()]));
}

#[tokio::test(start_paused = true)]
async fn leaving_is_said_and_refusals_reach_the_reader() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    asked(&mut peer, &mut track, 0).await;
    drop(track);
    let enough: Unsubscribe = peer.recv().await;
    assert_eq!(enough.request_id, RequestId(0));
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    asked(&mut peer, &mut track, 2).await;
    for (code, id) in [(404, 2), (4, 4)] {
        let error = SubscribeError {
            request_id: RequestId(id),
            error_code: code,
            reason_phrase: "".into(),
        };
        peer.send(&error).await;
        assert!(matches!(
            within(track.recv_group()).await,
            Err(Error::NotFound)
        ));
        track = broadcast.subscribe_track(&Track::new("video"));
        asked(&mut peer, &mut track, id + 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn announcements_that_are_refused_end_nothing() {
    let origin = Origin::produce();
    let rooms = origin.producer.publish_only(&["room".into()]);
    let client = Client::new().with_consume(rooms);
    let (session, mut peer) = Peer::server_of(client).await;
    let asked: SubscribeNamespace = peer.recv().await;
    assert_eq!(asked.namespace, Path::new("room"));
    let refusal = SubscribeNamespaceError {
        request_id: asked.request_id,
        error_code: 1,
        reason_phrase: "not for you".into(),
    };
    peer.send(&refusal).await;
    let namespace = PublishNamespace {
        request_id: RequestId(1),
        track_namespace: Path::new("room/cam"),
    };
    peer.send(&namespace).await;
    let _: PublishNamespaceOk = peer.recv().await;
    announced(&origin.consumer, "room/cam").await;
    assert!(now(session.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn streams_may_come_after_an_end_that_does_not_count_them() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    asked(&mut peer, &mut track, 0).await;
    peer.send(&ok(0, 9)).await;
    peer.whole(b"\x18\x09\x01\x80\x00\x01a").await;
    assert_eq!(frames(&mut track).await.0, 1);
    peer.send(&done(0, 200, 0)).await;
    peer.whole(b"\x18\x09\x02\x80\x00\x01b").await;
    assert_eq!(frames(&mut track).await.0, 2);
    assert!(within(track.recv_group()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_track_that_is_published_unasked_is_taken() {
    let (_session, origin, mut peer) = Peer::server().await;
    let publish = Publish {
        request_id: RequestId(3),
        track_namespace: Path::new("other"),
        track_name: "video".into(),
        track_alias: 7,
        group_order: GroupOrder::Ascending,
        largest_location: None,
        forward: true,
    };
    peer.send(&publish).await;
    let ok: PublishOk = peer.recv().await;
    assert!(ok.forward);
    let broadcast = announced(&origin, "other").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    peer.whole(b"\x18\x07\x00\x80\x00\x01a").await;
    assert_eq!(frames(&mut track).await.0, 0);
    peer.send(&done(3, 2, 1)).await;
    assert!(within(track.recv_group()).await.unwrap().is_none());
    within(broadcast.closed()).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_expected_is_asked_for_again_and_again() {
    let origin = Origin::produce();
    let client = Client::new()
        .with_consume(origin.producer)
        .with_expected("cam");
    let (_session, mut peer) = Peer::server_of(client).await;
    let prefix: SubscribeNamespace = peer.recv().await;
    assert_eq!(prefix.namespace, Path::new("cam"));
    let broadcast = announced(&origin.consumer, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    for id in [2, 4] {
        asked(&mut peer, &mut track, id).await;
        let error = SubscribeError {
            request_id: RequestId(id),
            error_code: 4,
            reason_phrase: "".into(),
        };
        peer.send(&error).await;
    }
    asked(&mut peer, &mut track, 6).await;
    peer.send(&ok(6, 6)).await;
    peer.whole(b"\x18\x06\x00\x80\x00\x01a").await;
    assert_eq!(frames(&mut track).await.0, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_later_is_expected_too() {
    let origin = Origin::produce();
    let first = origin.producer.publish_only(&[Path::new("first")]);
    let client = Client::new().with_consume(first).with_expected("first");
    let (session, mut peer) = Peer::server_of(client).await;
    let prefix: SubscribeNamespace = peer.recv().await;
    assert_eq!(prefix.namespace, Path::new("first"));
    let later = origin.producer.publish_only(&[Path::new("cam")]).unwrap();
    session.ask("cam", later);
    let prefix: SubscribeNamespace = peer.recv().await;
    assert_eq!(prefix.namespace, Path::new("cam"));
    // The peer announces nothing.
    let broadcast = announced(&origin.consumer, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    asked(&mut peer, &mut track, 4).await;
    peer.send(&ok(4, 6)).await;
    peer.whole(b"\x18\x06\x00\x80\x00\x01a").await;
    assert_eq!(frames(&mut track).await.0, 0);
}
