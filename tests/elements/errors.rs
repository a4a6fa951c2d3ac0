//! What cannot be published is an error of the element once, however long it goes on coming.

use gst::prelude::*;

use crate::{
    fmp4,
    support::{Feed, Sink},
};

const OPUS: &str = "audio/x-opus,channels=2,channel-mapping-family=0";
const MP4: &str = "video/quicktime,variant=iso-fragmented";

/// A sink that plays, and a pad of it to which a stream with these caps comes.
fn fed(caps: Option<&str>) -> (Sink, Feed) {
    let sink = Sink::listening();
    sink.element.set_property("sync", false);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed_raw();
    feed.event(gst::event::StreamStart::new("test"));
    if let Some(caps) = caps {
        feed.caps(caps);
    }
    feed.segment();
    (sink, feed)
}

fn push(feed: &Feed, bytes: Vec<u8>) -> Result<gst::FlowSuccess, gst::FlowError> {
    feed.pad.push(gst::Buffer::from_mut_slice(bytes))
}

/// The texts of the errors and warnings that the element has posted so far.
fn told(sink: &Sink) -> Vec<String> {
    let kinds = [gst::MessageType::Error, gst::MessageType::Warning];
    let messages = std::iter::from_fn(|| sink.bus().pop_filtered(&kinds));
    let texts = messages.map(|message| match message.view() {
        gst::MessageView::Error(error) => error.error().to_string(),
        gst::MessageView::Warning(warning) => format!("warning: {}", warning.error()),
        _ => unreachable!("it was filtered"),
    });
    texts.collect()
}

/// The stream goes on as if nothing were wrong, then ends.
#[track_caller]
fn is_told_once(caps: Option<&str>, bytes: &[u8], text: &str) {
    let (sink, feed) = fed(caps);
    for round in 0..5 {
        let flow = push(&feed, bytes.to_vec());
        assert!(flow.is_err(), "{caps:?}: round {round}: {flow:?}");
    }
    feed.event(gst::event::Eos::new());
    let told = told(&sink);
    assert!(
        told.len() == 1 && told[0].contains(text),
        "{caps:?}: {told:?}"
    );
}

#[test]
fn every_kind_of_stream_that_cannot_be_published_is_one_error() {
    is_told_once(None, b"x", "Data without caps");
    for (caps, text) in [
        (
            "video/x-h264,stream-format=avc,alignment=au",
            "no codec_data",
        ),
        ("video/x-h265", "stream-format"),
        ("video/x-raw,format=I420,width=16,height=16", "Raw video"),
        ("video/mpeg,mpegversion=2", "cannot be published"),
        ("audio/mpeg,mpegversion=4,stream-format=loas", "aacparse"),
    ] {
        is_told_once(Some(caps), b"x", text);
    }
    let adts = "audio/mpeg,mpegversion=4,stream-format=adts";
    is_told_once(Some(adts), b"no frame", "The AAC stream");
    is_told_once(Some("text/x-raw,format=utf8"), b"\xff", "not UTF-8");
}

#[test]
fn every_kind_of_mp4_that_cannot_be_read_is_one_error() {
    let early = fmp4::fragment(1, 0, 20, &[(b"x", true)]);
    is_told_once(Some(MP4), &early, "before the moov box");
    is_told_once(Some(MP4), b"RIFF\0\0\0\0AVI ", "there is no box");
    let track = fmp4::Track::new(1, 1_000, fmp4::opus());
    let mut progressive = fmp4::header(&[track]);
    let fragments = progressive.windows(4).position(|kind| kind == b"mvex");
    let at = fragments.expect("it is fragmented");
    progressive[at..at + 4].copy_from_slice(b"free");
    is_told_once(Some(MP4), &progressive, "mp4mux fragment-duration=");
    let strange = fmp4::Track::new(1, 1_000, fmp4::boxed("zzzz", &[&[0; 28]]));
    is_told_once(
        Some(MP4),
        &fmp4::header(&[strange]),
        "no track that can be published",
    );
}

#[test]
fn mp4_that_ends_in_the_middle_of_a_box_is_one_warning() {
    let track = fmp4::Track::new(1, 1_000, fmp4::opus());
    let mut movie = fmp4::header(&[track]);
    movie.truncate(movie.len() - 40);
    let (sink, feed) = fed(Some(MP4));
    push(&feed, movie).expect("the rest may come");
    feed.event(gst::event::Eos::new());
    let told = told(&sink);
    assert!(
        told.len() == 1 && told[0].starts_with("warning: ") && told[0].contains("ends too early"),
        "{told:?}"
    );
}

#[test]
fn other_caps_or_a_new_stream_of_good_data_play_on() {
    let (sink, feed) = fed(Some("audio/mpeg,mpegversion=4,stream-format=loas"));
    assert!(push(&feed, b"x".to_vec()).is_err());
    // A flush changes nothing about the caps.
    feed.event(gst::event::FlushStart::new());
    feed.event(gst::event::FlushStop::new(true));
    feed.segment();
    assert!(push(&feed, b"x".to_vec()).is_err());
    assert!(feed.caps(OPUS));
    push(&feed, b"x".to_vec()).expect("it is published");
    assert_eq!(told(&sink).len(), 1);

    let (sink, feed) = fed(Some("text/x-raw,format=utf8"));
    assert!(push(&feed, b"\xff".to_vec()).is_err());
    // The stream has failed.
    assert!(push(&feed, b"good".to_vec()).is_err());
    feed.event(gst::event::FlushStart::new());
    feed.event(gst::event::FlushStop::new(true));
    feed.segment();
    push(&feed, b"good".to_vec()).expect("it is published");
    assert_eq!(told(&sink).len(), 1);
    assert_eq!(sink.stat("frames"), 1);
}
