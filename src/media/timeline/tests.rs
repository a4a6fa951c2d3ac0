//! Synthetic arrivals: bursts, jitter, drift, restarts.

use super::*;

const FRAME: i64 = 33_333;
const LATENCY: Duration = Duration::from_millis(100);

fn timeline() -> Timeline {
    Timeline::new(LATENCY, Keep::Live)
}

fn observe(timeline: &mut Timeline, track: TrackId, media: i64, arrival: i64) -> bool {
    let arrival = Duration::from_micros(arrival as u64);
    timeline.observe(track, media, arrival).jumped
}

fn running(timeline: &Timeline, track: TrackId, media: i64) -> i64 {
    timeline.running_time(track, media).expect("joined")
}

/// A number in `0..limit` that looks random.
fn noise(seed: i64, limit: i64) -> i64 {
    let mixed = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) as i64 % limit
}

#[test]
fn a_join_at_any_phase_of_a_group_shows_the_live_edge() {
    for phase in 0..10 {
        let (mut timeline, begin) = (timeline(), 500_000);
        let track = timeline.add_track();
        let backlog = phase * 200_000 / FRAME;
        for frame in 0..=backlog {
            assert!(!observe(
                &mut timeline,
                track,
                7_000_000 + frame * FRAME,
                begin + frame * 500
            ));
            assert_eq!(timeline.start(), None);
        }
        // The newest frame of the burst was as fast as a frame can be.
        let edge = begin + backlog * 500;
        for frame in 1..=2 {
            let media = 7_000_000 + (backlog + frame) * FRAME;
            observe(&mut timeline, track, media, edge + frame * FRAME);
        }
        assert_eq!(
            running(&timeline, track, 7_000_000 + backlog * FRAME),
            edge,
            "phase {phase}"
        );
        let start = timeline.start().expect("joined");
        assert!(
            (0..=100_000).contains(&(edge - start)),
            "phase {phase}: {start} for {edge}"
        );
        assert!(timeline.poll(Duration::ZERO));
    }
}

#[test]
fn a_backlog_older_than_the_pipeline_has_negative_running_time() {
    let mut timeline = timeline();
    let track = timeline.add_track();
    for frame in 0..60 {
        observe(&mut timeline, track, frame * FRAME, 1_000);
    }
    assert!(timeline.poll(Duration::from_millis(251)));
    assert_eq!(running(&timeline, track, 0), 1_000 - 59 * FRAME);
    assert_eq!(timeline.start(), Some(0));
}

#[test]
fn a_viewer_that_was_there_before_the_publisher_is_shown_the_first_frame() {
    let mut timeline = timeline();
    let track = timeline.add_track();
    for frame in 0..3 {
        observe(
            &mut timeline,
            track,
            frame * FRAME,
            3_000_000 + frame * FRAME + noise(frame, 5_000),
        );
    }
    assert_eq!(timeline.start(), Some(running(&timeline, track, 0)));
}

#[test]
fn a_join_waits_no_longer_than_its_limit() {
    let mut timeline = timeline();
    let track = timeline.add_track();
    assert_eq!(timeline.deadline(), None);
    assert!(!timeline.poll(Duration::from_secs(9)));
    observe(&mut timeline, track, 40, 1_000_000);
    let deadline = Duration::from_secs(1) + Timeline::JOIN_LIMIT;
    assert_eq!(timeline.deadline(), Some(deadline));
    assert!(!timeline.poll(deadline - Duration::from_micros(1)));
    assert!(timeline.poll(deadline));
    assert_eq!(
        (timeline.start(), running(&timeline, track, 40)),
        (Some(1_000_000), 1_000_000)
    );
}

#[test]
fn one_pause_in_the_burst_does_not_end_it() {
    let mut timeline = timeline();
    let track = timeline.add_track();
    for frame in 0..40 {
        let pause = if frame >= 20 { 50_000 } else { 0 };
        observe(
            &mut timeline,
            track,
            frame * FRAME,
            1_000_000 + frame * 1_000 + pause,
        );
    }
    assert_eq!(timeline.start(), None);
}

