//! Tracks: groups in, groups out.

use gstmoq::moq_lite::{Error, Group, GroupConsumer, Result, Track, TrackConsumer, TrackProducer};

use crate::{
    assert_err,
    common::{Step, block_on, now},
};

fn track() -> (TrackProducer, TrackConsumer) {
    let track = Track::new("video").produce();
    (track.producer, track.consumer)
}

fn next(track: &mut TrackConsumer) -> Option<Result<Option<u64>>> {
    now(track.next_group()).map(sequence)
}

fn recv(track: &mut TrackConsumer) -> Option<Result<Option<u64>>> {
    now(track.recv_group()).map(sequence)
}

fn sequence(group: Result<Option<GroupConsumer>>) -> Result<Option<u64>> {
    group.map(|group| group.map(|group| group.info.sequence))
}

/// Everything that `recv_group` gives without waiting.
fn drain(track: &mut TrackConsumer) -> Vec<u64> {
    std::iter::from_fn(|| recv(track)?.ok()?).collect()
}

#[test]
fn appended_groups_count_from_zero() {
    let (mut producer, _consumer) = track();
    for expected in 0..3 {
        assert_eq!(producer.append_group().unwrap().info.sequence, expected);
    }
    assert!(producer.create_group(Group { sequence: 7 }).is_some());
    assert_eq!(producer.append_group().unwrap().info.sequence, 8);
}

#[test]
fn next_group_skips_to_the_newest() {
    let (mut producer, mut consumer) = track();
    for _ in 0..5 {
        producer.append_group().unwrap();
    }
    assert_eq!(next(&mut consumer).unwrap().unwrap(), Some(4));
    assert!(next(&mut consumer).is_none());
}

#[test]
fn recv_group_starts_with_the_newest_and_then_leaves_none_out() {
    let (mut producer, _) = track();
    for _ in 0..3 {
        producer.append_group().unwrap();
    }
    let mut consumer = producer.consume();
    assert_eq!(drain(&mut consumer), [2]);
    for _ in 0..3 {
        producer.append_group().unwrap();
    }
    assert_eq!(drain(&mut consumer), [3, 4, 5]);
}

#[test]
fn a_reader_that_waited_for_the_first_group_gets_every_one() {
    let (mut producer, mut consumer) = track();
    assert!(recv(&mut consumer).is_none());
    for _ in 0..3 {
        producer.append_group().unwrap();
    }
    assert_eq!(drain(&mut consumer), [0, 1, 2]);
}

#[test]
fn late_groups_come_in_the_order_of_arrival_and_never_through_next_group() {
    let (mut producer, mut consumer) = track();
    let mut newest = consumer.clone();
    assert!(recv(&mut consumer).is_none());
    for sequence in [5, 3, 8, 4] {
        assert!(producer.create_group(Group { sequence }).is_some());
    }
    assert_eq!(drain(&mut consumer), [5, 3, 8, 4]);
    assert_eq!(next(&mut newest).unwrap().unwrap(), Some(8));
    assert!(next(&mut newest).is_none());
}

#[test]
fn a_group_that_is_there_already_is_refused() {
    let (mut producer, mut consumer) = track();
    assert!(recv(&mut consumer).is_none());
    let known = Group { sequence: 3 }.produce();
    assert!(producer.create_group(Group { sequence: 3 }).is_some());
    assert!(producer.create_group(Group { sequence: 3 }).is_none());
    assert!(!producer.insert_group(known.consumer));
    assert!(producer.create_group(Group { sequence: 1 }).is_some());
    assert!(producer.create_group(Group { sequence: 1 }).is_none());
    assert_eq!(drain(&mut consumer), [3, 1]);
}

#[test]
fn a_sequence_that_does_not_fit_the_wire_is_refused() {
    let (mut producer, _consumer) = track();
    assert!(producer.create_group(Group { sequence: 1 << 62 }).is_none());
    let last = (1 << 62) - 1;
    assert!(producer.create_group(Group { sequence: last }).is_some());
    assert_err!(producer.append_group(), Error::TooLarge);
}

#[test]
fn the_unread_last_group_is_not_lost_when_the_track_is_closed() {
    let (mut producer, mut consumer) = track();
    let mut arrivals = consumer.clone();
    producer.write_frame("last").unwrap();
    producer.close();
    let mut group = block_on(consumer.next_group()).unwrap().unwrap();
    assert_eq!(block_on(group.read_frame()).unwrap().unwrap(), "last");
    assert!(block_on(group.read_frame()).unwrap().is_none());
    assert!(block_on(consumer.next_group()).unwrap().is_none());
    assert_eq!(drain(&mut arrivals), [0]);
    assert!(block_on(arrivals.recv_group()).unwrap().is_none());
    assert!(block_on(consumer.closed()).is_ok());
}

#[test]
fn an_abort_and_a_silent_drop_come_after_the_unread_groups() {
    let (mut producer, mut consumer) = track();
    producer.append_group().unwrap();
    producer.clone().abort(Error::App(7));
    assert_eq!(next(&mut consumer).unwrap().unwrap(), Some(0));
    assert_err!(block_on(consumer.next_group()), Error::App(7));
    assert_err!(block_on(consumer.closed()), Error::App(7));

    let (mut producer, mut consumer) = track();
    producer.append_group().unwrap();
    drop(producer);
    assert_eq!(recv(&mut consumer).unwrap().unwrap(), Some(0));
    assert_err!(block_on(consumer.recv_group()), Error::Cancel);
    assert_err!(block_on(consumer.closed()), Error::Cancel);
}

