//! Our sessions against a peer on the published moq-lite 0.12.0, `tests/peers/seed`: both families that it speaks, both
//! bindings, both sides of the handshake, both roles.

use std::{
    future::Future,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use gstmoq::{
    moq_lite::{
        ALPNS, Client, Demand, Origin, OriginConsumer, OriginProducer, Server, Session, Track,
        TrackConsumer,
    },
    net::{ConnectOptions, ListenOptions, Listener, Quic, Tls, Transport, WebSocket, connect},
};
use tokio::{sync::mpsc, task::JoinHandle};
use url::Url;

use crate::{
    relay::program,
    versions::{EVERY, Forced, print_row},
};

/// What it speaks. It offers all of them where it may: our side insists on one.
const SPOKEN: &[Forced] = EVERY.split_at(4).1;

fn cases() -> impl Iterator<Item = (&'static str, Forced)> {
    let spoken = SPOKEN.iter();
    spoken.flat_map(|&version| ["https", "moqt"].map(|scheme| (scheme, version)))
}

fn print_rows(who: &str) {
    for scheme in ["https", "moqt"] {
        print_row(who, scheme, SPOKEN);
    }
}

#[tokio::test]
async fn the_first_generation_publishes_to_our_server() {
    for (scheme, version) in cases() {
        let mut server = Port::open().await;
        let seed = Seed::start(&[
            "publish",
            "connect",
            &server.url(scheme),
            version.protocol,
            "room/cam",
        ]);
        let peer = server.peer(version).await;
        assert_eq!(peer.session.version_name(), version.name);
        reads(peer, seed).await;
    }
    print_rows("moq-lite 0.12.0: it publishes, our server reads");
}

#[tokio::test]
async fn the_first_generation_reads_from_our_server() {
    for (scheme, version) in cases() {
        let mut server = Port::open().await;
        let seed = Seed::start(&[
            "subscribe",
            "connect",
            &server.url(scheme),
            version.protocol,
            "room/cam",
        ]);
        let peer = server.peer(version).await;
        assert_eq!(peer.session.version_name(), version.name);
        is_read(peer, seed).await;
    }
    print_rows("moq-lite 0.12.0: it reads, our server publishes");
}

#[tokio::test]
async fn our_client_reads_from_a_server_of_the_first_generation() {
    for (scheme, version) in cases() {
        let mut seed = Seed::start(&["publish", "listen", version.protocol, "room/cam"]);
        let peer = dial(&mut seed, scheme, version).await;
        assert_eq!(peer.session.version_name(), version.name);
        reads(peer, seed).await;
    }
    print_rows("moq-lite 0.12.0: its server publishes, our client reads");
}

#[tokio::test]
async fn our_client_publishes_to_a_server_of_the_first_generation() {
    for (scheme, version) in cases() {
        let mut seed = Seed::start(&["subscribe", "listen", version.protocol, "room/cam"]);
        let peer = dial(&mut seed, scheme, version).await;
        assert_eq!(peer.session.version_name(), version.name);
        is_read(peer, seed).await;
    }
    print_rows("moq-lite 0.12.0: its server reads, our client publishes");
}

/// Frames arrive while their group is still written, then its end, another group, the end of the track and the end of the
/// broadcast.
async fn reads(mut peer: Peer, mut seed: Seed) {
    assert_eq!(seed.says().await, "connected");
    let (path, broadcast) = within(peer.sees.announced()).await.unwrap();
    assert_eq!(path.as_str(), "room/cam");
    let mut track = broadcast.unwrap().subscribe_track(&Track::new("video"));
    let large = "x".repeat(100_000);
    seed.hears("keyframe");
    let mut group = next(&mut track, 0).await;
    assert_eq!(
        within(group.read_frame()).await.unwrap().unwrap(),
        "keyframe"
    );
    // It refuses an update over moq-transport, with the number of the update, and goes on.
    track.set_demand(Demand::new(9));
    seed.hears(&large);
    assert_eq!(within(group.read_frame()).await.unwrap().unwrap(), large);
    seed.hears("");
    assert_eq!(within(group.read_frame()).await.unwrap(), None);
    seed.hears("last");
    let mut group = next(&mut track, 1).await;
    assert_eq!(within(group.read_frame()).await.unwrap().unwrap(), "last");
    seed.is_done();
    assert_eq!(within(group.read_frame()).await.unwrap(), None);
    // Over moq-transport it never says that a track has ended: its PUBLISH_DONE waits for an UNSUBSCRIBE.
    if peer.session.version_name() != "moq-transport-14" {
        assert!(within(track.recv_group()).await.unwrap().is_none());
    }
    let (path, broadcast) = within(peer.sees.announced()).await.unwrap();
    assert_eq!(path.as_str(), "room/cam");
    assert!(broadcast.is_none());
}

/// As [`reads`], with the roles exchanged.
async fn is_read(peer: Peer, mut seed: Seed) {
    let mut broadcast = peer.has.create_broadcast("room/cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame("before").unwrap();
    let mut group = track.append_group().unwrap();
    group.write_frame("keyframe").unwrap();
    assert_eq!(seed.says().await, "connected");
    assert_eq!(seed.says().await, "announced room/cam");
    assert_eq!(seed.says().await, "frame 1 0 keyframe");
    let large = "x".repeat(100_000);
    group.write_frame(large.clone()).unwrap();
    assert_eq!(seed.says().await, format!("frame 1 1 {large}"));
    group.close();
    assert_eq!(seed.says().await, "group 1 end");
    track.write_frame("last").unwrap();
    assert_eq!(seed.says().await, "frame 2 0 last");
    assert_eq!(seed.says().await, "group 2 end");
    track.close();
    assert_eq!(seed.says().await, "track end");
}

async fn next(track: &mut TrackConsumer, sequence: u64) -> gstmoq::moq_lite::GroupConsumer {
    let group = within(track.recv_group()).await.unwrap().unwrap();
    assert_eq!(group.info.sequence, sequence);
    group
}

/// Our end of a session, what it sees and what it offers.
struct Peer {
    session: Session,
    sees: OriginConsumer,
    has: OriginProducer,
}

/// A port of ours. Sessions live as long as it is polled: a task does that.
struct Port {
    port: u16,
    accepted: mpsc::UnboundedReceiver<Transport>,
    accepts: JoinHandle<()>,
}

impl Port {
    async fn open() -> Self {
        let options = ListenOptions {
            address: "127.0.0.1:0".into(),
            identity: None,
            http_root: None,
            quic: Quic::default(),
            protocols: ALPNS.to_vec(),
        };
        let mut listener = Listener::bind(&options).await.unwrap();
        let port = listener.local_addr().port();
        let (sender, accepted) = mpsc::unbounded_channel();
        let accepts = tokio::spawn(async move {
            while let Some(session) = listener.accept().await {
                // A test that has what it wants takes no more.
                let _ = sender.send(session.transport);
            }
        });
        Self {
            port,
            accepted,
            accepts,
        }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}/", self.port)
    }

    async fn peer(&mut self, version: Forced) -> Peer {
        let transport = within(self.accepted.recv()).await.unwrap();
        let (has, sees) = (Origin::produce(), Origin::produce());
        let server = Server::new()
            .with_versions([version.number])
            .with_publish(has.consumer)
            .with_consume(sees.producer);
        Peer {
            session: within(server.accept(transport)).await.unwrap(),
            sees: sees.consumer,
            has: has.producer,
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.accepts.abort();
    }
}

/// Our client at the port that the peer says.
async fn dial(seed: &mut Seed, scheme: &str, version: Forced) -> Peer {
    let said = seed.says().await;
    let port = said.strip_prefix("listening ").expect(&said);
    let options = ConnectOptions {
        url: Url::parse(&format!("{scheme}://127.0.0.1:{port}/")).unwrap(),
        token: None,
        tls: Tls {
            disable_verify: true,
            ..Tls::default()
        },
        quic: Quic::default(),
        websocket: WebSocket {
            enabled: false,
            ..WebSocket::default()
        },
        protocols: vec![version.protocol],
    };
    let connected = within(connect(&options)).await.unwrap();
    let (has, sees) = (Origin::produce(), Origin::produce());
    let client = Client::new()
        .with_versions([version.number])
        .with_publish(has.consumer)
        .with_consume(sees.producer);
    Peer {
        session: within(client.connect(connected.transport)).await.unwrap(),
        sees: sees.consumer,
        has: has.producer,
    }
}

/// The peer; it ends with the value.
struct Seed {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Seed {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(program("MOQ_SEED"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer can be started");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("it is piped");
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            input,
            lines,
        }
    }

    /// The next line of its output.
    async fn says(&mut self) -> String {
        within(self.lines.recv())
            .await
            .expect("the peer says no more")
    }

    /// A line of its input.
    fn hears(&mut self, line: &str) {
        let input = self.input.as_mut().expect("its input is open");
        writeln!(input, "{line}").expect("the peer reads its input");
    }

    /// The end of its input.
    fn is_done(&mut self) {
        self.input = None;
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, future)
        .await
        .expect("it takes too long")
}
