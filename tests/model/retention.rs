//! What a track keeps of its past.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use bytes::Bytes;
use gstmoq::moq_lite::{Error, Frame, Group, Track, TrackConsumer, TrackProducer};
use tokio::time::advance;

use crate::{
    assert_err,
    common::{Step, now},
};

/// A track and a reader that stands before its first group.
fn track() -> (TrackProducer, TrackConsumer) {
    let track = Track::new("video").produce();
    let mut consumer = track.consumer;
    drop(Step::waiting(consumer.recv_group()));
    (track.producer, consumer)
}

fn kept(consumer: &TrackConsumer) -> Vec<u64> {
    let mut consumer = consumer.clone();
    std::iter::from_fn(|| now(consumer.recv_group())?.ok()?)
        .map(|group| group.info.sequence)
        .collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_newest_group_is_kept_however_old_it_is() {
    let (mut producer, consumer) = track();
    producer.write_frame("a").unwrap();
    advance(100 * Track::MAX_AGE).await;
    assert_eq!(kept(&consumer), [0]);
    let mut late = producer.consume();
    let mut group = late.next_group().await.unwrap().unwrap();
    assert_eq!(group.read_frame().await.unwrap().unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_group_ages_from_the_moment_that_a_newer_one_begins() {
    let (mut producer, consumer) = track();
    producer.write_frame("a").unwrap();
    advance(100 * Track::MAX_AGE).await;
    producer.write_frame("b").unwrap();
    advance(Track::MAX_AGE).await;
    producer.write_frame("c").unwrap();
    assert_eq!(kept(&consumer), [0, 1, 2]);
    advance(SECOND).await;
    producer.write_frame("d").unwrap();
    assert_eq!(kept(&consumer), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_was_let_go_does_not_come_back() {
    let (mut producer, consumer) = track();
    for sequence in [4, 6] {
        producer.create_group(Group { sequence }).unwrap();
    }
    advance(Track::MAX_AGE + SECOND).await;
    producer.create_group(Group { sequence: 7 }).unwrap();
    assert_eq!(kept(&consumer), [6, 7]);
    for sequence in [3, 4] {
        assert!(producer.create_group(Group { sequence }).is_none());
    }
    assert!(producer.create_group(Group { sequence: 5 }).is_some());
    assert_eq!(kept(&consumer), [6, 7, 5]);
}

#[tokio::test(start_paused = true)]
async fn the_reader_of_an_expired_group_is_woken_with_an_error() {
    let (mut producer, mut consumer) = track();
    let mut writer = producer.append_group().unwrap();
    writer.write_frame("a").unwrap();
    let mut reader = consumer.recv_group().await.unwrap().unwrap();
    assert_eq!(reader.read_frame().await.unwrap().unwrap(), "a");
    let behind = producer.consume().next_group().await.unwrap().unwrap();
    let waiting = Step::waiting(reader.read_frame());
    producer.append_group().unwrap();
    advance(Track::MAX_AGE + SECOND).await;
    producer.append_group().unwrap();
    assert_err!(waiting.done(), Error::Old);
    assert_err!(behind.clone().read_frame().await, Error::Old);
    assert_err!(writer.write_frame("b"), Error::Old);
}

#[tokio::test(start_paused = true)]
async fn the_reader_inside_a_frame_of_an_expired_group_is_woken_too() {
    let (mut producer, mut consumer) = track();
    let mut group = producer.append_group().unwrap();
    let mut writer = group.create_frame(Frame { size: 2 }).unwrap();
    writer.write_chunk("a").unwrap();
    let mut reader = consumer.recv_group().await.unwrap().unwrap();
    let waiting = Step::waiting(reader.read_frame());
    producer.append_group().unwrap();
    advance(Track::MAX_AGE + SECOND).await;
    producer.append_group().unwrap();
    assert_err!(waiting.done(), Error::Old);
    assert_err!(writer.write_chunk("b"), Error::Old);
}

#[tokio::test(start_paused = true)]
async fn a_finished_group_that_was_read_keeps_its_clean_end() {
    let (mut producer, mut consumer) = track();
    producer.write_frame("a").unwrap();
    let mut reader = consumer.recv_group().await.unwrap().unwrap();
    assert_eq!(reader.read_frame().await.unwrap().unwrap(), "a");
    producer.append_group().unwrap();
    advance(Track::MAX_AGE + SECOND).await;
    producer.append_group().unwrap();
    assert!(reader.read_frame().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_was_begun_can_be_read_to_its_end_after_its_group_expired() {
    let (mut producer, mut consumer) = track();
    producer.write_frame("a").unwrap();
    let mut reader = consumer.recv_group().await.unwrap().unwrap();
    let mut frame = reader.next_frame().await.unwrap().unwrap();
    producer.append_group().unwrap();
    advance(Track::MAX_AGE + SECOND).await;
    producer.append_group().unwrap();
    assert_eq!(frame.read_all().await.unwrap(), "a");
}

#[test]
fn older_groups_take_no_more_bytes_than_allowed() {
    let (mut producer, consumer) = track();
    let payload = Bytes::from(vec![0; Group::MAX_BYTES as usize]);
    for _ in 0..4 {
        producer.write_frame(payload.clone()).unwrap();
    }
    // Two older ones fill the allowance; the newest is not counted.
    assert_eq!(Track::MAX_BYTES, 2 * Group::MAX_BYTES);
    assert_eq!(kept(&consumer), [1, 2, 3]);
}

#[test]
fn no_more_older_groups_are_kept_than_allowed() {
    let (mut producer, consumer) = track();
    let last = Track::MAX_GROUPS as u64 + 2;
    for _ in 0..=last {
        producer.append_group().unwrap();
    }
    assert_eq!(kept(&consumer), (2..=last).collect::<Vec<_>>());
}

#[test]
fn older_groups_that_go_on_growing_take_no_more_bytes_than_allowed() {
    let (mut producer, consumer) = track();
    let payload = Bytes::from(vec![0; 1 << 20]);
    let mut growing: Vec<_> = (0..4).map(|_| producer.append_group().unwrap()).collect();
    // No group begins any more: what is written to the old ones counts.
    let mut refused = 0;
    for _ in 0..Group::MAX_BYTES >> 20 {
        for group in &mut growing {
            refused += usize::from(group.write_frame(payload.clone()).is_err());
        }
    }
    assert_eq!(kept(&consumer), [1, 2, 3]);
    assert!(refused > 0);
    let late = producer.create_group(Group { sequence: 1 << 40 });
    assert!(late.is_some());
    assert_eq!(kept(&consumer), [2, 3, 1 << 40]);
}

#[test]
fn what_is_let_go_no_longer_counts() {
    let (mut producer, consumer) = track();
    let payload = Bytes::from(vec![0; Group::MAX_BYTES as usize]);
    for _ in 0..10 {
        producer.write_frame(payload.clone()).unwrap();
    }
    assert_eq!(kept(&consumer), [7, 8, 9]);
    // A late group is an older one from its first byte.
    producer.create_group(Group { sequence: 20 }).unwrap();
    assert_eq!(kept(&consumer), [8, 9, 20]);
    let mut late = producer.create_group(Group { sequence: 15 }).unwrap();
    assert_eq!(kept(&consumer), [8, 9, 20, 15]);
    late.write_frame(payload).unwrap();
    assert_eq!(kept(&consumer), [9, 20, 15]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stands_still_does_not_keep_what_the_track_let_go() {
    struct Owner {
        _alive: Arc<()>,
    }
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            b"payload"
        }
    }
    let alive = Arc::new(());
    let (mut producer, mut consumer) = track();
    let payload = Bytes::from_owner(Owner {
        _alive: alive.clone(),
    });
    producer.write_frame(payload).unwrap();
    let reader = consumer.recv_group().await.unwrap().unwrap();
    producer.append_group().unwrap();
    assert_eq!(Arc::strong_count(&alive), 2);
    advance(Track::MAX_AGE + SECOND).await;
    producer.append_group().unwrap();
    assert_eq!(Arc::strong_count(&alive), 1);
    assert_err!(reader.clone().read_frame().await, Error::Old);
}

#[test]
fn a_group_that_nobody_reads_yet_is_kept() {
    let (mut producer, consumer) = track();
    let mut older = producer.append_group().unwrap();
    producer.append_group().unwrap();
    drop(producer.consume());
    older.write_frame("late").unwrap();
    older.close();
    let mut reader = consumer.group(0).unwrap();
    assert_eq!(now(reader.read_frame()).unwrap().unwrap().unwrap(), "late");
}

#[test]
fn whoever_owns_payload_may_use_the_track_when_it_is_freed() {
    struct Owner {
        track: TrackConsumer,
        freed: mpsc::Sender<Option<u64>>,
    }
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            b"payload"
        }
    }
    impl Drop for Owner {
        fn drop(&mut self) {
            let _ = self.freed.send(self.track.latest());
        }
    }
    let (freed, wait) = mpsc::channel();
    // A deadlock is to fail this test, not to hold it up.
    thread::spawn(move || {
        let (mut producer, track) = track();
        let payload = Bytes::from_owner(Owner { track, freed });
        producer.write_frame(payload).unwrap();
        for _ in 0..Track::MAX_GROUPS + 1 {
            producer.append_group().unwrap();
        }
    });
    let latest = wait.recv_timeout(30 * SECOND).unwrap();
    assert_eq!(latest, Some(Track::MAX_GROUPS as u64 + 1));
}
