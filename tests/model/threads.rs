//! The model between threads that know nothing of each other.

use std::thread;

use gstmoq::moq_lite::{Group, Origin, Track};

use crate::common::block_on;

const GROUPS: u64 = 200;
const FRAMES: u64 = 20;

#[test]
fn every_reader_gets_every_frame_in_order() {
    let track = Track::new("video").produce();
    let mut first = track.consumer.clone();
    let mut producer = track.producer;
    let mut group = producer.append_group().unwrap();
    // Everybody stands at the first group before more are written.
    assert_eq!(
        block_on(first.recv_group()).unwrap().unwrap().info.sequence,
        0
    );
    thread::scope(|scope| {
        for _ in 0..3 {
            let mut reader = first.clone();
            scope.spawn(move || {
                for expected in 1..GROUPS {
                    let mut group = block_on(reader.recv_group()).unwrap().unwrap();
                    assert_eq!(group.info.sequence, expected);
                    for frame in 0..FRAMES {
                        let read = block_on(group.read_frame()).unwrap().unwrap();
                        assert_eq!(read, format!("{expected} {frame}"));
                    }
                    assert!(block_on(group.read_frame()).unwrap().is_none());
                }
                assert!(block_on(reader.recv_group()).unwrap().is_none());
            });
        }
        scope.spawn(move || {
            for sequence in 1..GROUPS {
                group.close();
                group = producer.append_group().unwrap();
                for frame in 0..FRAMES {
                    group.write_frame(format!("{sequence} {frame}")).unwrap();
                }
            }
            group.close();
            producer.close();
        });
    });
}

#[test]
fn several_writers_of_one_track_never_lose_a_group() {
    let track = Track::new("video").produce();
    let mut reader = track.consumer;
    assert!(crate::common::now(reader.recv_group()).is_none());
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let mut producer = track.producer.clone();
            thread::spawn(move || {
                for n in 0..GROUPS {
                    let sequence = n * 4 + writer;
                    producer.create_group(Group { sequence }).unwrap().close();
                }
            })
        })
        .collect();
    drop(track.producer);
    let mut seen: Vec<_> = std::iter::from_fn(|| block_on(reader.recv_group()).ok()?)
        .map(|group| group.info.sequence)
        .collect();
    writers
        .into_iter()
        .for_each(|writer| writer.join().unwrap());
    seen.sort_unstable();
    assert_eq!(seen, (0..4 * GROUPS).collect::<Vec<_>>());
}

#[test]
fn announcements_alternate_while_broadcasts_come_and_go() {
    let origin = Origin::produce();
    let publishers: Vec<_> = (0..3)
        .map(|_| {
            let producer = origin.producer.clone();
            thread::spawn(move || {
                for n in 0..GROUPS {
                    drop(producer.create_broadcast(format!("path {}", n % 3)));
                }
            })
        })
        .collect();
    let mut consumer = origin.consumer;
    drop(origin.producer);
    let mut active = std::collections::HashSet::new();
    while let Some((path, broadcast)) = block_on(consumer.announced()) {
        let changed = match broadcast {
            Some(_) => active.insert(path),
            None => active.remove(&path),
        };
        assert!(changed, "two of a kind in a row");
    }
    assert!(active.is_empty());
    publishers
        .into_iter()
        .for_each(|publisher| publisher.join().unwrap());
}

#[test]
fn requests_are_answered_across_threads() {
    let mut broadcast = gstmoq::moq_lite::Broadcast::produce();
    let server = thread::spawn(move || {
        while let Some(mut track) = block_on(broadcast.producer.requested_track()) {
            let name = track.info.name.clone();
            track.write_frame(name.clone()).unwrap();
            track.close();
            if name == "last" {
                break;
            }
        }
    });
    for name in ["a", "b", "c", "last"] {
        let mut track = broadcast.consumer.subscribe_track(&Track::new(name));
        let mut group = block_on(track.next_group()).unwrap().unwrap();
        assert_eq!(block_on(group.read_frame()).unwrap().unwrap(), name);
    }
    server.join().unwrap();
}
