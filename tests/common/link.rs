//! A UDP path on the loopback interface that loses, delays, limits and cuts.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    net::UdpSocket,
    runtime::Runtime,
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// What happens to packets, in each direction.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Conditions {
    /// Of so many packets out of a thousand nothing is seen again.
    pub(crate) loss: u64,
    /// One way.
    pub(crate) delay: Duration,
    /// In bit/s, of what goes to the client; what does not fit waits up to half a second, and is lost then.
    pub(crate) rate: Option<u64>,
    /// The same of what goes to the server.
    pub(crate) upload: Option<u64>,
    /// Nothing passes.
    pub(crate) cut: bool,
}

/// A proxy in front of a server; ends with the value.
pub(crate) struct Link {
    pub(crate) port: u16,
    conditions: Arc<Mutex<Conditions>>,
    runtime: Option<Runtime>,
}

impl Link {
    /// A way to `port` of this machine.
    pub(crate) fn new(port: u16, conditions: Conditions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let front = runtime
            .block_on(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)))
            .expect("a free port");
        let own = front.local_addr().expect("it is bound").port();
        let conditions = Arc::new(Mutex::new(conditions));
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        runtime.spawn(serve(Arc::new(front), server, conditions.clone()));
        Self {
            port: own,
            conditions,
            runtime: Some(runtime),
        }
    }

    /// To change them.
    pub(crate) fn conditions(&self) -> MutexGuard<'_, Conditions> {
        self.conditions.lock().expect("no test panics with it")
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(front: Arc<UdpSocket>, server: SocketAddr, conditions: Arc<Mutex<Conditions>>) {
    let mut clients = HashMap::new();
    let mut packet = vec![0; 65_536];
    loop {
        let Ok((size, client)) = front.recv_from(&mut packet).await else {
            continue;
        };
        if let std::collections::hash_map::Entry::Vacant(entry) = clients.entry(client) {
            let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let back = Arc::new(back.expect("a free port"));
            entry.insert(Way::new(back.clone(), server, conditions.clone(), false));
            let down = Way::new(front.clone(), client, conditions.clone(), true);
            tokio::spawn(forward(back, down));
        }
        if let Some(up) = clients.get_mut(&client) {
            up.send(&packet[..size]);
        }
    }
}

async fn forward(from: Arc<UdpSocket>, mut way: Way) {
    let mut packet = vec![0; 65_536];
    loop {
        // An error is what the other side answered to a packet that it did not want.
        if let Ok(size) = from.recv(&mut packet).await {
            way.send(&packet[..size]);
        }
    }
}

/// One direction for one client.
struct Way {
    queue: mpsc::UnboundedSender<(Instant, Vec<u8>)>,
    conditions: Arc<Mutex<Conditions>>,
    /// To the client.
    down: bool,
    /// When what is under way has passed the limit.
    free: Instant,
    seed: u64,
}

impl Way {
    fn new(
        socket: Arc<UdpSocket>,
        to: SocketAddr,
        conditions: Arc<Mutex<Conditions>>,
        down: bool,
    ) -> Self {
        let (queue, mut packets) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
        tokio::spawn(async move {
            while let Some((due, packet)) = packets.recv().await {
                sleep_until(due).await;
                let _ = socket.send_to(&packet, to).await;
            }
        });
        Self {
            queue,
            conditions,
            down,
            free: Instant::now(),
            seed: 1,
        }
    }

    fn send(&mut self, packet: &[u8]) {
        let conditions = *self.conditions.lock().expect("no test panics with it");
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let now = Instant::now();
        if conditions.cut || (self.seed >> 33) % 1_000 < conditions.loss {
            return;
        }
        self.free = self.free.max(now);
        let rate = match self.down {
            true => conditions.rate,
            false => conditions.upload,
        };
        if let Some(rate) = rate {
            if self.free - now > LONGEST_QUEUE {
                return;
            }
            self.free += Duration::from_nanos(packet.len() as u64 * 8 * 1_000_000_000 / rate);
        }
        let _ = self
            .queue
            .send((self.free + conditions.delay, packet.to_vec()));
    }
}

const LONGEST_QUEUE: Duration = Duration::from_millis(500);
