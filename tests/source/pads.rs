//! The pads that a broadcast gets, and what is said of them.

use std::time::Duration;

use gst::prelude::*;
use gstmoq::media::Config;

use crate::{
    camera::{Publisher, audio, video},
    player::{Player, Seen, playing},
};

#[test]
fn video_pads_come_first_with_complete_caps_and_then_no_more() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("sound", audio()), ("picture", video(1280, 720))]);
    let player = Player::new(&publisher, "cam");
    player.play();
    let begin = player.until_pads();
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
    player.until_pads();
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
fn a_player_that_asks_is_told_how_long_it_has_played() {
    let (_publisher, mut camera, player) = playing(&[("picture", video(64, 64))]);
    let mut asked = 0;
    let position = || player.pipeline.query_position::<gst::ClockTime>();
    // Media time of a publisher that has been on air for an hour.
    while position().is_none_or(|position| position.is_zero()) {
        assert!(asked < 500, "{:?}", position());
        camera.write("picture", 3_600_000_000 + asked * 33_333, asked == 0);
        player.until_buffer();
        asked += 1;
    }
    let limit = gst::ClockTime::from_seconds(60);
    assert!(position().is_some_and(|position| position < limit));
}

#[test]
fn pads_that_nobody_links_are_named() {
    let publisher = Publisher::new();
    let _camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::linking(&publisher, "cam", |_| false);
    player.play();
    assert_eq!(
        player.warning().message(),
        "Nothing is linked to any of the pads: video_0, audio_0"
    );
}

#[test]
fn renditions_come_and_go_and_a_new_track_takes_the_place_of_an_old_one() {
    let (_publisher, mut camera, player) = playing(&[("one", video(64, 64))]);
    camera.write("one", 0, true);
    player.until_buffer();

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
    let warning = player.warning();
    assert_eq!(
        warning.message(),
        "The video track strange is left out: its codec theora is not supported"
    );
    player.until_pads();
    camera.write("sound", 0, true);
    player.until(|seen| matches!(seen, Seen::Buffer { pad, .. } if pad == "audio_0"));
}

#[test]
fn a_pad_that_nobody_links_does_not_stop_the_others_and_plays_once_linked() {
    let publisher = Publisher::new();
    let mut camera = publisher.camera("cam", &[("picture", video(64, 64)), ("sound", audio())]);
    let player = Player::linking(&publisher, "cam", |name| name == "audio_0");
    player.play();
    player.until_pads();
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
fn audio_and_video_stay_in_step_when_audio_starts_later() {
    let (_publisher, mut camera, player) =
        playing(&[("picture", video(64, 64)), ("sound", audio())]);
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
