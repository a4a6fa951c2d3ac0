//! What comes too late, or by itself.

use std::time::Duration;

use bytes::Bytes;
use gstmoq::moq_lite::{Error, Track, ietf::*};
use tokio::time::{Instant, timeout};
use web_transport_trait::Session as _;

use crate::{
    common::{
        now,
        transport::{Record, Side},
        within,
    },
    peer::{Peer, announced, done, ok, subscribe},
    publisher::{past, published},
    subscriber::{asked, frames},
};

/// The stream of a group or of a fetch that begins so.
fn stream(records: &[Record], head: &[u8]) -> Option<Record> {
    let mut records = records.iter();
    records
        .find(|record| record.written.starts_with(head))
        .cloned()
}

/// The code with which that stream is reset, and when.
async fn reset(peer: &Peer, head: &[u8]) -> (u32, Instant) {
    let reset = |records: &[Record]| stream(records, head)?.reset;
    (within(peer.link.until(reset)).await, Instant::now())
}

/// More than the transport takes in before it is read.
fn large() -> Bytes {
    Bytes::from(vec![7; 3 << 20])
}

#[tokio::test(start_paused = true)]
async fn a_group_with_an_object_that_was_not_sent_in_time_is_reset() {
    let mut p = published().await;
    let hurried = Subscribe {
        delivery_timeout: Some(Duration::from_secs(3)),
        ..subscribe(0)
    };
    p.peer.send(&hurried).await;
    let _: SubscribeOk = p.peer.recv().await;
    // An open group that is idle waits for as long as it likes.
    let mut group = p.track.append_group().unwrap();
    group.write_frame("key").unwrap();
    let head = b"\x18\x00\x00\x80\x00\x03key";
    within(p.peer.link.until(|records| stream(records, head))).await;
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(stream(&p.peer.link.records(), head).unwrap().reset, None);

    let start = Instant::now();
    group.write_frame(large()).unwrap();
    let (code, at) = reset(&p.peer, head).await;
    assert_eq!((code, (at - start).as_secs()), (2, 3));
    // The next group begins anew, and the timeout may change.
    let update = SubscribeUpdate {
        request_id: RequestId(2),
        subscription_request_id: RequestId(0),
        start_location: Location {
            group: 0,
            object: 0,
        },
        end_group: 0,
        subscriber_priority: 128,
        forward: true,
        delivery_timeout: Some(Duration::from_secs(5)),
    };
    p.peer.send(&update).await;
    // An answer tells that it was taken in.
    p.peer.send(&subscribe(4)).await;
    let _: SubscribeOk = p.peer.recv().await;
    let start = Instant::now();
    p.track.write_frame(large()).unwrap();
    let (code, at) = reset(&p.peer, b"\x18\x00\x01").await;
    assert_eq!((code, (at - start).as_secs()), (2, 5));
    // The other subscription has no timeout.
    let other = |records: &[Record]| stream(records, b"\x18\x04\x01")?.reset;
    let waits = timeout(Duration::from_secs(20), p.peer.link.until(other));
    assert!(waits.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_cancelled_is_reset() {
    let mut p = published().await;
    p.track.write_frame(large()).unwrap();
    p.peer.send(&past(0, "video", (0, 0), (1, 0))).await;
    let _: FetchOk = p.peer.recv().await;
    let head = b"\x05\x00";
    within(p.peer.link.until(|records| stream(records, head))).await;
    let request_id = RequestId(0);
    p.peer.send(&FetchCancel { request_id }).await;
    assert_eq!(reset(&p.peer, head).await.0, 0);
    // Twice does no harm.
    p.peer.send(&FetchCancel { request_id }).await;
    p.peer.send(&past(2, "video", (0, 0), (1, 0))).await;
    let ok: FetchOk = p.peer.recv().await;
    assert_eq!(ok.request_id, RequestId(2));
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_subscription_is_written_before_its_groups() {
    let mut p = published().await;
    p.track.write_frame("key").unwrap();
    p.peer.link.stall(Side::Server, true);
    p.peer.send(&subscribe(0)).await;
    let group = |records: &[Record]| stream(records, b"\x18");
    let opened = timeout(Duration::from_secs(5), p.peer.link.until(group)).await;
    let records = p.peer.link.records();
    let answered = records.iter().any(|record| {
        let ok = b"\x04\x00\x06\x00\x00\x00\x02\x00\x00";
        record.written.ends_with(ok)
    });
    assert!(opened.is_err() || answered, "{records:?}");
    p.peer.link.stall(Side::Server, false);
    let _: SubscribeOk = p.peer.recv().await;
    within(p.peer.link.until(group)).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_in_a_datagram_is_a_group_of_one_frame() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    asked(&mut peer, &mut track, 0).await;
    peer.send(&ok(0, 9)).await;
    peer.whole(b"\x18\x09\x01\x80\x00\x01a").await;
    assert_eq!(frames(&mut track).await, (1, vec!["a".into()]));
    let send = |bytes: &'static [u8]| peer.transport.send_datagram(bytes.into()).unwrap();
    type Frame = (u64, &'static str);
    let cases: [(&'static [u8], Option<Frame>); 10] = [
        (b"\x00\x09\x02\x00\x80two", Some((2, "two"))),
        (b"\x07\x09\x03\x80\x02\x3c\x07three", Some((3, "three"))),
        (b"\x20\x09\x04\x00\x80\x00", Some((4, ""))),
        // The same again, an object without those before it, one that does not
        // exist, an unknown track, an unknown kind, and the beginning of one.
        (b"\x04\x09\x03\x80again", None),
        (b"\x00\x09\x05\x01\x80late", None),
        (b"\x20\x09\x05\x00\x80\x01", None),
        (b"\x04\x08\x05\x80other", None),
        (b"\x3f\x09\x05\x80", None),
        (b"\x01\x09", None),
        (b"\x04\x09\x06\x80six", Some((6, "six"))),
    ];
    for (bytes, expected) in cases {
        send(bytes);
        if let Some((sequence, frame)) = expected {
            assert_eq!(frames(&mut track).await, (sequence, vec![frame.into()]));
        }
    }
    send(b"\x04\x09\x07\x80last");
    send(b"\x20\x09\x08\x00\x80\x04");
    assert_eq!(frames(&mut track).await, (7, vec!["last".into()]));
    assert!(within(track.recv_group()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_older_group_is_stopped_when_its_readers_no_longer_want_it() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    let mut demand = track.demand().clone();
    demand.max_age = Duration::from_secs(2);
    track.set_demand(demand);
    let _: Subscribe = peer.recv().await;
    peer.send(&ok(0, 9)).await;
    let mut old = peer.uni(b"\x18\x09\x01\x80\x00\x03key").await;
    let mut group = within(track.recv_group()).await.unwrap().unwrap();
    assert_eq!(within(group.read_frame()).await.unwrap().unwrap(), "key");
    // Alone it may take its time.
    tokio::time::advance(Duration::from_secs(20)).await;
    assert!(now(group.read_frame()).is_none());
    let start = Instant::now();
    peer.whole(b"\x18\x09\x02\x80\x00\x03key").await;
    assert!(matches!(within(group.read_frame()).await, Err(Error::Old)));
    assert_eq!(start.elapsed().as_secs(), 2);
    assert!(within(old.closed()).await.is_err());
    peer.send(&done(0, 2, 2)).await;
    assert_eq!(frames(&mut track).await.0, 2);
    assert!(within(track.recv_group()).await.unwrap().is_none());
}
