//! QUIC first, and a WebSocket if it has not connected by then.

use std::{
    collections::VecDeque,
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::time;

/// Whether and when a WebSocket is tried where QUIC does not connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocket {
    /// Try it at all.
    pub enabled: bool,
    /// How long QUIC is given before. A host where the WebSocket won within the last ten minutes gives QUIC an eighth of it.
    pub head_start: Duration,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            enabled: true,
            head_start: Duration::from_millis(200),
        }
    }
}

/// Runs `quic`, and beside it `websocket` from the end of the head start on, or from when `quic` fails. The first success ends
/// the other. A final failure of `quic` leaves `websocket` no chance.
pub(super) async fn race<T, Q, W>(
    quic: impl Future<Output = Result<T, Q>>,
    websocket: impl Future<Output = Result<T, W>>,
    head_start: Duration,
    is_final: impl FnOnce(&Q) -> bool,
) -> Result<T, (Q, Option<W>)> {
    let (mut quic, mut websocket) = (pin!(quic), pin!(websocket));
    let early = tokio::select! {
        biased;
        first = &mut quic => Some(first),
        () = time::sleep(head_start) => None,
    };
    let mut second = None;
    let first = match early {
        Some(first) => first,
        None => tokio::select! {
            biased;
            first = &mut quic => first,
            done = &mut websocket => match done {
                Ok(success) => return Ok(success),
                Err(failure) => {
                    second = Some(failure);
                    quic.await
                }
            },
        },
    };
    match (first, second) {
        (Ok(success), _) => Ok(success),
        (Err(first), None) if !is_final(&first) => {
            websocket.await.map_err(|second| (first, Some(second)))
        }
        (Err(first), second) => Err((first, second)),
    }
}

/// The hosts at which this process had to use a WebSocket.
pub(super) static MEMORY: Memory = Memory(Mutex::new(VecDeque::new()));

pub(super) struct Memory(Mutex<VecDeque<(String, Instant)>>);

impl Memory {
    /// What QUIC gets at `host` out of its whole head start.
    pub(super) fn head_start(&self, host: &str, whole: Duration, now: Instant) -> Duration {
        let hosts = self.0.lock();
        let known = hosts.iter().any(|(known, since)| {
            known == host && now.saturating_duration_since(*since) < REMEMBERED
        });
        if known { whole / 8 } else { whole }
    }

    /// Takes note of who won at `host`.
    pub(super) fn won(&self, host: &str, websocket: bool, now: Instant) {
        let mut hosts = self.0.lock();
        hosts.retain(|(known, _)| known != host);
        if websocket {
            if hosts.len() >= MOST_HOSTS {
                hosts.pop_front();
            }
            hosts.push_back((host.to_owned(), now));
        }
    }
}

/// How long a host is remembered.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Hosts that are remembered.
const MOST_HOSTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD_START: Duration = Duration::from_millis(200);

    /// Ends after so many milliseconds.
    async fn after<T>(millis: u64, value: T) -> T {
        time::sleep(Duration::from_millis(millis)).await;
        value
    }

    type Outcome = Result<&'static str, (&'static str, Option<&'static str>)>;

    /// The outcome, and the milliseconds until it.
    async fn outcome(
        quic: impl Future<Output = Result<&'static str, &'static str>>,
        websocket: impl Future<Output = Result<&'static str, &'static str>>,
    ) -> (Outcome, u128) {
        let start = time::Instant::now();
        let outcome = race(quic, websocket, HEAD_START, |failure| *failure == "final").await;
        (outcome, start.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn quic_within_the_head_start_leaves_the_websocket_untried() {
        let websocket = async { panic!("it is tried") };
        let quic = after(199, Ok("quic"));
        assert_eq!(outcome(quic, websocket).await, (Ok("quic"), 199));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_of_quic_costs_the_head_start() {
        let quic = std::future::pending();
        let websocket = after(50, Ok("websocket"));
        assert_eq!(outcome(quic, websocket).await, (Ok("websocket"), 250));
    }

    #[tokio::test(start_paused = true)]
    async fn quic_still_wins_if_it_is_first() {
        let quic = after(240, Ok("quic"));
        let websocket = after(50, Ok("websocket"));
        assert_eq!(outcome(quic, websocket).await, (Ok("quic"), 240));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_of_quic_starts_the_websocket_at_once() {
        let quic = after(10, Err("refused"));
        let websocket = after(50, Ok("websocket"));
        assert_eq!(outcome(quic, websocket).await, (Ok("websocket"), 60));
        let quic = after(220, Err("refused"));
        let websocket = after(50, Ok("websocket"));
        assert_eq!(outcome(quic, websocket).await, (Ok("websocket"), 250));
    }

    #[tokio::test(start_paused = true)]
    async fn a_final_failure_of_quic_ends_both() {
        let websocket = async { panic!("it is tried") };
        let quic = after(10, Err("final"));
        assert_eq!(outcome(quic, websocket).await, (Err(("final", None)), 10));
        let quic = after(220, Err("final"));
        let websocket = after(50, Ok("websocket"));
        assert_eq!(outcome(quic, websocket).await, (Err(("final", None)), 220));
    }

    #[tokio::test(start_paused = true)]
    async fn both_failures_are_told_whichever_comes_first() {
        let both = Err(("silent", Some("refused")));
        for (first, second, whole) in [(10, 50, 60), (220, 50, 250), (10_000, 50, 10_000)] {
            let quic = after(first, Err("silent"));
            let websocket = after(second, Err("refused"));
            assert_eq!(outcome(quic, websocket).await, (both, whole));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_of_the_websocket_leaves_quic_its_time() {
        let quic = after(5_000, Ok("quic"));
        let websocket = after(50, Err("refused"));
        assert_eq!(outcome(quic, websocket).await, (Ok("quic"), 5_000));
    }

    #[test]
    fn a_host_is_remembered_for_a_while_and_until_quic_wins() {
        let memory = Memory(Mutex::default());
        let now = Instant::now();
        let head_start = |at| memory.head_start("h:1", HEAD_START, at).as_millis();
        assert_eq!(head_start(now), 200);
        memory.won("h:1", true, now);
        assert_eq!(head_start(now + Duration::from_secs(599)), 25);
        assert_eq!(head_start(now + Duration::from_secs(600)), 200);
        memory.won("h:1", false, now);
        assert_eq!(head_start(now), 200);
    }

    #[test]
    fn the_memory_is_bounded() {
        let memory = Memory(Mutex::default());
        for port in 0..1000 {
            memory.won(&format!("h:{port}"), true, Instant::now());
        }
        assert_eq!(memory.0.lock().len(), MOST_HOSTS);
    }
}
