//! How many requests the peer may make, and whether it keeps to that.

use std::collections::BTreeSet;

use crate::moq_lite::{
    Result,
    ietf::{RequestId, fault},
};

/// The limit that SETUP tells the peer.
///
/// It is large because moq-transport 0.14 takes MAX_REQUEST_ID as an unknown
/// message and ends the session; what a peer may have running at a time has limits
/// of its own.
pub(crate) const INITIAL_MAX_REQUEST_ID: u64 = 1 << 20;

/// The most numbers that may be missing, because requests of one peer were
/// numbered and written by different threads.
const MAX_MISSING: u64 = 64;

/// Decides about the numbers of the peer's requests.
pub(super) struct Credit {
    next: u64,
    limit: u64,
    window: u64,
    missing: BTreeSet<u64>,
}

impl Credit {
    /// For requests of a client, or else of a server.
    pub(super) fn new(of_client: bool, window: u64) -> Self {
        Self {
            next: u64::from(!of_client),
            limit: window,
            window,
            missing: BTreeSet::new(),
        }
    }

    /// Takes note of a request. Some number is a new limit to tell the peer.
    ///
    /// # Errors
    /// When the number is the other side's, was used before, leaves too many out or is not
    /// allowed yet.
    pub(super) fn take(&mut self, id: RequestId) -> Result<Option<u64>> {
        let RequestId(id) = id;
        if id % 2 != self.next % 2 {
            return Err(fault::INVALID_REQUEST_ID.into());
        }
        if id >= self.limit {
            return Err(fault::TOO_MANY_REQUESTS.into());
        }
        if id < self.next {
            let late = self.missing.remove(&id);
            return late.then_some(None).ok_or(fault::INVALID_REQUEST_ID.into());
        }
        let gap = (id - self.next) / 2;
        if gap + self.missing.len() as u64 > MAX_MISSING {
            return Err(fault::INVALID_REQUEST_ID.into());
        }
        self.missing.extend((self.next..id).step_by(2));
        self.next = id + 2;
        if self.limit.saturating_sub(self.next) >= self.window / 2 {
            return Ok(None);
        }
        self.limit += self.window;
        Ok(Some(self.limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(credit: &mut Credit, id: u64) -> Option<Option<u64>> {
        credit.take(RequestId(id)).ok()
    }

    #[test]
    fn the_limit_grows_when_half_of_it_is_used() {
        let mut credit = Credit::new(true, 8);
        assert_eq!(takes(&mut credit, 0), Some(None));
        assert_eq!(takes(&mut credit, 2), Some(None));
        assert_eq!(takes(&mut credit, 4), Some(Some(16)));
        assert_eq!(takes(&mut credit, 6), Some(None));
        assert_eq!(takes(&mut credit, 8), Some(None));
        assert_eq!(takes(&mut credit, 18), None);
    }

    #[test]
    fn numbers_of_the_other_side_or_used_twice_are_violations() {
        let mut credit = Credit::new(false, 1000);
        assert_eq!(takes(&mut credit, 0), None);
        assert_eq!(takes(&mut credit, 1), Some(None));
        assert_eq!(takes(&mut credit, 1), None);
    }

    #[test]
    fn a_few_numbers_may_come_in_another_order() {
        let mut credit = Credit::new(true, 1000);
        assert_eq!(takes(&mut credit, 4), Some(None));
        assert_eq!(takes(&mut credit, 0), Some(None));
        assert_eq!(takes(&mut credit, 0), None);
        assert_eq!(takes(&mut credit, 2), Some(None));
        assert_eq!(takes(&mut credit, 900), None);
    }
}
