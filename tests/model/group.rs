//! Groups and frames: bytes in, bytes out.

use std::sync::Arc;

use bytes::Bytes;
use gstmoq::moq_lite::{
    Error, Frame, FrameConsumer, FrameProducer, Group, GroupConsumer, GroupProducer,
};

use crate::{
    assert_err,
    common::{Step, block_on, now},
};

fn group() -> (GroupProducer, GroupConsumer) {
    let group = Group { sequence: 0 }.produce();
    (group.producer, group.consumer)
}

fn frame(size: u64) -> (FrameProducer, FrameConsumer) {
    let frame = Frame { size }.produce();
    (frame.producer, frame.consumer)
}

#[test]
fn frames_come_in_order_and_then_the_end() {
    let (mut producer, mut consumer) = group();
    producer.write_frame("a").unwrap();
    producer.write_frame("").unwrap();
    producer.write_frame("c").unwrap();
    producer.close();
    for expected in ["a", "", "c"] {
        assert_eq!(block_on(consumer.read_frame()).unwrap().unwrap(), expected);
    }
    assert!(block_on(consumer.read_frame()).unwrap().is_none());
    assert!(block_on(consumer.next_frame()).unwrap().is_none());
}

#[test]
fn an_abort_and_a_silent_drop_come_after_the_frames() {
    let (mut producer, mut consumer) = group();
    producer.write_frame("a").unwrap();
    producer.abort(Error::App(3));
    assert_eq!(block_on(consumer.read_frame()).unwrap().unwrap(), "a");
    assert_err!(block_on(consumer.read_frame()), Error::App(3));

    let (mut producer, mut consumer) = group();
    producer.write_frame("a").unwrap();
    drop(producer);
    assert_eq!(block_on(consumer.read_frame()).unwrap().unwrap(), "a");
    assert_err!(block_on(consumer.next_frame()), Error::Cancel);
}

#[test]
fn writing_to_an_ended_group_is_an_error_for_every_clone() {
    let (mut producer, _consumer) = group();
    producer.clone().close();
    assert_err!(producer.write_frame("late"), Error::Cancel);
    assert_err!(producer.create_frame(Frame { size: 1 }), Error::Cancel);
    let (_, orphan) = frame(1);
    assert_err!(producer.append_frame(orphan), Error::Cancel);
    producer.close();

    let (mut producer, _consumer) = group();
    producer.clone().abort(Error::Timeout);
    assert_err!(producer.write_frame("late"), Error::Timeout);
}

#[test]
fn payload_is_handed_on_and_not_copied() {
    let (mut producer, mut consumer) = group();
    let payload = Bytes::from(vec![7; 1000]);
    producer.write_frame(payload.clone()).unwrap();
    let pieces = [payload.slice(..400), payload.slice(400..)];
    producer.write_frame_chunks(pieces.clone()).unwrap();
    let read = block_on(consumer.read_frame()).unwrap().unwrap();
    assert_eq!((read.as_ptr(), read.len()), (payload.as_ptr(), 1000));
    let read = block_on(consumer.clone().read_frame_chunks())
        .unwrap()
        .unwrap();
    assert_eq!(read, pieces);
    assert_eq!(read[1].as_ptr(), pieces[1].as_ptr());
    assert_eq!(block_on(consumer.read_frame()).unwrap().unwrap(), payload);
}

#[test]
fn a_frame_can_be_read_while_it_is_written() {
    let (mut producer, mut consumer) = group();
    let mut writer = producer.create_frame(Frame { size: 4 }).unwrap();
    let mut reader = block_on(consumer.next_frame()).unwrap().unwrap();
    assert_eq!(reader.info.size, 4);
    writer.write_chunk("ab").unwrap();
    assert_eq!(block_on(reader.read_chunk()).unwrap().unwrap(), "ab");
    let waiting = Step::waiting(reader.read_chunk());
    writer.write_chunk("cd").unwrap();
    assert_eq!(waiting.done().unwrap().unwrap(), "cd");
    let waiting = Step::waiting(reader.read_chunk());
    writer.close().unwrap();
    assert!(waiting.done().unwrap().is_none());
}

