//! `moqsrc` against a publisher made of the model and the network layer alone.
#![cfg(feature = "plugin")]

#[path = "source/cycles.rs"]
mod cycles;
#[path = "source/fixture.rs"]
mod fixture;
#[path = "common/link.rs"]
mod link;
#[path = "source/narrow.rs"]
mod narrow;
#[path = "source/renditions.rs"]
mod renditions;
#[path = "source/shape.rs"]
mod shape;
#[path = "source/time.rs"]
mod time;

use std::time::Duration;

use fixture::{Player, Publisher, Seen, audio, video};
use gst::prelude::*;
use gstmoq::media::Config;

#[test]
fn video_pads_come_first_with_complete_caps_and_then_no_more() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("sound", audio()), ("picture", video(1280, 720))]);
    let player = Player::new(&publisher, "cam");
    player.play();
    let begin = player.until(|seen| matches!(seen, Seen::NoMorePads));
    assert_eq!(
        begin,
        [
            Seen::Pad("video_0".into()),
            Seen::Pad("audio_0".into()),
            Seen::NoMorePads
        ]
    );
    camera.write("picture", 0, true);
    camera.write("sound", 0, true);
    let caps = |name: &str| player.pad(name).current_caps().map(|caps| caps.to_string());
    assert_eq!(
        caps("video_0").as_deref(),
        Some(
            "video/x-h264, alignment=(string)au, stream-format=(string)byte-stream, \
             profile=(string)constrained-baseline, level=(string)3.1, width=(int)1280, height=(int)720, \
             framerate=(fraction)30/1"
        )
    );
    assert_eq!(
        caps("audio_0").as_deref(),
        Some("audio/x-opus, rate=(int)48000, channels=(int)2, channel-mapping-family=(int)0")
    );
    let start = |name: &str| {
        let event = player
            .pad(name)
            .sticky_event::<gst::event::StreamStart>(0)
            .expect("a stream");
        (event.group_id(), event.stream_id().to_string())
    };
    let ((first, picture), (second, sound)) = (start("video_0"), start("audio_0"));
    assert_eq!(first, second);
    assert!(
        picture.ends_with("/picture") && sound.ends_with("/sound"),
        "{picture} {sound}"
    );
}

#[test]
fn it_is_live_says_its_latency_and_cannot_be_sought_in() {
    let publisher = Publisher::new();
    let _camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    let player = Player::new(&publisher, "cam");
    let change = player.pipeline.set_state(gst::State::Paused);
    assert_eq!(change, Ok(gst::StateChangeSuccess::NoPreroll));
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    let pad = player.pad("video_0");
    for latency in [100_u32, 40] {
        player.element.set_property("latency", latency);
        let mut query = gst::query::Latency::new();
        assert!(pad.query(&mut query));
        let expected = gst::ClockTime::from_mseconds(latency.into());
        let most = gst::ClockTime::from_seconds(5);
        assert_eq!(query.result(), (true, expected, Some(most)));
    }
    let mut seeking = gst::query::Seeking::new(gst::Format::Time);
    assert!(pad.query(&mut seeking));
    assert!(!seeking.result().0);
    assert!(!pad.query(&mut gst::query::Duration::new(gst::Format::Time)));
    player.play();
    let change = player.pipeline.set_state(gst::State::Paused);
    assert_eq!(change, Ok(gst::StateChangeSuccess::NoPreroll));
}

#[test]
fn a_late_joiner_gets_the_group_from_its_keyframe_and_shows_the_live_edge() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    // A second that is over when the viewer comes.
    for frame in 0..30 {
        camera.write("picture", 5_000_000 + frame * 33_333, frame == 0);
    }
    let player = Player::new(&publisher, "cam");
    player.play();
    let seen =
        player.until(|seen| matches!(seen, Seen::Buffer { payload, .. } if payload[0] == 29));
    let mut buffers = seen.iter().filter_map(|seen| match seen {
        Seen::Buffer {
            running_time,
            flags,
            ..
        } => Some((*running_time, *flags)),
        _ => None,
    });
    let (first, flags) = buffers.next().expect("the keyframe");
    assert_eq!((first, flags), (None, gst::BufferFlags::DISCONT));
    let rest: Vec<_> = buffers.collect();
    assert_eq!(rest.len(), 29);
    assert!(
        rest.iter()
            .all(|(_, flags)| *flags == gst::BufferFlags::DELTA_UNIT)
    );
    // What is no older than the latency is shown, and that alone.
    let shown: Vec<_> = rest.iter().filter_map(|(time, _)| *time).collect();
    assert!((1..=4).contains(&shown.len()), "{shown:?}");
    assert!(rest.last().is_some_and(|(time, _)| time.is_some()));
}

