//! Publishers with a clock in the picture and a tone in the sound.

use std::{
    io::Write,
    sync::Once,
    time::{SystemTime, UNIX_EPOCH},
};

use gst::prelude::*;
use gst_video::VideoFrameExt as _;
use serde_json::Value;

use crate::{
    chromium::Page,
    order::{self, Shown},
};

/// A live picture of 640 × 360 with a clock, for what follows.
pub(crate) const PICTURE: &str = "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 \
     ! identity name=clock";

pub(crate) const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast bitrate=1500 key-int-max=30 ! video/x-h264,profile=baseline";

/// A tone of 880 Hz.
pub(crate) const TONE: &str =
    "audiotestsrc is-live=true freq=880 samplesperbuffer=480 ! audio/x-raw,rate=48000,channels=2";

pub(crate) const FREQUENCY: f64 = 880.0;

/// A running pipeline with a moqsink named `sink`; ends with the value.
pub(crate) struct Publisher {
    pipeline: gst::Pipeline,
}

impl Publisher {
    pub(crate) fn start(description: &str) -> Self {
        init();
        let pipeline = gst::parse::launch(description)
            .expect("the description is right")
            .downcast::<gst::Pipeline>()
            .expect("several elements make a pipeline");
        if let Some(clock) = pipeline.by_name("clock") {
            let pad = clock.static_pad("src").expect("identity has a pad");
            pad.add_probe(gst::PadProbeType::BUFFER, |pad, info| {
                if let Some(buffer) = info.buffer_mut() {
                    burn(pad, buffer.make_mut());
                }
                gst::PadProbeReturn::Ok
            });
        }
        let publisher = Self { pipeline };
        if publisher.pipeline.set_state(gst::State::Playing).is_err() {
            panic!("it does not play: {:?}", publisher.error());
        }
        publisher
    }

    /// The port on which the sink listens.
    pub(crate) fn port(&self) -> u16 {
        port(&self.pipeline, "sink")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port())
    }

    pub(crate) fn sink(&self) -> gst::Element {
        self.pipeline.by_name("sink").expect("it is named so")
    }

    fn error(&self) -> Option<String> {
        let bus = self.pipeline.bus()?;
        match bus.pop_filtered(&[gst::MessageType::Error])?.view() {
            gst::MessageView::Error(error) => Some(error.error().to_string()),
            _ => None,
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The port on which an element listens.
pub(crate) fn port(pipeline: &gst::Pipeline, element: &str) -> u16 {
    let element = pipeline.by_name(element).expect("it is named so");
    let address = element
        .property::<Option<String>>("listen-address")
        .expect("it listens");
    let port = address
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    port.expect("the address ends with the port")
}

/// What a page plays, seen and heard.
pub(crate) struct Watched {
    pub(crate) page: Page,
}

impl Watched {
    pub(crate) fn open(url: &str) -> Self {
        Self::of(Page::open(url))
    }

    pub(crate) fn of(page: Page) -> Self {
        page.evaluate(include_str!("probe.js"));
        Self { page }
    }

    /// Waits for a moving picture: `count` different times, in order, each going with the clock in its picture. Returns the
    /// median of their ages in milliseconds.
    pub(crate) fn sees(&self, count: usize) -> f64 {
        self.page.evaluate("probe.frames.length = 0");
        self.page.until(&format!("probe.frames.length >= {count}"));
        let seen = "[decoders.map((decoder) => decoder.given), probe.frames]";
        let (given, shown): (Vec<Vec<i64>>, Vec<Shown>) =
            serde_json::from_value(self.page.evaluate(seen)).expect("the probe says it so");
        if let Err(error) = order::check(&given, &shown) {
            panic!("{error}; shown: {shown:?}");
        }
        let mut ages: Vec<i64> = shown.iter().map(|picture| picture.age).collect();
        ages.sort_unstable();
        assert!(ages[0] < 10_000, "the picture is from long ago: {ages:?}");
        ages[ages.len() / 2] as f64
    }

    /// Waits until the page waits for a broadcast. The last picture of the one before stands there until the next comes.
    pub(crate) fn waits(&self) {
        self.page
            .until("document.getElementById('stage').dataset.state === 'waiting'");
        self.page.until("probe.still()");
    }

    /// How many milliseconds after the clock in each picture that was seen the catalog says that it was taken.
    pub(crate) fn clock_errors(&self) -> Vec<i64> {
        let errors = self.page.evaluate("probe.clockErrors()");
        let errors = errors.as_array().expect("it is a list");
        errors.iter().filter_map(Value::as_i64).collect()
    }

    /// The containers of all renditions, as the catalog says.
    pub(crate) fn containers(&self) -> Vec<String> {
        let kinds = self.page.evaluate(
            "['video', 'audio'].flatMap((kind) => \
             Object.values(document.querySelector('moq-watch').catalog[kind]?.renditions ?? {}).map(({ container }) => container.kind))",
        );
        let kinds = kinds.as_array().expect("it is a list");
        let text = |kind: &Value| kind.as_str().expect("a container is named").to_owned();
        kinds.iter().map(text).collect()
    }

    /// Waits for a second of the tone, and presses the button for sound where the page asks for it.
    pub(crate) fn hears(&self) {
        self.page.evaluate("probe.tones.length = 0");
        self.page.until(&format!(
            "(() => {{ const button = document.getElementById('unmute'); if (!button.hidden) button.click(); \
             const tone = probe.heard(); \
             return tone && tone.level > -60 && Math.abs(tone.frequency - {FREQUENCY}) < 12; }})()"
        ));
    }
}

/// Says a measured value, also where the output of tests is captured.
pub(crate) fn report(text: &str) {
    let _ = writeln!(std::io::stderr(), "measured: {text}");
}

pub(crate) fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().expect("GStreamer can be started");
        gstmoq::plugin_register_static().expect("the plugin can be registered");
    });
}

/// Writes the wall clock into the top left corner: 32 blocks, 24 bits of milliseconds and 8 that must fit them, and below
/// them the same with light and dark exchanged.
fn burn(pad: &gst::Pad, buffer: &mut gst::BufferRef) {
    let caps = pad.current_caps().expect("buffers follow caps");
    let info = gst_video::VideoInfo::from_caps(&caps).expect("it is raw video");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970");
    let clock = now.as_millis() as u32 & 0xff_ffff;
    let check = ((clock >> 16) + (clock >> 8) + clock + 0x5a) & 0xff;
    let word = clock << 8 | check;
    let block = info.width() as usize / 40;
    let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &info)
        .expect("the buffer holds the picture");
    let stride = frame.plane_stride()[0] as usize;
    let luma = frame.plane_data_mut(0).expect("there is a first plane");
    for (index, row) in luma.chunks_mut(stride).take(4 * block).enumerate() {
        let word = if index < 2 * block { word } else { !word };
        for bit in 0..32 {
            let level = if word >> (31 - bit) & 1 == 1 { 235 } else { 16 };
            row[bit * block..(bit + 1) * block].fill(level);
        }
    }
}
