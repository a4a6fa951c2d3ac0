//! The one way in which producers and consumers share state.
//!
//! A cell holds a value that grows, and why it ended. Producers change it and
//! consumers wait for it; whoever reads looks at the value first and at the end
//! second, so that nothing written is lost to a late reader.
//!
//! Where one lock is taken under another, the order is broadcast, track, group,
//! frame. No lock is held over an `.await` or a call out of this module.

use std::{
    pin::Pin,
    sync::{Arc, Weak as ArcWeak},
    task::{Context, Poll},
};

use parking_lot::Mutex;

use super::waiters::{Waiters, Woken};
use crate::moq_lite::{Error, Result};

/// What a cell holds.
pub(super) trait Content: Send + 'static {
    /// Called once, under the lock, when the last producer is gone; the
    /// returned work runs without the lock.
    fn orphaned(&mut self) -> Option<Box<dyn FnOnce() + Send>> {
        None
    }
}

/// Shared, but counted neither as a producer nor as a consumer.
pub(super) struct Shared<T: Content>(Arc<Cell<T>>);

/// May change the value. When the last one is dropped without an end, the cell
/// ends with [`Error::Cancel`].
pub(super) struct Producer<T: Content>(Arc<Cell<T>>);

/// May wait for the value, and keeps it in use.
pub(super) struct Consumer<T: Content>(Arc<Cell<T>>);

/// Keeps nothing alive.
pub(super) struct Weak<T: Content>(ArcWeak<Cell<T>>);

struct Cell<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    value: T,
    end: Option<Result<()>>,
    producers: usize,
    consumers: usize,
    waiters: Waiters,
}

impl<T: Content> Producer<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Arc::new(Cell::new(value)))
    }

    /// A cell whose value knows its cell.
    pub(super) fn new_cyclic(value: impl FnOnce(Weak<T>) -> T) -> Self {
        Self(Arc::new_cyclic(|cell| Cell::new(value(Weak(cell.clone())))))
    }

    /// Changes the value and wakes every reader, unless the cell has ended.
    #[inline]
    pub(super) fn modify<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R> {
        let (result, woken) = {
            let mut state = self.0.state.lock();
            match &state.end {
                None => (change(&mut state.value), state.waiters.take()),
                Some(Ok(())) => return Err(Error::Cancel),
                Some(Err(err)) => return Err(err.clone()),
            }
        };
        woken.wake();
        Ok(result)
    }

    /// Ends the cell. The first end counts.
    pub(super) fn end(&self, end: Result<()>) {
        self.0.end(end);
    }

    /// What `find` finds, else waits. Cancel safe.
    pub(super) async fn wait<R>(&self, mut find: impl FnMut(&mut T) -> Option<R>) -> R {
        self.0.wait(|state| find(&mut state.value)).await
    }

    pub(super) fn consume(&self) -> Consumer<T> {
        Consumer::new(&self.0)
    }

    pub(super) fn has_consumers(&self) -> bool {
        self.0.state.lock().consumers > 0
    }

    pub(super) fn share(&self) -> Shared<T> {
        Shared(self.0.clone())
    }

    pub(super) fn is_clone(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Resolves when there is no consumer. Keeps the value alive, but does not
    /// count as a producer.
    pub(super) fn unused(&self) -> impl Future<Output = ()> + Send + use<T> {
        let cell = self.0.clone();
        async move {
            cell.wait(|state| (state.consumers == 0).then_some(()))
                .await
        }
    }
}

impl<T: Content> Clone for Producer<T> {
    fn clone(&self) -> Self {
        self.0.state.lock().producers += 1;
        Self(self.0.clone())
    }
}

impl<T: Content> Drop for Producer<T> {
    fn drop(&mut self) {
        let (work, woken) = {
            let mut state = self.0.state.lock();
            state.producers -= 1;
            if state.producers > 0 {
                return;
            }
            state.end.get_or_insert(Err(Error::Cancel));
            (state.value.orphaned(), state.waiters.take())
        };
        woken.wake();
        if let Some(work) = work {
            work();
        }
    }
}

impl<T: Content> Consumer<T> {
    fn new(cell: &Arc<Cell<T>>) -> Self {
        cell.state.lock().consumers += 1;
        Self(cell.clone())
    }

    /// What `find` finds now.
    #[inline]
    pub(super) fn now<R>(&self, find: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        find(&self.0.state.lock().value)
    }

