//! What a user sees when something is wrong: one sentence to act on.

use std::os::unix::process::ExitStatusExt as _;

use gst::prelude::*;

use crate::{
    program::Program,
    support::{LISTEN, Pipeline, Publisher, Viewer, live_video},
};

fn fails_to_start(description: &str) -> String {
    let pipeline = Pipeline::launch(description);
    let _ = pipeline.0.set_state(gst::State::Playing);
    pipeline.error().expect("there is an error on the bus")
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is missing in {text:?}");
    }
}

#[test]
fn settings_that_cannot_work_are_named() {
    let none = fails_to_start(&live_video("moqsink broadcast=cam"));
    says(&none, &["url", "listen"]);
    let none = fails_to_start("moqsrc broadcast=cam ! fakesink");
    says(&none, &["url", "listen"]);
    let none = fails_to_start(&live_video("moqsink listen=127.0.0.1:0"));
    says(&none, &["broadcast"]);
    let scheme = fails_to_start("moqsrc url=ftp://localhost/ broadcast=cam ! fakesink");
    says(&scheme, &["ftp"]);
    let garbage = fails_to_start("moqsrc url=foo broadcast=cam ! fakesink");
    says(&garbage, &["url", "https://"]);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let publisher = Publisher::new(&live_video(LISTEN));
    let address = format!("127.0.0.1:{}", publisher.port);
    let text = fails_to_start(&live_video(&format!(
        "moqsink listen={address} broadcast=cam"
    )));
    says(&text, &[&address]);
}

#[test]
fn a_certificate_that_is_not_trusted_says_what_to_set() {
    let publisher = Publisher::new(&live_video(LISTEN));
    let text = fails_to_start(&format!(
        "moqsrc url=https://127.0.0.1:{}/ broadcast=cam certificate-fingerprints={} ! fakesink",
        publisher.port,
        "00".repeat(32)
    ));
    says(&text, &["certificate"]);
    let text = fails_to_start(&live_video(&format!(
        "moqsink url=https://127.0.0.1:{}/ broadcast=other certificate-fingerprints={}",
        publisher.port,
        "00".repeat(32)
    )));
    says(&text, &["certificate"]);
}

/// A program that leaves the signal of a broken pipe as it is, and its WebSocket is tried at a port that speaks plain HTTP.
#[test]
fn the_command_line_survives_a_certificate_that_is_not_trusted() {
    let publisher = Publisher::new(&live_video(LISTEN));
    let text = format!(
        "moqsrc url=https://127.0.0.1:{}/ broadcast=cam ! fakesink",
        publisher.port
    );
    let (status, log) = Program::gst_launch(&text).end();
    assert_eq!(status.signal(), None, "{}", log.join("\n"));
    let error = log
        .iter()
        .find(|line| line.starts_with("ERROR: from element"));
    says(error.expect("it is said"), &["certificate"]);
}

#[test]
fn a_broadcast_that_is_not_there_is_waited_for_and_said_so() {
    let publisher = Publisher::new(&live_video(LISTEN));
    let viewer = Viewer::with(&format!(
        "moqsrc name=source url=http://127.0.0.1:{}/ broadcast=other",
        publisher.port
    ));
    let text = loop {
        let message = viewer
            .pipeline
            .message(&[gst::MessageType::Progress, gst::MessageType::Error]);
        match message.expect("something is said").view() {
            gst::MessageView::Progress(progress) => {
                let (_, code, text) = progress.get();
                if code == "broadcast" {
                    break text.to_owned();
                }
            }
            other => panic!("{other:?}"),
        }
    };
    says(&text, &["other"]);
}

#[test]
fn a_broadcast_that_never_comes_is_an_error_after_the_timeout() {
    let publisher = Publisher::new(&live_video(LISTEN));
    let text = fails_to_start(&format!(
        "moqsrc timeout=300 url=http://127.0.0.1:{}/ broadcast=other ! fakesink",
        publisher.port
    ));
    says(&text, &["other"]);
}

#[test]
fn nobody_at_the_address_is_a_warning_while_it_is_tried_again_and_an_error_when_it_is_not() {
    let port = Publisher::new(&live_video(LISTEN)).port;
    let source = format!("moqsrc url=https://127.0.0.1:{port}/ broadcast=cam");
    let text = fails_to_start(&format!("{source} auto-reconnect=false ! fakesink"));
    says(&text, &[&port.to_string()]);
    let pipeline = Pipeline::launch(&format!("{source} ! fakesink"));
    pipeline.set_state(gst::State::Playing);
    let message = pipeline.message(&[gst::MessageType::Warning, gst::MessageType::Error]);
    let warned = matches!(
        message.expect("it is said").view(),
        gst::MessageView::Warning(_)
    );
    assert!(warned);
}

#[test]
fn a_progressive_file_is_refused_with_the_muxers_setting() {
    let Some(clip) = crate::support::clip("bigbuckbunny.mp4") else {
        return;
    };
    let text = fails_to_start(&format!(
        "filesrc location={} ! video/quicktime ! {LISTEN}",
        clip.display()
    ));
    says(&text, &["mp4mux fragment-duration=", "ffmpeg -movflags"]);
}

#[test]
fn an_unlinked_pad_does_not_stop_the_others() {
    let publisher = Publisher::new(&format!(
        "{} audiotestsrc is-live=true ! opusenc ! sink.",
        live_video(LISTEN)
    ));
    publisher.play();
    let pipeline = Pipeline::launch(&format!(
        "moqsrc name=source url=http://127.0.0.1:{}/ broadcast=cam source.audio_0 ! fakesink name=out sync=false",
        publisher.port
    ));
    let record = crate::support::Record::default();
    let pad = pipeline
        .element("out")
        .static_pad("sink")
        .expect("a sink has a pad");
    record.watch(&pad, "audio");
    pipeline.set_state(gst::State::Playing);
    record.wait_for_units("audio", 100);
}
