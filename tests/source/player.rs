//! A pipeline that notes what moqsrc does.

use std::{
    sync::{
        Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use gst::{glib, prelude::*};
use gstmoq::media::Config;

use crate::camera::{Camera, Publisher};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A publisher of these tracks, and a player that has a pad for each.
pub(crate) fn playing(tracks: &[(&str, Config)]) -> (Publisher, Camera, Player) {
    let publisher = Publisher::new();
    let camera = publisher.camera("cam", tracks);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until_pads();
    (publisher, camera, player)
}

/// What moqsrc did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Pad(String),
    Removed(String),
    NoMorePads,
    Buffer {
        pad: String,
        /// `None` for what is not shown.
        running_time: Option<gst::ClockTime>,
        flags: gst::BufferFlags,
        payload: Vec<u8>,
        /// The media time that the publisher gave it.
        media: u64,
        width: Option<i32>,
    },
    Eos(String),
}

/// A pipeline that plays what moqsrc gives it.
pub(crate) struct Player {
    pub(crate) pipeline: gst::Pipeline,
    pub(crate) element: gst::Element,
    seen: Mutex<Receiver<Seen>>,
}

impl Player {
    /// Links every pad.
    pub(crate) fn new(publisher: &Publisher, broadcast: &str) -> Self {
        Self::linking(publisher, broadcast, |_| true)
    }

    /// Links the pads that `wanted` accepts.
    pub(crate) fn linking(
        publisher: &Publisher,
        broadcast: &str,
        wanted: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        let player = Self::stopped(broadcast, wanted);
        player.element.set_property("url", &publisher.url);
        player
            .element
            .set_property("certificate-fingerprints", &publisher.fingerprint);
        player
    }

    /// Waits for a publisher.
    pub(crate) fn listening(broadcast: &str) -> Self {
        let player = Self::stopped(broadcast, |_| true);
        player.element.set_property("listen", "127.0.0.1:0");
        player
    }

    fn stopped(broadcast: &str, wanted: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let element = gst::ElementFactory::make("moqsrc")
            .property("broadcast", broadcast)
            .build()
            .expect("the element exists");
        let pipeline = gst::Pipeline::new();
        pipeline.add(&element).expect("empty");
        let (sender, seen) = channel();
        let (added, removed, no_more) = (sender.clone(), sender.clone(), sender);
        let weak = pipeline.downgrade();
        element.connect_pad_added(move |_, pad| {
            watch(pad, added.clone());
            let _ = added.send(Seen::Pad(pad.name().to_string()));
            if wanted(&pad.name())
                && let Some(pipeline) = weak.upgrade()
            {
                link(&pipeline, pad);
            }
        });
        element.connect_pad_removed(move |_, pad| {
            let _ = removed.send(Seen::Removed(pad.name().to_string()));
        });
        element.connect_no_more_pads(move |_| {
            let _ = no_more.send(Seen::NoMorePads);
        });
        Self {
            pipeline,
            element,
            seen: Mutex::new(seen),
        }
    }

    pub(crate) fn play(&self) {
        self.pipeline.set_state(gst::State::Playing).expect("plays");
    }

    /// Stops, in far less time than any timeout.
    pub(crate) fn stop(&self) {
        let begin = Instant::now();
        self.pipeline.set_state(gst::State::Null).expect("stops");
        assert!(
            begin.elapsed() < Duration::from_secs(1),
            "{:?}",
            begin.elapsed()
        );
    }

    /// Takes out the sinks of pads that are gone.
    pub(crate) fn forget_links(&self) {
        for element in self.pipeline.children() {
            if element != self.element {
                element.set_state(gst::State::Null).expect("it stops");
                self.pipeline.remove(&element).expect("it is there");
            }
        }
    }

    pub(crate) fn pad(&self, name: &str) -> gst::Pad {
        self.element.static_pad(name).expect("the pad is there")
    }

    pub(crate) fn link(&self, pad: &gst::Pad) {
        link(&self.pipeline, pad);
    }

    /// Everything that happened until `last`, which has to come.
    pub(crate) fn until(&self, mut last: impl FnMut(&Seen) -> bool) -> Vec<Seen> {
        let receiver = self.seen.lock().expect("no test panics twice");
        let mut all = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let Ok(seen) = receiver.recv_timeout(rest) else {
                panic!("what was waited for did not come after {all:?}");
            };
            all.push(seen);
            if all.last().is_some_and(&mut last) {
                return all;
            }
        }
    }

    /// Everything until there is a pad for each track.
    pub(crate) fn until_pads(&self) -> Vec<Seen> {
        self.until(|seen| matches!(seen, Seen::NoMorePads))
    }

    /// Everything until a buffer came, from whichever pad.
    pub(crate) fn until_buffer(&self) -> Vec<Seen> {
        self.until(|seen| matches!(seen, Seen::Buffer { .. }))
    }

    /// What happened and was not looked at.
    pub(crate) fn rest(&self) -> Vec<Seen> {
        self.seen
            .lock()
            .expect("no test panics twice")
            .try_iter()
            .collect()
    }

    /// Everything until each of these pads had a buffer.
    pub(crate) fn until_buffers(&self, pads: &[&str]) -> Vec<Seen> {
        let mut missing = pads.to_vec();
        self.until(|seen| {
            if let Seen::Buffer { pad, .. } = seen {
                missing.retain(|name| name != pad);
            }
            missing.is_empty()
        })
    }

    /// Writes keyframes until one has caps of this width: catalog and media race each other.
    pub(crate) fn until_width(&self, expected: i32, mut write: impl FnMut(u64)) {
        for frame in 1..250 {
            write(frame * 20_000);
            let receiver = self.seen.lock().expect("no test panics twice");
            match receiver.recv_timeout(Duration::from_millis(20)) {
                Ok(Seen::Buffer { width, .. }) if width == Some(expected) => return,
                _ => {}
            }
        }
        panic!("no buffer of width {expected}");
    }

    /// Writes keyframes until one is refused because of a flush.
    pub(crate) fn until_refused(&self, pad: &str, mut write: impl FnMut(u64)) {
        let pad = self.pad(pad);
        for frame in 1..250 {
            write(frame * 20_000);
            let receiver = self.seen.lock().expect("no test panics twice");
            let _ = receiver.recv_timeout(Duration::from_millis(20));
            if pad.last_flow_result() == Err(gst::FlowError::Flushing) {
                return;
            }
        }
        panic!("nothing was refused");
    }

    /// The next message on the bus of which this is true.
    pub(crate) fn message(&self, wanted: impl Fn(&gst::MessageRef) -> bool) -> gst::Message {
        let bus = self.pipeline.bus().expect("a pipeline has one");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let rest = gst::ClockTime::from_nseconds(rest.as_nanos() as u64);
            let message = bus.timed_pop(rest).expect("the message has to come");
            if wanted(&message) {
                return message;
            }
        }
    }

    /// Waits for the end of everything that plays.
    pub(crate) fn until_eos(&self) {
        self.message(|message| message.type_() == gst::MessageType::Eos);
    }

    /// The next error on the bus.
    pub(crate) fn error(&self) -> glib::Error {
        match self
            .message(|message| message.type_() == gst::MessageType::Error)
            .view()
        {
            gst::MessageView::Error(message) => message.error(),
            _ => unreachable!("it was asked for"),
        }
    }

    /// The next warning on the bus.
    pub(crate) fn warning(&self) -> glib::Error {
        match self
            .message(|message| message.type_() == gst::MessageType::Warning)
            .view()
        {
            gst::MessageView::Warning(message) => message.error(),
            _ => unreachable!("it was asked for"),
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn link(pipeline: &gst::Pipeline, pad: &gst::Pad) {
    let sink = gst::ElementFactory::make("fakesink")
        .property("sync", false)
        .property("async", false)
        .build()
        .expect("every installation has it");
    pipeline.add(&sink).expect("it is new");
    sink.sync_state_with_parent().expect("it changes");
    let peer = sink.static_pad("sink").expect("it has one");
    pad.link(&peer).expect("it takes anything");
}

fn watch(pad: &gst::Pad, seen: Sender<Seen>) {
    let types = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(types, move |pad, info| {
        if let Some(buffer) = info.buffer() {
            let segment = pad
                .sticky_event::<gst::event::Segment>(0)
                .expect("before any buffer");
            let segment = segment.segment().downcast_ref::<gst::ClockTime>().cloned();
            let payload = buffer.map_readable().expect("system memory").to_vec();
            let caps = pad.current_caps().expect("before any buffer");
            let media = payload[1..9].try_into().expect("eight bytes");
            let _ = seen.send(Seen::Buffer {
                pad: pad.name().to_string(),
                running_time: segment.and_then(|segment| segment.to_running_time(buffer.pts())),
                flags: buffer.flags() & (gst::BufferFlags::DISCONT | gst::BufferFlags::DELTA_UNIT),
                payload,
                media: u64::from_be_bytes(media),
                width: caps.structure(0).and_then(|caps| caps.get("width").ok()),
            });
        } else if info
            .event()
            .is_some_and(|event| event.type_() == gst::EventType::Eos)
        {
            let _ = seen.send(Seen::Eos(pad.name().to_string()));
        }
        gst::PadProbeReturn::Ok
    });
}
