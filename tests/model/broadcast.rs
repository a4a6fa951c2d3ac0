//! Broadcasts: tracks by name, published or asked for.

use gstmoq::moq_lite::{
    Broadcast, BroadcastConsumer, BroadcastProducer, Error, Track, TrackConsumer,
};

use crate::{
    assert_err,
    common::{Step, block_on, now},
};

fn broadcast() -> (BroadcastProducer, BroadcastConsumer) {
    let broadcast = Broadcast::produce();
    (broadcast.producer, broadcast.consumer)
}

fn first_frame(track: &mut TrackConsumer) -> bytes::Bytes {
    let mut group = block_on(track.recv_group()).unwrap().unwrap();
    block_on(group.read_frame()).unwrap().unwrap()
}

#[test]
fn a_published_track_is_found_by_its_name() {
    let (mut producer, consumer) = broadcast();
    let info = Track {
        name: "video".into(),
        priority: 9,
    };
    let mut track = producer.create_track(info.clone());
    track.write_frame("a").unwrap();
    let mut reader = consumer.subscribe_track(&Track::new("video"));
    assert_eq!(reader.info, info);
    assert_eq!(first_frame(&mut reader), "a");
    assert!(now(producer.requested_track()).is_none());
}

#[test]
fn an_unknown_track_is_asked_for_once_and_given_to_every_reader() {
    let (mut producer, consumer) = broadcast();
    let wanted = Track {
        name: "video".into(),
        priority: 3,
    };
    let waiting = Step::waiting(async { producer.requested_track().await.unwrap() });
    let mut first = consumer.subscribe_track(&wanted);
    let mut second = consumer.subscribe_track(&Track::new("video"));
    let mut request = waiting.done();
    assert_eq!(request.info, wanted);
    let mut third = consumer.subscribe_track(&wanted);
    assert!(now(producer.requested_track()).is_none());
    request.write_frame("a").unwrap();
    for reader in [&mut first, &mut second, &mut third] {
        assert_eq!(first_frame(reader), "a");
    }
}

#[test]
fn requests_come_in_order_and_each_to_one_producer() {
    let (mut producer, consumer) = broadcast();
    let mut clone = producer.clone();
    let _readers = ["a", "b", "c"].map(|name| consumer.subscribe_track(&Track::new(name)));
    assert_eq!(block_on(producer.requested_track()).unwrap().info.name, "a");
    assert_eq!(block_on(clone.requested_track()).unwrap().info.name, "b");
    assert_eq!(block_on(producer.requested_track()).unwrap().info.name, "c");
    assert!(now(clone.requested_track()).is_none());
}

#[test]
fn readers_of_a_request_that_is_dropped_are_told_and_may_ask_again() {
    let (mut producer, consumer) = broadcast();
    let mut reader = consumer.subscribe_track(&Track::new("video"));
    drop(block_on(producer.requested_track()));
    assert_err!(block_on(reader.recv_group()), Error::Cancel);
    let mut again = consumer.subscribe_track(&Track::new("video"));
    let mut request = block_on(producer.requested_track()).unwrap();
    request.write_frame("a").unwrap();
    assert_eq!(first_frame(&mut again), "a");
}

#[test]
fn a_request_that_ended_is_not_handed_out_again() {
    let (mut producer, consumer) = broadcast();
    let _reader = consumer.subscribe_track(&Track::new("video"));
    let request = block_on(producer.requested_track()).unwrap();
    request.clone().close();
    let again = consumer.subscribe_track(&Track::new("video"));
    assert!(now(again.closed()).is_none());
    let second = block_on(producer.requested_track()).unwrap();
    assert!(!second.is_clone(&request));
    // The end of the old one takes nothing from the new one.
    drop(request);
    let third = consumer.subscribe_track(&Track::new("video"));
    assert!(third.is_clone(&again));
}

