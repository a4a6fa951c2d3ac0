//! The tokio runtime of the process, shared by every element, and who drives it.
//!
//! A frame that arrives should not wait for one thread to wake another: where a pad waits for one, its own thread takes
//! packets in, and goes on with the frame as soon as it is there. Whichever pad waits first drives the runtime for all;
//! while none does, a thread of the runtime's own takes its place, so that pushing may block for as long as it likes.

use std::{
    pin::pin,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use tokio::{
    runtime::{self, EnterGuard},
    sync::Notify,
    task,
};

use super::logging::Listener;

/// It is made on first use and lives as long as the process.
static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    thread::Builder::new()
        .name("moq-net".to_owned())
        .spawn(|| NETWORK.drive())
        .expect("the system has a thread to give");
    Network::new()
});

/// Waits in the thread of a pad. What is there already is returned at once; else the thread may drive the runtime
/// meanwhile. Not for a thread that is within a runtime.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    NETWORK.wait(future)
}

/// Waits in any other thread that is not within a runtime.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    NETWORK.runtime.handle().block_on(future)
}

/// The context in which timers are made and handles are dropped.
pub(super) fn enter() -> EnterGuard<'static> {
    NETWORK.runtime.enter()
}

/// Runs `future` on the runtime.
pub(super) fn spawn<F>(future: F) -> task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    NETWORK.runtime.spawn(future)
}

/// A runtime without threads, and the threads that drive it in turn.
struct Network {
    /// It is driven by one thread in `block_on` at a time; when that leaves, another one in `block_on` goes on.
    runtime: runtime::Runtime,
    log: Listener,
    /// How many pads wait.
    waiting: Mutex<usize>,
    /// The last one has left.
    deserted: Condvar,
    /// One has come: the thread that stands in for pads leaves.
    taken: Notify,
}

impl Network {
    fn new() -> Self {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .event_interval(TASKS_A_LOOK)
            // Threads for what blocks.
            .thread_name_fn(|| format!("moq-net-{}", THREADS.fetch_add(1, Ordering::Relaxed)))
            .thread_keep_alive(Duration::from_secs(10))
            .build()
            .expect("the system has a poller to give");
        Self {
            runtime,
            log: Listener::new(),
            waiting: Mutex::new(0),
            deserted: Condvar::new(),
            taken: Notify::new(),
        }
    }

    /// Drives the runtime whenever no pad does.
    fn drive(&self) {
        let _listening = self.log.listen();
        loop {
            self.deserted
                .wait_while(&mut self.waiting.lock(), |waiting| *waiting > 0);
            self.runtime.block_on(self.taken.notified());
        }
    }

    fn wait<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        {
            let _context = self.runtime.enter();
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
        }
        let _waiting = Waiting::new(self);
        let _listening = self.log.listen();
        self.runtime.block_on(future)
    }
}

/// A pad that waits.
struct Waiting<'a>(&'a Network);

impl<'a> Waiting<'a> {
    fn new(network: &'a Network) -> Self {
        *network.waiting.lock() += 1;
        network.taken.notify_one();
        Self(network)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        *waiting -= 1;
        if *waiting == 0 {
            self.0.deserted.notify_one();
        }
    }
}

/// After so many tasks it is looked whether the frame is there that the driving pad waits for.
const TASKS_A_LOOK: u32 = 8;

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use tokio::{sync, time};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn network() -> Arc<Network> {
        let network = Arc::new(Network::new());
        let driven = network.clone();
        // Like that of the process it has no end.
        thread::spawn(move || driven.drive());
        network
    }

    #[test]
    fn what_is_there_is_returned_at_once() {
        // Nobody drives this one.
        assert_eq!(Network::new().wait(async { 7 }), 7);
    }

    #[test]
    fn the_network_goes_on_without_pads() {
        let network = network();
        let (done, seen) = mpsc::channel();
        for _ in 0..3 {
            let done = done.clone();
            network.runtime.spawn(async move {
                time::sleep(Duration::from_millis(1)).await;
                let _ = done.send(());
            });
            seen.recv_timeout(LONG).unwrap();
            // Someone who came and went leaves it as it was.
            network.wait(task::yield_now());
        }
    }

    #[test]
    fn a_pad_that_waits_drives_the_network_itself() {
        let network = network();
        let here = thread::current().id();
        let woken = network.wait(async {
            let sleeper = task::spawn(async {
                time::sleep(Duration::from_millis(5)).await;
                thread::current().id()
            });
            sleeper.await.unwrap()
        });
        assert_eq!(woken, here);
    }

    #[test]
    fn a_pad_that_leaves_stops_nobody() {
        let network = network();
        let pads = 6;
        let frames = 300;
        let (heard, hear) = mpsc::channel();
        let threads = (0..pads).map(|pad| {
            let (send, mut frames_in) = sync::mpsc::channel(1);
            network.runtime.spawn(async move {
                for frame in 0..frames {
                    if frame % 10 == pad {
                        time::sleep(Duration::from_millis(1)).await;
                    }
                    send.send(frame).await.unwrap();
                }
            });
            let (network, heard) = (network.clone(), heard.clone());
            thread::spawn(move || {
                for frame in 0..frames {
                    assert_eq!(network.wait(frames_in.recv()), Some(frame));
                }
                heard.send(pad).unwrap();
            })
        });
        let threads: Vec<_> = threads.collect();
        let mut done: Vec<_> = (0..pads)
            .map(|_| hear.recv_timeout(LONG).unwrap())
            .collect();
        done.sort_unstable();
        assert_eq!(done, (0..pads).collect::<Vec<_>>());
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*network.waiting.lock(), 0);
    }
}
