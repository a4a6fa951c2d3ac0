use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Error, PATIENCE, Publisher, Sample, Stats};
use crate::{
    media::{AudioConfig, Catalog, Config, Micros, VideoConfig, catalog, legacy},
    moq_lite::{BroadcastConsumer, Group, Origin, OriginConsumer, Path, Track},
};

fn publisher() -> (Publisher, OriginConsumer) {
    let origin = Origin::produce();
    let path = Path::new("room/cam").into_owned();
    (Publisher::new(origin.producer, path), origin.consumer)
}

fn video() -> Config {
    Config::Video(VideoConfig {
        codec: "avc3.42c01f".into(),
        ..VideoConfig::default()
    })
}

fn audio() -> Config {
    Config::Audio(AudioConfig {
        codec: "opus".into(),
        sample_rate: 48_000,
        number_of_channels: 2,
        ..AudioConfig::default()
    })
}

fn sample(micros: u32, keyframe: bool, payload: &'static [u8]) -> Sample {
    Sample::new(Micros::new(micros), keyframe, Bytes::from_static(payload))
}

fn announced(origin: &mut OriginConsumer) -> Option<BroadcastConsumer> {
    origin.try_announced().and_then(|(path, broadcast)| {
        assert_eq!(path.as_str(), "room/cam");
        broadcast
    })
}

async fn read_catalog(broadcast: &BroadcastConsumer) -> Catalog {
    let mut track = broadcast.subscribe_track(&Track::new(catalog::TRACK));
    let mut group = track.next_group().await.unwrap().expect("a catalog");
    let json = group.read_frame().await.unwrap().expect("one frame");
    Catalog::from_slice(&json).unwrap()
}

/// Timestamps and payloads of the groups that are closed.
async fn read_groups(
    broadcast: &BroadcastConsumer,
    name: &str,
    count: usize,
) -> Vec<Vec<(u64, Bytes)>> {
    let mut track = broadcast.subscribe_track(&Track::new(name));
    let mut groups = Vec::new();
    while groups.len() < count {
        let mut group = track.recv_group().await.unwrap().expect("another group");
        let mut frames = Vec::new();
        while let Some(frame) = group.read_frame().await.unwrap() {
            let (time, payload) = legacy::decode(frame).unwrap();
            frames.push((time.as_micros() as u64, payload));
        }
        groups.push(frames);
    }
    groups
}

#[tokio::test]
async fn a_keyframe_begins_a_group_and_delta_frames_before_the_first_are_dropped() {
    let (publisher, mut origin) = publisher();
    let now = Instant::now();
    let mut input = publisher.input();
    let mut writer = input.track(None, video()).unwrap();
    input.ready(now);
    let broadcast = announced(&mut origin).expect("announced with the catalog");
    assert!(!writer.write(sample(0, false, b"lost"), now).unwrap());
    assert!(writer.write(sample(1, true, b"key"), now).unwrap());
    assert!(writer.write(sample(3, false, b"p"), now).unwrap());
    assert!(writer.write(sample(2, false, b"b"), now).unwrap());
    let stats = Stats {
        frames: 3,
        bytes: 5,
        groups: 1,
        dropped: 1,
    };
    assert_eq!(writer.stats(), stats);
    assert_eq!(writer.name(), "video0");
    writer.end(now);
    let frames = vec![
        (1, Bytes::from_static(b"key")),
        (3, Bytes::from_static(b"p")),
        (2, Bytes::from_static(b"b")),
    ];
    assert_eq!(read_groups(&broadcast, "video0", 1).await, [frames]);
}

