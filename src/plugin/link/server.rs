//! The server: accepts sessions from an open port.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time};
use web_transport_trait::Session as _;

use super::{
    Context, Event, Origin,
    access::{self, Visit},
    refused::Refused,
    viewers::{Full, Place, Viewer},
};
use crate::{
    moq_lite::{self, Server},
    net,
};

/// Runs until stopped. Sessions end first, then the port is closed with a word to the peers.
pub(super) async fn run(context: Context, mut listener: net::Listener) {
    let mut stopped = pin!(context.stopped());
    let mut sessions = JoinSet::new();
    let mut refused = listener.refused();
    let mut told = net::Refusals::default();
    loop {
        tokio::select! {
            Ok(()) = refused.changed() => {
                let now = *refused.borrow_and_update();
                turned_away(&context, told, now);
                told = now;
            }
            accepted = listener.accept() => match accepted {
                Some(accepted) => match context.viewers.enter(accepted.remote, &context.limits) {
                    Ok(place) => {
                        sessions.spawn(serve(context.clone(), accepted, place));
                    }
                    Err(full) => {
                        context.refuse(Refused::Session, || sentence(full, &context, &accepted));
                        close(accepted.transport, &moq_lite::Error::TooLarge);
                    }
                },
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

/// Tells of what the port refused since `before`.
fn turned_away(context: &Context, before: net::Refusals, now: net::Refusals) {
    let handshakes = now.handshakes - before.handshakes;
    if handshakes > 0 {
        context.refuse_many(Refused::Handshake, handshakes, || {
            let most = context.limits.handshakes_per_address;
            format!(
                "Connections were refused: max-handshakes-per-address is {most} a second, and one address began more"
            )
        });
    }
    let requests = now.requests - before.requests;
    if requests > 0 {
        context.refuse_many(Refused::Request, requests, || {
            let most = net::Share::default().requests;
            format!(
                "Connections for HTTP were refused: one address had {most} open, which is the most"
            )
        });
    }
}

fn sentence(full: Full, context: &Context, accepted: &net::Accepted) -> String {
    let (limit, most) = match full {
        Full::All => ("max-sessions", context.limits.sessions),
        Full::Host => (
            "max-sessions-per-address",
            context.limits.sessions_per_address,
        ),
    };
    let address = accepted.remote.ip();
    format!("A session from {address} was refused: {limit} is {most}, and as many are open")
}

/// A session from its first byte to its end.
async fn serve(context: Context, accepted: net::Accepted, place: Place) {
    let remote = accepted.remote;
    let transport = accepted.transport;
    let carrier = transport.carrier();
    let request = match Server::new().request(transport.clone()).await {
        Ok(request) => request,
        Err(error) => return tracing::debug!(%remote, %error, "no session came to be"),
    };
    // The path that the peer asks for is the root of what it sees. On raw QUIC it stands in SETUP.
    let asked = request.path().unwrap_or(&accepted.path);
    let visit = Visit::new(&context, asked, accepted.query.as_deref(), remote);
    let visit = visit.or_token(request.token());
    let admitted = match access::admit(&context, &visit).await {
        Ok(admitted) => admitted,
        Err(denied) => {
            tracing::info!(?visit, %denied, "session refused");
            context.refuse(Refused::Unauthorized, || {
                format!("A session from {} was refused: {denied}", remote.ip())
            });
            return request.reject(moq_lite::Error::Unauthorized);
        }
    };
    let request = request.with_limits(context.limits.of_session());
    let window = transport.clone();
    let session = match request.accept(admitted.publish, admitted.consume).await {
        Ok(session) => Arc::new(session.with_congestion_window(move || window.congestion_window())),
        Err(error) => return tracing::debug!(%remote, %error, "no session came to be"),
    };
    let counted = context.session(&session, Origin::Listen, remote.to_string(), carrier);
    tracing::info!(%remote, version = session.version_name(), "session accepted");
    let viewer = Arc::new(Viewer {
        id: context.viewers.next_id(),
        address: remote,
        path: visit.path,
        carrier,
        since: Instant::now(),
        transport,
        session,
    });
    let (listed, window) = context.viewers.list(viewer.clone(), &context.limits);
    if window <= SMALL_WINDOW {
        context.refuse(Refused::Bytes, || {
            let (all, share) = (context.limits.bytes_in_flight, window >> 10);
            format!(
                "There are so many sessions that each may have no more than {share} KiB under way: max-bytes-in-flight is \
                 {all}, and viewers far away may fall behind"
            )
        });
    }
    context.tell(Event::Arrived(viewer.clone())).await;
    let mut excesses = viewer.session.excesses();
    let excess = async {
        while excesses.changed().await.is_ok() {
            if let Some(excess) = *excesses.borrow_and_update() {
                exceeded(&context, excess, remote);
            }
        }
        std::future::pending::<()>().await
    };
    tokio::select! {
        () = excess => {}
        closed = viewer.session.closed() => tracing::info!(%remote, ?closed, "session ended"),
        () = access::expiry(admitted.expires) => {
            tracing::info!(%remote, "the token has expired");
            viewer.session.end(moq_lite::Error::Unauthorized);
        }
        () = idle(&viewer.session, context.limits.idle_time) => {
            context.refuse(Refused::Idle, || {
                let address = remote.ip();
                format!("A session from {address} was ended: nothing happened in it for max-idle-time")
            });
            viewer.session.end(moq_lite::Error::Timeout);
        }
    }
    // What ended the session may have been noticed before its reason.
    if excesses.has_changed().unwrap_or(false)
        && let Some(excess) = *excesses.borrow_and_update()
    {
        exceeded(&context, excess, remote);
    }
    drop((counted, listed, place));
    context.tell(Event::Left(viewer)).await;
}

async fn idle(session: &moq_lite::Session, after: Option<Duration>) {
    match after {
        Some(after) => session.idle(after).await,
        None => std::future::pending().await,
    }
}

fn exceeded(context: &Context, excess: moq_lite::Excess, remote: SocketAddr) {
    let limits = &context.limits;
    let (refused, what, limit, most) = match excess {
        moq_lite::Excess::Requests => (
            Refused::Subscription,
            "subscriptions",
            "max-subscriptions",
            limits.subscriptions,
        ),
        moq_lite::Excess::Announcements => (
            Refused::Announcement,
            "broadcasts",
            "max-announcements",
            limits.announcements,
        ),
    };
    context.refuse(refused, || {
        let address = remote.ip();
        format!("A session from {address} wanted more {what}: {limit} is {most}")
    });
}

fn close(transport: net::Transport, error: &moq_lite::Error) {
    transport.close(error.to_code(), &error.to_string());
}

/// What carries pictures of 20 Mbit/s no further than 100 ms away.
const SMALL_WINDOW: u64 = 256 << 10;

/// How long the packets that close the connections may take to leave.
const GOODBYE: Duration = Duration::from_millis(40);