#[test]
fn audio_that_starts_later_is_in_step_with_the_video() {
    let mut timeline = timeline();
    let (video, audio) = (timeline.add_track(), timeline.add_track());
    let capture = |media: i64| media + 250_000;
    for frame in 0..300 {
        let media = frame * FRAME;
        observe(
            &mut timeline,
            video,
            media,
            capture(media) + noise(frame, 4_000),
        );
    }
    for packet in 150..500 {
        let media = packet * 20_000;
        let jumped = observe(
            &mut timeline,
            audio,
            media,
            capture(media) + noise(packet, 4_000),
        );
        assert!(!jumped);
        let (sound, picture) = (
            running(&timeline, audio, media),
            running(&timeline, video, media),
        );
        assert_eq!(sound, picture);
        assert!((capture(media)..=capture(media) + 4_000).contains(&sound));
    }
}

#[test]
fn jitter_does_not_move_the_mapping() {
    let mut timeline = timeline();
    let track = timeline.add_track();
    let mut last = i64::MIN;
    for frame in 0..3_000 {
        let media = frame * FRAME;
        let jumped = observe(
            &mut timeline,
            track,
            media,
            90_000 + media + noise(frame, 30_000),
        );
        assert!(!jumped, "frame {frame}");
        if timeline.start().is_some() {
            let now = running(&timeline, track, media);
            assert!(now > last && (90_000..=110_000).contains(&(now - media)));
            last = now;
        }
    }
}

#[test]
fn drift_is_followed_slowly() {
    for ppm in [-100, 100] {
        let mut timeline = timeline();
        let track = timeline.add_track();
        let mut worst = 0;
        for frame in 0..18_000 {
            let media = frame * FRAME;
            let ideal = 200_000 + media + media * ppm / 1_000_000;
            assert!(!observe(
                &mut timeline,
                track,
                media,
                ideal + noise(frame, 3_000)
            ));
            if frame > 300 {
                worst = worst.max((running(&timeline, track, media) - ideal).abs());
            }
        }
        assert!(worst < 3_000, "{worst} microseconds off at {ppm} ppm");
    }
}

#[test]
fn a_restart_from_zero_jumps_once_on_each_track() {
    let mut timeline = timeline();
    let (video, audio) = (timeline.add_track(), timeline.add_track());
    for frame in 0..100 {
        observe(
            &mut timeline,
            video,
            60_000_000 + frame * FRAME,
            100_000 + frame * FRAME,
        );
        observe(
            &mut timeline,
            audio,
            60_000_000 + frame * FRAME,
            101_000 + frame * FRAME,
        );
    }
    let restart = 100_000 + 100 * FRAME;
    assert!(observe(&mut timeline, video, 0, restart));
    // Audio from before the restart is still on its way, and stays in its place.
    let late = 60_000_000 + 100 * FRAME;
    assert!(!observe(&mut timeline, audio, late, restart + 1_000));
    assert_eq!(running(&timeline, audio, late), restart);
    assert!(observe(&mut timeline, audio, 0, restart + 2_000));
    assert_eq!(running(&timeline, audio, 0), running(&timeline, video, 0));
    for frame in 1..100 {
        let media = frame * FRAME;
        assert!(!observe(&mut timeline, video, media, restart + media));
        assert!(!observe(&mut timeline, audio, media, restart + media));
        assert_eq!(running(&timeline, video, media), restart + media);
    }
}

#[test]
fn a_jump_ahead_is_followed_at_once() {
    let mut timeline = timeline();
    let track = timeline.add_track();
    for frame in 0..10 {
        observe(
            &mut timeline,
            track,
            frame * FRAME,
            1_000_000 + frame * FRAME,
        );
    }
    let media = 3_600_000_000;
    assert!(observe(&mut timeline, track, media, 2_000_000));
    assert_eq!(running(&timeline, track, media), 2_000_000);
    assert!(!observe(
        &mut timeline,
        track,
        media + FRAME,
        2_000_000 + FRAME
    ));
}