#[test]
fn the_first_end_counts_and_writing_after_it_is_an_error() {
    let (mut producer, consumer) = track();
    producer.clone().close();
    producer.clone().abort(Error::Timeout);
    assert_err!(producer.append_group(), Error::Cancel);
    assert_err!(producer.write_frame("late"), Error::Cancel);
    assert!(producer.create_group(Group { sequence: 9 }).is_none());
    assert!(!producer.insert_group(Group { sequence: 9 }.produce().consumer));
    assert!(block_on(consumer.closed()).is_ok());

    let (mut producer, consumer) = track();
    producer.clone().abort(Error::Timeout);
    producer.clone().close();
    assert_err!(producer.append_group(), Error::Timeout);
    assert_err!(block_on(consumer.closed()), Error::Timeout);
}

#[test]
fn a_track_lives_until_its_last_producer_is_dropped() {
    let (producer, consumer) = track();
    let other = producer.clone();
    let closed = Step::waiting(consumer.closed());
    drop(producer);
    assert!(now(consumer.closed()).is_none());
    drop(other);
    assert_err!(closed.done(), Error::Cancel);
}

#[test]
fn the_end_of_a_track_does_not_end_its_groups() {
    let (mut producer, mut consumer) = track();
    let mut group = producer.append_group().unwrap();
    producer.close();
    let mut reader = block_on(consumer.next_group()).unwrap().unwrap();
    group.write_frame("after").unwrap();
    assert_eq!(block_on(reader.read_frame()).unwrap().unwrap(), "after");
}

#[test]
fn a_clone_goes_on_from_where_its_original_stood() {
    let (mut producer, mut consumer) = track();
    assert!(recv(&mut consumer).is_none());
    producer.append_group().unwrap();
    assert_eq!(drain(&mut consumer), [0]);
    let mut clone = consumer.clone();
    producer.append_group().unwrap();
    producer.append_group().unwrap();
    assert_eq!(drain(&mut consumer), [1, 2]);
    assert_eq!(drain(&mut clone), [1, 2]);
    assert_eq!(drain(&mut producer.consume()), [2]);

    assert_eq!(next(&mut consumer).unwrap().unwrap(), Some(2));
    assert!(next(&mut consumer.clone()).is_none());
    assert_eq!(next(&mut clone).unwrap().unwrap(), Some(2));
}

#[test]
fn a_dropped_wait_loses_nothing() {
    let (mut producer, mut consumer) = track();
    drop(Step::waiting(consumer.recv_group()));
    drop(Step::waiting(consumer.next_group()));
    producer.append_group().unwrap();
    let mut waiting = consumer.clone();
    let woken = Step::waiting(waiting.closed());
    drop(woken);
    assert_eq!(recv(&mut consumer).unwrap().unwrap(), Some(0));
    assert_eq!(next(&mut consumer).unwrap().unwrap(), Some(0));
    assert_eq!(recv(&mut waiting).unwrap().unwrap(), Some(0));
}

#[test]
fn a_waiting_reader_is_woken_by_a_group_and_by_the_end() {
    let (mut producer, mut consumer) = track();
    let waiting = Step::waiting(consumer.next_group());
    producer.append_group().unwrap();
    assert_eq!(sequence(waiting.done()).unwrap(), Some(0));
    let waiting = Step::waiting(consumer.next_group());
    producer.close();
    assert_eq!(sequence(waiting.done()).unwrap(), None);
}

#[test]
fn a_track_is_unused_while_nobody_reads_it() {
    let (producer, consumer) = track();
    let clone = consumer.clone();
    let unused = Step::waiting(producer.unused());
    drop(consumer);
    assert!(now(producer.unused()).is_none());
    drop(clone);
    unused.done();
    assert!(now(producer.unused()).is_some());
    let _again = producer.consume();
    assert!(now(producer.unused()).is_none());
}

#[test]
fn reading_a_group_does_not_keep_its_track_in_use() {
    let (mut producer, mut consumer) = track();
    producer.append_group().unwrap();
    let _group = block_on(consumer.next_group()).unwrap().unwrap();
    drop(consumer);
    assert!(now(producer.unused()).is_some());
}

#[test]
fn handles_of_one_track_know_each_other() {
    let (producer, consumer) = track();
    let (other, stranger) = track();
    assert!(producer.is_clone(&producer.clone()) && !producer.is_clone(&other));
    assert!(consumer.is_clone(&producer.consume()) && !consumer.is_clone(&stranger));
}

#[test]
fn an_inserted_group_is_read_from_its_first_frame() {
    let (mut producer, mut consumer) = track();
    let mut group = Group { sequence: 4 }.produce();
    group.producer.write_frame("a").unwrap();
    block_on(group.consumer.read_frame()).unwrap();
    assert!(producer.insert_group(group.consumer));
    group.producer.write_frame("b").unwrap();
    group.producer.close();
    let mut reader = block_on(consumer.next_group()).unwrap().unwrap();
    assert_eq!(reader.info.sequence, 4);
    assert_eq!(block_on(reader.read_frame()).unwrap().unwrap(), "a");
    assert_eq!(block_on(reader.read_frame()).unwrap().unwrap(), "b");
    assert!(block_on(reader.read_frame()).unwrap().is_none());
}
