//! The sessions of one element: a client that reconnects, a listener, or both.
//!
//! Everything here runs on the runtime and calls nothing of GStreamer. What the element may want to
//! know lies in one status cell; what the application must be told goes into one queue of events,
//! which the element's control thread empties.

mod access;
mod client;
mod doubt;
mod forward;
mod limits;
pub(super) mod list;
mod refused;
mod server;
mod sessions;
mod viewers;

use std::{
    net::SocketAddr,
    sync::{Arc, mpsc as std_mpsc},
    time::{Duration, Instant},
};

use gst::glib;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time,
};

pub(super) use sessions::{Measured, Origin, Sessions, Traffic};

use self::sessions::Listed;
use super::runtime;
use crate::{
    access::Keys,
    moq_lite::{OriginConsumer, OriginProducer, PathOwned, Session},
    net,
};

pub(super) use access::{Question, Visit};
pub(super) use limits::Limits;
pub(super) use viewers::Viewer;

use refused::{Counts, Refused};
use viewers::Viewers;

/// What to run.
pub(super) struct Plan {
    pub(super) connect: Option<net::ConnectOptions>,
    pub(super) listen: Option<net::ListenOptions>,
    pub(super) policy: Policy,
    /// Whose tokens open the port; without them it is open to all.
    pub(super) keys: Option<Keys>,
    pub(super) limits: Limits,
}

/// What may change while sessions run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Policy {
    /// Try again after a failure that may heal.
    pub(super) auto_reconnect: bool,
    /// Give up connecting after this long.
    pub(super) timeout: Option<Duration>,
    /// Give up after so many attempts in a row that failed, not counting the first.
    pub(super) max_reconnects: Option<u32>,
}

/// What the sessions carry.
#[derive(Clone)]
pub(super) struct Media {
    /// What peers may read.
    pub(super) publish: Option<OriginConsumer>,
    /// Where peers' broadcasts go.
    pub(super) consume: Option<OriginProducer>,
    /// The broadcast to ask for where a server announces nothing.
    pub(super) expected: Option<PathOwned>,
    /// Broadcasts that turn out to be wanted besides.
    pub(super) besides: Option<Besides>,
}

/// What a server is asked for once it is known to be wanted.
#[derive(Clone)]
pub(super) struct Besides {
    pub(super) paths: watch::Receiver<Vec<PathOwned>>,
    /// Where they go.
    pub(super) origin: OriginProducer,
}

/// Where an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstMoqStatus")]
pub(super) enum Phase {
    #[default]
    #[enum_value(name = "Not running", nick = "stopped")]
    Stopped,
    #[enum_value(name = "Connecting for the first time", nick = "connecting")]
    Connecting,
    #[enum_value(name = "Connected, or listening", nick = "connected")]
    Connected,
    #[enum_value(name = "Lost the connection and tries again", nick = "reconnecting")]
    Reconnecting,
    #[enum_value(name = "Gave up", nick = "failed")]
    Failed,
}

/// What is known of the sessions now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) phase: Phase,
    /// The open port.
    pub(super) listening: Option<Listening>,
    /// The version of the newest session.
    pub(super) version: Option<&'static str>,
    /// What carries the newest session.
    pub(super) carrier: Option<net::Carrier>,
    /// Sessions that are open.
    pub(super) sessions: u32,
    /// Sessions that were opened in this run.
    pub(super) sessions_total: u64,
    /// Attempts to connect that failed in this run.
    pub(super) failures: u64,
    /// What the sessions carry, at the moment of the question.
    pub(super) traffic: Traffic,
}

impl Status {
    /// What both elements report in `stats`.
    pub(super) fn stats(&self, name: &str) -> gst::structure::Builder {
        let rtt = self.traffic.rtt.map(|rtt| rtt.as_nanos());
        let rtt = rtt.and_then(|nanos| u64::try_from(nanos).ok());
        gst::Structure::builder(name)
            .field("sessions", self.sessions)
            .field("sessions-total", self.sessions_total)
            .field("connect-failures", self.failures)
            .field("transport", self.carrier.map(net::Carrier::name))
            .field("version", self.version)
            .field("rtt", rtt.unwrap_or(0))
            .field("bytes-sent", self.traffic.bytes_sent)
            .field("bytes-received", self.traffic.bytes_received)
            .field("packets-lost", self.traffic.packets_lost)
    }
}

/// What came to the open port.
pub(super) struct Report {
    viewers: Vec<gst::Structure>,
    refused: gst::Structure,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            viewers: Vec::new(),
            refused: Counts::default().structure(),
        }
    }
}

