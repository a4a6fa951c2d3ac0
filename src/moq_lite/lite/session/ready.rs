//! Looking at a future without waiting for it.

/// The result of a future that is ready at once.
pub(super) async fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        result = future => Some(result),
        () = std::future::ready(()) => None,
    }
}
