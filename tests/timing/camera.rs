//! A publisher whose pictures and sounds say when they were taken.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use gst::prelude::*;

/// What each camera took, the first that began first.
pub(crate) type Films = Arc<Mutex<Vec<Film>>>;

/// What one camera took.
#[derive(Clone)]
pub(crate) struct Film {
    /// When it began, on the system's clock: what it takes is so much later.
    pub(crate) begin: gst::ClockTime,
    /// By how much later than it was taken moqsink sends a picture at the earliest: like any sink it waits for the slowest
    /// source of its pipeline, which is the sound.
    latency: gst::ClockTime,
    coded: Arc<Coded>,
}

/// Which picture came out of the encoder when, on the system's clock.
#[derive(Default)]
struct Coded {
    pictures: Mutex<Vec<(u64, i64)>>,
    more: Condvar,
}

impl Film {
    /// The newest picture that the publisher had sent at a moment.
    pub(crate) fn newest(&self, at: i64) -> Option<u64> {
        let due =
            |number: u64| (self.begin + self.latency).nseconds() as i64 + (number * FRAME) as i64;
        let pictures = self.coded.pictures.lock().expect("no test panics with it");
        let sent = pictures
            .iter()
            .filter(|(number, coded)| *coded <= at && due(*number) <= at);
        sent.map(|(number, _)| *number).max()
    }

    /// Lets the camera take so many more pictures: as long as they last, whoever sees them.
    pub(crate) fn take(&self, count: usize) {
        let pictures = self.coded.pictures.lock().expect("no test panics with it");
        let enough = pictures.len() + count;
        let more = &self.coded.more;
        let waited = more.wait_timeout_while(pictures, LONG, |pictures| pictures.len() < enough);
        let waited = waited.expect("no test panics with it").1;
        assert!(!waited.timed_out(), "the camera stands still");
    }
}

/// The longest that pictures may take.
const LONG: Duration = Duration::from_secs(60);

pub(crate) const FRAME: u64 = 1_000_000_000 / 30;
const WIDTH: usize = 320;
const BITS: usize = 16;
/// One macroblock for each bit, which costs next to nothing to code exactly.
const BLOCK: usize = 16;
/// Bits of the number of the frame; the rest tell the camera.
const NUMBER: u32 = 12;

/// What is published.
#[derive(Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) video: bool,
    pub(crate) audio: bool,
    /// Sound from then on.
    pub(crate) audio_from: gst::ClockTime,
    /// A picture of a megabit a second.
    pub(crate) noisy: bool,
    /// Pictures that are presented in another order than they are decoded in.
    pub(crate) reordered: bool,
    /// H.265, and not H.264.
    pub(crate) h265: bool,
}

impl Scene {
    pub(crate) const BOTH: Self = Self {
        video: true,
        audio: true,
        audio_from: gst::ClockTime::ZERO,
        noisy: false,
        reordered: false,
        h265: false,
    };
}

/// A running publisher; ends with the value.
pub(crate) struct Camera(gst::Pipeline);

