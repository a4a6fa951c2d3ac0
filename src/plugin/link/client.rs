//! The client: connects, and connects again.

use std::{collections::HashSet, convert::Infallible, pin::pin, sync::Arc, time::Duration};

use tokio::time::{self, Instant};
use web_transport_trait::Session as _;

use super::{
    Besides, Context, Event, Media, Origin, Phase, SETUP_TIME,
    doubt::{self, Silence},
    forward::Rooted,
};
use crate::{
    moq_lite::{self, Client, Session, carries_path},
    net,
    plugin::words::sentence,
};

/// Runs until stopped or until trying again makes no sense.
pub(super) async fn run(context: Context, options: net::ConnectOptions) {
    tokio::select! {
        () = connect_and_reconnect(&context, &options) => {}
        () = context.stopped() => {}
    }
}

async fn connect_and_reconnect(context: &Context, options: &net::ConnectOptions) {
    let host = net::redact(&options.url);
    let mut search = Search::default();
    // A connection on which the server answers in place of one where it does not.
    let mut spare: Option<Box<net::Connected>> = None;
    context.tell(connecting(&host, false)).await;
    loop {
        let attempt = async {
            match spare.take() {
                Some(connected) => establish(&context.media, options, *connected).await,
                None => attempt(&context.media, options).await,
            }
        };
        let found = within_timeout(context, search.begin, attempt).await;
        let (failure, lost) = match found {
            Ok(established) => {
                let begin = Instant::now();
                let failure = match established.hold(context, &host, options).await {
                    End::Closed(closed) => Failure::lost(options, &host, closed),
                    End::Silent(silence) => {
                        spare = silence.another;
                        Failure::silent(&host, silence.lasted)
                    }
                };
                search.again(begin.elapsed());
                (failure, true)
            }
            Err(failure) => (failure, false),
        };
        context.status.send_modify(|status| {
            status.failures += u64::from(!lost);
            if lost {
                status.phase = Phase::Reconnecting;
            }
        });
        if !failure.heals || !context.policy.borrow().auto_reconnect {
            return context.failed(failure.class, failure.reason).await;
        }
        if !lost {
            search.failures += 1;
        }
        let most = context.policy.borrow().max_reconnects;
        if let Some(most) = most.filter(|most| search.failures > *most) {
            let reason = format!("{} (given up after max-reconnects={most})", failure.reason);
            return context.failed(failure.class, reason).await;
        }
        // Each kind of failure once, not at each attempt.
        if search.told.as_ref() != Some(&failure.reason) {
            search.told = Some(failure.reason.clone());
            context.tell(Event::Retrying(failure.reason)).await;
        }
        if lost {
            context.tell(connecting(&host, true)).await;
        }
        if spare.is_some() {
            continue;
        }
        let pause = search.backoff.next();
        let pause = async {
            time::sleep(pause).await;
            Ok(())
        };
        if let Err(failure) = within_timeout(context, search.begin, pause).await {
            return context.failed(failure.class, failure.reason).await;
        }
    }
}

fn connecting(host: &str, again: bool) -> Event {
    let host = host.to_owned();
    Event::Connecting { host, again }
}

/// Attempts from the start, or from the loss of a session, to the next session.
struct Search {
    begin: Instant,
    /// Attempts that failed in a row.
    failures: u32,
    backoff: Backoff,
    /// The failure that the application was told of last.
    told: Option<String>,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            begin: Instant::now(),
            failures: 0,
            backoff: Backoff::default(),
            told: None,
        }
    }
}

impl Search {
    /// After a session that lasted so long.
    fn again(&mut self, lasted: Duration) {
        if lasted >= STABLE {
            *self = Self::default();
        }
        // A server that takes sessions and drops them at once is given more and more time.
        self.begin = Instant::now();
        self.failures = 0;
    }
}

/// One attempt.
pub(super) async fn attempt(
    media: &Media,
    options: &net::ConnectOptions,
) -> Result<Established, Failure> {
    let connected = net::connect(options).await.map_err(Failure::from)?;
    establish(media, options, connected).await
}

