//! A real clip through both elements.

use std::time::{Duration, Instant};

use crate::support::{LISTEN, Publisher, Viewer, clip};

#[test]
fn every_access_unit_of_a_clip_arrives_in_step_and_in_real_time() {
    let Some(clip) = clip("bigbuckbunny.mp4") else {
        return;
    };
    let publisher = Publisher::new(&format!(
        "filesrc location={} ! qtdemux name=demux demux.video_0 ! queue ! {LISTEN} \
         demux.audio_0 ! queue ! sink.",
        clip.display()
    ));
    // On a machine that is busy too, nothing is left out as too late.
    let viewer = Viewer::with(&format!(
        "moqsrc name=source url=http://127.0.0.1:{}/ broadcast=cam latency=1000",
        publisher.port
    ));
    // The pads are there before the data flows, so that nothing may be missed.
    viewer.record.wait("both pads", |tracks| tracks.len() == 2);
    let start = Instant::now();
    publisher.play();
    publisher.pipeline.wait_for_eos();
    let took = start.elapsed();
    viewer.record.wait_for_eos(&["video_0", "audio_0"]);
    viewer.pipeline.wait_for_eos();

    // The clip lasts 5.3 s; the end waits for the viewer, two seconds at the most.
    assert!(
        took > Duration::from_secs(5) && took < Duration::from_secs(8),
        "{took:?}"
    );

    let sent = publisher.record.lock().clone();
    let find = |media: &str| {
        let has = |caps: &gst::Caps| {
            caps.structure(0)
                .is_some_and(|s| s.name().starts_with(media))
        };
        sent.values()
            .find(|track| {
                track
                    .caps
                    .as_deref()
                    .is_some_and(|_| track.caps.as_ref().is_some_and(has))
            })
            .expect("it was sent")
    };
    let (video, audio) = (find("video"), find("audio"));
    let (got_video, got_audio) = (
        viewer.record.track("video_0"),
        viewer.record.track("audio_0"),
    );
    assert!(
        video.bytes() == got_video.bytes(),
        "{} sent, {} got",
        video.units.len(),
        got_video.units.len()
    );
    assert!(
        audio.bytes() == got_audio.bytes(),
        "{} sent, {} got",
        audio.units.len(),
        got_audio.units.len()
    );

    // One mapping from sent to received time for both tracks: within a microsecond's rounding.
    let offset = |sent: &crate::support::Unit, got: &crate::support::Unit| {
        got.time.nseconds() as i64 - sent.time.nseconds() as i64
    };
    let first = offset(&video.units[0], &got_video.units[0]);
    let units = video
        .units
        .iter()
        .zip(&got_video.units)
        .chain(audio.units.iter().zip(&got_audio.units));
    for (sent, got) in units {
        let step = offset(sent, got) - first;
        assert!(step.abs() < 33_000_000, "out of step by {step} ns");
    }

    let keyframes =
        |track: &crate::support::Track| track.units.iter().map(|u| u.keyframe).collect::<Vec<_>>();
    assert_eq!(keyframes(video), keyframes(&got_video));
    let caps = got_video.caps.expect("caps came first");
    let caps = caps.structure(0).expect("fixed caps");
    assert_eq!(caps.get::<&str>("stream-format"), Ok("avc"));
    assert_eq!(
        (caps.get::<i32>("width"), caps.get::<i32>("height")),
        (Ok(1280), Ok(720))
    );
    let caps = got_audio.caps.expect("caps came first");
    let caps = caps.structure(0).expect("fixed caps");
    assert_eq!(caps.get::<&str>("stream-format"), Ok("raw"));
    assert!(caps.has_field("codec_data"));
}
