//! Samples into groups and frames of a broadcast, and the upkeep of its catalog.
//!
//! A [`Publisher`] is one broadcast. Each [`Input`] of it (a pad of `moqsink`, for example) names its
//! tracks when it knows them and gets a [`TrackWriter`] for each. The broadcast is announced together
//! with its first catalog: when every input has named its tracks, or [`PATIENCE`] after the first
//! one did, so that viewers see sound and picture at once and a silent input does not hold up the
//! others. Nothing here waits: time comes in with the samples.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{
    media::{Catalog, Config, Micros, catalog, legacy},
    moq_lite::{
        self, Broadcast, BroadcastProducer, GroupProducer, OriginProducer, PathOwned, Track,
        TrackProducer,
    },
};

/// How long the first input that is ready waits for the others.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Why something could not be published.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Frames of one group are kept together, so a group has limits.
    #[error(
        "the group of track {0} that began with its last keyframe is too large: send keyframes more often \
         (every few seconds)"
    )]
    GroupTooLarge(String),
    /// Names are unique in a broadcast.
    #[error("there is a track named {0} already: give this one another name")]
    NameTaken(String),
    /// The catalog has limits.
    #[error("a broadcast has at most {} tracks", catalog::MAX_RENDITIONS)]
    TooManyTracks,
    /// The broadcast or the track has ended.
    #[error("the track has ended: {0}")]
    Ended(#[from] moq_lite::Error),
}

/// One coded picture, or one packet of sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Presentation time, on a timeline common to all tracks of the broadcast.
    pub timestamp: Micros,
    /// Whether decoding can start here. Without meaning for sound.
    pub keyframe: bool,
    /// As the codec made it; not copied.
    pub payload: Bytes,
}

/// What became of the samples of a track.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Samples written.
    pub frames: u64,
    /// Bytes of payload written.
    pub bytes: u64,
    /// Groups begun.
    pub groups: u64,
    /// Samples dropped because no keyframe came before them.
    pub dropped: u64,
}

impl Stats {
    /// Adds those of another track.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.groups += other.groups;
        self.dropped += other.dropped;
    }
}

/// A broadcast that is being published. Clones publish the same; it ends with
/// [`finish`](Self::finish), or abruptly with the last handle.
#[derive(Clone)]
pub struct Publisher {
    state: Arc<Mutex<State>>,
}

impl Publisher {
    /// Nothing is to be seen of it before the first catalog.
    pub fn new(origin: OriginProducer, path: PathOwned) -> Self {
        let mut broadcast = Broadcast::produce().producer;
        broadcast.refuse_requests();
        let catalog = broadcast.create_track(Track {
            name: catalog::TRACK.to_owned(),
            priority: catalog::PRIORITY,
        });
        let state = State {
            origin,
            path,
            broadcast,
            renditions: Catalog::default(),
            catalog: Some(catalog),
            published: None,
            pending: 0,
            deadline: None,
            names: HashSet::new(),
            drain: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A source of tracks that are not known yet.
    pub fn input(&self) -> Input {
        self.state.lock().pending += 1;
        Input {
            publisher: self.clone(),
            pending: true,
        }
    }

    /// Hands out what ends the catalog once no viewer reads any other track, and resolves when nobody reads the
    /// catalog either. The last catalog is empty: relays do not pass on how a track ended, and that is how viewers
    /// behind one tell the end from an accident. The broadcast stays announced until the publisher is dropped, so
    /// that viewers can read to the end.
    pub fn finish(&self) -> impl Future<Output = ()> + Send + use<> {
        let (mut catalog, waits) = {
            let mut state = self.state.lock();
            (
                LastCatalog(state.catalog.take()),
                std::mem::take(&mut state.drain),
            )
        };
        async move {
            for unused in waits {
                unused.await;
            }
            if let Some(unused) = catalog.end() {
                unused.await;
            }
        }
    }
}

/// The catalog of a broadcast that has ended. It ends in order also when the last viewers are not waited for.
struct LastCatalog(Option<TrackProducer>);

impl LastCatalog {
    /// Says that there is nothing any more, and hands out what resolves when no viewer reads that.
    fn end(&mut self) -> Option<Unused> {
        let mut catalog = self.0.take()?;
        let unused = catalog.unused();
        if let Err(error) = catalog.write_frame(Catalog::default().to_bytes()) {
            tracing::error!(%error, "the last catalog cannot be written");
        }
        catalog.close();
        Some(Box::pin(unused))
    }
}

impl Drop for LastCatalog {
    fn drop(&mut self) {
        self.end();
    }
}

type Unused = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

struct State {
    origin: OriginProducer,
    path: PathOwned,
    broadcast: BroadcastProducer,
    renditions: Catalog,
    /// `None` once the publisher is finished.
    catalog: Option<TrackProducer>,
    /// The JSON that viewers have.
    published: Option<Bytes>,
    /// Inputs that have not named their tracks.
    pending: usize,
    /// When the first catalog goes out at the latest.
    deadline: Option<Instant>,
    /// Every track that there ever was: a name is not used twice.
    names: HashSet<String>,
    /// Readers of tracks that have ended.
    drain: Vec<Unused>,
}

impl State {
    fn create(&mut self, name: Option<&str>, config: &Config) -> Result<TrackProducer, Error> {
        if self.catalog.is_none() {
            return Err(Error::Ended(moq_lite::Error::Cancel));
        }
        if self.renditions.renditions().count() >= catalog::MAX_RENDITIONS {
            return Err(Error::TooManyTracks);
        }
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.free_name(config),
        };
        if name == catalog::TRACK || !self.names.insert(name.clone()) {
            return Err(Error::NameTaken(name));
        }
        self.renditions.insert(&name, config.clone());
        let priority = config.priority();
        Ok(self.broadcast.create_track(Track { name, priority }))
    }

    fn free_name(&self, config: &Config) -> String {
        let kind = config.kind().name();
        let mut names = (0..).map(|number| format!("{kind}{number}"));
        let free = names.find(|name| !self.names.contains(name));
        free.expect("names are fewer than numbers")
    }

    /// Publishes the catalog if it is time and it has changed.
    fn refresh(&mut self, now: Instant) {
        let Some(track) = &mut self.catalog else {
            return;
        };
        if self.renditions.is_empty() {
            // When everything has ended, the end of the catalog says so; an empty one would make
            // viewers give up what they are still playing.
            return;
        }
        let first = self.published.is_none();
        let deadline = *self.deadline.get_or_insert(now + PATIENCE);
        if first && self.pending > 0 && now < deadline {
            return;
        }
        let json = self.renditions.to_bytes();
        if self.published.as_ref() == Some(&json) {
            return;
        }
        if let Err(error) = track.write_frame(json.clone()) {
            tracing::error!(%error, "the catalog cannot be written");
            return;
        }
        self.published = Some(json);
        if first {
            let consumer = self.broadcast.consume();
            if !self.origin.publish_broadcast(&self.path, consumer) {
                tracing::error!(path = %self.path, "the broadcast may not be published here");
            }
        }
    }
}

/// A source of tracks. Dropping it says that nothing more is to come from it.
pub struct Input {
    publisher: Publisher,
    /// Others wait for it.
    pending: bool,
}

impl Input {
    /// Begins a track, called `name` or after its kind.
    ///
    /// The catalog is not published before [`ready`](Self::ready).
    pub fn track(&mut self, name: Option<&str>, config: Config) -> Result<TrackWriter, Error> {
        let track = self.publisher.state.lock().create(name, &config)?;
        Ok(TrackWriter {
            publisher: self.publisher.clone(),
            track: Some(track),
            is_video: matches!(config, Config::Video(_)),
            group: None,
            stats: Stats::default(),
        })
    }

