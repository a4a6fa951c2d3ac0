//! The broadcasts of the peer, as far as they are known here.

use std::{collections::HashMap, sync::Arc};

use crate::moq_lite::{
    Broadcast, BroadcastProducer, Error, Excess, OriginProducer, PathOwned, Result,
    status::{Engaged, Status},
};

/// Why a broadcast is known. It stays for as long as there is a reason.
struct Known {
    producer: BroadcastProducer,
    announced: bool,
    assumed: bool,
    /// How many of its tracks the peer publishes unasked.
    published: usize,
    _engaged: Engaged,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Announced,
    /// Somebody here wants it and the peer announces nothing.
    Assumed,
    Published,
}

pub(super) struct Namespaces {
    /// Where broadcasts go: into the first that takes them.
    origins: Vec<OriginProducer>,
    status: Arc<Status>,
    known: HashMap<PathOwned, Known>,
}

impl Namespaces {
    pub(super) fn new(origin: Option<OriginProducer>, status: Arc<Status>) -> Self {
        Self {
            origins: origin.into_iter().collect(),
            status,
            known: HashMap::new(),
        }
    }

    /// Puts what the others do not take there.
    pub(super) fn widen(&mut self, origin: OriginProducer) {
        self.origins.push(origin);
    }

    pub(super) fn contains(&self, path: &PathOwned) -> bool {
        self.known.contains_key(path)
    }

    /// Adds a reason. `true` when the broadcast is new, and somebody must answer
    /// its requests.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when it may not be published here,
    /// [`Error::Duplicate`] when it is announced twice.
    pub(super) fn add(
        &mut self,
        path: &PathOwned,
        reason: Reason,
    ) -> Result<(BroadcastProducer, bool)> {
        let fresh = !self.known.contains_key(path);
        if fresh {
            let known = self.publish(path)?;
            self.known.insert(path.clone(), known);
        }
        let known = self.known.get_mut(path).ok_or(Error::NotFound)?;
        match reason {
            Reason::Announced if known.announced => return Err(Error::Duplicate),
            Reason::Announced => known.announced = true,
            Reason::Assumed => known.assumed = true,
            Reason::Published => known.published += 1,
        }
        Ok((known.producer.clone(), fresh))
    }

    /// Takes a reason back; the broadcast ends with its last.
    pub(super) fn remove(&mut self, path: &PathOwned, reason: Reason) {
        let Some(known) = self.known.get_mut(path) else {
            return;
        };
        match reason {
            // The peer announces what it has: there is nothing to assume any more.
            Reason::Announced => (known.announced, known.assumed) = (false, false),
            Reason::Assumed => known.assumed = false,
            Reason::Published => known.published = known.published.saturating_sub(1),
        }
        if known.announced || known.assumed || known.published > 0 {
            return;
        }
        if let Some(mut known) = self.known.remove(path) {
            tracing::debug!(%path, "broadcast ended");
            known.producer.close();
        }
    }

    fn publish(&self, path: &PathOwned) -> Result<Known> {
        if self.known.len() >= self.status.limits.announcements {
            self.status.exceed(Excess::Announcements);
            return Err(Error::TooLarge);
        }
        let broadcast = Broadcast::produce();
        let take =
            |origin: &OriginProducer| origin.publish_broadcast(path, broadcast.consumer.clone());
        if !self.origins.iter().any(take) {
            return Err(Error::Unauthorized);
        }
        tracing::debug!(%path, "broadcast known");
        Ok(Known {
            producer: broadcast.producer,
            announced: false,
            assumed: false,
            published: 0,
            _engaged: self.status.engage(),
        })
    }
}
