//! What a reader wants reaches the publisher while the subscription runs.

use std::time::Duration;

use gstmoq::moq_lite::{Demand, Path, Track, ietf::*};

use crate::{
    common::{now, within},
    peer::{Peer, announced, done, ok},
    subscriber::{asked, frames},
};

#[tokio::test(start_paused = true)]
async fn priority_and_range_are_told_while_a_subscription_runs() {
    let (session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    asked(&mut peer, &mut track, 0).await;
    // Before the answer it is not known where the range starts.
    track.set_demand(Demand::new(7));
    let largest = Location {
        group: 4,
        object: 0,
    };
    let answer = SubscribeOk {
        largest_location: Some(largest),
        ..ok(0, 9)
    };
    peer.send(&answer).await;
    let update = |request, group, end_group, subscriber_priority| SubscribeUpdate {
        request_id: RequestId(request),
        subscription_request_id: RequestId(0),
        start_location: Location { group, object: 0 },
        end_group,
        subscriber_priority,
        forward: true,
        delivery_timeout: None,
    };
    assert_eq!(peer.recv::<SubscribeUpdate>().await, update(2, 5, 0, 248));
    track.set_demand(Demand {
        start: Some(8),
        end: Some(9),
        ..Demand::new(7)
    });
    assert_eq!(peer.recv::<SubscribeUpdate>().await, update(4, 8, 10, 248));
    // It could not be widened, so that is not said; the session goes on all the same.
    track.set_demand(Demand::new(7));
    peer.whole(b"\x18\x09\x08\x80\x00\x01a").await;
    assert_eq!(frames(&mut track).await, (8, vec!["a".into()]));
    track.set_demand(Demand::new(1));
    assert_eq!(peer.recv::<SubscribeUpdate>().await, update(6, 8, 10, 254));
    drop(session);
}

#[tokio::test(start_paused = true)]
async fn the_age_that_a_reader_allows_is_the_delivery_timeout() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    let age = |max_age| Demand {
        max_age,
        ..Demand::new(0)
    };
    let seconds = Duration::from_secs;
    track.set_demand(age(seconds(2)));
    let request: Subscribe = peer.recv().await;
    assert_eq!(request.delivery_timeout, Some(seconds(2)));
    peer.send(&ok(0, 9)).await;
    // It cannot be taken back; a reader that wants no older group at all is not in a hurry for the newest.
    for (max_age, told) in [
        (seconds(3), seconds(3)),
        (Track::MAX_AGE, Track::MAX_AGE),
        (seconds(1), seconds(1)),
        (Duration::ZERO, Track::MAX_AGE),
    ] {
        track.set_demand(age(max_age));
        let update: SubscribeUpdate = peer.recv().await;
        assert_eq!(update.delivery_timeout, Some(told), "{max_age:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_lies_behind_the_end_of_a_range_is_asked_for_when_it_is_wanted() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    let range = |start, end| Demand {
        start,
        end,
        ..Demand::new(0)
    };
    track.set_demand(range(Some(3), Some(4)));
    let request = |id, group, filter_type, end_group| Subscribe {
        request_id: RequestId(id),
        track_namespace: Path::new("cam"),
        track_name: "video".into(),
        subscriber_priority: 255,
        group_order: GroupOrder::Descending,
        forward: true,
        filter_type,
        start_location: Some(Location { group, object: 0 }),
        end_group,
        delivery_timeout: None,
    };
    let expected = request(0, 3, FilterType::AbsoluteRange, Some(4));
    assert_eq!(peer.recv::<Subscribe>().await, expected);
    peer.send(&ok(0, 9)).await;
    peer.whole(b"\x18\x09\x03\x80\x00\x01a").await;
    assert_eq!(frames(&mut track).await, (3, vec!["a".into()]));
    peer.whole(b"\x18\x09\x04\x80\x00\x01b").await;
    peer.send(&done(0, 3, 2)).await;
    assert_eq!(frames(&mut track).await, (4, vec!["b".into()]));
    // The range has ended and the track has not.
    assert!(now(track.recv_group()).is_none());
    track.set_demand(range(None, None));
    let expected = request(2, 5, FilterType::AbsoluteStart, None);
    assert_eq!(peer.recv::<Subscribe>().await, expected);
    peer.send(&ok(2, 10)).await;
    peer.whole(b"\x18\x0a\x05\x80\x00\x01c").await;
    peer.send(&done(2, 2, 1)).await;
    assert_eq!(frames(&mut track).await, (5, vec!["c".into()]));
    assert!(within(track.recv_group()).await.unwrap().is_none());
}
