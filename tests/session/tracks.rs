//! Tracks between two whole sessions.

use bytes::Bytes;
use gstmoq::moq_lite::{BroadcastConsumer, BroadcastProducer, Error, Frame, Track};

use super::peer::{Pair, announced, next_group, pair};
use crate::{
    assert_err,
    common::{
        now,
        transport::{Config, Kind, Side},
        within,
    },
};

/// A broadcast that the server publishes and the client sees.
async fn cam(config: Config) -> (Pair, BroadcastProducer, BroadcastConsumer) {
    let pair = pair(config).await;
    let producer = pair.server.publish.create_broadcast("cam").unwrap();
    let consumer = announced(&pair.client.consume, "cam").await;
    (pair, producer, consumer)
}

fn video() -> Track {
    Track::new("video")
}

/// The orders of sending of the streams that carry groups, by subscription.
fn orders(pair: &Pair, subscription: u8) -> Vec<i32> {
    let groups = pair
        .link
        .find(|record| record.kind == Kind::Uni && record.written.get(2) == Some(&subscription));
    groups
        .iter()
        .map(|record| *record.orders.last().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn frames_arrive_byte_for_byte_and_large_ones_are_not_copied() {
    let (_pair, mut producer, consumer) = cam(Config::default()).await;
    let mut track = producer.create_track(video());
    let mut received = consumer.subscribe_track(&video());
    let large = Bytes::from(vec![9; 20_000]);
    let sent = [large.clone(), Bytes::new(), Bytes::from_static(b"small")];
    let mut group = track.append_group().unwrap();
    for frame in &sent {
        group.write_frame(frame.clone()).unwrap();
    }
    group.close();
    let (sequence, frames) = next_group(&mut received).await;
    assert_eq!((sequence, &frames[..]), (0, &sent[..]));
    assert_eq!(frames[0].as_ptr(), large.as_ptr());
}

#[tokio::test(start_paused = true)]
async fn a_late_joiner_starts_with_the_newest_group_from_its_first_frame() {
    let (_pair, mut producer, consumer) = cam(Config::default()).await;
    let mut track = producer.create_track(video());
    for n in 0..3 {
        track.write_frame(format!("old {n}")).unwrap();
    }
    let mut group = track.append_group().unwrap();
    group.write_frame("key").unwrap();
    group.write_frame("delta").unwrap();
    let mut received = consumer.subscribe_track(&video());
    let mut joined = within(received.recv_group()).await.unwrap().unwrap();
    assert_eq!(joined.info.sequence, 3);
    assert_eq!(within(joined.read_frame()).await.unwrap().unwrap(), "key");
    assert_eq!(within(joined.read_frame()).await.unwrap().unwrap(), "delta");
    group.write_frame("live").unwrap();
    assert_eq!(within(joined.read_frame()).await.unwrap().unwrap(), "live");
    group.close();
    assert!(within(joined.read_frame()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_last_group_is_not_lost_when_the_track_ends_behind_it() {
    for window in [1 << 20, 5] {
        let (pair, mut producer, consumer) = cam(Config {
            window,
            ..Config::default()
        })
        .await;
        let mut track = producer.create_track(video());
        let mut received = consumer.subscribe_track(&video());
        assert!(now(received.recv_group()).is_none());
        within(pair.link.until(|records| {
            let subscribed = |record: &&_| orders_of(record);
            records.iter().find(subscribed).map(|_| ())
        }))
        .await;
        track.write_frame("first").unwrap();
        track.write_frame("the last of all frames").unwrap();
        track.close();
        drop(producer);
        let sequences = [
            next_group(&mut received).await,
            next_group(&mut received).await,
        ];
        assert_eq!(
            sequences[1],
            (1, vec![Bytes::from("the last of all frames")])
        );
        assert!(within(received.recv_group()).await.unwrap().is_none());
    }
}

/// Whether this is the answer to a subscription.
fn orders_of(record: &crate::common::transport::Record) -> bool {
    record.sender == Side::Server && record.kind == Kind::Bi && record.written == [0]
}

#[tokio::test(start_paused = true)]
async fn a_track_that_ended_before_is_still_served_to_its_end() {
    let (_pair, mut producer, consumer) = cam(Config::default()).await;
    let mut track = producer.create_track(video());
    track.write_frame("last").unwrap();
    track.close();
    let mut received = consumer.subscribe_track(&video());
    assert_eq!(
        next_group(&mut received).await,
        (0, vec![Bytes::from("last")])
    );
    assert!(within(received.recv_group()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn leaving_reaches_the_publisher() {
    let (pair, mut producer, consumer) = cam(Config::default()).await;
    let wanted = Track {
        name: "video".into(),
        priority: 42,
    };
    let mut received = consumer.subscribe_track(&wanted);
    let mut track = within(producer.requested_track()).await.unwrap();
    assert_eq!(track.info, wanted);
    let mut group = track.append_group().unwrap();
    group.write_frame("a").unwrap();
    let mut joined = within(received.recv_group()).await.unwrap().unwrap();
    assert_eq!(within(joined.read_frame()).await.unwrap().unwrap(), "a");
    assert!(now(track.unused()).is_none());
    drop(received);
    within(track.unused()).await;
    within(group.unused()).await;
    let open = pair
        .link
        .find(|record| record.kind == Kind::Uni && !record.done);
    assert_eq!(open, []);
    // And one may come again.
    let mut again = consumer.subscribe_track(&wanted);
    drop(track);
    let mut track = within(producer.requested_track()).await.unwrap();
    track.write_frame("b").unwrap();
    assert_eq!(next_group(&mut again).await, (0, vec![Bytes::from("b")]));
}

#[tokio::test(start_paused = true)]
async fn two_readers_of_a_track_share_one_subscription() {
    let (pair, mut producer, consumer) = cam(Config::default()).await;
    let mut first = consumer.subscribe_track(&video());
    let mut second = consumer.subscribe_track(&video());
    let mut track = within(producer.requested_track()).await.unwrap();
    track.write_frame("a").unwrap();
    assert_eq!(next_group(&mut first).await.1, ["a"]);
    assert_eq!(next_group(&mut second).await.1, ["a"]);
    drop(first);
    track.write_frame("b").unwrap();
    assert_eq!(next_group(&mut second).await.1, ["b"]);
    assert!(now(producer.requested_track()).is_none());
    let asked = pair
        .link
        .find(|record| record.sender == Side::Client && record.written.starts_with(&[2]));
    assert_eq!(asked.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_aborted_group_ends_alone_and_keeps_what_arrived() {
    let (_pair, mut producer, consumer) = cam(Config::default()).await;
    let mut track = producer.create_track(video());
    let mut received = consumer.subscribe_track(&video());
    let mut group = track.append_group().unwrap();
    group.write_frame("whole").unwrap();
    let mut frame = group.create_frame(Frame { size: 10 }).unwrap();
    frame.write_chunk("half").unwrap();
    let mut broken = within(received.recv_group()).await.unwrap().unwrap();
    assert_eq!(within(broken.read_frame()).await.unwrap().unwrap(), "whole");
    let mut part = within(broken.next_frame()).await.unwrap().unwrap();
    assert_eq!(part.info.size, 10);
    frame.abort(Error::App(7));
    group.abort(Error::App(7));
    assert_err!(within(broken.read_frame()).await, Error::App(7));
    assert!(within(part.read_all()).await.is_err());
    track.write_frame("next").unwrap();
    assert_eq!(
        next_group(&mut received).await,
        (1, vec![Bytes::from("next")])
    );
}

#[tokio::test(start_paused = true)]
async fn the_reason_of_an_aborted_track_reaches_its_readers() {
    let (_pair, mut producer, consumer) = cam(Config::default()).await;
    for (sent, code) in [
        (Error::NotFound, 13),
        (Error::App(9), 73),
        (Error::Cancel, 0),
    ] {
        let received = consumer.subscribe_track(&video());
        within(producer.requested_track())
            .await
            .unwrap()
            .abort(sent);
        assert_eq!(within(received.closed()).await.unwrap_err().to_code(), code);
    }
    producer.refuse_requests();
    let refused = consumer.subscribe_track(&video());
    assert_err!(within(refused.closed()).await, Error::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_track_may_end_while_its_broadcast_goes_on_and_the_other_way_round() {
    let (_pair, mut producer, consumer) = cam(Config::default()).await;
    let mut audio = producer.create_track(Track::new("audio"));
    let mut received = consumer.subscribe_track(&Track::new("audio"));
    audio.write_frame("a").unwrap();
    assert_eq!(next_group(&mut received).await.1, ["a"]);
    drop(producer);
    within(consumer.closed()).await;
    audio.write_frame("b").unwrap();
    assert_eq!(next_group(&mut received).await.1, ["b"]);
    audio.close();
    assert!(within(received.recv_group()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn urgent_tracks_and_newer_groups_are_sent_first_and_requests_before_all() {
    let (pair, mut producer, consumer) = cam(Config::default()).await;
    let track = |name: &str, priority| Track {
        name: name.into(),
        priority,
    };
    let wanted = [track("video", 60), track("audio", 80), track("second", 60)];
    let mut sent = wanted.clone().map(|track| producer.create_track(track));
    let mut received = wanted.map(|track| consumer.subscribe_track(&track));
    for n in 0..3 {
        for (sent, received) in sent.iter_mut().zip(&mut received) {
            sent.write_frame(format!("{n}")).unwrap();
            next_group(received).await;
        }
    }
    // Subscriptions have their ids in the order in which they were made.
    let [video, audio, second] = [0, 1, 2].map(|id| orders(&pair, id));
    assert_eq!([video.len(), audio.len(), second.len()], [3, 3, 3]);
    for track in [&video, &audio, &second] {
        assert!(
            track.is_sorted_by(|older, newer| older < newer),
            "{track:?}"
        );
    }
    assert!(
        audio.iter().min() > video.iter().max(),
        "{audio:?} {video:?}"
    );
    assert!(
        video.iter().min() > second.iter().max(),
        "{video:?} {second:?}"
    );
    let control = pair
        .link
        .find(|record| record.kind == Kind::Bi && !record.written.is_empty());
    let media = audio.iter().max();
    assert!(
        control.iter().all(|record| record.orders.last() > media),
        "{control:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_narrow_window_and_few_streams_slow_a_track_but_lose_nothing() {
    let config = Config {
        window: 3,
        uni: 1,
        ..Config::default()
    };
    let (_pair, mut producer, consumer) = cam(config).await;
    let mut track = producer.create_track(video());
    let mut received = consumer.subscribe_track(&video());
    assert!(now(received.recv_group()).is_none());
    track.write_frame("the first group").unwrap();
    assert_eq!(next_group(&mut received).await.0, 0);
    for n in 1..20 {
        track
            .write_frame(format!("a frame longer than the window, number {n}"))
            .unwrap();
    }
    let mut sequences = Vec::new();
    for _ in 1..20 {
        let (sequence, frames) = next_group(&mut received).await;
        assert_eq!(
            frames,
            [format!("a frame longer than the window, number {sequence}")]
        );
        sequences.push(sequence);
    }
    sequences.sort_unstable();
    assert_eq!(sequences, (1..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_stalled_connection_goes_on_where_it_stood() {
    let (pair, mut producer, consumer) = cam(Config::default()).await;
    let mut track = producer.create_track(video());
    let mut received = consumer.subscribe_track(&video());
    track.write_frame("a").unwrap();
    assert_eq!(next_group(&mut received).await.1, ["a"]);
    pair.link.stall(Side::Server, true);
    track.write_frame("b").unwrap();
    tokio::time::advance(std::time::Duration::from_secs(3)).await;
    assert!(now(received.recv_group()).is_none());
    pair.link.stall(Side::Server, false);
    assert_eq!(next_group(&mut received).await.1, ["b"]);
}
