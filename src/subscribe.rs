//! From a broadcast to samples: the catalog, and each rendition in decode order.
//!
//! Groups may come in any order. [`SampleReader`] puts them in order within a budget of time and
//! then goes on with what is there, so that a lost group costs no more than that budget. Timers are
//! tokio's: call from within a runtime's context.

use std::{collections::BTreeMap, future, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep_until};

use crate::{
    media::{self, Catalog, Config, Container, Micros, catalog, legacy},
    moq_lite::{self, BroadcastConsumer, GroupConsumer, Track, TrackConsumer},
};

/// Why nothing was read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// What arrived is not understood. Reading goes on with the next call.
    #[error(transparent)]
    Media(#[from] media::Error),
    /// The track ended, and not by its publisher's will. Final.
    #[error(transparent)]
    Track(#[from] moq_lite::Error),
}

/// Follows the catalog of a broadcast.
pub struct CatalogReader {
    track: TrackConsumer,
    group: Option<GroupConsumer>,
    end: Option<moq_lite::Result<()>>,
}

impl CatalogReader {
    /// Asks for the catalog.
    pub fn new(broadcast: &BroadcastConsumer) -> Self {
        let track = Track {
            name: catalog::TRACK.into(),
            priority: catalog::PRIORITY,
        };
        Self {
            track: broadcast.subscribe_track(&track),
            group: None,
            end: None,
        }
    }

    /// The newest catalog that was not read yet; `None` when the publisher ended the broadcast.
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error::Media`] for a catalog that cannot be read; a later one may be good.
    pub async fn next(&mut self) -> Result<Option<Catalog>, Error> {
        loop {
            let frame = match (&mut self.group, &self.end) {
                (None, Some(end)) => return Ok(end.clone().map(|()| None)?),
                (Some(group), Some(_)) => group.read_frame().await,
                (group, None) => tokio::select! {
                    biased;
                    next = self.track.next_group() => {
                        match next {
                            Ok(Some(next)) => self.group = Some(next),
                            Ok(None) => self.end = Some(Ok(())),
                            Err(err) => self.end = Some(Err(err)),
                        }
                        continue;
                    }
                    frame = read_some(group) => frame,
                },
            };
            // Only the first frame of a group is a whole catalog.
            self.group = None;
            if let Ok(Some(json)) = frame {
                return Ok(Some(Catalog::from_slice(&json)?));
            }
        }
    }
}

async fn read_some(group: &mut Option<GroupConsumer>) -> moq_lite::Result<Option<Bytes>> {
    match group {
        Some(group) => group.read_frame().await,
        None => future::pending().await,
    }
}

/// One coded picture, or one packet of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When to present it, on the publisher's clock.
    pub pts: Micros,
    /// Decoding can start here.
    pub keyframe: bool,
    /// Something is missing before this sample.
    pub discont: bool,
    /// The sequence of its group.
    pub group: u64,
    /// The bytes that the codec knows.
    pub payload: Bytes,
}

/// Reads one rendition in decode order, from the newest group on.
pub struct SampleReader {
    track: TrackConsumer,
    kind: Kind,
    budget: Duration,
    current: Option<Current>,
    /// Groups that arrived and are to be read later, and when they did.
    waiting: BTreeMap<u64, Waiting>,
    /// The sequence after the group that was read last.
    next: Option<u64>,
    end: Option<Ended>,
    discont: bool,
    skipped: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Video,
    Audio,
}

struct Current {
    group: GroupConsumer,
    /// No frame was read yet.
    first: bool,
    /// When the group was begun, or its last frame was read.
    progress: Instant,
}

struct Waiting {
    group: GroupConsumer,
    since: Instant,
}

#[derive(Clone)]
struct Ended {
    end: moq_lite::Result<()>,
    since: Instant,
}

/// What may happen while a group is read.
enum Step {
    Frame(moq_lite::Result<Option<Vec<Bytes>>>),
    Group(moq_lite::Result<Option<GroupConsumer>>),
    Timeout,
}

impl SampleReader {
    /// Asks for the track `name`. `budget` is how long to wait for a group that is late or stands
    /// still while newer ones are there. `None` for a container that is not read.
    pub fn new(
        broadcast: &BroadcastConsumer,
        name: &str,
        config: &Config,
        budget: Duration,
    ) -> Option<Self> {
        if *config.container() != Container::Legacy {
            return None;
        }
        let kind = match config {
            Config::Video(_) => Kind::Video,
            Config::Audio(_) => Kind::Audio,
        };
        let track = Track {
            name: name.into(),
            priority: config.priority(),
        };
        Some(Self {
            track: broadcast.subscribe_track(&track),
            kind,
            budget,
            current: None,
            waiting: BTreeMap::new(),
            next: None,
            end: None,
            discont: false,
            skipped: 0,
        })
    }

    /// Changes how long to wait from the next sample on.
    pub fn set_budget(&mut self, budget: Duration) {
        self.budget = budget;
    }

    /// How many groups were begun or announced and not read to their end.
    pub fn skipped_groups(&self) -> u64 {
        self.skipped
    }

    /// The next sample; `None` when the publisher ended the track. Cancel safe.
    ///
    /// # Errors
    /// [`Error::Media`] for a frame that is not understood: the rest of its group is left out.
    /// [`Error::Track`] when the track broke off, after every sample that had arrived.
    pub async fn next(&mut self) -> Result<Option<Sample>, Error> {
        loop {
            if self.current.is_none() && !self.begin() && self.waiting.is_empty() {
                if let Some(ended) = &self.end {
                    return Ok(ended.end.clone().map(|()| None)?);
                }
            }
            match self.step().await {
                Step::Group(Ok(Some(group))) => self.arrived(group),
                Step::Group(Ok(None)) => self.ended(Ok(())),
                Step::Group(Err(err)) => self.ended(Err(err)),
                Step::Timeout => self.skip(),
                Step::Frame(Ok(Some(chunks))) => {
                    if let Some(sample) = self.sample(chunks)? {
                        return Ok(Some(sample));
                    }
                }
                Step::Frame(Ok(None)) => self.current = None,
                Step::Frame(Err(_)) => self.give_up(),
            }
        }
    }

    /// Begins the group that is next, if it is there. True when one was begun.
    fn begin(&mut self) -> bool {
        let next = match (self.next, &self.end) {
            (Some(next), None) => self.waiting.remove_entry(&next),
            // Nothing can come before it any more, or nothing was read yet.
            (None, _) | (_, Some(_)) => self.waiting.pop_first(),
        };
        let Some((sequence, waiting)) = next else {
            return false;
        };
        self.discont |= self.next.is_some_and(|next| next != sequence);
        self.next = Some(sequence + 1);
        let progress = waiting.since;
        self.current = Some(Current {
            group: waiting.group,
            first: true,
            progress,
        });
        true
    }

    async fn step(&mut self) -> Step {
        let deadline = self.deadline();
        let frame = async {
            match &mut self.current {
                Some(current) => current.group.read_frame_chunks().await,
                None => future::pending().await,
            }
        };
        let group = async {
            match &self.end {
                None => self.track.recv_group().await,
                Some(_) => future::pending().await,
            }
        };
        let timeout = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            frame = frame => Step::Frame(frame),
            group = group => Step::Group(group),
            () = timeout => Step::Timeout,
        }
    }

    /// When to stop waiting for the current group, or for one that is missing.
    fn deadline(&self) -> Option<Instant> {
        let oldest = self.waiting.values().map(|waiting| waiting.since).min();
        let ended = self.end.as_ref().map(|ended| match ended.end {
            Ok(()) => ended.since + LAST_GROUP,
            Err(_) => ended.since + self.budget,
        });
        let newer = oldest.map(|since| since + self.budget);
        let since = match (newer, ended) {
            (Some(newer), Some(ended)) => newer.min(ended),
            (newer, ended) => newer.or(ended)?,
        };
        match &self.current {
            Some(current) => Some(since.max(current.progress + self.budget)),
            None => Some(since),
        }
    }

    fn arrived(&mut self, group: GroupConsumer) {
        let (sequence, since) = (group.info.sequence, Instant::now());
        if self.next.is_none_or(|next| sequence >= next) {
            self.waiting.insert(sequence, Waiting { group, since });
        }
    }

    fn ended(&mut self, end: moq_lite::Result<()>) {
        self.end = Some(Ended {
            end,
            since: Instant::now(),
        });
    }

    /// Leaves the current group, or the one that is missing.
    fn skip(&mut self) {
        if self.current.is_some() {
            self.give_up();
        } else if let (Some(first), Some(next)) = (self.waiting.keys().next(), self.next) {
            self.skipped += first.saturating_sub(next);
            self.next = Some(*first);
            self.discont = true;
        }
    }

    fn give_up(&mut self) {
        self.current = None;
        self.discont = true;
        self.skipped += 1;
    }

    fn sample(&mut self, chunks: Vec<Bytes>) -> Result<Option<Sample>, Error> {
        let Some(current) = &mut self.current else {
            return Ok(None);
        };
        let (pts, payload) = match legacy::decode_chunks(chunks) {
            Ok(sample) => sample,
            Err(err) => {
                self.give_up();
                return Err(err.into());
            }
        };
        current.progress = Instant::now();
        if payload.is_empty() {
            return Ok(None);
        }
        let first = std::mem::take(&mut current.first);
        Ok(Some(Sample {
            pts,
            keyframe: first || self.kind == Kind::Audio,
            discont: std::mem::take(&mut self.discont),
            group: current.group.info.sequence,
            payload: gather(payload),
        }))
    }
}

/// How long the last groups of a track that ended well may take. They are sent already.
const LAST_GROUP: Duration = Duration::from_secs(5);

/// One piece. Copies where the transport delivered several, because memory that is handed to a
/// decoder has to be contiguous.
fn gather(mut chunks: Vec<Bytes>) -> Bytes {
    if chunks.len() == 1 {
        return chunks.swap_remove(0);
    }
    let mut whole = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
    chunks
        .iter()
        .for_each(|chunk| whole.extend_from_slice(chunk));
    whole.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        media::{AudioConfig, VideoConfig},
        moq_lite::{Broadcast, BroadcastProducer, Group, GroupProducer, TrackProducer},
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
            keyframe: true,
            discont: false,
            group: 0,
            payload: Bytes::from_static(&[1, 2, 3, 4]),
        };
        assert_eq!(sample, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_container_that_is_not_read_has_no_reader() {
        let fixture = Fixture::new("media");
        let Config::Video(config) = video() else {
            unreachable!("it is video");
        };
        let config = Config::Video(VideoConfig {
            container: Container::Loc,
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
}
