//! Whether the other end of a QUIC connection still answers.
//!
//! The idle timeout is long, so that a connection outlives short outages. A peer that is gone for good, because its process was
//! killed or its machine lost power, does not say so either: until the timeout both look alike, except that what is sent
//! is not acknowledged.

use std::time::Duration;

use tokio::time::{self, Instant};

use super::Transport;

impl Transport {
    /// Resolves when the peer has not answered for a while although it was sent what asks for an answer; gives for how
    /// long. That proves nothing: it is a reason to look. Never resolves over a WebSocket, where TCP sees to it.
    pub async fn silent(&self) -> Duration {
        let Some(connection) = self.connection() else {
            return std::future::pending().await;
        };
        let mut pulse = Pulse::default();
        loop {
            let stats = connection.stats();
            let silent = pulse.look(stats.udp_rx.datagrams, asked(&stats), Instant::now());
            let patience = PATIENCE.max(stats.path.rtt * ROUND_TRIPS);
            if let Some(silent) = silent.filter(|silent| *silent >= patience) {
                return silent;
            }
            time::sleep(PERIOD).await;
        }
    }

    /// How many packets have come. Zero over a WebSocket.
    pub fn received(&self) -> u64 {
        let connection = self.connection();
        connection.map_or(0, |connection| connection.stats().udp_rx.datagrams)
    }

    /// Resolves when more than so many packets have come. Never over a WebSocket.
    pub async fn heard(&self, received: u64) {
        while self.received() <= received {
            time::sleep(PERIOD / 4).await;
        }
    }
}

/// How many frames were sent that the peer has to acknowledge. Probes for a larger packet size are not among them: a path
/// that carries no such packets swallows them.
fn asked(stats: &quinn::ConnectionStats) -> u64 {
    let (frames, probes) = (&stats.frame_tx, stats.path.sent_plpmtud_probes);
    let sent = [
        frames.stream,
        frames.datagram,
        frames.max_data,
        frames.max_stream_data,
        frames.max_streams_bidi,
        frames.max_streams_uni,
        frames.reset_stream,
        frames.stop_sending,
        // Each probe has both, where the peer knows both.
        frames.ping.saturating_sub(probes),
        frames.immediate_ack.saturating_sub(probes),
    ];
    sent.into_iter().sum()
}

/// What is asked, and whether anything comes back.
#[derive(Debug, Default)]
struct Pulse {
    received: u64,
    /// What had been asked when the peer was last heard.
    asked: u64,
    /// When it was seen that there is more to answer.
    since: Option<Instant>,
}

impl Pulse {
    /// For how long an answer has been missing; `None` while none is.
    fn look(&mut self, received: u64, asked: u64, now: Instant) -> Option<Duration> {
        if received != self.received {
            *self = Self {
                received,
                asked,
                since: None,
            };
        }
        let unanswered = asked.saturating_sub(self.asked);
        if unanswered > 0 {
            self.since.get_or_insert(now);
        }
        let since = self.since.filter(|_| unanswered >= ENOUGH)?;
        Some(now - since)
    }
}

/// How often a connection is looked at.
const PERIOD: Duration = Duration::from_millis(250);

/// Peers acknowledge within milliseconds, and what is lost is sent again after a few round trips.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The same on a path that is long.
const ROUND_TRIPS: u32 = 5;

/// One packet may be lost: it has been sent again, at the least.
const ENOUGH: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_can_go_unanswered() {
        let (mut pulse, begin) = (Pulse::default(), Instant::now());
        let mut look = |millis, received, asked| {
            let silent = pulse.look(received, asked, begin + Duration::from_millis(millis));
            silent.map(|silent| silent.as_millis())
        };
        assert_eq!(look(0, 10, 20), None);
        // An hour in which nobody says anything.
        assert_eq!(look(3_600_000, 10, 20), None);
        assert_eq!(look(3_600_250, 10, 21), None);
        assert_eq!(look(3_600_500, 10, 22), Some(250));
        assert_eq!(look(3_602_000, 10, 40), Some(1750));
        // Anything that comes is an answer.
        assert_eq!(look(3_602_250, 11, 41), None);
        assert_eq!(look(3_602_500, 11, 41), None);
    }
}
