//! A broadcast: tracks by name, published or made on request.

use std::collections::{HashMap, VecDeque};

use super::{
    Produce, Track, TrackConsumer, TrackProducer,
    cell::{Consumer, Content, Producer},
    track::{SharedTrack, WeakTrack},
};
use crate::moq_lite::{Error, Result};

/// The start of a broadcast.
#[derive(Clone, Default)]
pub struct Broadcast {}

impl Broadcast {
    /// The most tracks that wait for [`BroadcastProducer::requested_track`].
    pub const MAX_REQUESTS: usize = 1024;

    /// A broadcast that belongs to no origin yet.
    pub fn produce() -> Produce<BroadcastProducer, BroadcastConsumer> {
        let producer = BroadcastProducer::default();
        let consumer = producer.consume();
        Produce { producer, consumer }
    }
}

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(super) struct BroadcastState {
    published: HashMap<String, SharedTrack>,
    /// Handed out on request. Dead entries are swept when the map has grown.
    requested: HashMap<String, WeakTrack>,
    sweep_at: usize,
    queue: VecDeque<TrackProducer>,
    /// Unknown tracks are refused instead of queued.
    refuse: bool,
    closed: bool,
    /// No producer is left.
    orphan: bool,
    on_close: Vec<Hook>,
}

impl Content for BroadcastState {
    fn orphaned(&mut self) -> Option<Hook> {
        self.orphan = true;
        self.closed = true;
        let queue = std::mem::take(&mut self.queue);
        let published = std::mem::take(&mut self.published);
        let hooks = std::mem::take(&mut self.on_close);
        self.requested.clear();
        Some(Box::new(move || {
            drop((queue, published));
            hooks.into_iter().for_each(|hook| hook());
        }))
    }
}

impl BroadcastState {
    /// The oldest request that somebody still waits for.
    fn next_request(&mut self) -> Option<TrackProducer> {
        std::iter::from_fn(|| self.queue.pop_front()).find(TrackProducer::is_used)
    }

    /// Whether too many wait, not counting requests that were given up.
    fn is_full(&mut self) -> bool {
        if self.queue.len() >= Broadcast::MAX_REQUESTS {
            self.queue.retain(TrackProducer::is_used);
        }
        self.queue.len() >= Broadcast::MAX_REQUESTS
    }

    fn insert(&mut self, track: SharedTrack) -> bool {
        let name = track.info.name.clone();
        let waiting = self.requested.remove(&name).and_then(|weak| weak.upgrade());
        if let Some(waiting) = &waiting {
            // Nobody would ever serve it: its readers are to ask again.
            waiting.abort(Error::Cancel);
            self.queue
                .retain(|queued| !queued.share().is_clone(waiting));
        }
        self.published.insert(name, track).is_none() && waiting.is_none()
    }

    fn subscribe(&mut self, track: &Track) -> TrackConsumer {
        if let Some(published) = self.published.get(&track.name) {
            return published.consume(track.priority);
        }
        let waiting = self.requested.get(&track.name).and_then(WeakTrack::upgrade);
        if let Some(waiting) = waiting {
            return waiting.consume(track.priority);
        }
        let producer = TrackProducer::from(track.clone());
        let consumer = producer.consume();
        if self.orphan {
            producer.abort(Error::Cancel);
        } else if self.refuse {
            producer.abort(Error::NotFound);
        } else if self.is_full() {
            producer.abort(Error::TooLarge);
        } else {
            if self.requested.len() >= self.sweep_at {
                self.requested.retain(|_, weak| weak.upgrade().is_some());
                self.sweep_at = 2 * self.requested.len().max(16);
            }
            self.requested
                .insert(track.name.clone(), producer.share().downgrade());
            self.queue.push_back(producer);
        }
        consumer
    }
}

/// Publishes tracks. Clones publish to the same broadcast; dropping the last
/// ends it. Tracks are not ended with it: their own producers decide.
#[derive(Clone)]
pub struct BroadcastProducer {
    state: Producer<BroadcastState>,
}

impl BroadcastProducer {
    /// The next track that a consumer asked for and that is not published, unless it
    /// was given up since. Each goes to one clone. `None` when the broadcast has ended. Cancel safe.
    pub async fn requested_track(&mut self) -> Option<TrackProducer> {
        self.state
            .wait(|state| match state.next_request() {
                Some(track) => Some(Some(track)),
                None => state.closed.then_some(None),
            })
            .await
    }

    /// Makes a track and publishes it under its name, replacing another.
    pub fn create_track(&mut self, track: Track) -> TrackProducer {
        let producer = TrackProducer::from(track);
        self.insert(producer.share());
        producer
    }