#[test]
fn read_frame_waits_for_the_whole_frame_and_survives_being_dropped() {
    let (mut producer, mut consumer) = group();
    let mut writer = producer.create_frame(Frame { size: 2 }).unwrap();
    writer.write_chunk("a").unwrap();
    drop(Step::waiting(consumer.read_frame()));
    let mut clone = consumer.clone();
    writer.write_chunk("b").unwrap();
    writer.close().unwrap();
    producer.write_frame("next").unwrap();
    let frame = block_on(consumer.next_frame()).unwrap();
    assert_eq!(block_on(frame.unwrap().read_all()).unwrap(), "ab");
    assert_eq!(block_on(consumer.read_frame()).unwrap().unwrap(), "next");
    assert_eq!(block_on(clone.read_frame()).unwrap().unwrap(), "ab");
    assert_eq!(block_on(clone.read_frame()).unwrap().unwrap(), "next");
}

#[test]
fn a_broken_frame_does_not_hide_the_one_after_it() {
    let (mut producer, mut consumer) = group();
    let broken = producer.create_frame(Frame { size: 2 }).unwrap();
    producer.write_frame("whole").unwrap();
    broken.abort(Error::App(1));
    assert_err!(block_on(consumer.read_frame()), Error::App(1));
    assert_eq!(block_on(consumer.read_frame()).unwrap().unwrap(), "whole");
}

#[test]
fn a_frame_that_is_written_elsewhere_can_be_appended() {
    let (mut producer, mut consumer) = group();
    let (mut writer, reader) = frame(3);
    producer.append_frame(reader).unwrap();
    writer.write_chunk("abc").unwrap();
    writer.close().unwrap();
    assert_eq!(block_on(consumer.read_frame()).unwrap().unwrap(), "abc");
    let whole = {
        let (mut producer, mut consumer) = group();
        producer.write_frame("whole").unwrap();
        block_on(consumer.next_frame()).unwrap().unwrap()
    };
    producer.append_frame(whole).unwrap();
    assert_eq!(block_on(consumer.read_frame()).unwrap().unwrap(), "whole");
}

#[test]
fn a_group_takes_no_more_frames_than_allowed() {
    let (mut producer, _consumer) = group();
    for _ in 0..Group::MAX_FRAMES {
        producer.write_frame("").unwrap();
    }
    assert_err!(producer.write_frame(""), Error::TooLarge);
}

#[test]
fn a_group_takes_no_more_bytes_than_allowed() {
    let (mut producer, _consumer) = group();
    let announced = producer.create_frame(Frame {
        size: Group::MAX_BYTES - 1,
    });
    assert!(announced.is_ok());
    assert_err!(producer.write_frame("ab"), Error::TooLarge);
    assert!(producer.write_frame("a").is_ok());
    assert_err!(
        producer.create_frame(Frame { size: u64::MAX }),
        Error::TooLarge
    );
    assert!(producer.write_frame("").is_ok());
}

#[test]
fn a_frame_with_more_bytes_than_announced_is_an_error_on_both_sides() {
    let (mut producer, mut consumer) = frame(3);
    producer.write_chunk("ab").unwrap();
    assert_err!(producer.write_chunk("cd"), Error::WrongSize);
    assert_err!(producer.write_chunk("c"), Error::WrongSize);
    assert_eq!(block_on(consumer.read_chunk()).unwrap().unwrap(), "ab");
    assert_err!(block_on(consumer.read_chunk()), Error::WrongSize);
}

#[test]
fn a_frame_with_fewer_bytes_than_announced_is_an_error_on_both_sides() {
    let (mut producer, mut consumer) = frame(3);
    producer.write_chunk("ab").unwrap();
    assert_err!(producer.close(), Error::WrongSize);
    assert_err!(block_on(consumer.read_all()), Error::WrongSize);
}

#[test]
fn a_frame_may_be_closed_on_a_clone_that_wrote_nothing() {
    let (mut producer, mut consumer) = frame(2);
    let clone = producer.clone();
    producer.write_chunk("ab").unwrap();
    clone.close().unwrap();
    assert_eq!(block_on(consumer.read_all()).unwrap(), "ab");
    assert_err!(producer.write_chunk(""), Error::Cancel);
}

