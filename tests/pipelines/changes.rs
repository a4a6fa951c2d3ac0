//! A publisher that changes its codecs and its sizes while it is watched.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use gst::prelude::*;

use crate::{
    players::{player, uri},
    support::{LIMIT, LISTEN, Pipeline, Publisher},
};

/// Widths of pictures, or rates of sound, as they came, and how many buffers of each.
#[derive(Clone, Default)]
struct Forms(Arc<(Mutex<Seen>, Condvar)>);

type Seen = Vec<(i32, usize)>;

impl Forms {
    /// Of what comes into the sink that `pad` belongs to.
    fn of(pad: &gst::Pad, field: &'static str) -> Self {
        let forms = Self::default();
        let seen = forms.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
            let caps = pad.current_caps();
            let structure = caps.as_ref().and_then(|caps| caps.structure(0));
            let form = structure.and_then(|caps| caps.get::<i32>(field).ok());
            let mut seen_forms = seen.0.0.lock().expect("no test panics with it");
            match seen_forms.last_mut() {
                Some((last, count)) if Some(*last) == form => *count += 1,
                _ => seen_forms.push((form.unwrap_or(0), 1)),
            }
            seen.0.1.notify_all();
            gst::PadProbeReturn::Ok
        });
        forms
    }

    /// Waits until these have come in this order, each with so many buffers.
    #[track_caller]
    fn wait(&self, what: &str, expected: &[i32], count: usize, pipeline: &gst::Pipeline) {
        let deadline = Instant::now() + LIMIT;
        let bus = pipeline.bus().expect("a pipeline has a bus");
        loop {
            let forms = {
                let forms = self.0.0.lock().expect("no test panics with it");
                let waited = self.0.1.wait_timeout(forms, Duration::from_millis(100));
                waited.expect("no test panics with it").0.clone()
            };
            let found = forms.iter().filter(|(_, found)| *found >= count);
            let found: Vec<_> = found.map(|(form, _)| *form).collect();
            if found == expected {
                return;
            }
            let error = bus.pop_filtered(&[gst::MessageType::Error]);
            assert!(error.is_none(), "{what}: {error:?} after {forms:?}");
            assert!(Instant::now() < deadline, "{what}: only {forms:?}");
        }
    }
}

fn sink_pad(element: &gst::Element) -> gst::Pad {
    element.static_pad("sink").expect("a sink has one")
}

/// Publishes these pictures and sounds one after the other, two seconds each, once it plays.
fn publisher(pictures: &[(i32, &str)], sounds: &[(i32, &str)]) -> Publisher {
    let mut description =
        format!("{LISTEN} concat name=pictures ! sink.sink_0 concat name=sounds ! sink.sink_1 ");
    for (width, encoder) in pictures {
        description += &format!(
            "videotestsrc num-buffers=60 ! video/x-raw,format=I420,width={width},height=240,framerate=30/1 ! {encoder} \
             ! queue ! pictures. "
        );
    }
    for (rate, encoder) in sounds {
        let buffers = 2 * rate / 1_000;
        description += &format!(
            "audiotestsrc num-buffers={buffers} samplesperbuffer=1000 ! audio/x-raw,rate={rate},channels=2 ! {encoder} \
             ! queue ! sounds. "
        );
    }
    let publisher = Publisher::new(&description);
    publisher.pipeline.set_state(gst::State::Paused);
    publisher
}

const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! h264parse";
const VP8: &str = "vp8enc deadline=1 keyframe-max-dist=15";
const OPUS: &str = "opusenc";
const AAC: &str = "avenc_aac ! aacparse";

#[test]
fn another_codec_or_size_plays_on_in_decodebin3() {
    let publisher = publisher(
        &[(320, H264), (160, VP8), (640, H264), (480, H264)],
        &[(48_000, OPUS), (44_100, AAC), (48_000, OPUS), (32_000, AAC)],
    );
    let source = format!(
        "moqsrc name=source url=http://127.0.0.1:{}/ broadcast=cam",
        publisher.port
    );
    let decoders = Pipeline::launch(&format!(
        "{source} source.video_0 ! decodebin3 ! video/x-raw ! fakesink name=video sync=true async=false \
         source.audio_0 ! decodebin3 ! audio/x-raw ! fakesink name=audio sync=true async=false"
    ));
    let [picture, sound] = ["video", "audio"].map(|name| sink_pad(&decoders.element(name)));
    let (pictures, sounds) = (Forms::of(&picture, "width"), Forms::of(&sound, "rate"));
    decoders.set_state(gst::State::Playing);
    publisher.play();
    pictures.wait("pictures", &[320, 160, 640, 480], 20, &decoders.0);
    sounds.wait("sounds", &[48_000, 44_100, 48_000, 32_000], 20, &decoders.0);
}

#[test]
fn another_size_or_rate_plays_on_in_players() {
    for kind in ["playbin", "playbin3"] {
        let publisher = publisher(
            &[(320, H264), (640, H264), (160, H264)],
            &[(48_000, AAC), (44_100, AAC), (32_000, AAC)],
        );
        let (player, _) = player(kind, &uri(&publisher));
        let [picture, sound] = ["video-sink", "audio-sink"]
            .map(|name| sink_pad(&player.property::<gst::Element>(name)));
        let (pictures, sounds) = (Forms::of(&picture, "width"), Forms::of(&sound, "rate"));
        publisher.play();
        let what = format!("pictures of {kind}");
        pictures.wait(&what, &[320, 640, 160], 20, &player);
        let what = format!("sounds of {kind}");
        sounds.wait(&what, &[48_000, 44_100, 32_000], 20, &player);
        player.set_state(gst::State::Null).expect("it stops");
    }
}