    /// Says that all tracks that are known have been begun.
    pub fn ready(&mut self, now: Instant) {
        let mut state = self.publisher.state.lock();
        if std::mem::take(&mut self.pending) {
            state.pending -= 1;
        }
        state.refresh(now);
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        if self.pending {
            self.publisher.state.lock().pending -= 1;
        }
    }
}

/// Writes the samples of one track. Dropping it aborts the track; [`end`](Self::end) ends it.
pub struct TrackWriter {
    publisher: Publisher,
    /// `None` once ended.
    track: Option<TrackProducer>,
    is_video: bool,
    group: Option<GroupProducer>,
    stats: Stats,
}

impl TrackWriter {
    /// The name in the catalog.
    pub fn name(&self) -> &str {
        self.track.as_ref().map_or("", |track| &track.info.name)
    }

    /// Whether it is a track of pictures.
    pub fn is_video(&self) -> bool {
        self.is_video
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Appends a sample; `false` if it was dropped because no keyframe came before it.
    ///
    /// Video begins a group with each keyframe, in decode order. Each packet of sound is a group of
    /// its own, so that none waits for another. Timestamps are written as they are, also where they
    /// jump back.
    pub fn write(&mut self, sample: Sample, now: Instant) -> Result<bool, Error> {
        let Some(track) = &mut self.track else {
            return Err(Error::Ended(moq_lite::Error::Cancel));
        };
        if sample.keyframe || !self.is_video {
            if let Some(group) = self.group.take() {
                group.close();
            }
            self.group = Some(track.append_group()?);
            self.stats.groups += 1;
        }
        let Some(group) = &mut self.group else {
            self.stats.dropped += 1;
            return Ok(false);
        };
        self.stats.frames += 1;
        self.stats.bytes += sample.payload.len() as u64;
        let header = legacy::encode_timestamp(sample.timestamp);
        match group.write_frame_at(sample.timestamp, [header, sample.payload]) {
            Ok(()) => {}
            Err(moq_lite::Error::TooLarge) => {
                let name = track.info.name.clone();
                if let Some(group) = self.group.take() {
                    group.abort(moq_lite::Error::TooLarge);
                }
                return Err(Error::GroupTooLarge(name));
            }
            Err(error) => return Err(error.into()),
        }
        if !self.is_video
            && let Some(group) = self.group.take()
        {
            group.close();
        }
        self.publisher.state.lock().refresh(now);
        Ok(true)
    }

    /// Ends the group, so that the next one must begin with a keyframe: what follows does not
    /// continue what was.
    pub fn interrupt(&mut self) {
        if let Some(group) = self.group.take() {
            group.close();
        }
    }

    /// Changes the configuration in the catalog, for the keyframes to come.
    pub fn configure(&mut self, config: Config, now: Instant) {
        self.interrupt();
        self.is_video = matches!(config, Config::Video(_));
        if let Some(track) = &self.track {
            let mut state = self.publisher.state.lock();
            state.renditions.insert(&track.info.name, config);
            state.refresh(now);
        }
    }

    /// Ends the track: viewers get what is written, and the rendition leaves the catalog unless it was the last.
    pub fn end(mut self, now: Instant) {
        self.interrupt();
        if let Some(track) = self.track.take() {
            let mut state = self.publisher.state.lock();
            state.renditions.remove(&track.info.name);
            state.drain.push(Box::pin(track.unused()));
            state.refresh(now);
            track.close();
        }
    }
}

impl Drop for TrackWriter {
    fn drop(&mut self) {
        if let Some(track) = self.track.take() {
            let mut state = self.publisher.state.lock();
            state.renditions.remove(&track.info.name);
            state.broadcast.remove_track(&track.info.name);
            state.refresh(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests;
