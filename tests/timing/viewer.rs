//! A viewer that decodes, shows in time, and notes what was shown when.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use gst::prelude::*;

use crate::camera::{FRAME, Films, read};

/// The longest that anything may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A picture that was shown, or a click that was heard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    /// Which camera took it; of clicks it is not known.
    pub(crate) camera: usize,
    pub(crate) number: u64,
    /// When it was due, on the system's clock, without latency.
    pub(crate) due: i64,
    /// When it was shown.
    pub(crate) at: i64,
}

/// Everything so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    pub(crate) pictures: Vec<Shown>,
    pub(crate) clicks: Vec<Shown>,
    /// Buffers of sound.
    pub(crate) sounds: usize,
    /// When the first of them was due and heard, as for pictures.
    pub(crate) first_sound: Option<(i64, i64)>,
    /// When the first picture came in, on the system's clock, and when the first to be shown was decoded.
    pub(crate) decoding: [Option<i64>; 2],
    /// QoS messages of moqsrc.
    pub(crate) refused: usize,
    pub(crate) errors: Vec<String>,
}

type Shared = Arc<(Mutex<Log>, Condvar)>;

/// A running viewer; ends with the value.
pub(crate) struct Viewer {
    pub(crate) pipeline: gst::Pipeline,
    pub(crate) began: i64,
    log: Shared,
    films: Films,
}

impl Viewer {
    /// Plays what `source` says.
    pub(crate) fn new(source: &str, films: &Films) -> Self {
        crate::init();
        let text = format!(
            "moqsrc name=source {source} broadcast=cam fakesrc num-buffers=0 ! fakesink async=false"
        );
        let pipeline = gst::parse::launch(&text).expect("the description is right");
        let pipeline: gst::Pipeline = pipeline.downcast().expect("a pipeline");
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        let log = Shared::default();
        let (weak, shared) = (pipeline.downgrade(), log.clone());
        let element = pipeline.by_name("source").expect("it is named");
        element.connect_pad_added(move |_, pad| {
            if let Some(pipeline) = weak.upgrade() {
                link(&pipeline, pad, shared.clone());
            }
        });
        listen(&pipeline, log.clone());
        let clock = gst::SystemClock::obtain();
        let began = clock.time().nseconds() as i64;
        pipeline.set_state(gst::State::Playing).expect("it starts");
        Self {
            pipeline,
            began,
            log,
            films: films.clone(),
        }
    }

    pub(crate) fn log(&self) -> Log {
        lock(&self.log).clone()
    }

    /// Waits until what was shown satisfies `done`.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, mut done: impl FnMut(&Log) -> bool) {
        let deadline = Instant::now() + LIMIT;
        let mut log = lock(&self.log);
        while !done(&log) {
            assert!(log.errors.is_empty(), "{what}: {:?}", log.errors);
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{what} never happened after {} pictures, {} sounds and {} clicks",
                log.pictures.len(),
                log.sounds,
                log.clicks.len()
            );
            log = self
                .log
                .1
                .wait_timeout(log, left)
                .expect("no test panics with it")
                .0;
        }
    }

    /// Waits until frame `number` of a camera, or a later one, is shown.
    #[track_caller]
    pub(crate) fn wait_for(&self, camera: usize, number: u64) {
        self.wait(&format!("frame {number} of camera {camera}"), |log| {
            let shown = |shown: &&Shown| shown.camera == camera && shown.number >= number;
            log.pictures
                .iter()
                .rev()
                .take(10)
                .any(|picture| shown(&picture))
        });
    }

    /// How old a picture was when it was shown, in nanoseconds.
    pub(crate) fn age(&self, shown: &Shown) -> i64 {
        shown.at - self.taken(shown)
    }

    /// By how much each click and the picture of the same moment are apart, in nanoseconds; positive where sound is late.
    /// There is none where that picture was left out.
    pub(crate) fn skews(&self) -> Vec<i64> {
        let log = self.log();
        let skew = |click: &Shown| {
            let of_a_click = |picture: &&Shown| picture.number.is_multiple_of(30);
            let pictures = log.pictures.iter().filter(of_a_click);
            let skews = pictures.map(|picture| click.due - picture.due);
            skews
                .min_by_key(|skew| skew.abs())
                .filter(|skew| skew.abs() < SECOND / 2)
        };
        log.clicks.iter().filter_map(skew).collect()
    }

    fn taken(&self, shown: &Shown) -> i64 {
        self.begin(shown.camera) + (shown.number * FRAME) as i64
    }

    fn begin(&self, camera: usize) -> i64 {
        let films = self.films.lock().expect("no test panics with it");
        films[camera].begin.nseconds() as i64
    }

    /// How far a picture was behind the newest of its camera when it was shown, in nanoseconds.
    pub(crate) fn behind(&self, shown: &Shown) -> i64 {
        let films = self.films.lock().expect("no test panics with it");
        let newest = films[shown.camera].newest(shown.at).unwrap_or(0);
        newest.saturating_sub(shown.number) as i64 * FRAME as i64
    }

    /// How old the first sound was when it was heard, in nanoseconds. Which second it was of cannot be heard: it is taken to be
    /// the one that ends last.
    pub(crate) fn age_of_sound(&self) -> Option<i64> {
        let log = self.log();
        let ((due, at), click) = log.first_sound.zip(log.clicks.first())?;
        Some(at - due + (click.due - self.begin(0)).rem_euclid(SECOND))
    }

    /// A number of moqsrc's statistics.
    pub(crate) fn stat(&self, name: &str) -> u64 {
        let source = self.pipeline.by_name("source").expect("it is named");
        let stats: gst::Structure = source.property("stats");
        stats.get(name).expect("there is such a number")
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

const SECOND: i64 = 1_000_000_000;

fn lock(log: &Shared) -> MutexGuard<'_, Log> {
    log.0.lock().expect("no test panics with it")
}

