//! Prints a track of a broadcast, a line for each frame, without GStreamer.
//!
//! ```console
//! cargo run --example subscribe -- http://localhost:4443/ clock seconds
//! ```

use std::error::Error;

use gstmoq::{
    moq_lite::{ALPNS, AsPath, Client, Origin, Track},
    net::{ConnectOptions, Quic, Tls, WebSocket, connect},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [url, broadcast, track] = arguments.as_slice() else {
        return Err("usage: subscribe URL BROADCAST TRACK".into());
    };
    let options = ConnectOptions {
        url: url.parse()?,
        token: None,
        tls: Tls::default(),
        quic: Quic::default(),
        protocols: ALPNS.to_vec(),
        websocket: WebSocket::default(),
    };
    let connected = connect(&options).await?;

    // What the server announces comes to this origin.
    let mut origin = Origin::produce();
    let client = Client::new().with_consume(origin.producer);
    let session = client.connect(connected.transport).await?;
    eprintln!("the server speaks {}", session.version_name());

    let path = broadcast.as_path();
    let found = loop {
        match origin.consumer.announced().await {
            Some((announced, Some(found))) if announced == path => break found,
            Some((announced, _)) => eprintln!("there is {announced}, too"),
            None => return Err("the server has left".into()),
        }
    };
    let mut track = found.subscribe_track(&Track::new(track.as_str()));
    while let Some(mut group) = track.next_group().await? {
        while let Some(frame) = group.read_frame().await? {
            println!("{}", String::from_utf8_lossy(&frame));
        }
    }
    Ok(())
}
