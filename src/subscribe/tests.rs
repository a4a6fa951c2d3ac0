//! What the reader promises, with the model alone.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{CatalogReader, Error, Sample, SampleReader};
use crate::{
    media::{self, AudioConfig, Catalog, Config, Container, Micros, VideoConfig, catalog, legacy},
    moq_lite::{
        self, Broadcast, BroadcastConsumer, BroadcastProducer, Group, GroupProducer, Track,
        TrackProducer,
    },
};

const BUDGET: Duration = Duration::from_millis(100);

fn video() -> Config {
    Config::Video(VideoConfig {
        codec: "avc3.42c01f".into(),
        ..Default::default()
    })
}

fn audio() -> Config {
    Config::Audio(AudioConfig {
        codec: "opus".into(),
        sample_rate: 48_000,
        number_of_channels: 2,
        ..Default::default()
    })
}

/// A broadcast with one track, and where to write it.
struct Fixture {
    broadcast: BroadcastProducer,
    consumer: BroadcastConsumer,
    track: TrackProducer,
}

impl Fixture {
    fn new(name: &str) -> Self {
        let mut broadcast = Broadcast::produce().producer;
        let track = broadcast.create_track(Track::new(name));
        Self {
            consumer: broadcast.consume(),
            broadcast,
            track,
        }
    }

    fn reader(&self, config: &Config) -> SampleReader {
        SampleReader::new(&self.consumer, "media", config, BUDGET).expect("legacy")
    }

    fn group(&mut self, sequence: u64, frames: &[u64]) -> GroupProducer {
        let mut group = self.track.create_group(Group { sequence }).expect("new");
        frames
            .iter()
            .for_each(|time| write(&mut group, *time, &[*time as u8]));
        group
    }
}

fn micros(time: u64) -> Micros {
    Micros::new_u64(time).expect("small")
}

/// Time, group, keyframe, discont.
type Seen = (u64, u64, bool, bool);

async fn next(reader: &mut SampleReader) -> Option<Seen> {
    let sample = reader.next().await.expect("no error")?;
    let time = sample.pts.as_micros() as u64;
    Some((time, sample.group, sample.keyframe, sample.discont))
}

async fn elapsed<R>(work: impl Future<Output = R>) -> (R, Duration) {
    let begin = Instant::now();
    (work.await, begin.elapsed())
}

fn write(group: &mut GroupProducer, time: u64, payload: &[u8]) {
    let chunks = [
        legacy::encode_timestamp(micros(time)),
        Bytes::copy_from_slice(payload),
    ];
    group.write_frame_chunks(chunks).expect("open");
}

#[tokio::test(start_paused = true)]
async fn a_late_joiner_starts_with_the_keyframe_of_the_newest_group() {
    let mut fixture = Fixture::new("media");
    fixture.group(0, &[0, 1, 2]).close();
    let _open = fixture.group(1, &[3, 4]);
    let mut reader = fixture.reader(&video());
    assert_eq!(next(&mut reader).await, Some((3, 1, true, false)));
    assert_eq!(next(&mut reader).await, Some((4, 1, false, false)));
}

#[tokio::test(start_paused = true)]
async fn every_audio_packet_is_a_keyframe() {
    let mut fixture = Fixture::new("media");
    fixture.group(0, &[0, 1]).close();
    let mut reader = fixture.reader(&audio());
    assert_eq!(next(&mut reader).await, Some((0, 0, true, false)));
    assert_eq!(next(&mut reader).await, Some((1, 0, true, false)));
}