    /// The item that `find` finds, else `None` after a clean end, else the error
    /// that ended the cell, else waits. Cancel safe.
    pub(super) async fn next<R>(
        &self,
        mut find: impl FnMut(&mut T) -> Option<Result<R>>,
    ) -> Result<Option<R>> {
        self.0
            .wait(|state| match find(&mut state.value) {
                Some(found) => Some(found.map(Some)),
                None => state.end.clone().map(|end| end.map(|()| None)),
            })
            .await
    }

    /// What `find` finds, else waits. Cancel safe.
    pub(super) async fn wait<R>(&self, mut find: impl FnMut(&mut T) -> Option<R>) -> R {
        self.0.wait(|state| find(&mut state.value)).await
    }

    /// Waits for the end. Cancel safe.
    pub(super) async fn ended(&self) -> Result<()> {
        self.0.wait(|state| state.end.clone()).await
    }

    pub(super) fn share(&self) -> Shared<T> {
        Shared(self.0.clone())
    }

    pub(super) fn is_clone(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: Content> Clone for Consumer<T> {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl<T: Content> Drop for Consumer<T> {
    fn drop(&mut self) {
        let woken = {
            let mut state = self.0.state.lock();
            state.consumers -= 1;
            (state.consumers == 0).then(|| state.waiters.take())
        };
        if let Some(woken) = woken {
            woken.wake();
        }
    }
}

impl<T: Content> Shared<T> {
    pub(super) fn consume(&self) -> Consumer<T> {
        Consumer::new(&self.0)
    }

    /// Looks at the value, ended or not.
    pub(super) fn peek<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        look(&mut self.0.state.lock().value)
    }

    /// Changes the value whether it ended or not, and wakes every reader.
    pub(super) fn force<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let (result, woken) = {
            let mut state = self.0.state.lock();
            (change(&mut state.value), state.waiters.take())
        };
        woken.wake();
        result
    }

    /// As `force`, but readers are woken only when `change` says that it matters.
    pub(super) fn revise(&self, change: impl FnOnce(&mut T) -> bool) {
        let woken = {
            let mut state = self.0.state.lock();
            change(&mut state.value).then(|| state.waiters.take())
        };
        if let Some(woken) = woken {
            woken.wake();
        }
    }

    /// Ends the cell. The first end counts.
    pub(super) fn end(&self, end: Result<()>) {
        self.0.end(end);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.0.state.lock().end.is_some()
    }

    pub(super) fn downgrade(&self) -> Weak<T> {
        Weak(Arc::downgrade(&self.0))
    }

    pub(super) fn is_clone(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: Content> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Content> Weak<T> {
    pub(super) fn upgrade(&self) -> Option<Shared<T>> {
        self.0.upgrade().map(Shared)
    }
}

impl<T> Cell<T> {
    /// Has one producer.
    fn new(value: T) -> Self {
        let state = State {
            value,
            end: None,
            producers: 1,
            consumers: 0,
            waiters: Waiters::default(),
        };
        Self {
            state: Mutex::new(state),
        }
    }

    fn end(&self, end: Result<()>) {
        let woken: Woken = {
            let mut state = self.state.lock();
            state.end.get_or_insert(end);
            state.waiters.take()
        };
        woken.wake();
    }

    fn wait<R, F: FnMut(&mut State<T>) -> Option<R>>(&self, ready: F) -> Wait<'_, T, F> {
        Wait {
            cell: self,
            ready,
            id: None,
        }
    }
}

/// Waits until `ready` finds something.
struct Wait<'a, T, F> {
    cell: &'a Cell<T>,
    ready: F,
    /// The place among the waiters.
    id: Option<u64>,
}

/// Nothing in it is ever pinned.
impl<T, F> Unpin for Wait<'_, T, F> {}

impl<T, R, F: FnMut(&mut State<T>) -> Option<R>> Future for Wait<'_, T, F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let Self { cell, ready, id } = &mut *self;
        let mut state = cell.state.lock();
        let (result, waker) = match ready(&mut state) {
            Some(result) => {
                let waker = id.take().and_then(|id| state.waiters.leave(id));
                (Poll::Ready(result), waker)
            }
            None => (Poll::Pending, state.waiters.list(id, cx.waker())),
        };
        drop(state);
        drop(waker);
        result
    }
}

impl<T, F> Drop for Wait<'_, T, F> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // The lock is held no longer than this statement, the waker a little longer.
            let waker = self.cell.state.lock().waiters.leave(id);
            drop(waker);
        }
    }
}