#[test]
fn a_frame_of_tiny_chunks_is_few_chunks_in_memory() {
    let size = 64 * 1024;
    let (mut producer, mut consumer) = frame(size);
    let mut follower = consumer.clone();
    let mut followed = 0;
    for i in 0..size {
        producer.write_chunk(vec![i as u8]).unwrap();
        // Who keeps up sees each chunk as it comes.
        let chunk = block_on(follower.read_chunk()).unwrap().unwrap();
        assert_eq!(chunk, vec![i as u8]);
        followed += chunk.len() as u64;
    }
    producer.close().unwrap();
    assert_eq!(followed, size);
    assert!(block_on(follower.read_chunk()).unwrap().is_none());
    let chunks = block_on(consumer.read_chunks()).unwrap();
    assert!(chunks.len() as u64 <= 2 + size / 1024, "{}", chunks.len());
    let expected: Vec<_> = (0..size).map(|i| i as u8).collect();
    assert_eq!(chunks.concat(), expected);
}

#[test]
fn a_whole_frame_of_tiny_pieces_is_put_together_too() {
    let (mut producer, mut consumer) = group();
    let pieces = (0..10_000_u32).map(|i| Bytes::from(vec![i as u8]));
    producer.write_frame_chunks(pieces.clone()).unwrap();
    let read = block_on(consumer.read_frame_chunks()).unwrap().unwrap();
    assert!(read.len() <= 2 + 10, "{}", read.len());
    assert_eq!(read.concat(), pieces.collect::<Vec<_>>().concat());
}

#[test]
fn an_empty_frame_ends_at_once() {
    let (producer, mut consumer) = frame(0);
    producer.close().unwrap();
    assert!(block_on(consumer.read_chunk()).unwrap().is_none());
    assert_eq!(block_on(consumer.read_all()).unwrap(), "");
}

#[test]
fn chunks_before_an_abort_can_be_read_one_by_one_but_not_as_a_whole() {
    let (mut producer, mut consumer) = frame(4);
    producer.write_chunk("ab").unwrap();
    let mut whole = consumer.clone();
    producer.abort(Error::App(9));
    assert_eq!(block_on(consumer.read_chunk()).unwrap().unwrap(), "ab");
    assert_err!(block_on(consumer.read_chunk()), Error::App(9));
    assert_err!(block_on(whole.read_chunks()), Error::App(9));
}

#[test]
fn the_rest_of_a_frame_is_what_this_handle_has_not_read() {
    let (mut producer, mut consumer) = frame(6);
    producer.write_chunk("ab").unwrap();
    producer.write_chunk("cd").unwrap();
    producer.write_chunk("ef").unwrap();
    let mut clone = consumer.clone();
    assert_eq!(block_on(consumer.read_chunk()).unwrap().unwrap(), "ab");
    drop(Step::waiting(consumer.read_all()));
    producer.close().unwrap();
    assert_eq!(block_on(consumer.read_chunks()).unwrap(), ["cd", "ef"]);
    assert_eq!(block_on(consumer.read_all()).unwrap(), "");
    assert_eq!(block_on(clone.read_all()).unwrap(), "abcdef");
}

#[test]
fn groups_and_frames_are_unused_while_nobody_reads_them() {
    let (producer, consumer) = group();
    let unused = Step::waiting(producer.unused());
    drop(consumer);
    unused.done();
    let (producer, consumer) = frame(1);
    let unused = Step::waiting(producer.unused());
    drop(consumer);
    unused.done();
    assert!(now(producer.consume().read_chunk()).is_none());
}

#[test]
fn the_last_handle_frees_the_payload() {
    struct Owner {
        _alive: Arc<()>,
    }
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            b"payload"
        }
    }
    let alive = Arc::new(());
    let (mut producer, consumer) = group();
    producer
        .write_frame(Bytes::from_owner(Owner {
            _alive: alive.clone(),
        }))
        .unwrap();
    producer.close();
    let clone = consumer.clone();
    drop(consumer);
    assert_eq!(Arc::strong_count(&alive), 2);
    drop(clone);
    assert_eq!(Arc::strong_count(&alive), 1);
}