/// Decodes what a pad gives, and shows it in time.
fn link(pipeline: &gst::Pipeline, pad: &gst::Pad, log: Shared) {
    let video = pad.name().starts_with("video");
    let decoder = match video {
        true => "queue ! h264parse ! avdec_h264 max-threads=1 ! video/x-raw,format=I420",
        false => "queue ! opusdec ! audio/x-raw,format=S16LE",
    };
    let text = format!("{decoder} ! fakesink name=out sync=true async=false signal-handoffs=true");
    let bin = gst::parse::bin_from_description(&text, true).expect("the description is right");
    let sink = bin.by_name("out").expect("it is named");
    let input = bin.static_pad("sink").expect("it has one");
    let output = sink.static_pad("sink").expect("it has one");
    if video {
        for (side, pad) in [input.clone(), output].iter().enumerate() {
            let log = log.clone();
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                let now = gst::SystemClock::obtain().time().nseconds() as i64;
                lock(&log).decoding[side] = Some(now);
                gst::PadProbeReturn::Remove
            });
        }
    }
    let last = Mutex::new(i64::MIN / 2);
    sink.connect("handoff", false, move |values| {
        let sink: gst::Element = values[0].get().expect("of a sink");
        let buffer: gst::Buffer = values[1].get().expect("a buffer");
        let pad: gst::Pad = values[2].get().expect("its pad");
        let at = gst::SystemClock::obtain().time().nseconds() as i64;
        let segment = pad.sticky_event::<gst::event::Segment>(0);
        let segment = segment.expect("before any buffer").segment().clone();
        let segment = segment.downcast::<gst::ClockTime>().expect("of time");
        let time = segment.to_running_time(buffer.pts());
        let base = sink.base_time().expect("it plays");
        let due = (time.expect("it is shown") + base).nseconds() as i64;
        let map = buffer.map_readable().expect("system memory");
        let mut entries = lock(&log);
        if video {
            let (camera, number) = read(&map, 320);
            entries.pictures.push(Shown {
                camera,
                number,
                due,
                at,
            });
        } else {
            entries.sounds += 1;
            entries.first_sound.get_or_insert((due, at));
            let mut last = last.lock().expect("no test panics with it");
            for (index, sample) in map.chunks_exact(2).enumerate() {
                let due = due + index as i64 * SECOND / 48_000;
                if i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs() > 5_000 {
                    if due - *last > SECOND / 4 {
                        entries.clicks.push(Shown {
                            camera: 0,
                            number: 0,
                            due,
                            at,
                        });
                    }
                    *last = due;
                }
            }
        }
        log.1.notify_all();
        None
    });
    pipeline.add(&bin).expect("it is new");
    bin.sync_state_with_parent().expect("it starts");
    pad.link(&input).expect("it takes that");
}

/// Does what an application does with messages, as long as the pipeline is there.
fn listen(pipeline: &gst::Pipeline, log: Shared) {
    let (bus, weak) = (pipeline.bus().expect("it has one"), pipeline.downgrade());
    thread::spawn(move || {
        while let Some(pipeline) = weak.upgrade() {
            let message = bus.timed_pop(gst::ClockTime::from_mseconds(50));
            match message.as_ref().map(|message| message.view()) {
                Some(gst::MessageView::Latency(_)) => {
                    let _ = pipeline.recalculate_latency();
                }
                Some(gst::MessageView::Qos(qos))
                    if qos.src().is_some_and(|src| src.is::<gst::Pad>()) =>
                {
                    lock(&log).refused += 1;
                }
                Some(gst::MessageView::Error(error)) => {
                    lock(&log).errors.push(error.error().to_string())
                }
                _ => {}
            }
            log.1.notify_all();
        }
    });
}