impl Camera {
    /// Publishes to where `sink` says, with a group every two seconds.
    pub(crate) fn new(sink: &str, scene: Scene, films: &Films) -> Self {
        crate::init();
        let mut text = format!("moqsink name=sink {sink} broadcast=cam ");
        if scene.video {
            // The same bits for each picture: an encoder that had to keep to a rate would leave out what changed.
            let (pattern, quantizer) = match scene.noisy {
                true => ("snow ! video/x-raw,width=160,height=120 ! videoscale", 46),
                false => ("black", 21),
            };
            let order = match scene.reordered {
                true => "bframes=3 b-pyramid=true b-adapt=false rc-lookahead=0 sync-lookahead=0",
                false => "tune=zerolatency",
            };
            let encoder = match scene.h265 {
                true => "x265enc name=encoder speed-preset=ultrafast key-int-max=60 \
                         option-string=bframes=3:b-adapt=0:b-pyramid=1:rc-lookahead=5:open-gop=0:scenecut=0:pools=1:log-level=none"
                    .to_owned(),
                false => format!(
                    "x264enc name=encoder {order} speed-preset=ultrafast key-int-max=60 pass=quant quantizer={quantizer} threads=1"
                ),
            };
            text += &format!(
                "videotestsrc is-live=true pattern={pattern} ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
                 ! identity name=picture ! {encoder} ! sink. "
            );
        }
        if scene.audio {
            text += "audiotestsrc is-live=true wave=silence samplesperbuffer=960 \
                     ! audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=1 ! identity name=sound ! opusenc ! sink. ";
        }
        let pipeline = gst::parse::launch(&text).expect("the description is right");
        let pipeline: gst::Pipeline = pipeline.downcast().expect("a pipeline");
        let camera = films.lock().expect("no test panics with it").len() as u64;
        if let Some(identity) = pipeline.by_name("picture") {
            let pad = identity.static_pad("src").expect("it has one");
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                if let Some(buffer) = info.buffer_mut() {
                    let time = buffer.pts().expect("of a test picture").nseconds();
                    let number = (time + FRAME / 2) / FRAME;
                    mark(buffer.make_mut(), camera << NUMBER | number);
                }
                gst::PadProbeReturn::Ok
            });
        }
        if let Some(identity) = pipeline.by_name("sound") {
            let pad = identity.static_pad("src").expect("it has one");
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let Some(buffer) = info.buffer_mut() else {
                    return gst::PadProbeReturn::Ok;
                };
                let time = buffer.pts().expect("of a test sound");
                if time < scene.audio_from {
                    return gst::PadProbeReturn::Drop;
                }
                click(
                    buffer.make_mut(),
                    (time.nseconds() + 10_000) / 1_000 * 48 / 1_000,
                );
                gst::PadProbeReturn::Ok
            });
        }
        let coded = Arc::<Coded>::default();
        if let Some(encoder) = pipeline.by_name("encoder") {
            let pad = encoder.static_pad("src").expect("it has one");
            let coded = coded.clone();
            pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
                let pts = info.buffer().and_then(|buffer| buffer.pts());
                let segment = pad.sticky_event::<gst::event::Segment>(0);
                let segment = segment.expect("before any buffer").segment().clone();
                let segment = segment.downcast::<gst::ClockTime>().expect("of time");
                let time = segment.to_running_time(pts).expect("of a picture");
                let number = (time.nseconds() + FRAME / 2) / FRAME;
                let now = gst::SystemClock::obtain().time().nseconds() as i64;
                let mut pictures = coded.pictures.lock().expect("no test panics with it");
                pictures.push((number, now));
                coded.more.notify_all();
                gst::PadProbeReturn::Ok
            });
        }
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        pipeline.set_state(gst::State::Playing).expect("it starts");
        let (result, state, _) = pipeline.state(gst::ClockTime::from_seconds(20));
        result.expect("it plays");
        assert_eq!(state, gst::State::Playing);
        let begin = pipeline.base_time().expect("it plays");
        let mut query = gst::query::Latency::new();
        assert!(pipeline.query(&mut query));
        let film = Film {
            begin,
            latency: query.result().1,
            coded,
        };
        films.lock().expect("no test panics with it").push(film);
        Self(pipeline)
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        let sink = self.0.by_name("sink").expect("it has one");
        let address: String = sink.property("listen-address");
        let port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        port.expect("the address ends with it")
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

/// Writes a number into the first rows of a picture.
fn mark(buffer: &mut gst::BufferRef, number: u64) {
    let mut map = buffer.map_writable().expect("system memory");
    for row in map.chunks_exact_mut(WIDTH).take(BLOCK) {
        for (column, pixels) in row.chunks_exact_mut(BLOCK).take(BITS).enumerate() {
            let bit = number >> column & 1;
            pixels.fill(if bit == 1 { 235 } else { 16 });
        }
    }
}

/// Reads it again: the camera, and the number of the frame.
pub(crate) fn read(luma: &[u8], stride: usize) -> (usize, u64) {
    let row = &luma[stride * BLOCK / 2..];
    let bits = (0..BITS).map(|column| u64::from(row[column * BLOCK + BLOCK / 2] > 125) << column);
    let number: u64 = bits.sum();
    ((number >> NUMBER) as usize, number & ((1 << NUMBER) - 1))
}

/// Five milliseconds of noise at each full second.
fn click(buffer: &mut gst::BufferRef, first: u64) {
    let mut map = buffer.map_writable().expect("system memory");
    for (sample, number) in map.chunks_exact_mut(2).zip(first..) {
        if number % 48_000 < 240 {
            let level: i16 = if number / 24 % 2 == 0 {
                20_000
            } else {
                -20_000
            };
            sample.copy_from_slice(&level.to_le_bytes());
        }
    }
}
