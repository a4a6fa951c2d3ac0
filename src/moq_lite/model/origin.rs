//! An origin: broadcasts by path, announced to whoever may see them.
//!
//! One lock guards an origin. Each path has a stack of broadcasts of which the
//! newest is active; each consumer has at most one pending update per path, so
//! a slow consumer costs no more than what it has still to learn, and one that never
//! asks costs nothing.

use std::{
    collections::{BTreeMap, HashMap, VecDeque, hash_map::Entry},
    ops::Bound,
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
    broadcasts: Broadcasts,
    watchers: HashMap<u64, Watcher>,
    next_id: u64,
    producers: usize,
}

type Broadcasts = BTreeMap<Arc<str>, Vec<Arc<Active>>>;

struct Active {
    id: u64,
    broadcast: BroadcastConsumer,
}

/// What a consumer has still to be told.
struct Watcher {
    prefixes: Vec<PathOwned>,
    /// What was active first; `None` once all of that has been queued.
    backlog: Option<Backlog>,
    /// What has changed since.
    queue: VecDeque<Arc<str>>,
    news: HashMap<Arc<str>, News>,
    wake: Arc<Notify>,
}

/// The broadcasts that were there first, a few at a time.
#[derive(Default)]
struct Backlog {
    queue: VecDeque<Arc<str>>,
    /// The prefix below which to go on.
    prefix: usize,
    /// The last path below it that was looked at.
    after: Option<Arc<str>>,
}

#[derive(Default)]
struct News {
    /// The instance that the consumer knows.
    told: Option<u64>,
    now: Option<Arc<Active>>,
    queued: bool,
}

impl State {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Tells every watcher of `path` which broadcast is active there.
    fn update(&mut self, path: &str) {
        let stack = self.broadcasts.get_key_value(path);
        let (path, now) = match stack {
            Some((path, stack)) => (path.clone(), stack.last()),
            None => (path.into(), None),
        };
        for watcher in self.watchers.values_mut() {
            if covers(&watcher.prefixes, &Path::new(&path)) {
                watcher.update(&path, now.cloned());
            }
        }
    }

    fn remove(&mut self, path: &str, id: u64) -> Option<Arc<Active>> {
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
        let has_all = |watcher: &Watcher| watcher.backlog.is_none() && watcher.news.is_empty();
        self.producers == 0 && watcher.is_none_or(has_all)
    }

    fn watch(&mut self, prefixes: &[PathOwned]) -> (u64, Arc<Notify>) {
        let watcher = Watcher {
            prefixes: prefixes.to_vec(),
            backlog: Some(Backlog::default()),
            queue: VecDeque::new(),
            news: HashMap::new(),
            wake: Arc::default(),
        };
        let (id, wake) = (self.id(), watcher.wake.clone());
        self.watchers.insert(id, watcher);
        (id, wake)
    }

    fn next(&mut self, watcher: u64) -> Option<(Arc<str>, Option<BroadcastConsumer>)> {
        let watcher = self.watchers.get_mut(&watcher)?;
        while let Some(path) = watcher.next_path(&self.broadcasts) {
            let next = watcher.tell(path);
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

impl Watcher {
    /// The next path that there may be something to tell about.
    fn next_path(&mut self, broadcasts: &Broadcasts) -> Option<Arc<str>> {
        while let Some(backlog) = &mut self.backlog {
            if let Some(path) = backlog.queue.pop_front() {
                return Some(path);
            }
            let Some(prefix) = self.prefixes.get(backlog.prefix) else {
                self.backlog = None;
                break;
            };
            let rest = below(broadcasts, prefix.as_str(), backlog.after.as_deref());
            let mut last = None;
            for (path, stack) in rest.take(BATCH) {
                last = Some(path.clone());
                // What has changed since is queued as a change.
                if let Entry::Vacant(entry) = self.news.entry(path.clone()) {
                    entry.insert(News {
                        told: None,
                        now: stack.last().cloned(),
                        queued: true,
                    });
                    backlog.queue.push_back(path.clone());
                }
            }
            backlog.prefix += usize::from(last.is_none());
            backlog.after = last;
        }
        self.queue.pop_front()
    }

    fn update(&mut self, path: &Arc<str>, now: Option<Arc<Active>>) {
        let news = self.news.entry(path.clone()).or_default();
        news.now = now;
        if !news.queued {
            news.queued = true;
            self.queue.push_back(path.clone());
        }
        self.wake.notify_waiters();
    }

    /// Updates of one path alternate between a broadcast and `None`.
    fn tell(&mut self, path: Arc<str>) -> Option<(Arc<str>, Option<BroadcastConsumer>)> {
        let news = self.news.get_mut(&path)?;
        news.queued = false;
        let now = news.now.as_ref().map(|active| active.id);
        if news.told == now {
            if now.is_none() {
                self.news.remove(&path);
            }
            return None;
        }
        if news.told.take().is_some() {
            if now.is_some() {
                news.queued = true;
                self.queue.push_front(path.clone());
            } else {
                self.news.remove(&path);
            }
            return Some((path, None));
        }
        news.told = now;
        let broadcast = news.now.as_ref().map(|active| active.broadcast.clone());
        Some((path, broadcast))
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
            let stack = state.broadcasts.entry(path.as_str().into()).or_default();
            stack.push(Arc::new(active));
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
        let next = self.state.lock().next(self.id);
        let (path, broadcast) = next?;
        let path = Path::new(&path).strip_prefix(&self.scope.root)?.to_owned();
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

/// Everything at `prefix` and below, behind `after` where that is given.
fn below<'a, T>(
    map: &'a BTreeMap<Arc<str>, T>,
    prefix: &str,
    after: Option<&str>,
) -> impl Iterator<Item = (&'a Arc<str>, &'a T)> {
    let first = after.is_none() && !prefix.is_empty();
    let exact = first.then(|| map.get_key_value(prefix)).flatten();
    let start = if prefix.is_empty() {
        String::new()
    } else {
        format!("{prefix}/")
    };
    let begin = match after {
        Some(after) if after >= start.as_str() => Bound::Excluded(after),
        _ => Bound::Included(start.as_str()),
    };
    let rest = map.range::<str, _>((begin, Bound::Unbounded));
    exact
        .into_iter()
        .chain(rest.take_while(move |(path, _)| path.starts_with(&start)))
}

/// Broadcasts that are queued at once.
const BATCH: usize = 64;
