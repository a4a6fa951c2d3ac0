//! States, flushes and settings.

use gst::prelude::*;

use crate::{
    camera::{Publisher, audio, init, video},
    player::{Player, Seen, playing},
};

#[test]
fn it_plays_any_number_of_times() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    for round in 0..5 {
        player.play();
        camera.write("picture", round * 1_000_000, true);
        camera.write("sound", round * 1_000_000, true);
        player.until_buffers(&["video_0", "audio_0"]);
        player.stop();
        assert_eq!(player.element.num_src_pads(), 0);
        player.rest();
    }
}

#[test]
fn it_stops_at_once_in_every_state() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    // Nobody there; no such broadcast; no data; data; paused.
    let nobody = Player::new(&publisher, "cam");
    nobody.element.set_property("url", "moql://127.0.0.1:9");
    nobody.play();
    nobody.stop();
    let nothing = Player::new(&publisher, "other");
    nothing.play();
    nothing.message(|message| message.type_() == gst::MessageType::Progress);
    nothing.stop();
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until_pads();
    player.stop();
    player.play();
    player.until_pads();
    camera.write("picture", 0, true);
    player.until_buffer();
    player
        .pipeline
        .set_state(gst::State::Paused)
        .expect("pauses");
    player.stop();
}

#[test]
fn a_pause_is_left_out_and_playing_goes_on_at_the_live_edge() {
    let (_publisher, mut camera, player) = playing(&[("picture", video(64, 64))]);
    camera.write("picture", 0, true);
    player.until_buffer();
    player
        .pipeline
        .set_state(gst::State::Paused)
        .expect("pauses");
    camera.write("picture", 20_000_000, true);
    camera.write("picture", 40_000_000, true);
    player.play();
    let seen = player.until(|seen| matches!(seen, Seen::Buffer { payload, .. } if payload[0] == 2));
    let Some(Seen::Buffer {
        running_time: Some(time),
        ..
    }) = seen.last()
    else {
        panic!("{seen:?}");
    };
    assert!(*time < gst::ClockTime::from_seconds(15), "{time}");
    let flags = seen.iter().find_map(|seen| match seen {
        Seen::Buffer { flags, .. } => Some(*flags),
        _ => None,
    });
    assert_eq!(flags, Some(gst::BufferFlags::DISCONT));
}

#[test]
fn an_eos_event_ends_every_pad() {
    let (_publisher, mut camera, player) =
        playing(&[("picture", video(64, 64)), ("sound", audio())]);
    camera.write("picture", 0, true);
    camera.write("sound", 0, true);
    player.until_buffer();
    assert!(player.pipeline.send_event(gst::event::Eos::new()));
    player.until_eos();
}

#[test]
fn a_flush_downstream_is_survived() {
    let (_publisher, mut camera, player) = playing(&[("picture", video(64, 64))]);
    camera.write("picture", 0, true);
    player.until_buffer();
    let sink = player.pad("video_0").peer().expect("linked");
    assert!(sink.send_event(gst::event::FlushStart::new()));
    player.until_refused("video_0", |time| camera.write("picture", time, true));
    assert!(sink.send_event(gst::event::FlushStop::new(false)));
    // A buffer that is seen was taken or refused; the next one was taken.
    for second in 1..=2 {
        player.until_width(64, |time| {
            camera.write("picture", second * 5_000_000 + time, true);
        });
    }
    assert!(sink.sticky_event::<gst::event::Segment>(0).is_some());
}

#[test]
fn what_is_missing_in_the_settings_is_said() {
    init();
    for (url, broadcast, expected) in [
        (None, Some("cam"), "Neither url nor listen is set"),
        (Some("https://localhost"), None, "broadcast is not set"),
        (Some("nonsense"), Some("cam"), "The url cannot be used"),
    ] {
        let element = gst::ElementFactory::make("moqsrc")
            .property("url", url)
            .property("broadcast", broadcast)
            .build()
            .expect("the element exists");
        let pipeline = gst::Pipeline::new();
        pipeline.add(&element).expect("empty");
        assert!(pipeline.set_state(gst::State::Paused).is_err());
        let bus = pipeline.bus().expect("a pipeline has one");
        let patience = gst::ClockTime::from_seconds(5);
        let message = bus.timed_pop_filtered(patience, &[gst::MessageType::Error]);
        let message = message.expect("an error says why");
        let gst::MessageView::Error(error) = message.view() else {
            unreachable!("it was asked for");
        };
        assert!(error.error().matches(gst::ResourceError::Settings));
        assert!(
            error.error().message().starts_with(expected),
            "{}",
            error.error().message()
        );
        pipeline.set_state(gst::State::Null).expect("stops");
    }
}

/// What is linked to the pad takes nothing more.
fn has_had_enough(pad: &gst::Pad) {
    let sink = pad.peer().expect("it is linked");
    sink.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        info.data = None;
        info.flow_res = Err(gst::FlowError::Eos);
        gst::PadProbeReturn::Handled
    });
}

#[test]
fn a_sink_that_has_had_enough_ends_its_pad_and_leaves_the_others() {
    let (_publisher, mut camera, player) =
        playing(&[("picture", video(64, 64)), ("sound", audio())]);
    has_had_enough(&player.pad("video_0"));
    camera.write("picture", 0, true);
    camera.write("sound", 0, true);
    player.until(|seen| *seen == Seen::Eos("video_0".into()));
    camera.write("sound", 20_000, true);
    player.until_buffers(&["audio_0"]);
    has_had_enough(&player.pad("audio_0"));
    camera.write("sound", 40_000, true);
    player.until_eos();
}
