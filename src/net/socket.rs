//! Sockets: dual-stack where the system can, and one for QUIC that sends no more at once than the system takes, and lets go of
//! its port at once.

use std::{
    fmt, io,
    io::IoSliceMut,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use quinn::{
    AsyncUdpSocket, Runtime, TokioRuntime, UdpPoller,
    udp::{RecvMeta, Transmit},
};
use socket2::{Domain, Protocol, Socket, Type};

use super::quic::LARGEST_PACKET;

/// A UDP socket bound to `address`; `[::]` takes IPv4 too.
pub(super) fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address, Type::DGRAM, Protocol::UDP)?;
    // The system may grant less, and then a burst loses packets, which QUIC repairs.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A listening TCP socket bound to `address`; `[::]` takes IPv4 too.
pub(super) fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address, Type::STREAM, Protocol::TCP)?;
    // Connections that linger after a close do not keep the port; on Windows the option would mean to share it.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A UDP socket on a free port from which `remote` can be reached.
pub(super) fn towards(remote: SocketAddr) -> io::Result<UdpSocket> {
    udp(any(remote))
}

/// Any port of the wildcard address of the same family.
pub(super) fn any(remote: SocketAddr) -> SocketAddr {
    match remote {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // Where the system has no such sockets, IPv6 alone is what there is.
        let _ = socket.set_only_v6(false);
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A socket for a QUIC endpoint that can be closed while the endpoint still winds down. Once released it swallows what is sent
/// and receives nothing.
///
/// The system takes and gives several packets of a connection at once, as one of at most [`MOST_AT_ONCE`] bytes. quinn counts
/// packets and not bytes: it would hand over ten however large they are, which the system refuses, and which quinn takes for
/// the loss of ten packets.
#[derive(Debug)]
pub(super) struct Releasable {
    socket: Mutex<Option<Arc<dyn AsyncUdpSocket>>>,
    address: SocketAddr,
    may_fragment: bool,
}

impl Releasable {
    /// Within a runtime.
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        TokioRuntime.wrap_udp_socket(socket).and_then(Self::wrap)
    }

    fn wrap(socket: Arc<dyn AsyncUdpSocket>) -> io::Result<Self> {
        Ok(Self {
            address: socket.local_addr()?,
            may_fragment: socket.may_fragment(),
            socket: Mutex::new(Some(socket)),
        })
    }

    /// Closes the socket.
    pub(super) fn release(&self) {
        let socket = self
            .socket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(socket);
    }

    fn socket(&self) -> Option<Arc<dyn AsyncUdpSocket>> {
        self.socket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl AsyncUdpSocket for Releasable {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller {
            socket: self,
            waiting: None,
        })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.socket() {
            Some(socket) => socket.try_send(transmit),
            None => Ok(()),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        match self.socket() {
            Some(socket) => socket.poll_recv(cx, bufs, meta),
            None => Poll::Pending,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    /// Asked before every packet: the system may find out later that it can send only one at a time.
    fn max_transmit_segments(&self) -> usize {
        let segments = self.socket().map_or(1, |it| it.max_transmit_segments());
        segments.min(MOST_AT_ONCE / usize::from(LARGEST_PACKET))
    }

    /// A buffer has room for so many of the largest packets.
    fn max_receive_segments(&self) -> usize {
        let segments = self.socket().map_or(1, |it| it.max_receive_segments());
        segments.min(MOST_AT_ONCE.div_ceil(LARGEST_PACKET.into()))
    }

    fn may_fragment(&self) -> bool {
        self.may_fragment
    }
}

/// Waits until the socket takes a packet. It holds on to the real socket only while it waits.
struct Poller {
    socket: Arc<Releasable>,
    waiting: Option<Pin<Box<dyn UdpPoller>>>,
}

impl UdpPoller for Poller {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(socket) = this.socket.socket() else {
            this.waiting = None;
            return Poll::Ready(Ok(()));
        };
        let waiting = this
            .waiting
            .get_or_insert_with(|| socket.create_io_poller());
        let polled = waiting.as_mut().poll_writable(cx);
        if polled.is_ready() {
            this.waiting = None;
        }
        polled
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

/// What an IP packet holds, headers included.
const MOST_AT_ONCE: usize = 65_535;

/// Some frames of video at a high rate.
const BUFFER: usize = 4 << 20;

/// Clients that wait to be accepted.
const BACKLOG: i32 = 64;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    /// Sends so many packets at once.
    #[derive(Debug)]
    struct System(AtomicUsize);

    impl AsyncUdpSocket for System {
        fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
            unreachable!("nothing is sent")
        }

        fn try_send(&self, _: &Transmit<'_>) -> io::Result<()> {
            unreachable!("nothing is sent")
        }

        fn poll_recv(
            &self,
            _: &mut Context<'_>,
            _: &mut [IoSliceMut<'_>],
            _: &mut [RecvMeta],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            Ok((Ipv4Addr::LOCALHOST, 1).into())
        }

        fn max_transmit_segments(&self) -> usize {
            self.0.load(Relaxed)
        }

        fn max_receive_segments(&self) -> usize {
            64
        }
    }

    #[test]
    fn no_more_is_sent_at_once_than_the_system_takes() {
        let system = Arc::new(System(AtomicUsize::new(64)));
        let socket = Releasable::wrap(system.clone()).unwrap();
        let most = socket.max_transmit_segments() * usize::from(LARGEST_PACKET);
        assert!((40_000..65_507).contains(&most), "{most}");
        // quinn finds out when it sends the first.
        system.0.store(1, Relaxed);
        assert_eq!(socket.max_transmit_segments(), 1);
        system.0.store(64, Relaxed);
        socket.release();
        assert_eq!(socket.max_transmit_segments(), 1);
    }

    #[test]
    fn a_buffer_holds_what_comes_at_once() {
        let socket = Releasable::wrap(Arc::new(System(AtomicUsize::new(1)))).unwrap();
        let room = socket.max_receive_segments() * usize::from(LARGEST_PACKET);
        assert!((65_507..100_000).contains(&room), "{room}");
    }
}
