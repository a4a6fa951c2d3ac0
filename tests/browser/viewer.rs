//! A listening moqsrc whose streams are decoded, seen and heard.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use gst::prelude::*;
use gst_video::VideoFrameExt as _;
use serde::Deserialize;

use crate::{
    camera::{self, Reading, TURN},
    fixture::{init, port},
};

/// A pipeline with a moqsrc named `source` that listens; ends with the value.
pub(crate) struct Viewer {
    pipeline: gst::Pipeline,
    seen: Arc<Mutex<Seen>>,
}

/// What came out, at running times in milliseconds.
#[derive(Default, Clone)]
pub(crate) struct Seen {
    /// Each picture that differs from the one before by its sum.
    pub(crate) pictures: Vec<Picture>,
    /// Pictures and sound before the decoder.
    pub(crate) coded: [Vec<Unit>; 2],
    /// Where sound begins after a silence.
    pub(crate) beeps: Vec<f64>,
    sum: u64,
    loud: Option<f64>,
}

/// A buffer before the decoder, or what an encoder of the page gave; its time is in milliseconds.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Unit {
    pub(crate) time: f64,
    pub(crate) size: usize,
    pub(crate) keyframe: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture {
    pub(crate) time: f64,
    pub(crate) width: usize,
    /// What the made-up camera wrote into it.
    pub(crate) reading: Option<Reading>,
}

impl Viewer {
    /// Plays the picture and the sound of `source`.
    pub(crate) fn start(source: &str) -> Self {
        Self::launch(&format!("{source} {VIDEO} {AUDIO}"))
    }

    /// Plays the sound of `source` alone.
    pub(crate) fn listen(source: &str) -> Self {
        Self::launch(&format!("{source} {AUDIO}"))
    }

    /// Plays the picture of `source` alone.
    pub(crate) fn watch(source: &str) -> Self {
        Self::launch(&format!("{source} {VIDEO}"))
    }

    fn launch(description: &str) -> Self {
        init();
        let pipeline = gst::parse::launch(description)
            .expect("the description is right")
            .downcast::<gst::Pipeline>()
            .expect("several elements make a pipeline");
        let viewer = Self {
            pipeline,
            seen: Arc::default(),
        };
        for (index, name) in ["coded-video", "coded-audio"].into_iter().enumerate() {
            viewer.look(name, move |seen, _, buffer, time| {
                seen.coded[index].push(Unit {
                    time,
                    size: buffer.size(),
                    keyframe: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
                });
            });
        }
        viewer.look("video", Seen::picture);
        viewer.look("audio", Seen::sound);
        let _ = viewer.pipeline.set_state(gst::State::Playing);
        viewer
    }

    /// Calls `note` with what an element gets, where there is such an element.
    fn look(
        &self,
        name: &str,
        note: impl Fn(&mut Seen, &gst::Pad, &gst::BufferRef, f64) + Send + Sync + 'static,
    ) {
        let Some(element) = self.pipeline.by_name(name) else {
            return;
        };
        let pad = element.static_pad("sink").expect("it has a pad");
        let seen = self.seen.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let buffer = info.buffer().expect("only buffers were asked for");
            if let Some(time) = running_time(pad, buffer) {
                note(
                    &mut seen.lock().expect("nobody panics with it"),
                    pad,
                    buffer,
                    time,
                );
            }
            gst::PadProbeReturn::Ok
        });
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port())
    }

    pub(crate) fn port(&self) -> u16 {
        port(&self.pipeline, "source")
    }

    /// What a stream of the source is, before it is decoded.
    pub(crate) fn media(&self, pad: &str) -> gst::Structure {
        let source = self.pipeline.by_name("source").expect("it is named so");
        let caps = source.static_pad(pad).and_then(|pad| pad.current_caps());
        let caps = caps.expect("a pad that plays has caps");
        caps.structure(0).expect("they are fixed").to_owned()
    }

    /// Waits until what came out is enough.
    pub(crate) fn until(&self, enough: impl Fn(&Seen) -> bool) -> Seen {
        let bus = self.pipeline.bus().expect("a pipeline has a bus");
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            let seen = self.seen.lock().expect("nobody panics with it").clone();
            if enough(&seen) {
                return seen;
            }
            let (pictures, beeps) = (seen.pictures.len(), seen.beeps.len());
            assert!(
                Instant::now() < deadline,
                "only {pictures} pictures and {beeps} beeps came out"
            );
            let wait = gst::ClockTime::from_mseconds(50);
            if let Some(message) = bus.timed_pop_filtered(wait, &[gst::MessageType::Error]) {
                panic!("the pipeline failed: {message:?}");
            }
        }
    }
}