/// A session on a connection.
async fn establish(
    media: &Media,
    options: &net::ConnectOptions,
    connected: net::Connected,
) -> Result<Established, Failure> {
    let carrier = connected.transport.carrier();
    // Raw QUIC has no place for the path and the token: SETUP has, in the newer versions.
    let carried = carries_path(connected.transport.protocol());
    let ask = connected.ask(carried).map_err(|error| {
        connected.transport.close(0, "");
        Failure::from(error)
    })?;
    let root = if carried { "" } else { &connected.root };
    let rooted = Rooted::new(media, root);
    // Nor for the name of the server. Where there is an URL neither is said again.
    let raw = !options.url.scheme().starts_with("http");
    let mut client = Client::new()
        .with_publish(rooted.publish.clone())
        .with_consume(rooted.consume.clone())
        .with_path(ask)
        .with_token(options.shown_token())
        .with_authority(Some(options.url.authority().to_owned()).filter(|_| raw));
    if let Some(expected) = &media.expected {
        client = client.with_expected(expected);
    }
    let transport = connected.transport;
    let window = transport.clone();
    let session = time::timeout(SETUP_TIME, client.connect(transport.clone())).await;
    let session = session
        .unwrap_or(Err(moq_lite::Error::Timeout))
        .map_err(|error| Failure::negotiating(options, &error))?
        .with_congestion_window(move || window.congestion_window());
    Ok(Established {
        session: Arc::new(session),
        transport,
        media: rooted,
        carrier,
    })
}

/// A session that stands.
pub(super) struct Established {
    session: Arc<Session>,
    transport: net::Transport,
    media: Rooted,
    carrier: net::Carrier,
}

/// Asks for what turns out to be wanted.
async fn ask_besides(session: &Session, besides: Option<Besides>) -> Infallible {
    if let Some(Besides { mut paths, origin }) = besides {
        let mut asked = HashSet::new();
        loop {
            let wanted = paths.borrow_and_update().clone();
            for path in wanted {
                if asked.len() >= MOST_ASKED || !asked.insert(path.clone()) {
                    continue;
                }
                // Nothing below it is of interest, but there is no asking for less.
                if let Some(origin) = origin.publish_only(std::slice::from_ref(&path)) {
                    session.ask(&path, origin);
                }
            }
            if paths.changed().await.is_err() {
                break;
            }
        }
    }
    std::future::pending().await
}

/// How a session came to its end.
enum End {
    Closed(moq_lite::Result<()>),
    Silent(Silence),
}

impl Established {
    /// Carries announcements, and returns why the session ended.
    pub(super) async fn ended(self) -> String {
        tokio::select! {
            closed = self.session.closed() => match closed {
                Ok(()) => "the server closed the connection".to_owned(),
                Err(error) => error.to_string(),
            },
            never = self.media.forward() => match never {},
        }
    }

    /// Returns when, and why, the session has ended, or is of no more use.
    async fn hold(self, context: &Context, host: &str, options: &net::ConnectOptions) -> End {
        let version = self.session.version_name();
        let _counted = context.session(&self.session, Origin::Url, host.to_owned(), self.carrier);
        context
            .status
            .send_modify(|status| status.phase = Phase::Connected);
        let event = Event::Connected {
            host: host.to_owned(),
            version,
        };
        context.tell(event).await;
        let asked = ask_besides(&self.session, context.media.besides.clone());
        tokio::select! {
            closed = self.session.closed() => End::Closed(closed),
            silence = doubt::lost(context, &self.transport, options) => End::Silent(silence),
            never = self.media.forward() => match never {},
            never = asked => match never {},
        }
    }
}

/// Why there is no session, or no more.
pub(super) struct Failure {
    class: net::Kind,
    pub(super) reason: String,
    /// Trying again may help.
    heals: bool,
}