impl Report {
    /// Adds it to `stats`; `viewers` is the name of what comes.
    pub(super) fn add(
        self,
        stats: gst::structure::Builder,
        viewers: &str,
    ) -> gst::structure::Builder {
        stats
            .field(viewers, gst::Array::new(self.viewers))
            .field("refused", self.refused)
    }
}

/// An open port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listening {
    pub(super) address: SocketAddr,
    /// SHA-256 of the certificate that is shown there.
    pub(super) fingerprint: net::Fingerprint,
}

/// What the application is to be told.
pub(super) enum Event {
    /// The first attempt begins, or another one after a lost session.
    Connecting { host: String, again: bool },
    /// A session with the server of the URL stands.
    Connected { host: String, version: &'static str },
    /// There is no session, for this reason, and there will be another attempt.
    Retrying(String),
    /// Something else that heals by itself.
    Warning(String),
    /// Nothing more will happen by itself.
    Failed { class: net::Kind, reason: String },
    /// A second has passed.
    Second,
    /// A peer asks to be let in.
    Asked(Question),
    /// A peer was let in.
    Arrived(Arc<Viewer>),
    /// It is gone.
    Left(Arc<Viewer>),
}

/// Running sessions. Dropping it ends them and frees the port before it returns.
pub(super) struct Link {
    policy: watch::Sender<Policy>,
    status: watch::Receiver<Status>,
    viewers: Viewers,
    refused: Counts,
    sessions: Sessions,
    stop: watch::Sender<bool>,
    ended: std_mpsc::Receiver<Never>,
    task: tokio::task::AbortHandle,
}

/// Nothing is ever sent: the channel closes when the last task is gone.
enum Never {}

/// What every task has.
#[derive(Clone)]
struct Context {
    media: Media,
    keys: Option<Keys>,
    limits: Limits,
    viewers: Viewers,
    refused: Counts,
    policy: watch::Receiver<Policy>,
    status: watch::Sender<Status>,
    sessions: Sessions,
    events: mpsc::Sender<Event>,
    stop: watch::Receiver<bool>,
    _ended: std_mpsc::Sender<Never>,
}

impl Link {
    /// Opens the port, if there is to be one, and begins to connect.
    ///
    /// Waits for the port, not for a session.
    pub(super) fn start(
        plan: Plan,
        media: Media,
    ) -> Result<(Self, mpsc::Receiver<Event>), net::Error> {
        let (policy, policies) = watch::channel(plan.policy);
        let (status, statuses) = watch::channel(Status::default());
        let (stop, stops) = watch::channel(false);
        let (events, queue) = mpsc::channel(EVENTS);
        let (ending, ended) = std_mpsc::channel();
        let (viewers, refused) = (Viewers::default(), Counts::default());
        let sessions = Sessions::default();
        let context = Context {
            media,
            keys: plan.keys,
            limits: plan.limits,
            viewers: viewers.clone(),
            refused: refused.clone(),
            policy: policies,
            status,
            sessions: sessions.clone(),
            events,
            stop: stops,
            _ended: ending,
        };

        let share = net::Share {
            handshakes: u32::try_from(plan.limits.handshakes_per_address).unwrap_or(u32::MAX),
            receive_window: match context.media.consume {
                Some(_) => plan.limits.receive_window(),
                None => REQUESTS_WINDOW,
            },
            ..net::Share::default()
        };
        let listener = plan.listen.map(|options| bind(options, share));
        let listener = listener.transpose()?;
        context.status.send_modify(|status| {
            status.listening = listener.as_ref().map(|listener| Listening {
                address: listener.local_addr(),
                fingerprint: listener.fingerprint(),
            });
            status.phase = match plan.connect {
                Some(_) => Phase::Connecting,
                None => Phase::Connected,
            };
        });
        let task = runtime::spawn(run(context, plan.connect, listener)).abort_handle();
        let link = Self {
            policy,
            status: statuses,
            viewers,
            refused,
            sessions,
            stop,
            ended,
            task,
        };
        Ok((link, queue))
    }

    /// What is known now.
    pub(super) fn status(&self) -> Status {
        Status {
            traffic: self.sessions.traffic(),
            ..self.status.borrow().clone()
        }
    }

    /// What the sessions carry.
    pub(super) fn sessions(&self) -> Sessions {
        self.sessions.clone()
    }

    /// What came to the open port.
    pub(super) fn report(&self) -> Report {
        Report {
            viewers: self.viewers.structures(),
            refused: self.refused.structure(),
        }
    }

