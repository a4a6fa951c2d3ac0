//! Looking at a future without waiting for it.

use std::{future::poll_fn, pin::pin, task::Poll};

/// The result of a future that is ready at once.
pub(super) async fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        })
    })
    .await
}
