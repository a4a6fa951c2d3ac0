//! A session on which the server has fallen silent.
//!
//! Whether the network is down for a moment or the server has been killed looks the same from here, and only the idle timeout would
//! tell, after ten seconds. So another connection is tried beside it, and whoever answers first decides: the old session is
//! kept if the server is heard on it again, and given up if the server answers on the new connection, or if nobody
//! listens at its address any more.

use std::time::Duration;

use tokio::time::Instant;
use web_transport_trait::Session as _;

use super::Context;
use crate::net;

/// A session that is of no more use.
pub(super) struct Silence {
    pub(super) lasted: Duration,
    /// A connection on which the server does answer.
    pub(super) another: Option<Box<net::Connected>>,
}

/// Returns when the session on `transport` is to be given up, which is never where there would be no other.
pub(super) async fn lost(
    context: &Context,
    transport: &net::Transport,
    options: &net::ConnectOptions,
) -> Silence {
    loop {
        let before = transport.silent().await;
        if !context.policy.borrow().auto_reconnect {
            continue;
        }
        tracing::debug!(?before, "no answer: trying another connection");
        let (doubted, received) = (Instant::now(), transport.received());
        let dialled = tokio::select! {
            () = transport.heard(received) => continue,
            dialled = net::connect(options) => dialled,
        };
        let silence = |another| Silence {
            lasted: before + doubted.elapsed(),
            another,
        };
        match dialled {
            Ok(connected) if transport.received() != received => connected.transport.close(0, ""),
            Ok(connected) => return silence(Some(Box::new(connected))),
            Err(error) if error.kind() == net::Kind::Unreachable => return silence(None),
            // It may be a matter of this attempt alone. The idle timeout is what is left.
            Err(error) => tracing::debug!(%error, "nor on another connection"),
        }
    }
}
