//! A session over any binding: one type that is either of two, without a box or a copy on the way.

use std::{fmt, time::Duration};

use bytes::{Buf, BufMut, Bytes};
use quinn::VarInt;
use web_transport_trait as wt;

/// An established session, to be used through `web_transport_trait::Session`.
///
/// Close it with `close`: dropping the last handle of a WebTransport session only finishes the stream that carries it, so the
/// connection ends when the peer answers, or at the idle timeout.
pub type Transport = Over<web_transport_quinn::Session, qmux::Session>;

/// What carries a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// Streams of QUIC as they are.
    Quic,
    /// WebTransport over HTTP/3.
    WebTransport,
    /// A WebSocket, with streams inside it (qmux).
    WebSocket,
}

impl Carrier {
    /// A name for statistics: `quic`, `webtransport` or `websocket`.
    pub fn name(self) -> &'static str {
        match self {
            Carrier::Quic => "quic",
            Carrier::WebTransport => "webtransport",
            Carrier::WebSocket => "websocket",
        }
    }
}

impl Transport {
    /// What carries this session.
    pub fn carrier(&self) -> Carrier {
        match self {
            Over::Quic(session) if session.request().is_some() => Carrier::WebTransport,
            Over::Quic(_) => Carrier::Quic,
            Over::WebSocket(_) => Carrier::WebSocket,
        }
    }

    /// Bounds the bytes that are sent and not yet acknowledged, where there is a QUIC connection.
    pub fn set_send_window(&self, bytes: u64) {
        if let Some(connection) = self.connection() {
            connection.set_send_window(bytes);
        }
    }

    /// How many bytes may be under way now, where there is a QUIC connection to know it.
    pub fn congestion_window(&self) -> Option<u64> {
        let connection = self.connection()?;
        Some(connection.stats().path.cwnd)
    }

    /// The QUIC connection, where there is one, for what only QUIC knows, such as the peer's certificate.
    pub fn connection(&self) -> Option<&quinn::Connection> {
        match self {
            Over::Quic(session) => Some(session),
            Over::WebSocket(_) => None,
        }
    }
}

/// A session, a stream, an error or statistics of one of two transports.
#[derive(Debug, Clone)]
pub enum Over<Q, W> {
    /// Over QUIC, raw or under WebTransport.
    Quic(Q),
    /// Over a WebSocket.
    WebSocket(W),
}

impl wt::Session for Transport {
    type SendStream =
        Over<web_transport_quinn::SendStream, <qmux::Session as wt::Session>::SendStream>;
    type RecvStream =
        Over<web_transport_quinn::RecvStream, <qmux::Session as wt::Session>::RecvStream>;
    type Error = Over<web_transport_quinn::SessionError, <qmux::Session as wt::Session>::Error>;

    async fn accept_uni(&self) -> Result<Self::RecvStream, Self::Error> {
        match self {
            Over::Quic(session) => {
                let stream = session.accept_uni().await.map_err(Over::Quic)?;
                Ok(Over::Quic(stream))
            }
            Over::WebSocket(session) => {
                let stream = session.accept_uni().await.map_err(Over::WebSocket)?;
                Ok(Over::WebSocket(stream))
            }
        }
    }

    async fn accept_bi(&self) -> Result<(Self::SendStream, Self::RecvStream), Self::Error> {
        match self {
            Over::Quic(session) => {
                let (send, receive) = session.accept_bi().await.map_err(Over::Quic)?;
                Ok((Over::Quic(send), Over::Quic(receive)))
            }
            Over::WebSocket(session) => {
                let (send, receive) = session.accept_bi().await.map_err(Over::WebSocket)?;
                Ok((Over::WebSocket(send), Over::WebSocket(receive)))
            }
        }
    }

    async fn open_bi(&self) -> Result<(Self::SendStream, Self::RecvStream), Self::Error> {
        match self {
            Over::Quic(session) => {
                let (send, receive) = session.open_bi().await.map_err(Over::Quic)?;
                Ok((Over::Quic(send), Over::Quic(receive)))
            }
            Over::WebSocket(session) => {
                let (send, receive) = session.open_bi().await.map_err(Over::WebSocket)?;
                Ok((Over::WebSocket(send), Over::WebSocket(receive)))
            }
        }
    }