#[test]
fn a_viewer_that_was_there_first_gets_everything() {
    let publisher = Publisher::new();
    let player = Player::new(&publisher, "cam");
    player.play();
    player.message(|message| match message.view() {
        gst::MessageView::Progress(progress) => {
            let (kind, code, text) = progress.get();
            kind == gst::ProgressType::Start && code == "broadcast" && text.contains("cam")
        }
        _ => false,
    });
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    camera.write("picture", 0, true);
    let seen = player.until(|seen| matches!(seen, Seen::Buffer { .. }));
    assert!(
        matches!(
            seen.last(),
            Some(Seen::Buffer {
                running_time: Some(_),
                ..
            })
        ),
        "{seen:?}"
    );
}

#[test]
fn the_end_of_the_broadcast_is_eos_once_on_each_pad() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    // The samples do not come at the pace of their timestamps, and all of them count.
    player.element.set_property("latency", 10_000_u32);
    player.play();
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    let frame = |camera: &mut fixture::Camera, frame: u64| {
        camera.write("picture", frame * 33_333, frame == 0);
        camera.write("sound", frame * 20_000, true);
    };
    frame(&mut camera, 0);
    let mut seen = player.until_buffers(&["video_0", "audio_0"]);
    frame(&mut camera, 1);
    frame(&mut camera, 2);
    camera.end();
    player.message(|message| matches!(message.view(), gst::MessageView::Eos(_)));
    player.stop();
    seen.extend(player.rest());
    for pad in ["video_0", "audio_0"] {
        let of_pad = |seen: &&Seen| match seen {
            Seen::Buffer { pad: other, .. } | Seen::Eos(other) => other == pad,
            _ => false,
        };
        let of_pad: Vec<_> = seen.iter().filter(of_pad).collect();
        assert_eq!(of_pad.len(), 4, "{of_pad:?}");
        assert!(matches!(of_pad[3], Seen::Eos(_)));
    }
}

#[test]
fn a_broadcast_that_vanishes_is_waited_for_and_goes_on_when_it_returns() {
    let publisher = Publisher::new();
    let tracks: &[(&str, Config)] = &[("picture", video(64, 64))];
    let mut camera = publisher.camera("cam", tracks);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    camera.write("picture", 60_000_000, true);
    player.until(|seen| matches!(seen, Seen::Buffer { .. }));

    drop(camera);
    player.message(|message| match message.view() {
        gst::MessageView::Warning(warning) => warning.error().message().contains("broke off"),
        _ => false,
    });
    // Its time begins anew.
    let mut camera = publisher.camera("cam", tracks);
    camera.write("picture", 0, true);
    let seen = player.until(|seen| matches!(seen, Seen::Buffer { .. }));
    assert!(
        !seen
            .iter()
            .any(|seen| matches!(seen, Seen::Pad(_) | Seen::Removed(_) | Seen::Eos(_)))
    );
    let Some(Seen::Buffer {
        pad,
        flags,
        running_time,
        ..
    }) = seen.last()
    else {
        panic!("{seen:?}");
    };
    assert_eq!(
        (pad.as_str(), *flags),
        ("video_0", gst::BufferFlags::DISCONT)
    );
    assert!(running_time.is_some());
}

#[test]
fn a_broadcast_that_vanishes_ends_when_nobody_waits() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    let player = Player::new(&publisher, "cam");
    player.element.set_property("wait-for-broadcast", false);
    player.play();
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    camera.write("picture", 0, true);
    player.until(|seen| matches!(seen, Seen::Buffer { .. }));
    drop(camera);
    player.message(|message| matches!(message.view(), gst::MessageView::Eos(_)));
}

#[test]
fn a_broadcast_whose_renditions_were_taken_out_has_ended_when_it_vanishes() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    let player = Player::new(&publisher, "cam");
    player.play();
    camera.write("picture", 0, true);
    player.until_buffers(&["video_0"]);
    // As a relay shows a clean end: the catalog is the last to be passed on.
    camera.announce(&[]);
    player.message(|message| matches!(message.view(), gst::MessageView::Eos(_)));
    drop(camera);
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    camera.write("picture", 0, true);
    player.stop();
    let seen = player.rest();
    assert!(
        !seen
            .iter()
            .any(|seen| matches!(seen, Seen::Pad(_) | Seen::Buffer { .. })),
        "{seen:?}"
    );
}

#[test]
fn renditions_come_and_go_and_a_new_track_takes_the_place_of_an_old_one() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("one", video(64, 64))]);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    camera.write("one", 0, true);
    player.until(|seen| matches!(seen, Seen::Buffer { .. }));

    // The same track in another size.
    camera.announce(&[("one", video(128, 128))]);
    player.until_width(128, |time| camera.write("one", time, true));
    // Another track.
    camera.announce(&[("two", video(256, 256))]);
    player.until_width(256, |time| camera.write("two", 10_000_000 + time, true));
    // One more, then one less.
    camera.announce(&[("two", video(256, 256)), ("sound", audio())]);
    player.until(|seen| *seen == Seen::Pad("audio_0".into()));
    camera.announce(&[("two", video(256, 256))]);
    let seen = player.until(|seen| *seen == Seen::Removed("audio_0".into()));
    assert!(seen.contains(&Seen::Eos("audio_0".into())), "{seen:?}");
    assert!(!seen.contains(&Seen::Eos("video_0".into())), "{seen:?}");
}