#[test]
fn the_server_of_a_request_learns_that_nobody_reads_it_any_more() {
    let (mut producer, consumer) = broadcast();
    let reader = consumer.subscribe_track(&Track::new("video"));
    let request = block_on(producer.requested_track()).unwrap();
    let unused = Step::waiting(request.unused());
    drop(reader);
    unused.done();
}

#[test]
fn the_last_producer_ends_the_broadcast_and_its_unanswered_requests() {
    let (producer, consumer) = broadcast();
    let clone = producer.clone();
    let reader = consumer.subscribe_track(&Track::new("video"));
    let closed = Step::waiting(consumer.closed());
    drop(producer);
    assert!(now(consumer.closed()).is_none());
    drop(clone);
    closed.done();
    assert_err!(block_on(reader.closed()), Error::Cancel);
    let late = consumer.subscribe_track(&Track::new("audio"));
    assert_err!(block_on(late.closed()), Error::Cancel);
}

#[test]
fn published_and_served_tracks_outlive_their_broadcast() {
    let (mut producer, consumer) = broadcast();
    let mut published = producer.create_track(Track::new("video"));
    let mut reader = consumer.subscribe_track(&Track::new("video"));
    let mut asked = consumer.subscribe_track(&Track::new("audio"));
    let mut served = block_on(producer.requested_track()).unwrap();
    drop(producer);
    published.write_frame("a").unwrap();
    served.write_frame("b").unwrap();
    assert_eq!(first_frame(&mut reader), "a");
    assert_eq!(first_frame(&mut asked), "b");
}

#[test]
fn a_closed_broadcast_is_closed_for_its_consumers_and_still_serves() {
    let (mut producer, consumer) = broadcast();
    let mut track = producer.create_track(Track::new("video"));
    let closed = Step::waiting(consumer.closed());
    producer.close();
    producer.close();
    closed.done();
    track.write_frame("a").unwrap();
    assert_eq!(
        first_frame(&mut consumer.subscribe_track(&Track::new("video"))),
        "a"
    );
    let _asked = consumer.subscribe_track(&Track::new("audio"));
    assert_eq!(
        block_on(producer.requested_track()).unwrap().info.name,
        "audio"
    );
    assert!(block_on(producer.requested_track()).is_none());
}

#[test]
fn publishing_a_track_ends_the_wait_of_those_who_asked_for_it() {
    let (mut producer, consumer) = broadcast();
    let waiting = consumer.subscribe_track(&Track::new("video"));
    let mut track = producer.create_track(Track::new("video"));
    assert_err!(block_on(waiting.closed()), Error::Cancel);
    assert!(now(producer.requested_track()).is_none());
    track.write_frame("a").unwrap();
    assert_eq!(
        first_frame(&mut consumer.subscribe_track(&Track::new("video"))),
        "a"
    );
}

#[test]
fn inserting_and_removing_tell_whether_the_name_was_taken() {
    let (mut producer, consumer) = broadcast();
    let track = || Track::new("video").produce();
    assert!(!producer.remove_track("video"));
    assert!(producer.insert_track(track().consumer));
    assert!(!producer.insert_track(track().consumer));
    assert!(producer.remove_track("video"));
    assert!(!producer.remove_track("video"));
    let _asked = consumer.subscribe_track(&Track::new("video"));
    assert!(!producer.insert_track(track().consumer));
    assert!(producer.remove_track("video"));
    let asked = consumer.subscribe_track(&Track::new("video"));
    assert!(producer.remove_track("video"));
    drop((asked, block_on(producer.requested_track())));
}

#[test]
fn a_request_that_is_over_is_no_longer_there_to_remove() {
    let (mut producer, consumer) = broadcast();
    let _reader = consumer.subscribe_track(&Track::new("video"));
    drop(block_on(producer.requested_track()));
    assert!(!producer.remove_track("video"));
}