#[test]
fn a_publisher_that_stood_still_is_late_for_less_than_two_seconds() {
    let mut timeline = timeline();
    let track = timeline.add_track();
    let mut jumps = Vec::new();
    for frame in 0..400 {
        let pause = if frame >= 100 { 3_000_000 } else { 0 };
        if observe(
            &mut timeline,
            track,
            frame * FRAME,
            1_000_000 + frame * FRAME + pause,
        ) {
            jumps.push(frame);
        }
    }
    assert!(
        jumps.len() == 1 && (100..=150).contains(&jumps[0]),
        "{jumps:?}"
    );
    assert_eq!(
        running(&timeline, track, 399 * FRAME),
        4_000_000 + 399 * FRAME
    );
}

#[test]
fn a_pipeline_that_was_paused_joins_again() {
    let mut timeline = timeline();
    let track = timeline.add_track();
    for frame in 0..10 {
        observe(
            &mut timeline,
            track,
            frame * FRAME,
            1_000_000 + frame * FRAME,
        );
    }
    timeline.rejoin();
    assert_eq!(timeline.start(), None);
    for frame in 0..3 {
        let media = 20_000_000 + frame * FRAME;
        assert!(!observe(
            &mut timeline,
            track,
            media,
            1_400_000 + frame * FRAME
        ));
    }
    assert_eq!(timeline.start(), Some(1_400_000));
}

#[test]
fn extreme_times_do_not_overflow() {
    let mut timeline = timeline();
    let track = timeline.add_track();
    for keep in [Keep::Live, Keep::Everything] {
        timeline.keep = keep;
        for (media, arrival) in [
            (i64::MAX, Duration::ZERO),
            (i64::MIN, Duration::MAX),
            (0, Duration::MAX),
        ]
        .repeat(6)
        {
            timeline.observe(track, media, arrival);
            timeline.poll(Duration::MAX);
            timeline.running_time(track, media);
        }
        timeline.rejoin();
    }
}

#[test]
fn a_network_that_falls_behind_is_not_followed_while_it_does() {
    let mut timeline = timeline();
    let track = timeline.add_track();
    let mut latest = Duration::ZERO;
    for frame in 0..140 {
        // From the second second on, frames take half as long again as they may.
        let behind = (frame - 60).max(0) * FRAME / 2;
        let arrival = Duration::from_micros((1_000_000 + frame * FRAME + behind) as u64);
        let seen = timeline.observe(track, frame * FRAME, arrival);
        assert!(!seen.jumped, "frame {frame}");
        latest = seen.late;
    }
    assert!(latest > Duration::from_secs(1), "{latest:?}");
    // A group that overtakes the rest is in its place at once.
    let arrival = 1_000_000 + 200 * FRAME;
    assert!(!observe(&mut timeline, track, 200 * FRAME, arrival));
    let now = running(&timeline, track, 200 * FRAME);
    assert!((now - arrival).abs() < 15_000, "{now} {arrival}");
}

