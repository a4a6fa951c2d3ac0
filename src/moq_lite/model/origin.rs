//! An origin: broadcasts by path, announced to whoever may see them.
//!
//! One lock guards an origin. Each path has a stack of broadcasts of which the
//! newest is active; each consumer has at most one pending update per path, so
//! a slow consumer costs no more than what it has still to learn.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Broadcast, BroadcastConsumer, BroadcastProducer, Produce};
use crate::moq_lite::{AsPath, Path, PathOwned};

/// A path, and its broadcast or `None` when that one is gone.
pub type OriginAnnounce = (PathOwned, Option<BroadcastConsumer>);

/// The start of an origin.
pub struct Origin {}

impl Origin {
    /// An empty origin.
    pub fn produce() -> Produce<OriginProducer, OriginConsumer> {
        let producer = OriginProducer::default();
        let consumer = producer.consume();
        Produce { producer, consumer }
    }
}

#[derive(Default)]
struct State {
    /// The last of each stack is active.
    broadcasts: BTreeMap<String, Vec<Active>>,
    watchers: HashMap<u64, Watcher>,
    next_id: u64,
    producers: usize,
}

#[derive(Clone)]
struct Active {
    id: u64,
    broadcast: BroadcastConsumer,
}

/// What a consumer has still to be told.
struct Watcher {
    prefixes: Vec<PathOwned>,
    queue: VecDeque<String>,
    news: HashMap<String, News>,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct News {
    /// The instance that the consumer knows.
    told: Option<u64>,
    now: Option<Active>,
    queued: bool,
}

impl State {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Tells every watcher of `path` which broadcast is active there.
    fn update(&mut self, path: &str) {
        let now = self
            .broadcasts
            .get(path)
            .and_then(|stack| stack.last())
            .cloned();
        for watcher in self.watchers.values_mut() {
            if covers(&watcher.prefixes, &Path::new(path)) {
                watcher.update(path, now.clone());
            }
        }
    }

    fn remove(&mut self, path: &str, id: u64) -> Option<Active> {
        let stack = self.broadcasts.get_mut(path)?;
        let index = stack.iter().position(|active| active.id == id)?;
        let removed = stack.remove(index);
        let was_active = index == stack.len();
        if stack.is_empty() {
            self.broadcasts.remove(path);
        }
        if was_active {
            self.update(path);
        }
        Some(removed)
    }

    /// Whether the watcher will never have anything to tell again.
    fn is_over(&self, watcher: u64) -> bool {
        let watcher = self.watchers.get(&watcher);
        self.producers == 0 && watcher.is_none_or(|watcher| watcher.news.is_empty())
    }

    fn watch(&mut self, prefixes: &[PathOwned]) -> (u64, Arc<Notify>) {
        let mut watcher = Watcher {
            prefixes: prefixes.to_vec(),
            queue: VecDeque::new(),
            news: HashMap::new(),
            wake: Arc::default(),
        };
        for prefix in prefixes {
            for (path, stack) in below(&self.broadcasts, prefix.as_str()) {
                watcher.update(path, stack.last().cloned());
            }
        }
        let (id, wake) = (self.id(), watcher.wake.clone());
        self.watchers.insert(id, watcher);
        (id, wake)
    }
}

impl Watcher {
    fn update(&mut self, path: &str, now: Option<Active>) {
        let news = self.news.entry(path.to_owned()).or_default();
        news.now = now;
        if !news.queued {
            news.queued = true;
            self.queue.push_back(path.to_owned());
        }
        self.wake.notify_waiters();
    }

    /// Updates of one path alternate between a broadcast and `None`.
    fn next(&mut self) -> Option<(String, Option<BroadcastConsumer>)> {
        while let Some(path) = self.queue.pop_front() {
            let Some(news) = self.news.get_mut(&path) else {
                continue;
            };
            news.queued = false;
            let now = news.now.as_ref().map(|active| active.id);
            if news.told == now {
                if now.is_none() {
                    self.news.remove(&path);
                }
            } else if news.told.take().is_some() {
                if now.is_some() {
                    news.queued = true;
                    self.queue.push_front(path.clone());
                } else {
                    self.news.remove(&path);
                }
                return Some((path, None));
            } else {
                news.told = now;
                let broadcast = news.now.as_ref().map(|active| active.broadcast.clone());
                return Some((path, broadcast));
            }
        }
        None
    }
}

/// The part of an origin that a handle may see.
#[derive(Clone)]
struct Scope {
    root: PathOwned,
    /// Relative to the root; none is a prefix of another.
    allowed: Vec<PathOwned>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            root: Path::empty(),
            allowed: vec![Path::empty()],
        }
    }
}

