//! Who waits for a cell to change.

use std::task::Waker;

use smallvec::SmallVec;

/// Wakers by rising id; mostly there is none or one.
#[derive(Default)]
pub(super) struct Waiters {
    next: u64,
    list: SmallVec<[Waiter; 1]>,
}

struct Waiter {
    id: u64,
    waker: Waker,
}

/// Wakers that are no longer listed. Waking and dropping them runs code of whoever
/// waits, so neither may happen under a lock.
#[must_use]
pub(super) struct Woken(Option<SmallVec<[Waiter; 1]>>);

impl Waiters {
    /// Lists a waker, in place of the one that this waiter had under `id`. What is
    /// returned is to be dropped without the lock.
    pub(super) fn list(&mut self, id: &mut Option<u64>, waker: &Waker) -> Option<Waker> {
        if let Some(waiter) = id.and_then(|id| self.find(id)).map(|at| &mut self.list[at]) {
            let changed = !waiter.waker.will_wake(waker);
            return changed.then(|| std::mem::replace(&mut waiter.waker, waker.clone()));
        }
        self.next += 1;
        *id = Some(self.next);
        self.list.push(Waiter {
            id: self.next,
            waker: waker.clone(),
        });
        None
    }

    /// Takes a waiter out that has had enough. What is returned is to be dropped
    /// without the lock.
    pub(super) fn leave(&mut self, id: u64) -> Option<Waker> {
        let at = self.find(id)?;
        Some(self.list.remove(at).waker)
    }

    /// Takes every waiter out, to be woken without the lock.
    #[inline]
    pub(super) fn take(&mut self) -> Woken {
        // Mostly nobody waits, and then nothing is moved.
        Woken((!self.list.is_empty()).then(|| std::mem::take(&mut self.list)))
    }

    fn find(&self, id: u64) -> Option<usize> {
        self.list.binary_search_by_key(&id, |waiter| waiter.id).ok()
    }
}

impl Woken {
    #[inline]
    pub(super) fn wake(self) {
        if let Some(list) = self.0 {
            list.into_iter().for_each(|waiter| waiter.waker.wake());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn each_waiter_is_woken_once_and_not_after_it_left() {
        let counts = [(); 3].map(|()| Arc::new(Count::default()));
        let wakers = counts.clone().map(Waker::from);
        let mut waiters = Waiters::default();
        let mut ids = [None; 3];
        for (id, waker) in ids.iter_mut().zip(&wakers) {
            assert!(waiters.list(id, waker).is_none());
            // The same one again changes nothing.
            assert!(waiters.list(id, waker).is_none());
        }
        assert!(waiters.leave(ids[1].unwrap()).is_some());
        assert!(waiters.leave(ids[1].unwrap()).is_none());
        // Another task waits in the place of the first.
        assert!(waiters.list(&mut ids[0], &wakers[1]).is_some());
        waiters.take().wake();
        waiters.take().wake();
        let woken = counts.map(|count| count.0.load(Relaxed));
        assert_eq!(woken, [0, 1, 1]);
        // Who was woken is listed anew.
        let before = ids[0];
        waiters.list(&mut ids[0], &wakers[0]);
        assert_ne!(ids[0], before);
    }
}
