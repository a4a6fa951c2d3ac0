//! What the tests share: bounded waiting, futures polled by hand, a transport in memory.
#![allow(dead_code, unused_imports)] // every test file uses its own part

pub(crate) mod transport;
pub(crate) mod versions;
pub(crate) mod waiting;

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Instant,
};

pub(crate) use waiting::{LIMIT, within};

/// Runs a future on this thread, without any runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "this should have happened by now");
        thread::park_timeout(left);
    }
}

/// What a future gives when it is polled once and then dropped.
pub(crate) fn now<F: Future>(future: F) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A future that the test polls by hand.
pub(crate) struct Step<F> {
    future: Pin<Box<F>>,
    woken: Arc<Flag>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<F: Future> Step<F> {
    /// Polls once; the future must have to wait.
    pub(crate) fn waiting(future: F) -> Self {
        let mut step = Self {
            future: Box::pin(future),
            woken: Arc::new(Flag(AtomicBool::new(true))),
        };
        assert!(step.poll().is_none(), "this should have had to wait");
        step
    }

    /// Polls again if something woke the future since.
    pub(crate) fn poll(&mut self) -> Option<F::Output> {
        if !self.woken.0.swap(false, Ordering::SeqCst) {
            return None;
        }
        let waker = Waker::from(self.woken.clone());
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    /// What the future gives now that it was woken.
    pub(crate) fn done(mut self) -> F::Output {
        self.poll().expect("this should have been woken and ready")
    }
}

/// The error of a result, which must be the given variant.
#[macro_export]
macro_rules! assert_err {
    ($result:expr, $error:pat) => {
        match $result {
            Err($error) => {}
            other => panic!(
                "expected {}, got {:?}",
                stringify!($error),
                other.map(|_| ())
            ),
        }
    };
}
