//! What the readers of a track want of it, put together.

use std::time::Duration;

use super::Track;

/// What a reader wants of a track, or what all of its readers want together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Higher is sent first. Together: the highest.
    pub priority: u8,
    /// For how long a group is wanted once there is a newer one; zero when it is
    /// not. Together: the longest.
    pub max_age: Duration,
    /// The first group; `None` for the newest at the time. Together: the lowest.
    pub start: Option<u64>,
    /// The last group; `None` for no end. Together: the highest.
    pub end: Option<u64>,
}

impl Demand {
    /// Everything from the newest group on, for as long as a track keeps it.
    pub fn new(priority: u8) -> Self {
        Self {
            priority,
            max_age: Track::MAX_AGE,
            start: None,
            end: None,
        }
    }

    fn and(self, other: &Self) -> Self {
        Self {
            priority: self.priority.max(other.priority),
            max_age: self.max_age.max(other.max_age),
            start: match (self.start, other.start) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            },
            end: self.end.zip(other.end).map(|(one, two)| one.max(two)),
        }
    }
}

/// The demands of the readers of one track.
#[derive(Default)]
pub(super) struct Demands {
    /// Those that differ, and how many readers have each: a track has many readers
    /// of few kinds.
    kinds: Vec<(Demand, usize)>,
    together: Option<Demand>,
}

impl Demands {
    /// Notes that a reader now wants `new` and no longer `old`; whether that changes
    /// what they want together.
    pub(super) fn change(&mut self, old: Option<&Demand>, new: Option<&Demand>) -> bool {
        if let Some(new) = new {
            match self.position(new) {
                Some(at) => self.kinds[at].1 += 1,
                None => self.kinds.push((new.clone(), 1)),
            }
        }
        if let Some(at) = old.and_then(|old| self.position(old)) {
            self.kinds[at].1 -= 1;
            if self.kinds[at].1 == 0 {
                self.kinds.swap_remove(at);
            }
        }
        let mut all = self.kinds.iter().map(|(demand, _)| demand);
        // Without readers the last demand stands.
        let Some(first) = all.next().cloned() else {
            return false;
        };
        let together = Some(all.fold(first, Demand::and));
        let changed = together != self.together;
        self.together = together;
        changed
    }

    fn position(&self, demand: &Demand) -> Option<usize> {
        self.kinds.iter().position(|(kind, _)| kind == demand)
    }

    pub(super) fn together(&self) -> Option<&Demand> {
        self.together.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn together_readers_want_what_suffices_for_each() {
        let mut demands = Demands::default();
        assert_eq!(demands.together(), None);
        let one = Demand {
            priority: 3,
            max_age: Duration::from_secs(1),
            start: Some(7),
            end: Some(9),
        };
        let two = Demand {
            priority: 1,
            max_age: Duration::from_secs(2),
            start: None,
            end: Some(20),
        };
        assert!(demands.change(None, Some(&one)));
        assert!(demands.change(None, Some(&two)));
        assert!(!demands.change(None, Some(&two)));
        assert!(!demands.change(Some(&two), None));
        let both = Demand {
            priority: 3,
            max_age: Duration::from_secs(2),
            start: Some(7),
            end: Some(20),
        };
        assert_eq!(demands.together(), Some(&both));
        assert!(demands.change(Some(&one), None));
        assert_eq!(demands.together(), Some(&two));
        let open = Demand { end: None, ..one };
        demands.change(None, Some(&open));
        assert_eq!(demands.together().unwrap().end, None);
        demands.change(Some(&two), None);
        assert_eq!(demands.together().unwrap().priority, 3);
        demands.change(Some(&open), None);
        assert_eq!(demands.together(), Some(&open));
    }
}
