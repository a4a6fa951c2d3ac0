//! Our sessions of moq-transport against peers that others wrote: moq-relay-ietf with
//! moq-pub and moq-sub, and moq-relay.

use std::{
    fs,
    io::{Read, Write},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

use gstmoq::{
    moq_lite::{
        BroadcastConsumer, BroadcastProducer, Client, Demand, GroupConsumer, Origin,
        OriginConsumer, OriginProducer, Session, Track, TrackConsumer,
    },
    net::{ConnectOptions, Quic, Tls, WebSocket, connect},
};
use url::Url;

use crate::pem::pem;
use crate::program::Program;
use crate::relay::{Relay, free_port, program};
use crate::waiting::within;

/// A moq-relay-ietf of its own, with a certificate of its own.
struct IetfRelay {
    _process: Program,
    port: u16,
    files: PathBuf,
}

impl IetfRelay {
    fn start() -> Self {
        let port = free_port();
        let files = std::env::temp_dir().join(format!("gst-plugin-moq-ietf-{port}"));
        fs::create_dir_all(&files).unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (certificate, key) = (made.cert.der(), made.signing_key.serialize_der());
        fs::write(files.join("cert"), pem("CERTIFICATE", certificate)).unwrap();
        fs::write(files.join("key"), pem("PRIVATE KEY", &key)).unwrap();
        let mut command = on_one_processor("MOQ_RELAY_IETF");
        command
            .args(["--bind", &format!("127.0.0.1:{port}")])
            .arg("--tls-cert")
            .arg(files.join("cert"))
            .arg("--tls-key")
            .arg(files.join("key"))
            .arg("--coordinator-file")
            .arg(files.join("coordinator"))
            .args(["--tls-disable-verify"]);
        let mut process = Program::start(&mut command);
        process.wait_for("listening on");
        Self {
            _process: process,
            port,
            files,
        }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }
}

impl Drop for IetfRelay {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.files);
    }
}

/// A session with a relay, what it sees and what it offers.
struct Peer {
    session: Session,
    sees: OriginConsumer,
    has: OriginProducer,
}

/// Connects with nothing but moq-transport on offer; `expected` is taken to be there.
async fn peer(url: &str, expected: Option<&str>) -> Peer {
    let options = ConnectOptions {
        url: Url::parse(url).unwrap(),
        token: None,
        tls: Tls {
            disable_verify: !url.starts_with("http:"),
            ..Tls::default()
        },
        quic: Quic::default(),
        protocols: vec!["moq-00"],
        websocket: WebSocket::default(),
    };
    let (has, sees) = (Origin::produce(), Origin::produce());
    let connected = within(connect(&options)).await.unwrap();
    let mut client = Client::new()
        .with_publish(has.consumer)
        .with_consume(sees.producer)
        .with_path(connected.ask(true).unwrap());
    if let Some(path) = expected {
        client = client.with_expected(path);
    }
    let session = within(client.connect(connected.transport)).await.unwrap();
    assert_eq!(session.version_name(), "moq-transport-14");
    Peer {
        session,
        sees: sees.consumer,
        has: has.producer,
    }
}

async fn announced(origin: &mut OriginConsumer, path: &str) -> BroadcastConsumer {
    loop {
        let (found, broadcast) = within(origin.announced()).await.unwrap();
        if found.as_str() == path {
            return broadcast.unwrap();
        }
    }
}

async fn next(track: &mut TrackConsumer) -> GroupConsumer {
    within(track.recv_group()).await.unwrap().unwrap()
}

async fn frame(group: &mut GroupConsumer) -> bytes::Bytes {
    within(group.read_frame()).await.unwrap().unwrap()
}

/// A group of three frames arrives whole at a viewer that joins in its middle, then
/// another one, then the end.
async fn a_track_travels(publisher: &Peer, viewer: &mut Peer, path: &str) {
    let mut broadcast = publisher.has.create_broadcast(path).unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame("before").unwrap();
    let mut group = track.append_group().unwrap();
    group.write_frame("keyframe").unwrap();
    group.write_frame("").unwrap();
    let remote = announced(&mut viewer.sees, path).await;
    let mut reader = remote.subscribe_track(&Track::new("video"));
    let mut received = next(&mut reader).await;
    assert_eq!(received.info.sequence, 1);
    assert_eq!(frame(&mut received).await, "keyframe");
    assert_eq!(frame(&mut received).await, "");
    // Whatever the peer makes of the update that says so.
    reader.set_demand(Demand::new(9));
    let large = vec![7; 300_000];
    group.write_frame(large.clone()).unwrap();
    assert_eq!(frame(&mut received).await, large);
    group.close();
    assert!(within(received.read_frame()).await.unwrap().is_none());
    track.write_frame("last").unwrap();
    let mut received = next(&mut reader).await;
    assert_eq!(received.info.sequence, 2);
    assert_eq!(frame(&mut received).await, "last");
    track.close();
    assert!(within(reader.recv_group()).await.unwrap().is_none());
    drop(broadcast);
    drop(reader);
}

#[tokio::test]
async fn a_track_travels_through_an_ietf_relay() {
    let relay = IetfRelay::start();
    for scheme in ["https", "moqt"] {
        let publisher = peer(&relay.url(scheme), None).await;
        let path = format!("room/{scheme}");
        let mut viewer = peer(&relay.url(scheme), Some(&path)).await;
        a_track_travels(&publisher, &mut viewer, &path).await;
        publisher.session.close(gstmoq::moq_lite::Error::Cancel);
    }
}