#[tokio::test(start_paused = true)]
async fn groups_that_overtake_each_other_are_read_in_order() {
    let mut fixture = Fixture::new("media");
    let mut reader = fixture.reader(&audio());
    fixture.group(7, &[0]).close();
    assert_eq!(next(&mut reader).await, Some((0, 7, true, false)));
    for sequence in [10, 9, 6, 8] {
        fixture.group(sequence, &[sequence]).close();
    }
    let read = async {
        for sequence in [8, 9, 10] {
            assert_eq!(
                next(&mut reader).await,
                Some((sequence, sequence, true, false))
            );
        }
    };
    assert_eq!(elapsed(read).await, ((), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_missing_group_costs_the_budget_and_is_a_discontinuity() {
    let mut fixture = Fixture::new("media");
    let mut reader = fixture.reader(&audio());
    fixture.group(0, &[0]).close();
    next(&mut reader).await;
    fixture.group(3, &[3]).close();
    let (sample, waited) = elapsed(next(&mut reader)).await;
    assert_eq!((sample, waited), (Some((3, 3, true, true)), BUDGET));
    assert_eq!(reader.skipped_groups(), 2);
    // Too late now.
    fixture.group(2, &[2]).close();
    fixture.group(4, &[4]).close();
    assert_eq!(next(&mut reader).await, Some((4, 4, true, false)));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_stands_still_is_left_once_a_newer_one_is_there() {
    let mut fixture = Fixture::new("media");
    let mut reader = fixture.reader(&video());
    let mut stalled = fixture.group(0, &[0]);
    next(&mut reader).await;
    tokio::time::sleep(10 * BUDGET).await;
    write(&mut stalled, 1, &[1]);
    assert_eq!(next(&mut reader).await, Some((1, 0, false, false)));
    let _open = fixture.group(1, &[5]);
    let (sample, waited) = elapsed(next(&mut reader)).await;
    assert_eq!((sample, waited), (Some((5, 1, true, true)), BUDGET));
    assert_eq!(reader.skipped_groups(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_left_for_the_first_newer_one_that_can_be_decoded() {
    let mut fixture = Fixture::new("media");
    let mut reader = fixture.reader(&video());
    let _slow = fixture.group(0, &[0, 1, 2]);
    assert_eq!(next(&mut reader).await, Some((0, 0, true, false)));
    assert!(!reader.leave().await);
    let _empty = fixture.group(1, &[]);
    assert!(!reader.leave().await);
    assert_eq!(next(&mut reader).await, Some((1, 0, false, false)));
    let _newer = fixture.group(2, &[20]);
    let _newest = fixture.group(3, &[30]);
    assert!(reader.leave().await);
    assert_eq!(next(&mut reader).await, Some((20, 2, true, true)));
    assert_eq!(reader.skipped_groups(), 2);
    assert!(reader.leave().await);
    assert_eq!(next(&mut reader).await, Some((30, 3, true, true)));
    assert!(!reader.leave().await);
    assert_eq!(reader.skipped_groups(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_complete_of_an_aborted_group_is_read() {
    let mut fixture = Fixture::new("media");
    let mut reader = fixture.reader(&video());
    fixture.group(0, &[0, 1]).abort(moq_lite::Error::Old);
    fixture.group(1, &[2]).close();
    // Both are there: reading starts at the newest.
    assert_eq!(next(&mut reader).await, Some((2, 1, true, false)));
    fixture.group(2, &[3, 4]).abort(moq_lite::Error::Old);
    fixture.group(3, &[5]).close();
    assert_eq!(next(&mut reader).await, Some((3, 2, true, false)));
    assert_eq!(next(&mut reader).await, Some((4, 2, false, false)));
    assert_eq!(next(&mut reader).await, Some((5, 3, true, true)));
}

#[tokio::test(start_paused = true)]
async fn a_clean_end_comes_after_the_last_group() {
    let mut fixture = Fixture::new("media");
    let mut reader = fixture.reader(&video());
    let mut last = fixture.group(0, &[0]);
    fixture.track.close();
    assert_eq!(next(&mut reader).await, Some((0, 0, true, false)));
    write(&mut last, 1, &[1]);
    last.close();
    assert_eq!(next(&mut reader).await, Some((1, 0, false, false)));
    assert_eq!(next(&mut reader).await, None);
    assert_eq!(next(&mut reader).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_track_that_breaks_off_is_an_error_after_the_last_sample() {
    let mut fixture = Fixture::new("media");
    let mut reader = fixture.reader(&video());
    let _open = fixture.group(0, &[0]);
    fixture.track.abort(moq_lite::Error::Timeout);
    assert_eq!(next(&mut reader).await, Some((0, 0, true, false)));
    let (result, waited) = elapsed(reader.next()).await;
    assert!(
        matches!(result, Err(Error::Track(moq_lite::Error::Timeout))),
        "{result:?}"
    );
    assert_eq!(waited, BUDGET);
}

#[tokio::test(start_paused = true)]
async fn markers_are_not_samples() {
    let mut fixture = Fixture::new("media");
    let mut reader = fixture.reader(&video());
    let mut group = fixture.group(0, &[0]);
    write(&mut group, 1, &[]);
    group.close();
    assert_eq!(next(&mut reader).await, Some((0, 0, true, false)));
    let mut marker = fixture.group(1, &[]);
    write(&mut marker, 2, &[]);
    marker.close();
    fixture.track.close();
    assert_eq!(next(&mut reader).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_broken_frame_costs_the_rest_of_its_group() {
    let mut fixture = Fixture::new("media");
    let mut reader = fixture.reader(&video());
    let mut group = fixture.group(0, &[]);
    group.write_frame(vec![0xc0]).expect("open");
    write(&mut group, 1, &[1]);
    assert!(matches!(
        reader.next().await,
        Err(Error::Media(media::Error::Timestamp(1)))
    ));
    let _open = fixture.group(1, &[2]);
    assert_eq!(next(&mut reader).await, Some((2, 1, true, true)));
}

#[tokio::test(start_paused = true)]
async fn a_payload_in_pieces_becomes_whole() {
    let mut fixture = Fixture::new("media");
    let mut reader = fixture.reader(&video());
    let mut group = fixture.group(0, &[]);
    let chunks = [&[0x07, 1][..], &[2], &[3, 4]].map(Bytes::from_static);
    group.write_frame_chunks(chunks).expect("open");
    let sample = reader.next().await.expect("good").expect("there");
    let expected = Sample {
        pts: micros(7),
        dts: None,
        duration: None,
        keyframe: true,
        discont: false,
        leads: true,
        group: 0,
        payload: Bytes::from_static(&[1, 2, 3, 4]),
    };
    assert_eq!(sample, expected);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_cannot_be_read_has_no_reader() {
    let fixture = Fixture::new("media");
    let Config::Video(config) = video() else {
        unreachable!("it is video");
    };
    let config = Config::Video(VideoConfig {
        container: Container::Cmaf { init: "?".into() },
        ..config
    });
    assert!(SampleReader::new(&fixture.consumer, "media", &config, BUDGET).is_none());
}

#[tokio::test(start_paused = true)]
async fn only_the_newest_catalog_is_read() {
    let mut fixture = Fixture::new(catalog::TRACK);
    let mut newest = Catalog::default();
    newest.insert("media", video());
    fixture
        .track
        .write_frame(Catalog::default().to_bytes())
        .expect("open");
    fixture.track.write_frame(newest.to_bytes()).expect("open");
    let mut reader = CatalogReader::new(&fixture.consumer);
    assert_eq!(reader.next().await.expect("good"), Some(newest));
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_cannot_be_read_is_reported_and_the_next_is_tried() {
    let mut fixture = Fixture::new(catalog::TRACK);
    let mut reader = CatalogReader::new(&fixture.consumer);
    fixture.track.write_frame("[]").expect("open");
    assert!(matches!(
        reader.next().await,
        Err(Error::Media(media::Error::Catalog(_)))
    ));
    fixture.track.write_frame("{}").expect("open");
    assert_eq!(reader.next().await.expect("good"), Some(Catalog::default()));
    fixture.track.close();
    assert_eq!(reader.next().await.expect("clean"), None);
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_is_never_finished_gives_way_to_a_newer_one() {
    let mut fixture = Fixture::new(catalog::TRACK);
    let mut reader = CatalogReader::new(&fixture.consumer);
    let _unfinished = fixture.track.append_group().expect("open");
    tokio::time::timeout(BUDGET, reader.next())
        .await
        .expect_err("nothing to read");
    fixture.track.write_frame("{}").expect("open");
    assert_eq!(reader.next().await.expect("good"), Some(Catalog::default()));
    drop(fixture.track);
    drop(fixture.broadcast);
    assert!(matches!(
        reader.next().await,
        Err(Error::Track(moq_lite::Error::Cancel))
    ));
}