#[test]
fn an_unknown_codec_is_named_and_the_others_play() {
    let publisher = Publisher::new();
    let mut strange = video(64, 64);
    if let Config::Video(config) = &mut strange {
        config.codec = "theora".into();
    }
    let mut camera = publisher.camera("cam", &[("strange", strange), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    player.play();
    let warning = player.message(|message| matches!(message.view(), gst::MessageView::Warning(_)));
    let gst::MessageView::Warning(warning) = warning.view() else {
        unreachable!("it was asked for");
    };
    assert_eq!(
        warning.error().message(),
        "The video track strange is left out: its codec theora is not supported"
    );
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    camera.write("sound", 0, true);
    player.until(|seen| matches!(seen, Seen::Buffer { pad, .. } if pad == "audio_0"));
}

#[test]
fn a_pad_that_nobody_links_does_not_stop_the_others_and_plays_once_linked() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::linking(&publisher, "cam", |name| name == "audio_0");
    player.play();
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    camera.write("picture", 0, true);
    camera.write("sound", 0, true);
    player.until(|seen| matches!(seen, Seen::Buffer { pad, .. } if pad == "audio_0"));
    player.link(&player.pad("video_0"));
    let seen = player.until(|seen| matches!(seen, Seen::Buffer { pad, .. } if pad == "video_0"));
    assert!(matches!(
        seen.last(),
        Some(Seen::Buffer { flags, .. }) if *flags == gst::BufferFlags::DISCONT
    ));
}

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
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    player.stop();
    player.play();
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    camera.write("picture", 0, true);
    player.until(|seen| matches!(seen, Seen::Buffer { .. }));
    player
        .pipeline
        .set_state(gst::State::Paused)
        .expect("pauses");
    player.stop();
}

#[test]
fn a_pause_is_left_out_and_playing_goes_on_at_the_live_edge() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    camera.write("picture", 0, true);
    player.until(|seen| matches!(seen, Seen::Buffer { .. }));
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
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    camera.write("picture", 0, true);
    camera.write("sound", 0, true);
    player.until(|seen| matches!(seen, Seen::Buffer { .. }));
    assert!(player.pipeline.send_event(gst::event::Eos::new()));
    player.message(|message| matches!(message.view(), gst::MessageView::Eos(_)));
}

#[test]
fn a_flush_downstream_is_survived() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    camera.write("picture", 0, true);
    player.until(|seen| matches!(seen, Seen::Buffer { .. }));
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
    fixture::init();
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

#[test]
fn a_broadcast_that_does_not_come_in_time_is_an_error() {
    let publisher = Publisher::new();
    let player = Player::new(&publisher, "nothing");
    player.element.set_property("timeout", 300_u32);
    player.play();
    let error = player.message(|message| matches!(message.view(), gst::MessageView::Error(_)));
    let gst::MessageView::Error(error) = error.view() else {
        unreachable!("it was asked for");
    };
    assert!(
        error.error().matches(gst::ResourceError::NotFound),
        "{error:?}"
    );
}

#[test]
fn a_publisher_may_push_into_a_listening_source() {
    fixture::init();
    let player = Player::listening("cam");
    player.play();
    let publisher = Publisher::dialling(&player.element);
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64))]);
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    camera.write("picture", 0, true);
    player.until(|seen| matches!(seen, Seen::Buffer { .. }));
    camera.end();
    player.message(|message| matches!(message.view(), gst::MessageView::Eos(_)));
}

#[test]
fn audio_and_video_stay_in_step_when_audio_starts_later() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::new(&publisher, "cam");
    player.play();
    player.until(|seen| matches!(seen, Seen::NoMorePads));
    let (mut picture, mut sound) = (None, None);
    camera.live(Duration::from_millis(900), Duration::from_millis(400));
    player.until(|seen| {
        if let Seen::Buffer {
            pad,
            running_time: Some(time),
            media,
            ..
        } = seen
        {
            let offset = time.nseconds() as i64 - *media as i64 * 1_000;
            let slot = if pad == "video_0" {
                &mut picture
            } else {
                &mut sound
            };
            *slot = Some(offset);
        }
        picture.is_some() && sound.is_some()
    });
    let (picture, sound) = (picture.expect("seen"), sound.expect("seen"));
    assert!((picture - sound).abs() < 33_000_000, "{picture} {sound}");
}

#[test]
fn it_stops_at_any_moment() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    camera.write("picture", 0, true);
    camera.write("sound", 0, true);
    let player = Player::new(&publisher, "cam");
    for round in 0..60_u64 {
        player.play();
        // Anywhere between the first packet and the first buffers.
        std::thread::sleep(Duration::from_millis(round * 7919 % 61));
        camera.write("picture", round * 100_000, true);
        if round % 3 == 0 {
            let _ = player.pipeline.set_state(gst::State::Paused);
        }
        player.stop();
        assert_eq!(player.element.num_src_pads(), 0);
    }
}
