//! What the elements of a process have in common.

use gst::prelude::*;

use crate::support::{Sink, Viewer};

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
