//! The server: accepts sessions from an open port.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time};
use web_transport_trait::Session as _;

use super::{Context, Event};
use crate::{
    moq_lite::{self, Server},
    net,
};

/// Runs until stopped. Sessions end first, then the port is closed with a word to the peers.
pub(super) async fn run(context: Context, mut listener: net::Listener) {
    let mut stopped = pin!(context.stopped());
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Some(accepted) if sessions.len() < MOST_SESSIONS => {
                    sessions.spawn(serve(context.clone(), accepted));
                }
                Some(accepted) => {
                    tracing::warn!(remote = %accepted.remote, "too many sessions, one refused");
                    close(accepted.transport, &moq_lite::Error::TooLarge);
                }
                None => {
                    let reason = "The port is closed: no more sessions are accepted".to_owned();
                    return context.failed(net::Kind::System, reason).await;
                }
            },
            Some(ended) = sessions.join_next() => {
                if ended.is_err_and(|error| error.is_panic()) {
                    let text = "An internal error ended a session; please report it".to_owned();
                    context.tell(Event::Warning(text)).await;
                }
            }
            () = &mut stopped => break,
        }
    }
    let any = !sessions.is_empty();
    sessions.shutdown().await;
    if any {
        // Enough for the packet that says goodbye; the peers' answers need not be heard.
        let _ = time::timeout(GOODBYE, listener.close()).await;
    }
}

/// A session from its first byte to its end.
async fn serve(context: Context, accepted: net::Accepted) {
    let remote = accepted.remote;
    let transport = accepted.transport;
    let carrier = transport.carrier();
    let request = match Server::new().request(transport.clone()).await {
        Ok(request) => request,
        Err(error) => return tracing::debug!(%remote, %error, "no session came to be"),
    };
    // The path that the peer asks for is the root of what it sees. On raw QUIC it stands in SETUP.
    let path = request.path().unwrap_or(&accepted.path);
    let path = path.split('?').next().unwrap_or_default();
    let publish = context.media.publish.as_ref();
    let consume = context.media.consume.as_ref();
    let publish = publish.and_then(|origin| origin.with_root(path));
    let consume = consume.and_then(|origin| origin.with_root(path));
    if publish.is_none() && consume.is_none() {
        tracing::debug!(%remote, path, "nothing to be seen there");
        return request.reject(moq_lite::Error::Unauthorized);
    }
    let session = match request.accept(publish, consume).await {
        Ok(session) => {
            Arc::new(session.with_congestion_window(move || transport.congestion_window()))
        }
        Err(error) => return tracing::debug!(%remote, %error, "no session came to be"),
    };
    let counted = context.session(&session, carrier);
    tracing::info!(%remote, version = session.version_name(), "session accepted");
    context.tell(Event::Changed).await;
    let closed = session.closed().await;
    tracing::info!(%remote, ?closed, "session ended");
    drop(counted);
    context.tell(Event::Changed).await;
}

fn close(transport: net::Transport, error: &moq_lite::Error) {
    transport.close(error.to_code(), &error.to_string());
}

/// Sessions at the same time.
const MOST_SESSIONS: usize = 1024;

/// How long the packets that close the connections may take to leave.
const GOODBYE: Duration = Duration::from_millis(40);
