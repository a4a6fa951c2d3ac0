//! What readers want of a track, and the times of frames.

use std::time::Duration;

use gstmoq::moq_lite::{Broadcast, Demand, Frame, Group, Timestamp, Track};

use crate::common::{Step, block_on, now};

fn video(priority: u8) -> Track {
    Track {
        name: "video".to_owned(),
        priority,
    }
}

#[test]
fn a_track_without_readers_has_the_priority_that_it_was_made_with() {
    let track = video(7).produce();
    drop(track.consumer);
    assert_eq!(track.producer.demand().priority, 7);
}

#[test]
fn whoever_fills_a_track_learns_what_its_readers_want_together() {
    let broadcast = Broadcast::produce();
    let mut producer = broadcast.producer;
    let mut one = broadcast.consumer.subscribe_track(&video(3));
    let track = now(producer.requested_track()).unwrap().unwrap();
    let first = track.demand();
    assert_eq!(first, Demand::new(3));
    let mut changed = Step::waiting(track.demand_changed(&first));

    // Another reader that wants the same or less changes nothing.
    let two = broadcast.consumer.subscribe_track(&video(2));
    assert!(changed.poll().is_none());
    one.set_demand(Demand {
        start: Some(4),
        ..Demand::new(9)
    });
    let both = Demand {
        start: Some(4),
        ..Demand::new(9)
    };
    assert_eq!(changed.done(), both);

    // A clone wants the same, until it goes.
    let clone = one.clone();
    drop(one);
    assert_eq!(track.demand(), both);
    drop(clone);
    assert_eq!(track.demand(), Demand::new(2));
    drop(two);
    assert_eq!(track.demand(), Demand::new(2), "the last demand stands");
}

#[test]
fn a_reader_rewinds_to_what_is_kept_and_young_enough() {
    let track = video(0).produce();
    let (mut producer, mut consumer) = (track.producer, track.consumer);
    for sequence in [3, 1, 5] {
        producer.create_group(Group { sequence }).unwrap();
    }
    assert_eq!(consumer.latest(), Some(5));
    assert_eq!(consumer.group(1).unwrap().info.sequence, 1);
    assert!(consumer.group(2).is_none());
    consumer.rewind(Duration::MAX);
    let mut found = Vec::new();
    while let Some(group) = now(consumer.recv_group()) {
        found.push(group.unwrap().unwrap().info.sequence);
    }
    assert_eq!(found, [3, 1, 5]);
}

#[tokio::test(start_paused = true)]
async fn rewinding_passes_over_what_is_too_old() {
    let track = video(0).produce();
    let (mut producer, mut consumer) = (track.producer, track.consumer);
    for _ in 0..4 {
        producer.append_group().unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    // They were followed 3, 2 and 1 seconds ago.
    consumer.rewind(Duration::from_secs(2));
    let first = consumer.recv_group().await.unwrap().unwrap();
    assert_eq!(first.info.sequence, 1);
    consumer.rewind(Duration::ZERO);
    let first = consumer.recv_group().await.unwrap().unwrap();
    assert_eq!(first.info.sequence, 3);
}

#[test]
fn a_frame_keeps_the_time_that_it_was_written_with() {
    let mut group = Group { sequence: 0 }.produce();
    let (early, late) = (Timestamp::new(5), Timestamp::new(9));
    group.producer.write_frame_at(late, ["a".into()]).unwrap();
    let mut frame = group
        .producer
        .create_frame_at(early, Frame { size: 1 })
        .unwrap();
    frame.write_chunk("b").unwrap();
    let copied = frame.consume();
    frame.close().unwrap();
    group.producer.append_frame(copied).unwrap();
    group.producer.write_frame("c").unwrap();
    group.producer.close();
    let mut times = Vec::new();
    while let Some(frame) = block_on(group.consumer.next_frame()).unwrap() {
        times.push(frame.timestamp());
    }
    assert_eq!(times, [Some(late), Some(early), Some(early), None]);
}