impl Scope {
    fn only(&self, prefixes: &[Path]) -> Option<Self> {
        let mut narrowed = Vec::new();
        for allowed in &self.allowed {
            for prefix in prefixes {
                if allowed.has_prefix(prefix) {
                    narrowed.push(allowed.clone());
                } else if prefix.has_prefix(allowed) {
                    narrowed.push(prefix.to_owned());
                }
            }
        }
        self.with_allowed(self.root.clone(), narrowed)
    }

    fn with_root(&self, prefix: impl AsPath) -> Option<Self> {
        let prefix = prefix.as_path();
        let below = self.allowed.iter().filter_map(|allowed| {
            if prefix.has_prefix(allowed) {
                return Some(Path::empty());
            }
            allowed.strip_prefix(&prefix).map(|rest| rest.to_owned())
        });
        self.with_allowed(self.root.join(&prefix), below.collect())
    }

    fn with_allowed(&self, root: PathOwned, paths: Vec<PathOwned>) -> Option<Self> {
        let mut allowed: Vec<PathOwned> = Vec::new();
        for path in paths {
            if !covers(&allowed, &path) {
                allowed.retain(|longer| !longer.has_prefix(&path));
                allowed.push(path);
            }
        }
        (!allowed.is_empty()).then_some(Self { root, allowed })
    }

    fn find(&self, path: impl AsPath) -> Option<PathOwned> {
        let path = path.as_path();
        covers(&self.allowed, &path).then(|| self.root.join(&path))
    }

    fn absolute_prefixes(&self) -> Vec<PathOwned> {
        self.allowed
            .iter()
            .map(|path| self.root.join(path))
            .collect()
    }
}

/// Publishes broadcasts below its root, where it is allowed to.
pub struct OriginProducer {
    state: Arc<Mutex<State>>,
    scope: Scope,
}

impl OriginProducer {
    /// Makes a broadcast and publishes it; `None` where this handle may not.
    pub fn create_broadcast(&self, path: impl AsPath) -> Option<BroadcastProducer> {
        let broadcast = Broadcast::produce();
        self.publish_broadcast(path, broadcast.consumer)
            .then_some(broadcast.producer)
    }

    /// Publishes a broadcast until it ends; `false` where this handle may not.
    ///
    /// A broadcast that is there already steps back and returns when this one
    /// ends. Consumers are told of both changes.
    pub fn publish_broadcast(&self, path: impl AsPath, broadcast: BroadcastConsumer) -> bool {
        let Some(path) = self.scope.find(path) else {
            return false;
        };
        let id = {
            let mut state = self.state.lock();
            let id = state.id();
            let active = Active {
                id,
                broadcast: broadcast.clone(),
            };
            state
                .broadcasts
                .entry(path.to_string())
                .or_default()
                .push(active);
            state.update(path.as_str());
            id
        };
        let origin = Arc::downgrade(&self.state);
        broadcast.on_close(move || remove(&origin, path.as_str(), id));
        true
    }

    /// A handle for the part that both this one's rights and `prefixes` cover;
    /// `None` when that is nothing.
    pub fn publish_only(&self, prefixes: &[Path]) -> Option<OriginProducer> {
        self.scope.only(prefixes).map(|scope| self.scoped(scope))
    }

    /// A consumer with the same rights. It is told of what is active first.
    pub fn consume(&self) -> OriginConsumer {
        OriginConsumer::new(self.state.clone(), self.scope.clone())
    }

    /// As [`Self::consume`], narrowed as by [`Self::publish_only`].
    pub fn consume_only(&self, prefixes: &[Path]) -> Option<OriginConsumer> {
        let scope = self.scope.only(prefixes)?;
        Some(OriginConsumer::new(self.state.clone(), scope))
    }

    /// A handle whose paths are relative to `prefix`; `None` when this one may
    /// do nothing there.
    pub fn with_root(&self, prefix: impl AsPath) -> Option<Self> {
        self.scope.with_root(prefix).map(|scope| self.scoped(scope))
    }

    /// What is stripped from the paths of this handle.
    pub fn root(&self) -> &Path<'_> {
        &self.scope.root
    }

    /// Where this handle may publish, relative to its root.
    pub fn allowed(&self) -> impl Iterator<Item = &Path<'_>> {
        self.scope.allowed.iter()
    }

    /// `path` with the root put before it.
    pub fn absolute(&self, path: impl AsPath) -> Path<'_> {
        self.scope.root.join(path)
    }

    fn scoped(&self, scope: Scope) -> Self {
        self.state.lock().producers += 1;
        Self {
            state: self.state.clone(),
            scope,
        }
    }
}

