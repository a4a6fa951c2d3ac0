//! What the publisher was asked for, and how that changes with what the readers want.

use std::time::Duration;

use crate::moq_lite::{
    self, Demand, PathOwned,
    ietf::{FilterType, GroupOrder, Location, RequestId, Subscribe, SubscribeUpdate},
};

/// The range and the priority of a subscription of ours. A range can only be narrowed:
/// groups behind its end are asked for anew when it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    start: Location,
    /// The start was asked for; else the publisher says where it is.
    chosen: bool,
    /// The last group.
    end: Option<u64>,
    /// Higher is sent first, as everywhere but on this wire.
    priority: u8,
    /// For how long an object is wanted, where the readers have set it.
    timeout: Option<Duration>,
    /// The publisher has said from where on it sends.
    accepted: bool,
    /// There is something to say that was not said.
    pending: bool,
}

impl Asked {
    /// What to ask for at first, or after the group `seen`.
    pub(super) fn new(demand: &Demand, seen: Option<u64>) -> Self {
        let next = seen.map(|seen| seen.saturating_add(1));
        let start = demand.start.max(next);
        let group = start.unwrap_or_default();
        Self {
            start: Location { group, object: 0 },
            chosen: start.is_some(),
            end: demand.end.map(|end| end.max(group)),
            priority: demand.priority,
            timeout: hurry(demand),
            accepted: false,
            pending: false,
        }
    }

    /// Of a track that is published unasked, and answered with this priority.
    pub(super) fn unasked(largest: Option<Location>, priority: u8) -> Self {
        let start = Location {
            group: 0,
            object: 0,
        };
        let mut asked = Self {
            start,
            chosen: false,
            end: None,
            priority,
            timeout: None,
            accepted: false,
            pending: false,
        };
        asked.accept(largest);
        asked
    }

    pub(super) fn request<'a>(
        &self,
        request_id: RequestId,
        broadcast: &'a PathOwned,
        track: &'a str,
    ) -> Subscribe<'a> {
        let (filter_type, start_location, end_group) = match (self.chosen, self.end) {
            // moq-relay answers LargestObject with the next object, in the middle of a group;
            // everything else with the current group from its start, which is what a reader
            // needs.
            (false, _) => (FilterType::NextGroup, None, None),
            (true, None) => (FilterType::AbsoluteStart, Some(self.start), None),
            (true, Some(end)) => (FilterType::AbsoluteRange, Some(self.start), Some(end)),
        };
        Subscribe {
            request_id,
            track_namespace: broadcast.borrow(),
            track_name: track.into(),
            // Here the highest number is sent first, there the lowest.
            subscriber_priority: 255 - self.priority,
            group_order: GroupOrder::Descending,
            forward: true,
            filter_type,
            start_location,
            end_group,
            delivery_timeout: self.timeout,
        }
    }

    /// The publisher sends what follows its `largest` object.
    pub(super) fn accept(&mut self, largest: Option<Location>) {
        self.accepted = true;
        if !self.chosen {
            let after = largest.map_or(0, |largest| largest.group.saturating_add(1));
            self.start.group = self.start.group.max(after);
            // There was no place for an end either.
            self.end = self.end.map(|end| end.max(self.start.group));
            self.pending |= self.end.is_some();
        }
    }

    /// Takes in what the readers want now.
    pub(super) fn want(&mut self, demand: &Demand) {
        let before = self.clone();
        self.priority = demand.priority;
        self.start.group = self.start.group.max(demand.start.unwrap_or_default());
        self.end = match (self.end, demand.end) {
            (Some(now), Some(end)) => Some(now.min(end)),
            (now, end) => now.or(end),
        };
        self.end = self.end.map(|end| end.max(self.start.group));
        // A timeout that was told can be changed and not be taken back.
        let told = self.timeout.map(|_| moq_lite::Track::MAX_AGE);
        self.timeout = hurry(demand).or(told);
        self.pending |= *self != before;
    }

    /// Whether an update is due.
    pub(super) fn is_due(&self) -> bool {
        self.accepted && self.pending
    }

    pub(super) fn update(&self, id: RequestId, subscription: RequestId) -> SubscribeUpdate {
        SubscribeUpdate {
            request_id: id,
            subscription_request_id: subscription,
            start_location: self.start,
            end_group: self.end.map_or(0, |end| end.saturating_add(1)),
            subscriber_priority: 255 - self.priority,
            forward: true,
            delivery_timeout: self.timeout,
        }
    }

    /// The update was sent.
    pub(super) fn told(&mut self) {
        self.pending = false;
    }

    /// The last group, where the readers have set one.
    pub(super) fn end(&self) -> Option<u64> {
        self.end
    }
}

/// The draft counts the age of each object, also of those in the newest group, so a reader that has set nothing says
/// nothing. Nothing would meet a timeout of zero: such a reader wants no older group, which it sees to itself.
fn hurry(demand: &Demand) -> Option<Duration> {
    let age = Some(demand.max_age);
    age.filter(|age| !age.is_zero() && *age < moq_lite::Track::MAX_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(priority: u8, start: Option<u64>, end: Option<u64>) -> Demand {
        Demand {
            start,
            end,
            ..Demand::new(priority)
        }
    }

    fn location(group: u64, object: u64) -> Location {
        Location { group, object }
    }

    #[test]
    fn a_range_is_narrowed_and_never_widened() {
        let mut asked = Asked::new(&demand(1, None, None), None);
        asked.accept(Some(location(6, 3)));
        assert!(!asked.is_due());
        asked.want(&demand(1, Some(9), Some(20)));
        asked.want(&demand(2, Some(8), Some(30)));
        assert!(asked.is_due());
        let update = asked.update(RequestId(2), RequestId(0));
        assert_eq!(update.start_location, location(9, 0));
        assert_eq!((update.end_group, update.subscriber_priority), (21, 253));
        asked.told();
        asked.want(&demand(2, None, None));
        assert!(!asked.is_due());
        // It does not end before it starts.
        asked.want(&demand(2, None, Some(3)));
        let update = asked.update(RequestId(4), RequestId(0));
        assert_eq!(update.end_group, 10);
    }

    #[test]
    fn an_end_without_a_start_is_told_once_the_start_is_known() {
        let path = PathOwned::from("cam".to_owned());
        let mut asked = Asked::new(&demand(0, None, Some(9)), None);
        let request = asked.request(RequestId(0), &path, "video");
        assert_eq!(request.filter_type, FilterType::NextGroup);
        assert!(!asked.is_due());
        asked.accept(Some(location(4, 0)));
        assert!(asked.is_due());
        let update = asked.update(RequestId(2), RequestId(0));
        assert_eq!(update.start_location, location(5, 0));
        assert_eq!(update.end_group, 10);
    }
}