#[test]
fn a_request_that_was_given_up_is_not_handed_out() {
    let (mut producer, consumer) = broadcast();
    drop(consumer.subscribe_track(&Track::new("a")));
    let _reader = consumer.subscribe_track(&Track::new("b"));
    assert_eq!(block_on(producer.requested_track()).unwrap().info.name, "b");
    // Who comes back before it is looked at finds the request still there.
    drop(consumer.subscribe_track(&Track::new("c")));
    let reader = consumer.subscribe_track(&Track::new("c"));
    let request = block_on(producer.requested_track()).unwrap();
    request.close();
    assert!(block_on(reader.closed()).is_ok());
}

#[test]
fn requests_that_were_given_up_leave_room_for_others() {
    let (mut producer, consumer) = broadcast();
    for i in 0..3 * Broadcast::MAX_REQUESTS {
        let reader = consumer.subscribe_track(&Track::new(i.to_string()));
        assert!(now(reader.closed()).is_none());
    }
    let _reader = consumer.subscribe_track(&Track::new("real"));
    assert_eq!(
        block_on(producer.requested_track()).unwrap().info.name,
        "real"
    );
    assert!(now(producer.requested_track()).is_none());
}

#[test]
fn being_published_does_not_keep_a_track_in_use() {
    let (mut producer, consumer) = broadcast();
    let track = producer.create_track(Track::new("video"));
    assert!(now(track.unused()).is_some());
    let reader = consumer.subscribe_track(&Track::new("video"));
    let unused = Step::waiting(track.unused());
    drop(reader);
    unused.done();
}

#[test]
fn a_published_track_that_ended_can_still_be_read() {
    let (mut producer, consumer) = broadcast();
    let mut track = producer.create_track(Track::new("video"));
    track.write_frame("last").unwrap();
    track.close();
    let mut reader = consumer.subscribe_track(&Track::new("video"));
    assert_eq!(first_frame(&mut reader), "last");
    assert!(block_on(reader.recv_group()).unwrap().is_none());
}

#[test]
fn refused_requests_are_not_found() {
    let (mut producer, consumer) = broadcast();
    let before = consumer.subscribe_track(&Track::new("a"));
    producer.refuse_requests();
    assert_err!(block_on(before.closed()), Error::NotFound);
    let after = consumer.subscribe_track(&Track::new("b"));
    assert_err!(block_on(after.closed()), Error::NotFound);
    let _track = producer.create_track(Track::new("c"));
    assert!(now(consumer.subscribe_track(&Track::new("c")).closed()).is_none());
}

#[test]
fn no_more_requests_wait_than_allowed() {
    let (mut producer, consumer) = broadcast();
    let name = |n: usize| Track::new(format!("track {n}"));
    let readers: Vec<_> = (0..Broadcast::MAX_REQUESTS)
        .map(|n| consumer.subscribe_track(&name(n)))
        .collect();
    let refused = consumer.subscribe_track(&name(usize::MAX));
    assert_err!(block_on(refused.closed()), Error::TooLarge);
    assert!(readers.iter().all(|reader| now(reader.closed()).is_none()));
    let _request = block_on(producer.requested_track()).unwrap();
    let taken = consumer.subscribe_track(&name(usize::MAX));
    assert!(now(taken.closed()).is_none());
}

#[test]
fn a_broadcast_is_unused_while_nobody_reads_it() {
    let (producer, consumer) = broadcast();
    let unused = Step::waiting(producer.unused());
    let track = consumer.subscribe_track(&Track::new("video"));
    drop(consumer);
    unused.done();
    assert!(now(track.closed()).is_none());
}

#[test]
fn a_dropped_wait_for_a_request_loses_none() {
    let (mut producer, consumer) = broadcast();
    drop(Step::waiting(producer.requested_track()));
    drop(Step::waiting(consumer.closed()));
    let _reader = consumer.subscribe_track(&Track::new("video"));
    assert!(now(producer.requested_track()).is_some());
}

#[test]
fn handles_of_one_broadcast_know_each_other() {
    let (producer, consumer) = broadcast();
    let (other, stranger) = broadcast();
    assert!(producer.is_clone(&producer.clone()) && !producer.is_clone(&other));
    assert!(consumer.is_clone(&producer.consume()) && !consumer.is_clone(&stranger));
}