#[tokio::test]
async fn each_packet_of_sound_is_a_group() {
    let (publisher, mut origin) = publisher();
    let now = Instant::now();
    let mut input = publisher.input();
    let mut writer = input.track(Some("mic"), audio()).unwrap();
    input.ready(now);
    let broadcast = announced(&mut origin).expect("announced");
    let mut track = broadcast.subscribe_track(&Track::new("mic"));
    for (time, payload) in [(0, b"a"), (20_000, b"b")] {
        writer.write(sample(time, true, payload), now).unwrap();
        let mut group = track.recv_group().await.unwrap().expect("a group");
        let frame = group.read_frame().await.unwrap().expect("a frame");
        let read = legacy::decode(frame).unwrap();
        assert_eq!(read, (Micros::new(time), Bytes::from_static(payload)));
        assert!(group.read_frame().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn the_first_catalog_waits_for_every_input() {
    let (publisher, mut origin) = publisher();
    let now = Instant::now();
    let (mut first, mut second) = (publisher.input(), publisher.input());
    let _audio = first.track(None, audio()).unwrap();
    first.ready(now);
    assert!(origin.try_announced().is_none());
    let _video = second.track(None, video()).unwrap();
    second.ready(now);
    let broadcast = announced(&mut origin).expect("announced");
    let catalog = read_catalog(&broadcast).await;
    let names: Vec<_> = catalog
        .renditions()
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(names, ["video0", "audio0"]);
}

#[tokio::test]
async fn an_input_without_data_holds_up_the_others_for_a_second_only() {
    let (publisher, mut origin) = publisher();
    let now = Instant::now();
    let (mut first, _silent) = (publisher.input(), publisher.input());
    let mut writer = first.track(None, audio()).unwrap();
    first.ready(now);
    let almost = now + PATIENCE - Duration::from_millis(1);
    writer.write(sample(0, true, b"a"), almost).unwrap();
    assert!(origin.try_announced().is_none());
    writer.write(sample(1, true, b"b"), now + PATIENCE).unwrap();
    assert!(announced(&mut origin).is_some());
}

#[tokio::test]
async fn an_input_that_is_given_up_is_not_waited_for() {
    let (publisher, mut origin) = publisher();
    let now = Instant::now();
    let (mut first, gone) = (publisher.input(), publisher.input());
    let mut writer = first.track(None, audio()).unwrap();
    first.ready(now);
    drop(gone);
    writer.write(sample(0, true, b"a"), now).unwrap();
    assert!(announced(&mut origin).is_some());
}

#[tokio::test]
async fn a_track_that_ends_leaves_the_catalog_and_the_last_one_ends_it() {
    let (publisher, mut origin) = publisher();
    let now = Instant::now();
    let mut input = publisher.input();
    let first = input.track(None, video()).unwrap();
    let second = input.track(None, audio()).unwrap();
    input.ready(now);
    let broadcast = announced(&mut origin).expect("announced");
    assert_eq!(read_catalog(&broadcast).await.renditions().count(), 2);
    first.end(now);
    let left: Vec<_> = read_catalog(&broadcast)
        .await
        .renditions()
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(left, ["audio0"]);
    second.end(now);
    let mut track = broadcast.subscribe_track(&Track::new(catalog::TRACK));
    let drained = tokio::spawn(publisher.finish());
    while track.next_group().await.unwrap().is_some() {}
    assert!(read_catalog(&broadcast).await.is_empty());
    drop(track);
    drained.await.unwrap();
}

#[tokio::test]
async fn draining_waits_for_readers() {
    let (publisher, mut origin) = publisher();
    let now = Instant::now();
    let mut input = publisher.input();
    let mut writer = input.track(None, audio()).unwrap();
    input.ready(now);
    let broadcast = announced(&mut origin).expect("announced");
    let reader = broadcast.subscribe_track(&Track::new("audio0"));
    writer.write(sample(0, true, b"a"), now).unwrap();
    writer.end(now);
    let mut drained = watch(publisher.finish());
    assert!(!drained.is_done().await);
    drop(reader);
    drained.0.await.unwrap();
}

#[tokio::test]
async fn a_changed_configuration_replaces_the_old_one() {
    let (publisher, mut origin) = publisher();
    let now = Instant::now();
    let mut input = publisher.input();
    let mut writer = input.track(None, video()).unwrap();
    input.ready(now);
    let broadcast = announced(&mut origin).expect("announced");
    let config = Config::Video(VideoConfig {
        codec: "avc3.640028".into(),
        ..VideoConfig::default()
    });
    writer
        .configure(config.clone(), now)
        .expect("legacy takes all");
    let renditions: Vec<_> = read_catalog(&broadcast)
        .await
        .renditions()
        .map(|(name, config)| (name.to_owned(), config))
        .collect();
    assert_eq!(renditions, [("video0".to_owned(), config)]);
    assert!(!writer.write(sample(0, false, b"p"), now).unwrap());
}

#[test]
fn a_group_without_end_is_an_error_that_says_what_to_do() {
    let (publisher, _origin) = publisher();
    let now = Instant::now();
    let mut input = publisher.input();
    let mut writer = input.track(None, video()).unwrap();
    for index in 0..Group::MAX_FRAMES {
        assert!(writer.write(sample(0, index == 0, b"p"), now).unwrap());
    }
    let error = writer.write(sample(0, false, b"p"), now).unwrap_err();
    assert!(matches!(&error, Error::GroupTooLarge(name) if name == "video0"));
    assert!(error.to_string().contains("send keyframes more often"));
}

#[test]
fn names_are_not_used_twice() {
    let (publisher, _origin) = publisher();
    let now = Instant::now();
    let mut input = publisher.input();
    let first = input.track(Some("cam"), video()).unwrap();
    first.end(now);
    for taken in ["cam", catalog::TRACK] {
        let error = input.track(Some(taken), video()).err();
        assert!(matches!(error, Some(Error::NameTaken(name)) if name == taken));
    }
}

#[tokio::test]
async fn a_track_that_does_not_exist_is_refused() {
    let (publisher, mut origin) = publisher();
    let now = Instant::now();
    let mut input = publisher.input();
    let _writer = input.track(None, video()).unwrap();
    input.ready(now);
    let broadcast = announced(&mut origin).expect("announced");
    let mut track = broadcast.subscribe_track(&Track::new("nonsense"));
    let error = track.next_group().await.err().expect("refused");
    assert!(matches!(error, crate::moq_lite::Error::NotFound));
}

struct Watched(tokio::task::JoinHandle<()>);

fn watch(future: impl Future<Output = ()> + Send + 'static) -> Watched {
    Watched(tokio::spawn(future))
}

impl Watched {
    /// Whether it is done once everything that can run has run.
    async fn is_done(&mut self) -> bool {
        tokio::task::yield_now().await;
        self.0.is_finished()
    }
}
