//! A publisher, a viewer that keeps what it gets, and bounded waiting.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, Once},
    time::{Duration, Instant},
};

use gst::prelude::*;

/// The longest that a test waits for something that must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().expect("GStreamer can be started");
        gstmoq::plugin_register_static().expect("the plugin can be registered");
    });
}

/// A real clip, where the folder of clips is present.
pub(crate) fn clip(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/media");
    let path = folder.join(name);
    if !path.exists() {
        eprintln!("not run: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// One access unit as it passed a pad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) bytes: Vec<u8>,
    /// Running time.
    pub(crate) time: gst::ClockTime,
    /// Running time of the pipeline when it passed.
    pub(crate) arrival: gst::ClockTime,
    pub(crate) duration: Option<gst::ClockTime>,
    pub(crate) keyframe: bool,
    pub(crate) discont: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    pub(crate) caps: Option<gst::Caps>,
    pub(crate) units: Vec<Unit>,
    pub(crate) segment: Option<gst::Segment>,
    pub(crate) eos: bool,
}

impl Track {
    pub(crate) fn bytes(&self) -> Vec<&[u8]> {
        self.units
            .iter()
            .map(|unit| unit.bytes.as_slice())
            .collect()
    }
}

/// What passed some pads, by name.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<(Mutex<BTreeMap<String, Track>>, Condvar)>);

impl Record {
    pub(crate) fn watch(&self, pad: &gst::Pad, name: &str) {
        let (record, name) = (self.clone(), name.to_owned());
        record.lock().entry(name.clone()).or_default();
        record.0.1.notify_all();
        let kinds = gst::PadProbeType::BUFFER
            | gst::PadProbeType::BUFFER_LIST
            | gst::PadProbeType::EVENT_DOWNSTREAM;
        pad.add_probe(kinds, move |pad, info| {
            let mut tracks = record.lock();
            let track = tracks.entry(name.clone()).or_default();
            match &info.data {
                Some(gst::PadProbeData::Event(event)) => match event.view() {
                    gst::EventView::Caps(caps) => track.caps = Some(caps.caps_owned()),
                    gst::EventView::Segment(segment) => {
                        track.segment = Some(segment.segment().clone());
                    }
                    gst::EventView::Eos(_) => track.eos = true,
                    _ => {}
                },
                Some(gst::PadProbeData::Buffer(buffer)) => {
                    let unit = unit(pad, track, buffer);
                    track.units.push(unit);
                }
                _ => {}
            }
            record.0.1.notify_all();
            gst::PadProbeReturn::Ok
        });
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Track>> {
        self.0.0.lock().expect("no test panics with it")
    }

    pub(crate) fn track(&self, name: &str) -> Track {
        self.lock().get(name).cloned().unwrap_or_default()
    }

    /// Waits until what was recorded satisfies `done`.
    pub(crate) fn wait(&self, what: &str, mut done: impl FnMut(&BTreeMap<String, Track>) -> bool) {
        let deadline = Instant::now() + LIMIT;
        let mut tracks = self.lock();
        while !done(&tracks) {
            let left = deadline.saturating_duration_since(Instant::now());
            let summary = || -> Vec<_> {
                let count =
                    |(name, track): (&String, &Track)| (name.clone(), track.units.len(), track.eos);
                tracks.iter().map(count).collect()
            };
            assert!(
                !left.is_zero(),
                "never happened: {what}; got {:?}",
                summary()
            );
            tracks = self
                .0
                .1
                .wait_timeout(tracks, left)
                .expect("no test panics with it")
                .0;
        }
    }

    pub(crate) fn wait_for_units(&self, name: &str, count: usize) {
        self.wait(&format!("{count} units of {name}"), |tracks| {
            tracks
                .get(name)
                .is_some_and(|track| track.units.len() >= count)
        });
    }

    pub(crate) fn wait_for_eos(&self, names: &[&str]) {
        self.wait("the end of every track", |tracks| {
            names
                .iter()
                .all(|name| tracks.get(*name).is_some_and(|track| track.eos))
        });
    }
}

fn unit(pad: &gst::Pad, track: &Track, buffer: &gst::Buffer) -> Unit {
    let segment = track
        .segment
        .as_ref()
        .and_then(|s| s.downcast_ref::<gst::ClockTime>());
    let time = segment.and_then(
        |segment| match segment.to_running_time_full(buffer.pts()?) {
            Some(gst::Signed::Positive(time)) => Some(time),
            _ => None,
        },
    );
    let element = pad.parent_element();
    Unit {
        bytes: buffer.map_readable().expect("it can be mapped").to_vec(),
        time: time.unwrap_or_default(),
        arrival: element
            .and_then(|e| e.current_running_time())
            .unwrap_or_default(),
        duration: buffer.duration(),
        keyframe: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
        discont: buffer.flags().contains(gst::BufferFlags::DISCONT),
    }
}

/// A pipeline that ends with the value.
pub(crate) struct Pipeline(pub(crate) gst::Pipeline);

impl Pipeline {
    pub(crate) fn launch(description: &str) -> Self {
        init();
        let pipeline = gst::parse::launch(description).expect("the description is right");
        Self(
            pipeline
                .downcast()
                .expect("several elements make a pipeline"),
        )
    }

    pub(crate) fn element(&self, name: &str) -> gst::Element {
        self.0.by_name(name).expect("the description names it")
    }

    pub(crate) fn set_state(&self, state: gst::State) {
        self.0
            .set_state(state)
            .unwrap_or_else(|_| panic!("no {state:?}: {:?}", self.error()));
    }

    /// The text of the next error within the limit.
    pub(crate) fn error(&self) -> Option<String> {
        match self.message(&[gst::MessageType::Error])?.view() {
            gst::MessageView::Error(error) => Some(error.error().to_string()),
            _ => None,
        }
    }

    pub(crate) fn message(&self, kinds: &[gst::MessageType]) -> Option<gst::Message> {
        let bus = self.0.bus().expect("a pipeline has a bus");
        bus.timed_pop_filtered(gst::ClockTime::try_from(LIMIT).ok(), kinds)
    }

    /// Waits for the end of the stream, which no error may precede.
    pub(crate) fn wait_for_eos(&self) {
        let end = self.message(&[gst::MessageType::Eos, gst::MessageType::Error]);
        match end.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => {}
            other => panic!("no end of stream: {other:?}"),
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

/// A pipeline with a moqsink named `sink` that listens, and what reaches its pads.
pub(crate) struct Publisher {
    pub(crate) pipeline: Pipeline,
    pub(crate) record: Record,
    pub(crate) port: u16,
}

impl Publisher {
    /// As [`Self::new`], of one element alone.
    pub(crate) fn listening(element: &str) -> Self {
        // The second element makes it a pipeline.
        Self::new(&format!(
            "{element} fakesrc num-buffers=0 ! fakesink async=false"
        ))
    }

    /// Starts to listen; data waits for [`Self::play`].
    pub(crate) fn new(description: &str) -> Self {
        let pipeline = Pipeline::launch(description);
        let sink = pipeline.element("sink");
        let record = Record::default();
        for pad in sink.sink_pads() {
            record.watch(&pad, &pad.name());
        }
        pipeline.set_state(gst::State::Paused);
        let address = sink
            .property::<Option<String>>("listen-address")
            .expect("it listens");
        let port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        Self {
            pipeline,
            record,
            port: port.expect("the address ends with the port"),
        }
    }

    pub(crate) fn play(&self) {
        self.pipeline.set_state(gst::State::Playing);
    }

    pub(crate) fn viewer(&self) -> Viewer {
        Viewer::new(&format!("http://127.0.0.1:{}/", self.port))
    }
}

/// A moqsrc whose pads all end in sinks, and what came out of them.
pub(crate) struct Viewer {
    pub(crate) pipeline: Pipeline,
    pub(crate) record: Record,
}

impl Viewer {
    pub(crate) fn new(url: &str) -> Self {
        Self::with(&format!("moqsrc name=source url={url} broadcast=cam"))
    }

    pub(crate) fn with(description: &str) -> Self {
        // The second element makes it a pipeline.
        let pipeline = Pipeline::launch(&format!(
            "{description} fakesrc num-buffers=0 ! fakesink async=false"
        ));
        let record = Record::default();
        let (weak, watched) = (pipeline.0.downgrade(), record.clone());
        pipeline.element("source").connect_pad_added(move |_, pad| {
            let Some(pipeline) = weak.upgrade() else {
                return;
            };
            let sink = gst::ElementFactory::make("fakesink")
                .property("sync", false)
                .property("async", false)
                .build()
                .expect("fakesink is part of GStreamer");
            pipeline.add(&sink).expect("it is new");
            let input = sink.static_pad("sink").expect("a sink has a pad");
            watched.watch(&input, &pad.name());
            pad.link(&input).expect("a fakesink takes anything");
            sink.sync_state_with_parent().expect("a fakesink starts");
        });
        pipeline.set_state(gst::State::Playing);
        Self { pipeline, record }
    }
}

/// A live test picture of 30 frames a second with a keyframe every second.
pub(crate) fn live_video(sink: &str) -> String {
    format!(
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 ! {sink}"
    )
}

pub(crate) const LISTEN: &str = "moqsink name=sink listen=127.0.0.1:0 broadcast=cam";
