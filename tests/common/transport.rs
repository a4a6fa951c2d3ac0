//! A transport in memory: two connected sessions and a view from above.
//!
//! It keeps what was done to each stream (bytes, end, reset, stop, order of
//! sending), limits streams and unread bytes, and can be stalled or cut. It has
//! no timers, so it works under paused time.

mod stream;

use std::{collections::VecDeque, fmt, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use web_transport_trait as wt;

pub(crate) use stream::{RecvStream, SendStream};

/// How the connection behaves.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The most bytes of a stream that may be written and not read.
    pub(crate) window: usize,
    /// The most unidirectional streams that each side may have open.
    pub(crate) uni: usize,
    /// The most bidirectional streams that each side may have open.
    pub(crate) bi: usize,
    /// The largest datagram.
    pub(crate) datagram: usize,
    /// What the handshake agreed on.
    pub(crate) protocol: Option<&'static str>,
    /// What congestion control is said to allow, in bit/s.
    pub(crate) rate: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window: 1 << 20,
            uni: 1000,
            bi: 1000,
            datagram: 1200,
            protocol: None,
            rate: None,
        }
    }
}

/// Both ends of a new connection, and the view from above.
pub(crate) fn connect(config: Config) -> (Session, Session, Link) {
    let link = Link(Arc::new(Shared {
        config,
        state: Mutex::default(),
        changed: Notify::new(),
    }));
    let session = |side| {
        Session(Arc::new(Handle {
            link: link.clone(),
            side,
        }))
    };
    (session(Side::Client), session(Side::Server), link)
}

/// One end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Uni,
    Bi,
}

/// One direction of a stream, as seen from above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Both directions of a bidirectional stream have the same one.
    pub(crate) stream: usize,
    pub(crate) kind: Kind,
    pub(crate) opener: Side,
    pub(crate) sender: Side,
    /// Every byte that was accepted from the sender.
    pub(crate) written: Vec<u8>,
    pub(crate) finished: bool,
    pub(crate) reset: Option<u32>,
    pub(crate) stopped: Option<u32>,
    /// Every order of sending that was set.
    pub(crate) orders: Vec<i32>,
    /// The end was read, or the half was reset or stopped.
    pub(crate) done: bool,
}

/// Why the connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed { by: Side, code: u32, reason: String },
    Cut,
}

/// The connection as seen from above.
#[derive(Clone)]
pub(crate) struct Link(Arc<Shared>);

impl Link {
    /// Every direction of every stream, in the order of opening.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.0.state.lock().records()
    }

    /// The records that `pick` picks.
    pub(crate) fn find(&self, pick: impl Fn(&Record) -> bool) -> Vec<Record> {
        let mut records = self.records();
        records.retain(pick);
        records
    }

    /// Waits until `look` sees in the records what it looks for.
    pub(crate) async fn until<R>(&self, mut look: impl FnMut(&[Record]) -> Option<R>) -> R {
        self.wait(|state| look(&state.records())).await
    }

    /// Stops or restarts the flow of bytes of all streams that `sender` writes.
    pub(crate) fn stall(&self, sender: Side, stalled: bool) {
        self.change(|state| state.stalled[sender as usize] = stalled);
    }

    /// Breaks the connection without a word.
    pub(crate) fn cut(&self) {
        self.change(|state| state.end.get_or_insert(Ending::Cut).clone());
    }

    /// How the connection ended, if it did.
    pub(crate) fn end(&self) -> Option<Ending> {
        self.0.state.lock().end.clone()
    }

    /// Waits for the end of the connection.
    pub(crate) async fn ended(&self) -> Ending {
        self.wait(|state| state.end.clone()).await
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.0.state.lock());
        self.0.changed.notify_waiters();
        result
    }

    async fn wait<R>(&self, mut look: impl FnMut(&mut State) -> Option<R>) -> R {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let found = look(&mut self.0.state.lock());
            if let Some(found) = found {
                return found;
            }
            changed.await;
        }
    }

    /// As `wait`, for what itself changes something.
    async fn act<R>(&self, look: impl FnMut(&mut State) -> Option<R>) -> R {
        let result = self.wait(look).await;
        self.0.changed.notify_waiters();
        result
    }
}

struct Shared {
    config: Config,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    halves: Vec<Half>,
    streams: usize,
    /// What each side opened and the other has not accepted: indices of halves.
    offered: [[VecDeque<Vec<usize>>; 2]; 2],
    datagrams: [VecDeque<Bytes>; 2],
    stalled: [bool; 2],
    end: Option<Ending>,
}

struct Half {
    record: Record,
    unread: VecDeque<Bytes>,
    /// Bytes of `unread`.
    size: usize,
}

impl Half {
    fn is_open(&self) -> bool {
        !self.record.done
    }
}

impl State {
    fn records(&self) -> Vec<Record> {
        self.halves.iter().map(|half| half.record.clone()).collect()
    }

