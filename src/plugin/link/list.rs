//! Asks a server once which broadcasts it has.

use std::{
    collections::BTreeSet,
    sync::mpsc,
    time::{Duration, Instant},
};

use tokio::time;

use super::{Media, client};
use crate::{
    moq_lite::{Origin, OriginConsumer, PathOwned},
    net,
    plugin::runtime,
};

/// The paths that are announced at `prefix` and below, sorted; or a sentence about why none are known.
///
/// Opens a session of its own and waits until nothing more is announced, `patience` at most.
pub(in crate::plugin) fn list(
    options: net::ConnectOptions,
    prefix: PathOwned,
    patience: Duration,
) -> Result<Vec<String>, String> {
    let begin = Instant::now();
    let (sender, receiver) = mpsc::sync_channel(1);
    let task = runtime::spawn(async move {
        // Nobody waits any more when the time is over.
        let _ = sender.send(ask(&options, &prefix, begin + patience).await);
    });
    // Not `block_on`: this may be a thread of the application's own runtime.
    receiver.recv_timeout(patience + GRACE).unwrap_or_else(|_| {
        task.abort();
        Err(format!("No answer within {} s", patience.as_secs()))
    })
}

async fn ask(
    options: &net::ConnectOptions,
    prefix: &PathOwned,
    deadline: Instant,
) -> Result<Vec<String>, String> {
    let origin = Origin::produce();
    let media = Media {
        publish: None,
        consume: origin.producer.publish_only(std::slice::from_ref(prefix)),
        expected: None,
        besides: None,
    };
    let connecting = time::timeout_at(deadline.into(), client::attempt(&media, options)).await;
    let established = connecting.map_err(|_| "The server does not answer in time".to_owned())?;
    let established = established.map_err(|failure| failure.reason)?;
    // Whatever the session does after this, its copies of announcements end with it.
    tokio::select! {
        found = collect(origin.consumer, deadline) => Ok(found),
        reason = established.ended() => Err(reason),
    }
}

/// What is announced until nothing is for a while.
async fn collect(mut origin: OriginConsumer, deadline: Instant) -> Vec<String> {
    let mut found = BTreeSet::new();
    loop {
        let quiet = deadline.min(Instant::now() + QUIET);
        let Ok(Some((path, broadcast))) = time::timeout_at(quiet.into(), origin.announced()).await
        else {
            return found.into_iter().collect();
        };
        match broadcast {
            Some(_) => found.insert(path.to_string()),
            None => found.remove(path.as_str()),
        };
    }
}

/// A server that says nothing for so long has said all.
const QUIET: Duration = Duration::from_millis(300);
/// How much longer than it may take the answer is waited for.
const GRACE: Duration = Duration::from_millis(500);