    async fn open_uni(&self) -> Result<Self::SendStream, Self::Error> {
        match self {
            Over::Quic(session) => {
                let stream = session.open_uni().await.map_err(Over::Quic)?;
                Ok(Over::Quic(stream))
            }
            Over::WebSocket(session) => {
                let stream = session.open_uni().await.map_err(Over::WebSocket)?;
                Ok(Over::WebSocket(stream))
            }
        }
    }

    fn send_datagram(&self, payload: Bytes) -> Result<(), Self::Error> {
        match self {
            Over::Quic(session) => session.send_datagram(payload).map_err(Over::Quic),
            Over::WebSocket(session) => session.send_datagram(payload).map_err(Over::WebSocket),
        }
    }

    async fn recv_datagram(&self) -> Result<Bytes, Self::Error> {
        match self {
            Over::Quic(session) => session.recv_datagram().await.map_err(Over::Quic),
            Over::WebSocket(session) => session.recv_datagram().await.map_err(Over::WebSocket),
        }
    }

    fn max_datagram_size(&self) -> usize {
        match self {
            Over::Quic(session) => session.max_datagram_size(),
            Over::WebSocket(session) => session.max_datagram_size(),
        }
    }

    fn protocol(&self) -> Option<&str> {
        match self {
            Over::Quic(session) => session.protocol(),
            Over::WebSocket(session) => session.protocol(),
        }
    }

    fn close(&self, code: u32, reason: &str) {
        match self {
            // With the connection at once, and without the capsule that tells others the code: where one comes while streams
            // are open, tabs of Chromium 156 crash.
            Over::Quic(session) if is_of_a_page(session) => {
                let code = web_transport_quinn::proto::error_to_http3(code);
                let code = VarInt::from_u64(code).unwrap_or(VarInt::MAX);
                let connection: &quinn::Connection = session;
                connection.close(code, reason.as_bytes());
            }
            Over::Quic(session) => wt::Session::close(session, code, reason),
            Over::WebSocket(session) => session.close(code, reason),
        }
    }

    async fn closed(&self) -> Self::Error {
        match self {
            Over::Quic(session) => Over::Quic(session.closed().await),
            Over::WebSocket(session) => Over::WebSocket(session.closed().await),
        }
    }

    fn stats(&self) -> impl wt::Stats {
        match self {
            Over::Quic(session) => Over::Quic(session.stats()),
            Over::WebSocket(session) => Over::WebSocket(session.stats()),
        }
    }
}

/// Whether a page in a browser opened this session: browsers name its origin, and other clients have none.
fn is_of_a_page(session: &web_transport_quinn::Session) -> bool {
    let request = session.request();
    request.is_some_and(|request| request.headers.contains_key("origin"))
}

impl<Q: wt::SendStream, W: wt::SendStream> wt::SendStream for Over<Q, W> {
    type Error = Over<Q::Error, W::Error>;

    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        match self {
            Over::Quic(stream) => stream.write(buf).await.map_err(Over::Quic),
            Over::WebSocket(stream) => stream.write(buf).await.map_err(Over::WebSocket),
        }
    }

    async fn write_buf<B: Buf + wt::MaybeSend>(
        &mut self,
        buf: &mut B,
    ) -> Result<usize, Self::Error> {
        match self {
            Over::Quic(stream) => stream.write_buf(buf).await.map_err(Over::Quic),
            Over::WebSocket(stream) => stream.write_buf(buf).await.map_err(Over::WebSocket),
        }
    }

    async fn write_chunk(&mut self, chunk: Bytes) -> Result<(), Self::Error> {
        match self {
            Over::Quic(stream) => stream.write_chunk(chunk).await.map_err(Over::Quic),
            Over::WebSocket(stream) => stream.write_chunk(chunk).await.map_err(Over::WebSocket),
        }
    }

    fn set_priority(&mut self, order: i32) {
        match self {
            Over::Quic(stream) => stream.set_priority(order),
            Over::WebSocket(stream) => stream.set_priority(order),
        }
    }

    fn finish(&mut self) -> Result<(), Self::Error> {
        match self {
            Over::Quic(stream) => stream.finish().map_err(Over::Quic),
            Over::WebSocket(stream) => stream.finish().map_err(Over::WebSocket),
        }
    }

    fn reset(&mut self, code: u32) {
        match self {
            Over::Quic(stream) => stream.reset(code),
            Over::WebSocket(stream) => stream.reset(code),
        }
    }

    async fn closed(&mut self) -> Result<(), Self::Error> {
        match self {
            Over::Quic(stream) => stream.closed().await.map_err(Over::Quic),
            Over::WebSocket(stream) => stream.closed().await.map_err(Over::WebSocket),
        }
    }
}