impl Default for OriginProducer {
    fn default() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                producers: 1,
                ..State::default()
            })),
            scope: Scope::default(),
        }
    }
}

impl Clone for OriginProducer {
    fn clone(&self) -> Self {
        self.scoped(self.scope.clone())
    }
}

impl Drop for OriginProducer {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        state.producers -= 1;
        if state.producers == 0 {
            state
                .watchers
                .values()
                .for_each(|watcher| watcher.wake.notify_waiters());
        }
    }
}

/// Learns of broadcasts below its root and reads them, where it is allowed to.
///
/// A clone starts anew: it is told of everything that is active.
pub struct OriginConsumer {
    state: Arc<Mutex<State>>,
    scope: Scope,
    id: u64,
    wake: Arc<Notify>,
}

impl OriginConsumer {
    fn new(state: Arc<Mutex<State>>, scope: Scope) -> Self {
        let (id, wake) = state.lock().watch(&scope.absolute_prefixes());
        Self {
            state,
            scope,
            id,
            wake,
        }
    }

    /// The next change. Updates of one path alternate between a broadcast and
    /// `None`, and a change that was undone before it was read is left out.
    /// `None` when no producer is left and every broadcast that was announced
    /// has ended. Cancel safe.
    pub async fn announced(&mut self) -> Option<OriginAnnounce> {
        let wake = self.wake.clone();
        loop {
            let mut woken = std::pin::pin!(wake.notified());
            woken.as_mut().enable();
            if let Some(update) = self.try_announced() {
                return Some(update);
            }
            if self.state.lock().is_over(self.id) {
                return None;
            }
            woken.await;
        }
    }

    /// The next change, if there is one already.
    pub fn try_announced(&mut self) -> Option<OriginAnnounce> {
        let next = self.state.lock().watchers.get_mut(&self.id)?.next();
        let (path, broadcast) = next?;
        let path = Path::from(path).strip_prefix(&self.scope.root)?.to_owned();
        Some((path, broadcast))
    }

    /// Another consumer with the same rights.
    pub fn consume(&self) -> Self {
        self.clone()
    }

    /// The broadcast that is active at this very path now.
    pub fn consume_broadcast(&self, path: impl AsPath) -> Option<BroadcastConsumer> {
        let path = self.scope.find(path)?;
        let state = self.state.lock();
        let active = state.broadcasts.get(path.as_str())?.last()?;
        Some(active.broadcast.clone())
    }

    /// A consumer for the part that both this one's rights and `prefixes` cover;
    /// `None` when that is nothing.
    pub fn consume_only(&self, prefixes: &[Path]) -> Option<OriginConsumer> {
        let scope = self.scope.only(prefixes)?;
        Some(Self::new(self.state.clone(), scope))
    }

    /// A consumer whose paths are relative to `prefix`; `None` when this one
    /// sees nothing there.
    pub fn with_root(&self, prefix: impl AsPath) -> Option<Self> {
        let scope = self.scope.with_root(prefix)?;
        Some(Self::new(self.state.clone(), scope))
    }

    /// What is stripped from the paths of this handle.
    pub fn root(&self) -> &Path<'_> {
        &self.scope.root
    }

    /// What this handle sees, relative to its root.
    pub fn allowed(&self) -> impl Iterator<Item = &Path<'_>> {
        self.scope.allowed.iter()
    }

    /// `path` with the root put before it.
    pub fn absolute(&self, path: impl AsPath) -> Path<'_> {
        self.scope.root.join(path)
    }
}

impl Clone for OriginConsumer {
    fn clone(&self) -> Self {
        Self::new(self.state.clone(), self.scope.clone())
    }
}

impl Drop for OriginConsumer {
    fn drop(&mut self) {
        let watcher = self.state.lock().watchers.remove(&self.id);
        drop(watcher);
    }
}

fn remove(origin: &Weak<Mutex<State>>, path: &str, id: u64) {
    if let Some(origin) = origin.upgrade() {
        let removed = origin.lock().remove(path, id);
        drop(removed);
    }
}

fn covers(prefixes: &[PathOwned], path: &Path) -> bool {
    prefixes.iter().any(|prefix| path.has_prefix(prefix))
}

/// Everything at `prefix` and below.
fn below<'a, T>(
    map: &'a BTreeMap<String, T>,
    prefix: &str,
) -> impl Iterator<Item = (&'a String, &'a T)> {
    let exact = map.get_key_value(prefix).filter(|_| !prefix.is_empty());
    let start = if prefix.is_empty() {
        String::new()
    } else {
        format!("{prefix}/")
    };
    let bound = start.clone();
    let rest = map
        .range(start..)
        .take_while(move |(path, _)| path.starts_with(&bound));
    exact.into_iter().chain(rest)
}
