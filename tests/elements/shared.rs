//! What the elements of a process have in common, and what they share with those before them: memory.

use std::sync::Arc;

use gst::prelude::*;

use crate::support::{Sink, Viewer};

/// Memory of the application, and a token that is gone with it.
struct Lent(
    &'static [u8],
    #[expect(dead_code, reason = "it is counted")] Arc<()>,
);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

#[test]
fn viewers_are_sent_the_memory_that_came_in_and_no_copy() {
    // A baseline stream of 16 x 16 pixels: parameter sets, slice.
    const KEY: &[u8] = &[
        0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0a, 0xdd, 0xec, 0x04, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 3, 0,
        0xa3, 0xc4, 0x89, 0xe0, 0, 0, 0, 1, 0x68, 0xce, 0x0f, 0xc8, 0, 0, 0, 1, 0x65, 0x88, 0x84,
    ];
    for (caps, payload) in [
        ("audio/x-opus,channels=2,channel-mapping-family=0", KEY),
        ("video/x-h264,stream-format=byte-stream,alignment=au", KEY),
        (
            "video/x-vp8,width=64,height=64",
            &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0],
        ),
    ] {
        let sink = Sink::listening();
        sink.element.set_property("sync", false);
        sink.set_state(gst::State::Playing);
        let feed = sink.feed(caps);
        let token = Arc::new(());
        let lent = Lent(payload, token.clone());
        feed.pad
            .push(gst::Buffer::from_slice(lent))
            .expect("it is published");
        // The group of it is kept for viewers, and the application's memory with it.
        assert_eq!(Arc::strong_count(&token), 2, "{caps}: it was copied");
        sink.set_state(gst::State::Null);
        crate::waiting::wait_until("it is given back", || Arc::strong_count(&token) == 1);
    }
}

/// The threads of this process that carry sessions.
fn carriers() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the system lists threads");
    let names = tasks.filter_map(|task| {
        let name = std::fs::read_to_string(task.ok()?.path().join("comm")).ok()?;
        Some(name.trim().to_owned())
    });
    names.filter(|name| name.starts_with("moq-net")).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn several_sinks_share_one_runtime() {
    let sinks: Vec<_> = (0..4).map(|_| Sink::listening()).collect();
    let mut viewers = Vec::new();
    for sink in &sinks {
        sink.element.set_property("sync", false);
        sink.set_state(gst::State::Playing);
        let feed = sink.feed("audio/x-opus,channels=2,channel-mapping-family=0");
        feed.push(Some(0), b"x").expect("it is published");
        viewers.push(Viewer::new(sink));
    }
    // Threads that wait for files and names come and go; one works for all sessions.
    let carriers = carriers();
    let workers = carriers.iter().filter(|name| *name == "moq-net");
    assert_eq!(workers.count(), 1, "{carriers:?}");
    assert!(carriers.len() < sinks.len(), "{carriers:?}");
}