    /// Publishes a track under its name, replacing another. Does not count as a
    /// reader of it. `true` if the name was neither published nor asked for.
    pub fn insert_track(&mut self, track: TrackConsumer) -> bool {
        self.insert(track.share())
    }

    /// Takes a track out again; `true` if there was one.
    pub fn remove_track(&mut self, name: &str) -> bool {
        self.state.share().peek(|state| {
            let asked = |weak: WeakTrack| weak.upgrade();
            state.published.remove(name).is_some()
                || state.requested.remove(name).and_then(asked).is_some()
        })
    }

    /// From now on a track that is not published is [`Error::NotFound`] to who
    /// asks for it, instead of waiting for [`Self::requested_track`].
    pub fn refuse_requests(&mut self) {
        let queue = self.state.share().force(|state| {
            state.refuse = true;
            std::mem::take(&mut state.queue)
        });
        queue
            .into_iter()
            .for_each(|track| track.abort(Error::NotFound));
    }

    /// A reader of the broadcast.
    pub fn consume(&self) -> BroadcastConsumer {
        BroadcastConsumer {
            state: self.state.consume(),
        }
    }

    /// Ends the broadcast for its consumers and takes it out of every origin.
    /// Tracks can still be read.
    pub fn close(&mut self) {
        let hooks = self.state.share().force(|state| {
            state.closed = true;
            std::mem::take(&mut state.on_close)
        });
        hooks.into_iter().for_each(|hook| hook());
    }

    /// Resolves when the broadcast has no consumer. Cancel safe.
    pub fn unused(&self) -> impl Future<Output = ()> + use<> {
        self.state.unused()
    }

    /// Whether both publish to the same broadcast.
    pub fn is_clone(&self, other: &Self) -> bool {
        self.state.is_clone(&other.state)
    }

    fn insert(&mut self, track: SharedTrack) -> bool {
        self.state.share().force(|state| state.insert(track))
    }
}

impl Default for BroadcastProducer {
    fn default() -> Self {
        Self {
            state: Producer::new(BroadcastState::default()),
        }
    }
}

/// Reads the tracks of a broadcast.
#[derive(Clone)]
pub struct BroadcastConsumer {
    state: Consumer<BroadcastState>,
}

impl BroadcastConsumer {
    /// A reader of a track. One that is not published is asked for; its readers
    /// wait until the producer answers. When nobody can answer, the track is
    /// aborted: [`Error::Cancel`] without a producer, [`Error::NotFound`] when
    /// requests are refused, [`Error::TooLarge`] beyond [`Broadcast::MAX_REQUESTS`].
    pub fn subscribe_track(&self, track: &Track) -> TrackConsumer {
        self.state.share().force(|state| state.subscribe(track))
    }

    /// A reader of a track that is there already: nobody is asked for it.
    pub(crate) fn existing_track(&self, name: &str) -> Option<TrackConsumer> {
        self.state.share().peek(|state| {
            let published = state.published.get(name);
            let reader = published.map(|track| track.consume(track.info.priority));
            reader.or_else(|| {
                let asked = state.requested.get(name)?.upgrade()?;
                Some(asked.consume(asked.info.priority))
            })
        })
    }

    /// What is known of a track; one that is not there has priority 0.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not there and not made on request,
    /// [`Error::Cancel`] when there is nobody to make it.
    pub(crate) fn track_info(&self, name: &str) -> Result<Track> {
        self.state.share().peek(|state| {
            let known = state.published.get(name).map(|track| track.info.clone());
            match known {
                Some(info) => Ok(info),
                None if state.orphan => Err(Error::Cancel),
                None if state.refuse => Err(Error::NotFound),
                None => Ok(Track::new(name)),
            }
        })
    }

    /// Waits until the broadcast has ended. Cancel safe.
    pub fn closed(&self) -> impl Future<Output = ()> {
        self.state.wait(|state| state.closed.then_some(()))
    }

    /// Whether both read the same broadcast.
    pub fn is_clone(&self, other: &Self) -> bool {
        self.state.is_clone(&other.state)
    }

    /// Runs `hook` once when the broadcast ends; at once if it has.
    pub(super) fn on_close(&self, hook: impl FnOnce() + Send + 'static) {
        let hook = self.state.share().peek(|state| {
            if state.closed {
                return Some(hook);
            }
            state.on_close.push(Box::new(hook));
            None
        });
        if let Some(hook) = hook {
            hook();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_asked_for_once_are_forgotten() {
        let mut state = BroadcastState::default();
        for i in 0..100_000 {
            drop(state.subscribe(&Track::new(i.to_string())));
            drop(state.next_request());
        }
        assert!(state.requested.len() <= 64, "{}", state.requested.len());
        assert!(state.queue.is_empty());
    }
}
