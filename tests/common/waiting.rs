//! Bounded waiting, also for what nothing tells of: another program's state, the kernel's, a value that is only looked at.
#![allow(dead_code)] // every test program uses its own part

use std::time::{Duration, Instant};

/// The longest that a test waits for something that must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// How often a value is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What `future` gives; the test fails when that takes too long. Under paused time this notices at once that nothing can
/// happen any more.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future)
        .await
        .expect("this should have happened by now")
}

/// Waits until `is_true`; `what` is said where that takes too long.
pub(crate) async fn eventually(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let looking = async {
        let mut looks = tokio::time::interval(LOOK);
        while !is_true().await {
            looks.tick().await;
        }
    };
    if tokio::time::timeout(LIMIT, looking).await.is_err() {
        panic!("not in time: {what}");
    }
}

/// As [`eventually`], on a thread.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_true() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(LOOK);
    }
}
