//! Our publisher, asked by a peer that the test plays.

use gstmoq::moq_lite::{
    BroadcastProducer, Group, Origin, OriginProducer, Path, Session, Track, TrackProducer, ietf::*,
};

use crate::peer::{Peer, subscribe};

pub(crate) struct Published {
    session: Session,
    pub(crate) peer: Peer,
    pub(crate) track: TrackProducer,
    broadcast: BroadcastProducer,
    _origin: OriginProducer,
}

/// A peer that has heard of `cam`, which has a track `video`.
pub(crate) async fn published() -> Published {
    let origin = Origin::produce();
    let mut broadcast = origin.producer.create_broadcast("cam").unwrap();
    let track = broadcast.create_track(Track::new("video"));
    let (session, mut peer) = Peer::client(origin.consumer).await;
    let namespace: PublishNamespace = peer.recv().await;
    let expected = PublishNamespace {
        request_id: RequestId(1),
        track_namespace: Path::new("cam"),
    };
    assert_eq!(namespace, expected);
    Published {
        session,
        peer,
        track,
        broadcast,
        _origin: origin.producer,
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_is_a_stream_with_the_bytes_of_the_draft() {
    let mut p = published().await;
    p.peer.send(&subscribe(0)).await;
    let ok: SubscribeOk = p.peer.recv().await;
    assert_eq!((ok.track_alias, ok.largest_location), (0, None));
    let mut group = p.track.append_group().unwrap();
    group.write_frame("key").unwrap();
    group.write_frame("").unwrap();
    group.close();
    let bytes = b"\x18\x00\x00\x80\x00\x03key\x00\x00\x00";
    assert_eq!(p.peer.accept().await, bytes);
    p.track.close();
    let done: PublishDone = p.peer.recv().await;
    assert_eq!((done.status_code, done.stream_count), (2, 1));
    assert_eq!(p.session.version_name(), "moq-transport-14");
}

#[tokio::test(start_paused = true)]
async fn what_is_there_already_lies_before_the_newest_group() {
    let mut p = published().await;
    for _ in 0..8 {
        p.track.write_frame("frame").unwrap();
    }
    p.peer.send(&subscribe(0)).await;
    let before = Some(Location {
        group: 6,
        object: 0,
    });
    let ok: SubscribeOk = p.peer.recv().await;
    assert_eq!(ok.largest_location, before);
    let bytes = b"\x18\x00\x07\x80\x00\x05frame";
    assert_eq!(p.peer.accept().await, bytes);

    let joining = Fetch {
        request_id: RequestId(2),
        subscriber_priority: 128,
        group_order: GroupOrder::Ascending,
        fetch_type: FetchType::RelativeJoining {
            subscriber_request_id: RequestId(0),
            group_offset: 0,
        },
    };
    p.peer.send(&joining).await;
    let ok: FetchOk = p.peer.recv().await;
    assert_eq!(
        ok.end_location,
        Location {
            group: 6,
            object: 1
        }
    );
    assert_eq!(p.peer.accept().await, b"\x05\x02");

    let status = TrackStatus {
        request_id: RequestId(4),
        track_namespace: Path::new("cam"),
        track_name: "video".into(),
    };
    p.peer.send(&status).await;
    let ok: TrackStatusOk = p.peer.recv().await;
    assert_eq!(ok.largest_location, before);
}

#[tokio::test(start_paused = true)]
async fn a_range_is_kept_to_and_ends_by_itself() {
    let mut p = published().await;
    let range = Subscribe {
        filter_type: FilterType::AbsoluteRange,
        start_location: Some(Location {
            group: 1,
            object: 1,
        }),
        end_group: Some(1),
        ..subscribe(0)
    };
    p.peer.send(&range).await;
    let _: SubscribeOk = p.peer.recv().await;
    for _ in 0..3 {
        let mut group = p.track.append_group().unwrap();
        group.write_frame("a").unwrap();
        group.write_frame("b").unwrap();
        group.close();
    }
    assert_eq!(p.peer.accept().await, b"\x18\x00\x01\x80\x01\x01b");
    let done: PublishDone = p.peer.recv().await;
    assert_eq!((done.status_code, done.stream_count), (3, 1));
    // It is kept for a while, and then gone.
    let again = |id| Subscribe {
        request_id: RequestId(id),
        ..range.clone()
    };
    p.peer.send(&again(2)).await;
    let _: SubscribeOk = p.peer.recv().await;
    assert_eq!(p.peer.accept().await, b"\x18\x02\x01\x80\x01\x01b");
    let done: PublishDone = p.peer.recv().await;
    assert_eq!((done.status_code, done.stream_count), (3, 1));
    tokio::time::advance(Track::MAX_AGE * 2).await;
    p.track.write_frame("newest").unwrap();
    p.peer.send(&again(4)).await;
    let error: SubscribeError = p.peer.recv().await;
    assert_eq!(error.error_code, 5);
}

#[tokio::test(start_paused = true)]
async fn groups_of_the_past_come_to_those_who_ask_for_their_numbers() {
    let mut p = published().await;
    for frame in ["a", "b", "c", "d"] {
        p.track.write_frame(frame).unwrap();
    }
    let past = |id, group| Subscribe {
        filter_type: FilterType::AbsoluteStart,
        start_location: Some(Location { group, object: 0 }),
        ..subscribe(id)
    };
    p.peer.send(&past(0, 2)).await;
    let ok: SubscribeOk = p.peer.recv().await;
    // The subscription brings what follows.
    let before = Location {
        group: 1,
        object: 0,
    };
    assert_eq!(ok.largest_location, Some(before));
    let mut streams = vec![p.peer.accept().await, p.peer.accept().await];
    streams.sort();
    assert_eq!(
        streams,
        [b"\x18\x00\x02\x80\x00\x01c", b"\x18\x00\x03\x80\x00\x01d"]
    );
    // Of what is to come, the first is the newest.
    p.peer.send(&past(2, 9)).await;
    let ok: SubscribeOk = p.peer.recv().await;
    assert_eq!(ok.largest_location.map(|largest| largest.group), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_paused_subscription_goes_on_with_the_newest_group() {
    let mut p = published().await;
    let paused = Subscribe {
        forward: false,
        ..subscribe(0)
    };
    p.peer.send(&paused).await;
    let _: SubscribeOk = p.peer.recv().await;
    p.track.write_frame("one").unwrap();
    p.track.write_frame("two").unwrap();
    // An answer to something else tells that the groups were looked at.
    p.peer.send(&subscribe(2)).await;
    let _: SubscribeOk = p.peer.recv().await;
    assert_eq!(p.peer.accept().await, b"\x18\x02\x01\x80\x00\x03two");
    let resume = SubscribeUpdate {
        request_id: RequestId(4),
        subscription_request_id: RequestId(0),
        start_location: Location {
            group: 0,
            object: 0,
        },
        end_group: 0,
        subscriber_priority: 100,
        forward: true,
        delivery_timeout: None,
    };
    p.peer.send(&resume).await;
    assert_eq!(p.peer.accept().await, b"\x18\x00\x01\x64\x00\x03two");
}

#[tokio::test(start_paused = true)]
async fn unsubscribing_resets_what_is_under_way() {
    let mut p = published().await;
    p.peer.send(&subscribe(0)).await;
    let _: SubscribeOk = p.peer.recv().await;
    let mut group = p.track.append_group().unwrap();
    group.write_frame("key").unwrap();
    let find = |records: &[crate::common::transport::Record]| {
        let mut records = records.iter();
        records
            .find(|record| record.written.starts_with(b"\x18"))
            .cloned()
    };
    crate::common::within(p.peer.link.until(find)).await;
    p.peer
        .send(&Unsubscribe {
            request_id: RequestId(0),
        })
        .await;
    let done: PublishDone = p.peer.recv().await;
    assert_eq!((done.status_code, done.stream_count), (3, 1));
    let stream = find(&p.peer.link.records()).unwrap();
    assert_eq!(stream.reset, Some(0));
}

#[tokio::test(start_paused = true)]
async fn refusals_have_the_numbers_of_the_draft() {
    let mut p = published().await;
    let unknown = Subscribe {
        track_namespace: Path::new("other"),
        ..subscribe(0)
    };
    p.peer.send(&unknown).await;
    let error: SubscribeError = p.peer.recv().await;
    assert_eq!(error.error_code, 4);
    let unknown = TrackStatus {
        request_id: RequestId(2),
        track_namespace: Path::new("other"),
        track_name: "video".into(),
    };
    p.peer.send(&unknown).await;
    let error: TrackStatusError = p.peer.recv().await;
    assert_eq!(error.error_code, 4);
    let fetch = |id, fetch_type| Fetch {
        request_id: RequestId(id),
        subscriber_priority: 0,
        group_order: GroupOrder::Any,
        fetch_type,
    };
    let joining = FetchType::AbsoluteJoining {
        subscriber_request_id: RequestId(0),
        group_id: 0,
    };
    p.peer.send(&fetch(4, joining)).await;
    let error: FetchError = p.peer.recv().await;
    assert_eq!(error.error_code, 7);
    let alone = FetchType::Standalone {
        namespace: Path::new("cam"),
        track: "video".into(),
        start: Location {
            group: 0,
            object: 0,
        },
        end: Location {
            group: 1,
            object: 0,
        },
    };
    p.peer.send(&fetch(6, alone)).await;
    let error: FetchError = p.peer.recv().await;
    assert_eq!(error.error_code, 6);
}

/// Asks for a range of `track`, with the priority 128.
pub(crate) fn past(
    id: u64,
    track: &'static str,
    start: (u64, u64),
    end: (u64, u64),
) -> Fetch<'static> {
    let location = |(group, object)| Location { group, object };
    Fetch {
        request_id: RequestId(id),
        subscriber_priority: 128,
        group_order: GroupOrder::Any,
        fetch_type: FetchType::Standalone {
            namespace: Path::new("cam"),
            track: track.into(),
            start: location(start),
            end: location(end),
        },
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_given_out_with_the_bytes_of_the_draft() {
    let mut p = published().await;
    for frames in [["a0", "a1"], ["b0", ""], ["c0", "c1"]] {
        let mut group = p.track.append_group().unwrap();
        for frame in frames {
            group.write_frame(frame).unwrap();
        }
        group.close();
    }
    let mut open = p.track.append_group().unwrap();
    open.write_frame("d0").unwrap();
    let _unfinished = open.create_frame(10u64.into()).unwrap();

    p.peer.send(&past(0, "video", (0, 1), (2, 1))).await;
    let ok: FetchOk = p.peer.recv().await;
    let end = |group, object| Location { group, object };
    assert_eq!(ok.group_order, GroupOrder::Ascending);
    assert_eq!((ok.end_of_track, ok.end_location), (false, end(2, 1)));
    let bytes = b"\x05\x00\
        \x00\x00\x01\x80\x00\x02a1\
        \x01\x00\x00\x80\x00\x02b0\
        \x01\x00\x01\x80\x00\x00\x00\
        \x02\x00\x00\x80\x00\x02c0";
    assert_eq!(p.peer.accept().await, bytes);

    // The newest group first, and of it what is complete.
    let mut newest_first = past(2, "video", (2, 1), (9, 0));
    newest_first.group_order = GroupOrder::Descending;
    p.peer.send(&newest_first).await;
    let ok: FetchOk = p.peer.recv().await;
    assert_eq!(ok.group_order, GroupOrder::Descending);
    assert_eq!(ok.end_location, end(3, 1));
    let bytes = b"\x05\x02\x03\x00\x00\x80\x00\x02d0\x02\x00\x01\x80\x00\x02c1";
    assert_eq!(p.peer.accept().await, bytes);

    for (id, request, code) in [
        (4, past(4, "other", (0, 0), (1, 0)), 4),
        (6, past(6, "video", (4, 0), (9, 0)), 6),
        (8, past(8, "video", (0, 2), (0, 0)), 6),
    ] {
        p.peer.send(&request).await;
        let error: FetchError = p.peer.recv().await;
        assert_eq!((error.request_id, error.error_code), (RequestId(id), code));
    }
    // More at once than a peer may make us look for.
    p.track.create_group(Group { sequence: 1 << 61 }).unwrap();
    p.peer
        .send(&past(10, "video", (0, 0), (u64::MAX >> 2, 0)))
        .await;
    let error: FetchError = p.peer.recv().await;
    assert_eq!(error.error_code, 5);
}

#[tokio::test(start_paused = true)]
async fn prefixes_are_followed_once_and_a_cancelled_broadcast_is_not_withdrawn() {
    let mut p = published().await;
    let prefix = |id| SubscribeNamespace {
        request_id: RequestId(id),
        namespace: Path::new("cam"),
    };
    p.peer.send(&prefix(0)).await;
    let _: SubscribeNamespaceOk = p.peer.recv().await;
    p.peer.send(&prefix(2)).await;
    let error: SubscribeNamespaceError = p.peer.recv().await;
    assert_eq!(error.error_code, 5);
    let enough = UnsubscribeNamespace {
        namespace: Path::new("cam"),
    };
    p.peer.send(&enough).await;
    let cancel = PublishNamespaceCancel {
        track_namespace: Path::new("cam"),
        error_code: 0,
        reason_phrase: "".into(),
    };
    p.peer.send(&cancel).await;
    p.peer.send(&prefix(4)).await;
    let _: SubscribeNamespaceOk = p.peer.recv().await;
    p.broadcast.close();
    let _again = p._origin.create_broadcast("cam").unwrap();
    let again: PublishNamespace = p.peer.recv().await;
    assert_eq!(again.request_id, RequestId(3));
}