#[tokio::test]
async fn a_viewer_may_come_before_the_publisher_although_nothing_is_announced() {
    let relay = IetfRelay::start();
    let mut viewer = peer(&relay.url("https"), Some("cam")).await;
    let remote = announced(&mut viewer.sees, "cam").await;
    let mut reader = remote.subscribe_track(&Track::new("video"));
    let publisher = peer(&relay.url("https"), None).await;
    let mut broadcast: BroadcastProducer = publisher.has.create_broadcast("cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame("keyframe").unwrap();
    let mut group = next(&mut reader).await;
    assert_eq!(frame(&mut group).await, "keyframe");
}

#[tokio::test]
async fn moq_pub_is_read_through_its_relay() {
    let relay = IetfRelay::start();
    let clip = clip();
    let mut publisher = program_of("MOQ_PUB", &relay, "bbb");
    let mut input = publisher.stdin.take().unwrap();
    // The end of its input would make it spin: it stays open.
    input.write_all(&clip).unwrap();
    input.flush().unwrap();
    let mut viewer = peer(&relay.url("https"), Some("bbb")).await;
    let remote = announced(&mut viewer.sees, "bbb").await;
    let mut init = remote.subscribe_track(&Track::new("0.mp4"));
    let received = frame(&mut next(&mut init).await).await;
    assert_eq!(received, clip[..init_size(&clip)]);
    let mut video = remote.subscribe_track(&Track::new("1.m4s"));
    let fragment = frame(&mut next(&mut video).await).await;
    assert_eq!(&fragment[4..8], b"moof");
    let _ = publisher.kill();
    let _ = publisher.wait();
}

#[tokio::test]
async fn moq_sub_reads_what_we_publish() {
    let relay = IetfRelay::start();
    let clip = clip();
    let publisher = peer(&relay.url("https"), None).await;
    let mut broadcast = publisher.has.create_broadcast("bbb").unwrap();
    let mut init = broadcast.create_track(Track::new("0.mp4"));
    let mut video = broadcast.create_track(Track::new("1.m4s"));
    let (head, media) = clip.split_at(init_size(&clip));
    init.write_frame(head.to_vec()).unwrap();
    let mut group = video.append_group().unwrap();
    for fragment in media.chunks(10_000) {
        group.write_frame(fragment.to_vec()).unwrap();
    }
    // moq-sub writes whole lines, and the rest when more comes.
    group.write_frame("\n").unwrap();
    group.close();
    // The relay must have heard of the broadcast.
    let mut viewer = peer(&relay.url("https"), Some("bbb")).await;
    let remote = announced(&mut viewer.sees, "bbb").await;
    let mut reader = remote.subscribe_track(&Track::new("0.mp4"));
    frame(&mut next(&mut reader).await).await;

    let mut subscriber = program_of("MOQ_SUB", &relay, "bbb");
    let output = subscriber.stdout.take().unwrap();
    let expected = clip.len();
    let reading = tokio::task::spawn_blocking(move || read_some(output, expected));
    let read = tokio::time::timeout(std::time::Duration::from_secs(30), reading).await;
    let _ = subscriber.kill();
    let _ = subscriber.wait();
    let read = read.expect("it reads").unwrap();
    assert!(read == clip, "other bytes");
}

#[tokio::test]
async fn moq_relay_speaks_draft_14_over_every_binding() {
    let mut relay = Relay::start_with(&["--listen-version", "moq-transport-14"]);
    let raw = format!("moqt://127.0.0.1:{}/anon", relay.port);
    for (index, url) in [relay.url(), raw].into_iter().enumerate() {
        let publisher = peer(&url, None).await;
        let mut viewer = peer(&url, None).await;
        a_track_travels(&publisher, &mut viewer, &format!("cam{index}")).await;
        relay.wait_for_log("moq-transport-14");
    }
}

/// moq-pub or moq-sub with the broadcast `name`.
fn program_of(variable: &str, relay: &IetfRelay, name: &str) -> Child {
    on_one_processor(variable)
        .args(["--bind", "127.0.0.1:0"])
        .args(["--tls-disable-verify", "--name", name, &relay.url("https")])
        // Their logs go where moq-sub's media goes.
        .env("RUST_LOG", "off")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started")
}

/// A program on moq-transport 0.14. Its threads must not run at the same time, or a subscription may hang for ever: what one
/// queues while another has found the queue empty and does not wait yet stays there until more is queued, and an answer that
/// is quicker than the thread that asked is passed over.
fn on_one_processor(variable: &str) -> Command {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let allowed = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let first = allowed.unwrap().trim().split(['-', ',']).next().unwrap();
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", first]).arg(program(variable));
    command
}

/// So many bytes of a program's output, or fewer when it ends.
fn read_some(output: ChildStdout, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = output.take(size as u64).read_to_end(&mut bytes);
    read.expect("it can be read");
    bytes
}

/// A second of fragmented H.264.
fn clip() -> Vec<u8> {
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=s=320x240:r=25:d=1",
        ])
        .args([
            "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "25", "-f", "mp4",
        ])
        .args([
            "-movflags",
            "frag_keyframe+empty_moov+default_base_moof",
            "-",
        ])
        .output()
        .expect("ffmpeg can be started");
    assert!(made.status.success(), "{made:?}");
    made.stdout
}

/// How many bytes precede the first fragment.
fn init_size(clip: &[u8]) -> usize {
    let found = clip.windows(4).position(|name| name == b"moof");
    found.expect("it is fragmented") - 4
}
