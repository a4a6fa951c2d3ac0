//! Viewers that read the video and count its frames.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use gstmoq::{
    moq_lite::{ALPNS, Client, Origin, Track},
    net::{ConnectOptions, Quic, Tls, WebSocket, connect},
};
use tokio::{sync::mpsc, task::JoinSet};

/// Some viewers; they leave with the value.
pub(crate) struct Audience {
    frames: Arc<AtomicU64>,
    _viewers: JoinSet<()>,
}

impl Audience {
    /// Waits until each has its first frame.
    pub(crate) async fn gather(url: &str, count: usize) -> Self {
        let frames = Arc::new(AtomicU64::new(0));
        let (ready, mut first) = mpsc::channel(1);
        let mut viewers = JoinSet::new();
        for _ in 0..count {
            viewers.spawn(watch(url.to_owned(), frames.clone(), ready.clone()));
        }
        for _ in 0..count {
            first.recv().await.expect("the viewers hold the other end");
        }
        Self {
            frames,
            _viewers: viewers,
        }
    }

    /// What all have seen.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

async fn watch(url: String, frames: Arc<AtomicU64>, ready: mpsc::Sender<()>) {
    let options = ConnectOptions {
        url: url.parse().expect("it is a URL"),
        token: None,
        tls: Tls {
            disable_verify: true,
            ..Tls::default()
        },
        quic: Quic::default(),
        protocols: ALPNS.to_vec(),
        websocket: WebSocket {
            enabled: false,
            ..WebSocket::default()
        },
    };
    let connected = connect(&options).await.expect("it connects");
    let mut sees = Origin::produce();
    let client = Client::new().with_consume(sees.producer);
    let _session = client
        .connect(connected.transport)
        .await
        .expect("it is let in");
    let broadcast = loop {
        let announced = sees.consumer.announced().await.expect("the session lasts");
        if let (path, Some(broadcast)) = announced
            && path.as_str() == "cam"
        {
            break broadcast;
        }
    };
    let mut catalog = broadcast.subscribe_track(&Track::new("catalog.json"));
    let group = catalog.next_group().await.expect("it is served");
    let mut group = group.expect("there is a catalog");
    let json = group.read_frame().await.expect("it is served");
    let json = json.expect("there is a frame");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("it is JSON");
    let renditions = json["video"]["renditions"].as_object();
    let name = renditions
        .and_then(|all| all.keys().next())
        .expect("there is video");
    let mut video = broadcast.subscribe_track(&Track::new(name.as_str()));
    let mut ready = Some(ready);
    while let Ok(Some(mut group)) = video.next_group().await {
        while let Ok(Some(_)) = group.read_frame().await {
            frames.fetch_add(1, Ordering::Relaxed);
            if let Some(ready) = ready.take() {
                // Nobody waits any more when the bench ends.
                let _ = ready.send(()).await;
            }
        }
    }
}