    /// A view of the status that outlives the link.
    pub(super) fn watch(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Lets everything begin to end, while whoever calls has other things to end as well. Dropping the link waits for it.
    pub(super) fn begin_to_end(&self) {
        self.stop.send_replace(true);
    }

    /// Takes effect at once, also on an attempt that is under way.
    pub(super) fn set_policy(&self, policy: Policy) {
        self.policy.send_replace(policy);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.begin_to_end();
        // Not `block_on`: this may be a thread of the application's own runtime.
        let begin = Instant::now();
        let ended = self.ended.recv_timeout(GOODBYE);
        if matches!(ended, Err(std_mpsc::RecvTimeoutError::Timeout)) {
            self.task.abort();
            let _ = self.ended.recv_timeout(GOODBYE);
        }
        tracing::debug!(took = ?begin.elapsed(), "stopped");
    }
}

impl Context {
    async fn tell(&self, event: Event) {
        // The queue is closed when the element has stopped: then nobody wants to know.
        let _ = self.events.send(event).await;
    }

    /// Counts what was turned away, and says it now and then. Peers cannot make it wait, nor fill the queue.
    fn refuse(&self, refused: Refused, sentence: impl FnOnce() -> String) {
        self.refuse_many(refused, 1, sentence);
    }

    fn refuse_many(&self, refused: Refused, count: u64, sentence: impl FnOnce() -> String) {
        if self.refused.add(refused, count) {
            let told = self.events.try_send(Event::Warning(sentence()));
            tracing::debug!(?refused, told = told.is_ok(), "turned away");
        }
    }

    async fn failed(&self, class: net::Kind, reason: String) {
        self.status
            .send_modify(|status| status.phase = Phase::Failed);
        self.tell(Event::Failed { class, reason }).await;
    }

    /// Resolves when the element stops.
    fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let mut stop = self.stop.clone();
        async move {
            // An error means that the link is gone.
            let _ = stop.wait_for(|stop| *stop).await;
        }
    }

    /// Counts and lists a session for as long as the guard lives.
    fn session(
        &self,
        session: &Arc<Session>,
        origin: Origin,
        remote: String,
        carrier: net::Carrier,
    ) -> impl Drop + use<> {
        struct Guard {
            status: watch::Sender<Status>,
            _listed: Listed,
        }
        impl Drop for Guard {
            fn drop(&mut self) {
                self.status.send_modify(|status| status.sessions -= 1);
            }
        }
        let listed = self.sessions.add(session, origin, remote, carrier);
        self.status.send_modify(|status| {
            status.version = Some(session.version_name());
            status.carrier = Some(carrier);
            status.sessions += 1;
            status.sessions_total += 1;
        });
        Guard {
            status: self.status.clone(),
            _listed: listed,
        }
    }
}

/// Everything that an element does in the network.
async fn run(
    context: Context,
    connect: Option<net::ConnectOptions>,
    listener: Option<net::Listener>,
) {
    let mut tasks = JoinSet::new();
    tasks.spawn(tick(context.clone()));
    if let Some(options) = connect {
        tasks.spawn(client::run(context.clone(), options));
    }
    if let Some(listener) = listener {
        tasks.spawn(server::run(context.clone(), listener));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && error.is_panic()
        {
            let reason = "an internal error ended the connection; please report it".to_owned();
            context.failed(net::Kind::System, reason).await;
        }
    }
}

/// Says that another second has passed.
async fn tick(context: Context) {
    let ticks = async {
        let mut ticks = time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            context.tell(Event::Second).await;
        }
    };
    tokio::select! {
        () = ticks => {}
        () = context.stopped() => {}
    }
}

/// Opens the port. Looking up the name of the host is all that may take time.
fn bind(options: net::ListenOptions, share: net::Share) -> Result<net::Listener, net::Error> {
    let (sender, receiver) = std_mpsc::sync_channel(1);
    let address = options.address.clone();
    let task = runtime::spawn(async move {
        // Nobody waits any more when the time is over; the port is closed again.
        let _ = sender.send(net::Listener::bind_sharing(&options, share).await);
    });
    receiver.recv_timeout(BIND_TIME).unwrap_or_else(|_| {
        task.abort();
        Err(net::Error::Resolve {
            host: address,
            reason: format!("no answer within {} s", BIND_TIME.as_secs()),
        })
    })
}

/// Bytes of requests of one session that wait to be read: more than all its subscriptions need.
const REQUESTS_WINDOW: u32 = 1 << 20;

/// Events that wait for the control thread.
const EVENTS: usize = 64;

/// How long opening the port may take.
const BIND_TIME: Duration = Duration::from_secs(5);

/// How long tasks may take to end by themselves, with a word to their peers. It takes milliseconds; twice this is the most that
/// an element waits for its sessions when it stops.
const GOODBYE: Duration = Duration::from_millis(250);

/// How long the peer may take to negotiate once the transport stands.
const SETUP_TIME: Duration = Duration::from_secs(10);