impl<Q: wt::RecvStream, W: wt::RecvStream> wt::RecvStream for Over<Q, W> {
    type Error = Over<Q::Error, W::Error>;

    async fn read(&mut self, dst: &mut [u8]) -> Result<Option<usize>, Self::Error> {
        match self {
            Over::Quic(stream) => stream.read(dst).await.map_err(Over::Quic),
            Over::WebSocket(stream) => stream.read(dst).await.map_err(Over::WebSocket),
        }
    }

    async fn read_buf<B: BufMut + wt::MaybeSend>(
        &mut self,
        buf: &mut B,
    ) -> Result<Option<usize>, Self::Error> {
        match self {
            Over::Quic(stream) => stream.read_buf(buf).await.map_err(Over::Quic),
            Over::WebSocket(stream) => stream.read_buf(buf).await.map_err(Over::WebSocket),
        }
    }

    async fn read_chunk(&mut self, max: usize) -> Result<Option<Bytes>, Self::Error> {
        match self {
            Over::Quic(stream) => stream.read_chunk(max).await.map_err(Over::Quic),
            Over::WebSocket(stream) => stream.read_chunk(max).await.map_err(Over::WebSocket),
        }
    }

    fn stop(&mut self, code: u32) {
        match self {
            Over::Quic(stream) => stream.stop(code),
            Over::WebSocket(stream) => stream.stop(code),
        }
    }

    async fn closed(&mut self) -> Result<(), Self::Error> {
        match self {
            Over::Quic(stream) => stream.closed().await.map_err(Over::Quic),
            Over::WebSocket(stream) => stream.closed().await.map_err(Over::WebSocket),
        }
    }
}

impl<Q: wt::Error, W: wt::Error> wt::Error for Over<Q, W> {
    fn session_error(&self) -> Option<(u32, String)> {
        match self {
            Over::Quic(error) => error.session_error(),
            Over::WebSocket(error) => error.session_error(),
        }
    }

    fn stream_error(&self) -> Option<u32> {
        match self {
            Over::Quic(error) => error.stream_error(),
            Over::WebSocket(error) => error.stream_error(),
        }
    }
}

impl<Q: wt::Error, W: wt::Error> std::error::Error for Over<Q, W> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Over::Quic(error) => error.source(),
            Over::WebSocket(error) => error.source(),
        }
    }
}

impl<Q: wt::Error, W: wt::Error> fmt::Display for Over<Q, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Over::Quic(error) => fmt::Display::fmt(error, f),
            Over::WebSocket(error) => fmt::Display::fmt(error, f),
        }
    }
}

/// Forwards each of these to whichever it is.
macro_rules! either_stats {
    ($($name:ident -> $value:ty),* $(,)?) => {
        impl<Q: wt::Stats, W: wt::Stats> wt::Stats for Over<Q, W> {
            $(fn $name(&self) -> Option<$value> {
                match self {
                    Over::Quic(stats) => stats.$name(),
                    Over::WebSocket(stats) => stats.$name(),
                }
            })*
        }
    };
}

either_stats! {
    streams -> wt::Streams,
    bytes_sent -> u64,
    bytes_received -> u64,
    bytes_lost -> u64,
    packets_sent -> u64,
    packets_received -> u64,
    packets_lost -> u64,
    rtt -> Duration,
    estimated_send_rate -> u64,
}
