//! Which subscription a message or a stream belongs to.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use web_transport_trait::Session;

use super::{codes::Scope, receive::Incoming};
use crate::moq_lite::{
    Error, Result,
    ietf::{Datagram, Location, RequestId, fault},
};

/// What happens to a subscription of ours.
pub(super) enum Event<S: Session> {
    /// The publisher agreed; its largest object then.
    Accepted(Option<Location>),
    /// The publisher refused it.
    Refused(Error),
    /// The publisher opened a stream for a group.
    Group(Incoming<S>),
    /// The publisher sent an object by itself.
    Datagram(Datagram),
    /// The publisher has opened its last stream, and so many in all.
    Done(Result<Scope>, u64),
}

/// What happens to a subscription, in the order in which it was told.
pub(super) struct Events<S: Session> {
    told: mpsc::UnboundedReceiver<Event<S>>,
    datagrams: mpsc::Receiver<Datagram>,
}

/// The most datagrams that wait for one subscription; more are lost.
const MAX_DATAGRAMS: usize = 64;

impl<S: Session> Events<S> {
    /// Datagrams come before what is told meanwhile. Cancel safe.
    pub(super) async fn recv(&mut self) -> Option<Event<S>> {
        tokio::select! {
            biased;
            Some(datagram) = self.datagrams.recv() => Some(Event::Datagram(datagram)),
            event = self.told.recv() => event,
        }
    }
}

/// The subscriptions of a session.
pub(super) struct Table<S: Session> {
    state: Mutex<State<S>>,
    /// Told when an alias was added.
    added: watch::Sender<()>,
}

struct State<S: Session> {
    requests: HashMap<RequestId, Entry<S>>,
    aliases: HashMap<u64, RequestId>,
}

struct Entry<S: Session> {
    events: mpsc::UnboundedSender<Event<S>>,
    datagrams: mpsc::Sender<Datagram>,
    alias: Option<u64>,
}

impl<S: Session> Table<S> {
    pub(super) fn new() -> Self {
        let state = State {
            requests: HashMap::new(),
            aliases: HashMap::new(),
        };
        Self {
            state: Mutex::new(state),
            added: watch::Sender::new(()),
        }
    }

    /// Adds a subscription; here is what will happen to it.
    pub(super) fn add(&self, id: RequestId) -> Events<S> {
        let (events, told) = mpsc::unbounded_channel();
        let (sender, datagrams) = mpsc::channel(MAX_DATAGRAMS);
        let entry = Entry {
            events,
            datagrams: sender,
            alias: None,
        };
        self.state.lock().requests.insert(id, entry);
        Events { told, datagrams }
    }

    pub(super) fn remove(&self, id: RequestId) {
        let mut state = self.state.lock();
        let alias = state.requests.remove(&id).and_then(|entry| entry.alias);
        if let Some(alias) = alias {
            state.aliases.remove(&alias);
        }
    }

    /// Streams with this alias belong to that subscription.
    ///
    /// # Errors
    /// When the alias stands for another one, or the subscription has an alias.
    pub(super) fn name(&self, id: RequestId, alias: u64) -> Result<()> {
        let mut state = self.state.lock();
        let taken = state.aliases.contains_key(&alias);
        // An answer may cross the end of its subscription.
        let Some(entry) = state.requests.get_mut(&id) else {
            return Ok(());
        };
        if taken {
            return Err(fault::DUPLICATE_TRACK_ALIAS.into());
        }
        if entry.alias.replace(alias).is_some() {
            return Err(Error::ProtocolViolation);
        }
        state.aliases.insert(alias, id);
        drop(state);
        self.added.send_replace(());
        Ok(())
    }

    /// Tells a subscription what happened to it, if it still is one.
    pub(super) fn tell(&self, id: RequestId, event: Event<S>) {
        if let Some(entry) = self.state.lock().requests.get(&id) {
            let _ = entry.events.send(event);
        }
    }

    /// Hands a datagram to its subscription. One that is not known, or does not keep
    /// up, loses it, as datagrams may be lost.
    pub(super) fn datagram(&self, datagram: Datagram) {
        let state = self.state.lock();
        let id = state.aliases.get(&datagram.track_alias);
        if let Some(entry) = id.and_then(|id| state.requests.get(id)) {
            let _ = entry.datagrams.try_send(datagram);
        }
    }

    /// Hands a stream to its subscription, which may become known only later.
    /// Never returns while it is not known.
    pub(super) async fn group(&self, incoming: Incoming<S>) {
        let alias = incoming.header.track_alias;
        let mut added = self.added.subscribe();
        while !self.state.lock().aliases.contains_key(&alias) {
            if added.changed().await.is_err() {
                return;
            }
        }
        let state = self.state.lock();
        let entry = state.aliases.get(&alias);
        if let Some(entry) = entry.and_then(|id| state.requests.get(id)) {
            let _ = entry.events.send(Event::Group(incoming));
        }
    }
}