#[test]
fn a_picture_that_is_behind_stays_in_step_with_sound_when_the_mapping_jumps() {
    // Both stand still for three seconds, or both are suddenly faster than ever; of the picture half a second is still
    // under way.
    for (before, after) in [(1_000_000, 4_000_000), (1_000_000, 800_000)] {
        let mut timeline = timeline();
        let (video, audio) = (timeline.add_track(), timeline.add_track());
        let behind = 500_000;
        let mut sounds = Vec::new();
        let (mut ahead, mut jumps, mut edge) = (0, [0, 0], i64::MAX);
        for packet in 0..500 {
            let media = packet * 20_000;
            let arrival = media + if packet < 100 { before } else { after };
            if observe(&mut timeline, audio, media, arrival) {
                jumps[0] += 1;
                edge = media;
            }
            if timeline.start().is_some() {
                sounds.push((media, running(&timeline, audio, media)));
            }
            let picture = media - behind;
            if picture < 0 {
                continue;
            }
            jumps[1] += u64::from(observe(&mut timeline, video, picture, arrival));
            let Some((_, sound)) = sounds.iter().find(|(other, _)| *other == picture) else {
                continue;
            };
            // The drift of the clocks is followed between the two.
            let shown = running(&timeline, video, picture);
            assert!((shown - sound).abs() < 5_000, "{shown} {sound}");
            // Neither is shown while what was before still is.
            let last = sounds.iter().rfind(|(other, _)| *other < edge);
            let not_before = timeline.not_before(video, picture).expect("joined");
            if let Some((other, last)) = last.filter(|_| picture >= edge) {
                assert!((last + edge - other - not_before).abs() < 5_000);
            } else {
                assert_eq!(Some(not_before), timeline.start());
            }
            ahead += 1;
        }
        assert!(ahead > 400, "{ahead}");
        assert_eq!(jumps, [1, 1]);
    }
}

#[test]
fn a_recording_has_the_backlog_and_stays_where_it_began() {
    let mut timeline = Timeline::new(LATENCY, Keep::Everything);
    let (video, audio) = (timeline.add_track(), timeline.add_track());
    // Two seconds of backlog come in the first tenth of a second of the pipeline.
    for frame in 0..60 {
        observe(&mut timeline, video, 7_000_000 + frame * FRAME, 100_000);
    }
    observe(&mut timeline, audio, 8_980_000, 100_000);
    assert!(timeline.poll(Duration::from_millis(400)));
    assert_eq!(timeline.start(), Some(0));
    assert_eq!(running(&timeline, video, 7_000_000), 0);
    assert_eq!(running(&timeline, audio, 8_980_000), 1_980_000);
    // Frames that are seconds early or late leave it there.
    for (frame, delay) in (60..1_000).zip([0, 3_000_000, 500_000].iter().cycle()) {
        let jumped = observe(
            &mut timeline,
            video,
            7_000_000 + frame * FRAME,
            100_000 + (frame - 59) * FRAME + delay,
        );
        assert!(!jumped, "frame {frame}");
    }
    assert_eq!(running(&timeline, audio, 8_980_000), 1_980_000);
    // A restart follows what was before.
    let last = running(&timeline, video, 7_000_000 + 999 * FRAME);
    assert!(observe(&mut timeline, video, 0, 1_000 * FRAME));
    assert!(running(&timeline, video, 0) > last);
    // So does a broadcast that returns.
    let last = running(&timeline, video, 0);
    timeline.rejoin();
    observe(&mut timeline, video, 500_000_000, 1_001 * FRAME);
    assert!(timeline.poll(Duration::from_secs(3_600)));
    assert!(timeline.start().is_some_and(|start| start > last));
}

#[test]
fn the_tolerance_that_is_wanted_leaves_one_accident_out() {
    let mut timeline = timeline();
    let track = timeline.add_track();
    assert_eq!(timeline.wanted_tolerance(), Duration::ZERO);
    for frame in 0..300 {
        let late = match frame {
            150 => 900_000,
            frame if frame % 10 == 0 => 40_000,
            _ => 0,
        };
        observe(
            &mut timeline,
            track,
            frame * FRAME,
            1_000_000 + frame * FRAME + late,
        );
    }
    let wanted = timeline.wanted_tolerance().as_millis();
    assert!((38..=42).contains(&wanted), "{wanted}");
    let jitter = timeline.jitter(track).as_millis();
    assert!((1..40).contains(&jitter), "{jitter}");
    timeline.set_announced_jitter(track, Duration::from_millis(134));
    assert_eq!(timeline.wanted_tolerance(), Duration::from_millis(134));
}