impl From<net::Error> for Failure {
    fn from(error: net::Error) -> Self {
        use net::Kind::{NotAuthorized, Refused, Settings, Tls};
        let class = error.kind();
        Self {
            heals: error.is_passing() || !matches!(class, Settings | Tls | NotAuthorized | Refused),
            class,
            reason: sentence(&error.to_string()),
        }
    }
}

impl Failure {
    fn negotiating(options: &net::ConnectOptions, error: &moq_lite::Error) -> Self {
        let reason = match error {
            moq_lite::Error::Version(..) => {
                "The server speaks no version of MoQ that is spoken here".to_owned()
            }
            moq_lite::Error::Timeout => {
                "The server accepted the connection and then said nothing".to_owned()
            }
            moq_lite::Error::Unauthorized => UNAUTHORIZED.to_owned(),
            error => format!(
                "The server ended the connection during its setup: {}",
                options.scrub(&error.to_string())
            ),
        };
        Self::session(error, reason)
    }

    fn lost(options: &net::ConnectOptions, host: &str, closed: moq_lite::Result<()>) -> Self {
        match closed {
            Ok(()) | Err(moq_lite::Error::Cancel) => Self {
                class: net::Kind::Closed,
                reason: format!("{host} closed the connection"),
                heals: true,
            },
            Err(moq_lite::Error::Unauthorized) => {
                Self::session(&moq_lite::Error::Unauthorized, UNAUTHORIZED.to_owned())
            }
            Err(error) => Self::session(
                &error,
                format!(
                    "The connection to {host} was lost: {}",
                    options.scrub(&error.to_string())
                ),
            ),
        }
    }

    fn silent(host: &str, lasted: Duration) -> Self {
        Self {
            class: net::Kind::Closed,
            reason: format!(
                "The connection to {host} was lost: no answer for {:.1} s",
                lasted.as_secs_f32()
            ),
            heals: true,
        }
    }

    fn session(error: &moq_lite::Error, reason: String) -> Self {
        let (class, heals) = match error {
            moq_lite::Error::Unauthorized => (net::Kind::NotAuthorized, false),
            moq_lite::Error::Version(..) => (net::Kind::Refused, false),
            _ => (net::Kind::Closed, true),
        };
        Self {
            class,
            reason,
            heals,
        }
    }
}

/// Ends `work` when the time that the user gives has passed since `begin`. The time may change meanwhile.
async fn within_timeout<T>(
    context: &Context,
    begin: Instant,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut work = pin!(work);
    let mut policy = context.policy.clone();
    loop {
        let timeout = policy.borrow_and_update().timeout;
        let over = async {
            match timeout {
                Some(timeout) => time::sleep_until(begin + timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            result = &mut work => return result,
            () = over => return Err(Failure {
                class: net::Kind::Unreachable,
                reason: format!("No connection within the {} ms of timeout", timeout.unwrap_or_default().as_millis()),
                heals: false,
            }),
            Ok(()) = policy.changed() => {}
        }
    }
}

/// Pauses between attempts: each about twice as long as the one before, up to a limit, and none
/// like that of another client.
struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(Duration::from_millis(250))
    }
}

impl Backoff {
    const MAX: Duration = Duration::from_secs(8);

    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(Self::MAX);
        // The low bits of a clock are random enough to keep clients apart.
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.subsec_nanos());
        pause.mul_f64(0.75 + f64::from(nanos % 1000) / 2000.0)
    }
}

/// So many broadcasts a catalog can have a server asked for, whatever it says and however often it changes.
const MOST_ASKED: usize = 64;

/// A session that lasted this long was a good one.
const STABLE: Duration = Duration::from_secs(5);

const UNAUTHORIZED: &str = "The server does not allow this: check the path of url, broadcast and auth-token (it may have expired)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let mut backoff = Backoff::default();
        let first = backoff.next();
        assert!(first >= Duration::from_millis(187) && first <= Duration::from_millis(313));
        for _ in 0..20 {
            assert!(backoff.next() <= Backoff::MAX.mul_f64(1.25));
        }
        assert_eq!(backoff.0, Backoff::MAX);
    }
}
