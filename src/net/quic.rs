//! Transport parameters of QUIC, for both ends.

use std::{sync::Arc, time::Duration};

use quinn::{
    AckFrequencyConfig, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt,
    congestion,
};

/// What a user may set about a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quic {
    /// A connection without a packet from the peer for this long is over; zero: never.
    pub idle_timeout: Duration,
    /// How often a silent connection sends a packet; zero: never. At most a third of the idle timeout is used, so that one lost
    /// packet does not end a connection.
    pub keep_alive: Duration,
    /// What decides how fast data is sent.
    pub congestion: Congestion,
}

/// Congestion control algorithms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Congestion {
    /// Loss-based, as most of TCP.
    #[default]
    Cubic,
    /// Follows measured bandwidth; experimental.
    Bbr,
    /// Loss-based, the oldest.
    NewReno,
}

impl Default for Quic {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(3),
            congestion: Congestion::default(),
        }
    }
}

impl Quic {
    pub(super) fn transport(&self) -> Arc<TransportConfig> {
        let mut config = TransportConfig::default();
        // Beyond what the field can hold is as good as never.
        let idle = Some(self.idle_timeout)
            .filter(|idle| !idle.is_zero())
            .and_then(|idle| IdleTimeout::try_from(idle).ok());
        config.max_idle_timeout(idle);
        config.keep_alive_interval(self.keep_alive());
        config.max_concurrent_uni_streams(UNI_STREAMS);
        config.max_concurrent_bidi_streams(BIDI_STREAMS);
        config.stream_receive_window(STREAM_WINDOW);
        config.receive_window(CONNECTION_WINDOW);
        config.send_window(SEND_WINDOW);
        let mut mtu = MtuDiscoveryConfig::default();
        mtu.upper_bound(LARGEST_PACKET);
        config.mtu_discovery_config(Some(mtu));
        let mut acknowledgements = AckFrequencyConfig::default();
        acknowledgements.ack_eliciting_threshold(UNACKNOWLEDGED);
        config.ack_frequency_config(Some(acknowledgements));
        match self.congestion {
            Congestion::Cubic => {
                config.congestion_controller_factory(Arc::new(congestion::CubicConfig::default()))
            }
            Congestion::Bbr => {
                config.congestion_controller_factory(Arc::new(congestion::BbrConfig::default()))
            }
            Congestion::NewReno => {
                config.congestion_controller_factory(Arc::new(congestion::NewRenoConfig::default()))
            }
        };
        Arc::new(config)
    }

    /// What holds for every connection of a socket.
    pub(super) fn endpoint() -> EndpointConfig {
        let mut config = EndpointConfig::default();
        config
            .max_udp_payload_size(LARGEST_PACKET)
            .expect("QUIC has packets of this size");
        config
    }

    /// The same for streams inside a WebSocket, as far as they have it.
    pub(super) fn multiplexed(&self) -> qmux::Config {
        let mut config = qmux::Config::default();
        config.max_streams_uni = UNI_STREAMS.into_inner();
        config.max_streams_bidi = BIDI_STREAMS.into_inner();
        config.max_stream_data_uni = STREAM_WINDOW.into_inner();
        config.max_stream_data_bidi_local = STREAM_WINDOW.into_inner();
        config.max_stream_data_bidi_remote = STREAM_WINDOW.into_inner();
        config.max_data = CONNECTION_WINDOW.into_inner();
        // Milliseconds; zero is never there too.
        config.max_idle_timeout = u64::try_from(self.idle_timeout.as_millis()).unwrap_or(0);
        // There is a ping after a third of it in any case, and these besides, which also measure the round trip.
        config.rtt_interval = self.keep_alive().unwrap_or_default();
        config
    }

    fn keep_alive(&self) -> Option<Duration> {
        let wanted = Some(self.keep_alive).filter(|interval| !interval.is_zero())?;
        if self.idle_timeout.is_zero() {
            return Some(wanted);
        }
        Some(wanted.min(self.idle_timeout / 3))
    }
}

/// Tried, and taken from a peer, where the path may carry it, as the loopback interface and studio networks with jumbo
/// frames do: a frame then takes a few packets instead of a dozen. 9000 bytes of Ethernet less the headers of IPv6 and
/// UDP.
pub(super) const LARGEST_PACKET: u16 = 8952;

/// So many packets may arrive before a peer that can do so (draft-ietf-quic-ack-frequency) says that it has them, unless
/// 25 ms pass or one is missing; one more is answered at once. A small frame then reaches its reader before anything is sent
/// back. With a larger number a sender whose window has shrunk to a few packets would wait those 25 ms time and again.
const UNACKNOWLEDGED: VarInt = VarInt::from_u32(2);

/// A group is a stream and audio may have one per packet: enough for many tracks on a long round trip. Each one allowed costs a
/// slot in quinn's tables from the start, hence not more.
const UNI_STREAMS: VarInt = VarInt::from_u32(4096);

/// One for each subscription and announcement interest of the peer.
const BIDI_STREAMS: VarInt = VarInt::from_u32(1024);

/// One keyframe in flight, even a large one.
const STREAM_WINDOW: VarInt = VarInt::from_u32(8 << 20);

/// The most that a peer can make us hold for one connection without having it read.
const CONNECTION_WINDOW: VarInt = VarInt::from_u32(64 << 20);

/// Bytes sent and not yet acknowledged: 300 Mbit/s at 200 ms. More would only let stale frames queue behind a slow path.
const SEND_WINDOW: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_alive_leaves_room_for_a_lost_packet() {
        let interval = |idle, keep_alive| {
            let quic = Quic {
                idle_timeout: Duration::from_secs(idle),
                keep_alive: Duration::from_secs(keep_alive),
                ..Quic::default()
            };
            quic.keep_alive().map(|interval| interval.as_secs())
        };
        assert_eq!(interval(10, 3), Some(3));
        assert_eq!(interval(6, 5), Some(2));
        assert_eq!(interval(0, 5), Some(5));
        assert_eq!(interval(10, 0), None);
    }
}
