//! A broadcast that is being published, and its catalog.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::{Error, Input, TrackOptions};
use crate::{
    media::{
        Catalog, Config,
        catalog::{self, Clock},
    },
    moq_lite::{
        self, Broadcast, BroadcastProducer, OriginProducer, PathOwned, Track, TrackProducer,
    },
};

/// How long the first input that is ready waits for the others.
pub const PATIENCE: Duration = Duration::from_secs(1);

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
            lead: None,
            drain: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A source of tracks that are not known yet.
    pub fn input(&self) -> Input {
        Input::new(self.clone())
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Says what the broadcast is as a whole.
    pub fn describe(&self, about: &About, now: Instant) {
        let mut state = self.state.lock();
        let catalog = &mut state.renditions;
        catalog.title = about.title.clone();
        catalog.clock = about.clock;
        if catalog.video.is_some() || about.rotation.is_some() || about.flip.is_some() {
            let video = catalog.video.get_or_insert_default();
            video.rotation = about.rotation.map(f64::from);
            video.flip = about.flip;
        }
        if state.published.is_some() {
            state.refresh(now);
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

/// What a broadcast is as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct About {
    /// What it is called.
    pub title: Option<String>,
    /// By how many degrees pictures are to be turned clockwise, in quarter turns.
    pub rotation: Option<u16>,
    /// Whether pictures are to be mirrored.
    pub flip: Option<bool>,
    /// What media time zero was on the wall clock.
    pub clock: Option<Clock>,
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

pub(super) type Unused = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a publisher and all that it handed out share.
pub(super) struct State {
    origin: OriginProducer,
    path: PathOwned,
    pub(super) broadcast: BroadcastProducer,
    pub(super) renditions: Catalog,
    /// `None` once the publisher is finished.
    catalog: Option<TrackProducer>,
    /// The JSON that viewers have.
    published: Option<Bytes>,
    /// Inputs that have not named their tracks.
    pub(super) pending: usize,
    /// When the first catalog goes out at the latest.
    deadline: Option<Instant>,
    /// Every track that there ever was: a name is not used twice.
    names: HashSet<String>,
    /// The track of pictures that sound goes by, and how many groups of it have begun.
    lead: Option<(String, u64)>,
    /// Readers of tracks that have ended.
    pub(super) drain: Vec<Unused>,
}

impl State {
    pub(super) fn create(
        &mut self,
        options: &TrackOptions,
        config: &Config,
    ) -> Result<TrackProducer, Error> {
        if self.catalog.is_none() {
            return Err(Error::Ended(moq_lite::Error::Cancel));
        }
        if self.renditions.renditions().count() >= catalog::MAX_RENDITIONS {
            return Err(Error::TooManyTracks);
        }
        let name = match &options.name {
            Some(name) => name.clone(),
            None => self.free_name(config),
        };
        if name == catalog::TRACK || !self.names.insert(name.clone()) {
            return Err(Error::NameTaken(name));
        }
        let listed = options.details.complete(config.clone());
        self.renditions.insert(&name, listed);
        let priority = options.priority.unwrap_or(config.priority());
        Ok(self.broadcast.create_track(Track { name, priority }))
    }

    fn free_name(&self, config: &Config) -> String {
        let kind = config.kind().name();
        let mut names = (0..).map(|number| format!("{kind}{number}"));
        let free = names.find(|name| !self.names.contains(name));
        free.expect("names are fewer than numbers")
    }

    /// A group of pictures begins.
    pub(super) fn cut(&mut self, name: &str) {
        let (lead, cuts) = self.lead.get_or_insert_with(|| (name.to_owned(), 0));
        if lead == name {
            *cuts += 1;
        }
    }

    /// How many groups of pictures have begun; `None` where there are none.
    pub(super) fn cuts(&self) -> Option<u64> {
        self.lead.as_ref().map(|(_, cuts)| *cuts)
    }

    /// Takes a track out of the catalog.
    pub(super) fn delist(&mut self, name: &str) {
        self.renditions.remove(name);
        self.lead.take_if(|(lead, _)| lead == name);
    }

    /// Publishes the first catalog if it is time.
    pub(super) fn announce(&mut self, now: Instant) {
        if self.published.is_none() {
            self.refresh(now);
        }
    }

    /// Publishes the catalog if it is time and it has changed.
    pub(super) fn refresh(&mut self, now: Instant) {
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