    /// A stream that `opener` opens now, if it may: the half that it writes and
    /// the half that it reads.
    fn open(&mut self, config: &Config, opener: Side, kind: Kind) -> Option<Vec<usize>> {
        let limit = match kind {
            Kind::Uni => config.uni,
            Kind::Bi => config.bi,
        };
        let mut open: Vec<_> = self
            .halves
            .iter()
            .filter(|half| half.is_open())
            .map(|half| &half.record)
            .filter(|record| record.opener == opener && record.kind == kind)
            .map(|record| record.stream)
            .collect();
        open.dedup();
        if open.len() >= limit {
            return None;
        }
        let stream = self.streams;
        self.streams += 1;
        let senders = [opener, opener.other()];
        let count = if kind == Kind::Uni { 1 } else { 2 };
        let halves: Vec<_> = senders[..count]
            .iter()
            .map(|&sender| {
                self.halves.push(Half {
                    record: Record {
                        stream,
                        kind,
                        opener,
                        sender,
                        written: Vec::new(),
                        finished: false,
                        reset: None,
                        stopped: None,
                        orders: Vec::new(),
                        done: false,
                    },
                    unread: VecDeque::new(),
                    size: 0,
                });
                self.halves.len() - 1
            })
            .collect();
        self.offered[opener as usize][kind as usize].push_back(halves.clone());
        Some(halves)
    }

    fn failure(&self, side: Side) -> Option<Error> {
        self.end.clone().map(|end| Error::Session(end, side))
    }
}

/// What went wrong with a session or a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// The connection ended; as seen from this side.
    Session(Ending, Side),
    /// The sender gave the stream up.
    Reset(u32),
    /// The reader wants no more.
    Stopped(u32),
    /// The stream was finished or reset on this side.
    Ended,
    /// The datagram is larger than allowed.
    TooLarge,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Error {}

impl wt::Error for Error {
    fn session_error(&self) -> Option<(u32, String)> {
        match self {
            Self::Session(Ending::Closed { by, code, reason }, side) if by != side => {
                Some((*code, reason.clone()))
            }
            _ => None,
        }
    }

    fn stream_error(&self) -> Option<u32> {
        match self {
            Self::Reset(code) | Self::Stopped(code) => Some(*code),
            _ => None,
        }
    }
}

/// Keeps one side of the connection open; the last one closes it.
struct Handle {
    link: Link,
    side: Side,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close(0, "");
    }
}

impl Handle {
    fn close(&self, code: u32, reason: &str) {
        let end = Ending::Closed {
            by: self.side,
            code,
            reason: reason.to_owned(),
        };
        self.link
            .change(|state| state.end.get_or_insert(end).clone());
    }

    async fn open(&self, kind: Kind) -> Result<Vec<usize>, Error> {
        let config = &self.link.0.config;
        let open = |state: &mut State| match state.failure(self.side) {
            Some(failure) => Some(Err(failure)),
            None => state.open(config, self.side, kind).map(Ok),
        };
        self.link.act(open).await
    }

    async fn accept(&self, kind: Kind) -> Result<Vec<usize>, Error> {
        let opener = self.side.other();
        self.link
            .wait(|state| {
                let offered = state.offered[opener as usize][kind as usize].pop_front();
                offered
                    .map(Ok)
                    .or_else(|| state.failure(self.side).map(Err))
            })
            .await
    }
}

/// One end of the connection. Dropping the last handle, streams included,
/// closes it with code 0.
#[derive(Clone)]
pub(crate) struct Session(Arc<Handle>);

impl Session {
    fn send(&self, half: usize) -> SendStream {
        SendStream {
            handle: self.0.clone(),
            half,
        }
    }

    fn recv(&self, half: usize) -> RecvStream {
        RecvStream {
            handle: self.0.clone(),
            half,
        }
    }
}

struct Rate(Option<u64>);

impl wt::Stats for Rate {
    fn estimated_send_rate(&self) -> Option<u64> {
        self.0
    }
}

impl wt::Session for Session {
    type SendStream = SendStream;
    type RecvStream = RecvStream;
    type Error = Error;

    async fn accept_uni(&self) -> Result<RecvStream, Error> {
        Ok(self.recv(self.0.accept(Kind::Uni).await?[0]))
    }

    async fn accept_bi(&self) -> Result<(SendStream, RecvStream), Error> {
        let halves = self.0.accept(Kind::Bi).await?;
        Ok((self.send(halves[1]), self.recv(halves[0])))
    }

    async fn open_bi(&self) -> Result<(SendStream, RecvStream), Error> {
        let halves = self.0.open(Kind::Bi).await?;
        Ok((self.send(halves[0]), self.recv(halves[1])))
    }

    async fn open_uni(&self) -> Result<SendStream, Error> {
        Ok(self.send(self.0.open(Kind::Uni).await?[0]))
    }

    fn send_datagram(&self, payload: Bytes) -> Result<(), Error> {
        if payload.len() > self.max_datagram_size() {
            return Err(Error::TooLarge);
        }
        let side = self.0.side;
        self.0.link.change(|state| {
            if let Some(failure) = state.failure(side) {
                return Err(failure);
            }
            state.datagrams[side as usize].push_back(payload);
            Ok(())
        })
    }

    async fn recv_datagram(&self) -> Result<Bytes, Error> {
        let side = self.0.side;
        self.0
            .link
            .wait(|state| {
                let datagram = state.datagrams[side.other() as usize].pop_front();
                datagram.map(Ok).or_else(|| state.failure(side).map(Err))
            })
            .await
    }

    fn max_datagram_size(&self) -> usize {
        self.0.link.0.config.datagram
    }

    fn protocol(&self) -> Option<&str> {
        self.0.link.0.config.protocol
    }

    fn close(&self, code: u32, reason: &str) {
        self.0.close(code, reason);
    }

    fn stats(&self) -> impl wt::Stats {
        Rate(self.0.link.0.config.rate)
    }

    async fn closed(&self) -> Error {
        let side = self.0.side;
        self.0.link.wait(|state| state.failure(side)).await
    }
}