const VIDEO: &str = "source.video_0 ! identity name=coded-video ! decodebin ! videoconvert ! video/x-raw,format=GRAY8 \
     ! fakesink name=video sync=false async=false";

const AUDIO: &str = "source.audio_0 ! identity name=coded-audio ! decodebin ! audioconvert \
     ! audio/x-raw,format=S16LE,channels=1 ! fakesink name=audio sync=false async=false";

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl Seen {
    fn picture(&mut self, pad: &gst::Pad, buffer: &gst::BufferRef, time: f64) {
        let caps = pad.current_caps().expect("buffers follow caps");
        let info = gst_video::VideoInfo::from_caps(&caps).expect("it is raw video");
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info)
            .expect("the buffer holds the picture");
        let (width, stride) = (info.width() as usize, frame.plane_stride()[0] as usize);
        let luma = frame.plane_data(0).expect("there is a first plane");
        let rows = luma.chunks(stride).map(|row| &row[..width]);
        let luma: Vec<u8> = rows.flatten().copied().collect();
        let sum = luma.iter().map(|level| u64::from(*level)).sum();
        if sum != self.sum {
            self.sum = sum;
            let reading = camera::read(&luma, width);
            self.pictures.push(Picture {
                time,
                width,
                reading,
            });
        }
    }

    fn sound(&mut self, pad: &gst::Pad, buffer: &gst::BufferRef, time: f64) {
        let caps = pad.current_caps().expect("buffers follow caps");
        let rate: i32 = caps
            .structure(0)
            .and_then(|caps| caps.get("rate").ok())
            .expect("sound has a rate");
        let Ok(map) = buffer.map_readable() else {
            return;
        };
        for (index, sample) in map.chunks_exact(2).enumerate() {
            if i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs() > LOUD {
                let now = time + index as f64 * 1000.0 / f64::from(rate);
                if self.loud.is_none_or(|loud| now - loud > SILENCE) {
                    self.beeps.push(now);
                }
                self.loud = Some(now);
            }
        }
    }

    /// How much later than `encoded` says the units of a kind are, in milliseconds.
    ///
    /// Units are known by their sizes: the delay is the one by which most of them fit. Those of the first seconds do not
    /// count: while it starts, the source still follows the clock.
    pub(crate) fn delay(&self, kind: usize, encoded: &[Unit]) -> f64 {
        let units = self.coded[kind]
            .iter()
            .filter(|unit| unit.time > self.steady());
        let units: Vec<&Unit> = units.collect();
        let pairs = units.iter().copied().flat_map(|unit| {
            let same = encoded.iter().filter(|chunk| chunk.size == unit.size);
            same.map(|chunk| unit.time - chunk.time)
        });
        let mut delays: Vec<f64> = pairs.collect();
        delays.sort_by(f64::total_cmp);
        let together = |begin: usize| {
            let near = |delay: &&f64| **delay - delays[begin] < SLEW;
            &delays[begin..begin + delays[begin..].iter().take_while(near).count()]
        };
        let most = (0..delays.len())
            .map(together)
            .max_by_key(|delays| delays.len());
        let mut most = most.expect("something came out").to_vec();
        assert!(units.len() >= ENOUGH, "{} of kind {kind}", units.len());
        assert!(
            most.len() * 10 >= units.len() * 8,
            "{} of {} of kind {kind} are what was encoded, {} ms later",
            most.len(),
            units.len(),
            most[0]
        );
        median(&mut most)
    }

    /// Where whole seconds of the camera's clock begin.
    pub(crate) fn whole_seconds(&self) -> Vec<f64> {
        let readings = self.pictures.windows(2).filter_map(|pair| {
            let (before, after) = (pair[0].reading?, pair[1].reading?);
            (after.whole_second && !before.whole_second).then_some(pair[1].time)
        });
        readings.collect()
    }

    /// How far each picture is from where its clock says that it should be, once the clock's beginning is taken off; in
    /// milliseconds, in order of size.
    pub(crate) fn clock_errors(&self) -> Vec<f64> {
        let begins = self
            .pictures
            .iter()
            .filter_map(|picture| Some(picture.time - picture.reading?.phase));
        let begins: Vec<f64> = begins.collect();
        let Some(begin) = middle_of_turns(&begins) else {
            return Vec::new();
        };
        let errors = begins.iter().map(|other| around(other - begin, TURN).abs());
        let mut errors: Vec<f64> = errors.collect();
        errors.sort_by(f64::total_cmp);
        errors
    }

    /// When everything was steady.
    fn steady(&self) -> f64 {
        let begins = self.coded.iter().filter_map(|units| units.first());
        let begins = begins.map(|unit| unit.time);
        begins.fold(0.0, f64::max) + STEADY
    }

    /// Whether enough came out since then to tell how late it is.
    pub(crate) fn is_steady(&self) -> bool {
        let since = |times: &mut dyn Iterator<Item = f64>| {
            times.filter(|time| *time > self.steady()).count()
        };
        let [pictures, sounds] = &self.coded;
        since(&mut pictures.iter().map(|unit| unit.time)) >= ENOUGH
            && since(&mut sounds.iter().map(|unit| unit.time)) >= ENOUGH
            && since(&mut self.beeps.iter().copied()) >= BEEPS
    }

    /// How much later the sound is than the picture, in milliseconds, from the camera and the microphone until they are
    /// decoded here. By nothing but what is in them: the beeps that the microphone made and the disc that the camera drew.
    ///
    /// `delay` says roughly how much later than the clock of the page all of it is: a disc is the same after a whole turn,
    /// and a beep like any other.
    pub(crate) fn sound_after_picture(&self, captured: &Captured, delay: f64) -> f64 {
        let steady = |time: f64| time > self.steady();

        // The clock of the camera against that of the page, by the picture that was under way for the least time.
        let lags = captured
            .pictures
            .iter()
            .map(|picture| picture.1 - picture.0);
        let lag = lags.min_by(f64::total_cmp).expect("pictures were captured");
        let begins = captured
            .pictures
            .iter()
            .filter_map(|picture| Some(picture.0 + lag - camera::phase(picture.2?)));
        let made = middle_of_turns(&begins.collect::<Vec<_>>()).expect("discs were drawn");
        let begins = self
            .pictures
            .iter()
            .filter(|picture| steady(picture.time))
            .filter_map(|picture| Some(picture.time - picture.reading?.phase));
        let seen = middle_of_turns(&begins.collect::<Vec<_>>()).expect("discs were seen");
        let picture = around(seen - made - delay, TURN);

        let sounds = self.beeps.iter().filter(|beep| steady(**beep)).map(|beep| {
            let lates = captured.beeps.iter().map(|made| beep - made - delay);
            let nearest = lates.min_by(|a, b| a.abs().total_cmp(&b.abs()));
            nearest.expect("the microphone beeped")
        });
        let mut sounds: Vec<f64> = sounds.collect();
        assert!(sounds.len() >= BEEPS, "{} beeps were heard", sounds.len());
        median(&mut sounds) - picture
    }
}

