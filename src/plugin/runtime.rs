//! The tokio runtime of the process, shared by every element.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{runtime, task};

use super::logging;

/// The runtime. It is made on first use and lives as long as the process.
pub(super) static RUNTIME: LazyLock<runtime::Runtime> = LazyLock::new(|| {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .thread_name_fn(|| format!("moq-net-{}", THREADS.fetch_add(1, Ordering::Relaxed)))
        .thread_keep_alive(Duration::from_secs(10))
        .on_thread_start(logging::install)
        .build()
        .expect("the system has a thread and a poller to give")
});

/// Runs `future` on the runtime.
pub(super) fn spawn<F>(future: F) -> task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    RUNTIME.spawn(future)
}

/// What the threads of GStreamer hand over is encrypted and sent by one other. With a second one, what belongs to one
/// connection would go back and forth between them.
const WORKERS: usize = 1;
