//! Other broadcasts that the catalog refers to: a rendition need not lie in the broadcast that names it, as where a transcoder
//! adds its own to what a camera has.

use std::collections::HashMap;

use tokio::{
    sync::watch,
    time::{Duration, Instant},
};

use crate::{
    media::Catalog,
    moq_lite::{BroadcastConsumer, OriginConsumer, PathOwned},
    subscribe::resolve,
};

/// The broadcasts that the newest catalog refers to.
pub(super) struct Siblings {
    origin: OriginConsumer,
    /// Where the catalog is.
    base: PathOwned,
    /// What the server is to be asked for.
    wanted: watch::Sender<Vec<PathOwned>>,
    known: HashMap<PathOwned, Sibling>,
}

#[derive(Default)]
struct Sibling {
    broadcast: Option<BroadcastConsumer>,
    /// Until when it may take to come; where it is gone, until when its tracks may say why.
    until: Option<Instant>,
}

/// Where a rendition lies.
pub(super) enum Place {
    /// In the broadcast of the catalog.
    Here,
    There(BroadcastConsumer),
    /// In this one, which is not there: not yet, or not at all.
    Missing {
        path: PathOwned,
        awaited: bool,
    },
    /// Where no session leads.
    Outside,
}

impl Siblings {
    pub(super) fn new(
        origin: OriginConsumer,
        base: PathOwned,
        wanted: watch::Sender<Vec<PathOwned>>,
    ) -> Self {
        Self {
            origin,
            base,
            wanted,
            known: HashMap::new(),
        }
    }

    /// Takes over what a catalog refers to.
    pub(super) fn refer(&mut self, catalog: &Catalog) {
        let renditions = catalog.renditions();
        let references = renditions.filter_map(|(_, config)| {
            let path = resolve(&self.base, config.broadcast()?)?;
            (path != self.base).then_some(path)
        });
        let mut before = std::mem::take(&mut self.known);
        for path in references {
            let sibling = before.remove(&path);
            let entry = self.known.entry(path.clone());
            entry.or_insert_with(|| {
                sibling.unwrap_or_else(|| {
                    let broadcast = self.origin.consume_broadcast(&path);
                    let until = broadcast.is_none().then(|| Instant::now() + PATIENCE);
                    Sibling { broadcast, until }
                })
            });
        }
        let mut paths: Vec<_> = self.known.keys().cloned().collect();
        paths.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        self.wanted.send_if_modified(|wanted| {
            let changed = *wanted != paths;
            *wanted = paths;
            changed
        });
    }

    /// Where a rendition lies of which the catalog says this.
    pub(super) fn find(&self, reference: Option<&str>) -> Place {
        let Some(reference) = reference else {
            return Place::Here;
        };
        let Some(path) = resolve(&self.base, reference) else {
            return Place::Outside;
        };
        if path == self.base {
            return Place::Here;
        }
        let sibling = self.known.get(&path);
        match sibling.and_then(|sibling| sibling.broadcast.clone()) {
            Some(broadcast) => Place::There(broadcast),
            None => Place::Missing {
                path,
                awaited: sibling.is_some_and(|sibling| sibling.until.is_some()),
            },
        }
    }

    pub(super) fn is_referred_to(&self, path: &PathOwned) -> bool {
        self.known.contains_key(path)
    }

    /// Whether there are some that may still come.
    pub(super) fn are_awaited(&self) -> bool {
        let mut known = self.known.values();
        known.any(|sibling| sibling.broadcast.is_none() && sibling.until.is_some())
    }

    /// Something happened to the one at `path`; true if renditions are to be had, or are no more, for it.
    pub(super) fn look(&mut self, path: &PathOwned) -> bool {
        let now = self.origin.consume_broadcast(path);
        let Some(sibling) = self.known.get_mut(path) else {
            return false;
        };
        let Some(now) = now else {
            // What is under way is still read.
            if sibling.broadcast.is_some() {
                sibling.until = Some(Instant::now() + PATIENCE);
            }
            return false;
        };
        sibling.until = None;
        let before = sibling.broadcast.replace(now.clone());
        before.is_none_or(|before| !before.is_clone(&now))
    }

    /// When to call [`Self::expire`].
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.known
            .values()
            .filter_map(|sibling| sibling.until)
            .min()
    }

    /// Gives up those that had their time.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        for (path, sibling) in &mut self.known {
            if sibling.until.is_some_and(|until| until <= now) {
                sibling.until = None;
                sibling.broadcast = self.origin.consume_broadcast(path);
            }
        }
    }
}

/// How long a broadcast may take to be announced once it is asked for, and its tracks to say why it is gone.
const PATIENCE: Duration = Duration::from_secs(1);