/// What the made-up camera and microphone of a page made; all times in milliseconds.
#[derive(Debug, Deserialize)]
pub(crate) struct Captured {
    /// When it was captured, by the camera's clock; when it came to the page, by the page's; how many degrees of the disc
    /// were drawn.
    pictures: Vec<(f64, f64, Option<usize>)>,
    /// By the page's clock.
    beeps: Vec<f64>,
}

/// The middle one of times that are the same but for whole turns of the disc.
fn middle_of_turns(times: &[f64]) -> Option<f64> {
    let first = *times.get(times.len() / 2)?;
    let mut times: Vec<f64> = times
        .iter()
        .map(|time| around(time - first, TURN))
        .collect();
    Some(first + median(&mut times))
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The value of the smallest size that is the same but for whole turns.
fn around(value: f64, turn: f64) -> f64 {
    (value + turn / 2.0).rem_euclid(turn) - turn / 2.0
}

/// In milliseconds; negative for what is decoded and not shown.
fn running_time(pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<f64> {
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = segment.segment().downcast_ref::<gst::ClockTime>()?.clone();
    let time = segment.to_running_time_full(buffer.pts()?)?;
    let (gst::Signed::Positive(size) | gst::Signed::Negative(size)) = time;
    let size = size.nseconds() as f64 / 1e6;
    Some(if time.is_negative() { -size } else { size })
}

/// Milliseconds that a page or a source takes to be steady at most.
const STEADY: f64 = 3000.0;

/// So many pictures, and packets of sound, tell how late they are.
const ENOUGH: usize = 30;

/// So many beeps do.
const BEEPS: usize = 4;

/// Milliseconds by which a source may have followed a clock meanwhile.
const SLEW: f64 = 20.0;

/// Loudness of a beep; its silence is none of a room.
const LOUD: u16 = 2000;

/// Milliseconds between beeps at least.
const SILENCE: f64 = 100.0;
