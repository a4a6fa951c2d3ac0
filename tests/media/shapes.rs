//! Every shape that a fragmented MP4 may have gives the right samples.

use bytes::Bytes;
use gstmoq::media::fmp4::{Demuxer, Event, Sample};
use gstmoq::media::{AudioConfig, Config, VideoConfig, catalog::Common};

use super::build::{self, boxed, elst, fragment, full, header, moof, tfdt, tfhd, words};
use super::{all, audio, made, sample, samples, tracks, video};

#[test]
fn tracks_carry_the_catalogs_configuration() {
    let opus = build::Track::new(3, 48_000, build::opus());
    let found = tracks(&header(&[video(), audio(), opus]));
    let configs: Vec<_> = found
        .into_iter()
        .map(|track| (track.id, track.timescale, track.config))
        .collect();
    let video = VideoConfig {
        codec: "avc1.42c01e".into(),
        description: Some(Bytes::from_static(build::AVCC)),
        coded_width: Some(640),
        coded_height: Some(360),
        ..Default::default()
    };
    let audio = AudioConfig {
        codec: "mp4a.40.2".into(),
        sample_rate: 48_000,
        number_of_channels: 2,
        common: Common {
            bitrate: Some(128_000),
            ..Default::default()
        },
        description: Some(Bytes::from_static(&[0x11, 0x90])),
        ..Default::default()
    };
    let opus = AudioConfig {
        codec: "opus".into(),
        sample_rate: 48_000,
        number_of_channels: 2,
        description: Some(Bytes::from_static(
            b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0",
        )),
        ..Default::default()
    };
    let expected = [
        (1, 90_000, Ok(Config::Video(video))),
        (2, 48_000, Ok(Config::Audio(audio))),
        (3, 48_000, Ok(Config::Audio(opus))),
    ];
    assert_eq!(configs, expected);
}

#[test]
fn an_unsupported_track_is_named_and_its_samples_are_left_out() {
    let hevc = build::Track::new(7, 90_000, boxed("mp4v", &[&[0; 78]]));
    let stream = [
        header(&[hevc, audio()]),
        fragment(7, 0, 1, &[(b"no", true)]),
        fragment(2, 0, 1, &[(b"yes", true)]),
    ]
    .concat();
    let reason = tracks(&stream)[0]
        .config
        .clone()
        .expect_err("unsupported")
        .to_string();
    assert_eq!(
        reason,
        "codec mp4v: H.264, H.265, AV1, VP8, VP9, AAC, Opus, FLAC, MP3, AC-3 and floats are supported in MP4"
    );
    assert_eq!(samples(&stream), [sample(2, 0, 1, true, b"yes")]);
}

#[test]
fn an_unsupported_track_may_have_a_sample_for_each_tick() {
    let pcm = build::Track::new(7, 48_000, build::audio_entry("ipcm", &[]));
    let build = |offset: u32| {
        let ticks = full("trun", 0, 0x1, &[&words(&[100_000, offset])]);
        let sound = boxed("traf", &[&tfhd(0x18, 7, &words(&[1, 2])), &ticks]);
        let picture = full("trun", 0, 0x200, &[&words(&[1, 3])]);
        moof(&[sound, boxed("traf", &[&tfhd(0, 1, &[]), &picture])])
    };
    let offset = build(0).len() as u32 + 8;
    let data = [&[0; 200_000], &b"abc"[..]].concat();
    let stream = [
        header(&[pcm, video()]),
        build(offset),
        boxed("mdat", &[&data]),
    ]
    .concat();
    let (events, end) = super::demux(&stream, 1000);
    assert_eq!(
        (&events[1..], end),
        (&[Event::Sample(sample(1, 0, 0, true, b"abc"))][..], Ok(()))
    );
}

#[test]
fn keyframes_follow_the_sync_flag_and_not_the_fragment() {
    let stream = [
        header(&[video()]),
        fragment(1, 0, 3000, &[(b"P0", false), (b"I1", true)]),
        fragment(
            1,
            6000,
            3000,
            &[(b"I2", true), (b"I3", true), (b"P4", false)],
        ),
    ]
    .concat();
    let expected = [
        sample(1, 0, 3000, false, b"P0"),
        sample(1, 3000, 3000, true, b"I1"),
        sample(1, 6000, 3000, true, b"I2"),
        sample(1, 9000, 3000, true, b"I3"),
        sample(1, 12_000, 3000, false, b"P4"),
    ];
    assert_eq!(samples(&stream), expected);
}

#[test]
fn a_sample_comes_out_with_its_last_byte_and_without_a_copy() {
    let stream = Bytes::from(
        [
            header(&[video()]),
            fragment(1, 0, 1, &[(b"one", true), (b"two", false)]),
        ]
        .concat(),
    );
    let mut demuxer = Demuxer::new();
    let end_of_first = stream.len() - 3;
    demuxer
        .push(stream.slice(..end_of_first - 1))
        .expect("valid");
    assert!(matches!(demuxer.next(), Some(Event::Tracks(_))));
    assert_eq!(demuxer.next(), None);
    demuxer
        .push(stream.slice(end_of_first - 1..))
        .expect("valid");
    let first = Sample {
        last: false,
        ..sample(1, 0, 1, true, b"one")
    };
    assert_eq!(demuxer.next(), Some(Event::Sample(first)));
    let Some(Event::Sample(second)) = demuxer.next() else {
        panic!("a sample")
    };
    assert!(second.last, "of its fragment");
    assert_eq!(second.payload.as_ptr(), stream[end_of_first..].as_ptr());
}

#[test]
fn defaults_come_from_the_run_then_the_fragment_then_the_movie() {
    let mut track = video();
    track.defaults = [10, 2, 0x0101_0000];
    let inherited = |offset| {
        let trun = full("trun", 0, 0x005, &[&words(&[2, offset, 0x0200_0000])]);
        boxed("traf", &[&tfhd(0x2_0000, 1, &[]), &tfdt(5), &trun])
    };
    let overridden = |offset| {
        let trun = full("trun", 0, 0x101, &[&words(&[2, offset, 20, 21])]);
        boxed("traf", &[&tfhd(0x2_0038, 1, &words(&[99, 1, 0])), &trun])
    };
    let stream = [
        header(&[track]),
        made(inherited, b"aabb"),
        made(overridden, b"cd"),
    ]
    .concat();
    let expected = [
        sample(1, 5, 10, true, b"aa"),
        sample(1, 15, 10, false, b"bb"),
        sample(1, 25, 20, true, b"c"),
        sample(1, 45, 21, true, b"d"),
    ];
    assert_eq!(samples(&stream), expected);
}

#[test]
fn composition_offsets_and_edit_lists_move_the_presentation_only_as_they_say() {
    let mut track = video();
    track.edits = Some(elst(&[(100, -1), (0, 3000)]));
    let run = |version, offsets: [i32; 2]| {
        move |offset| {
            let list = words(&[1, offsets[0] as u32, 1, offsets[1] as u32]);
            let trun = full("trun", version, 0xa01, &[&words(&[2, offset]), &list]);
            boxed(
                "traf",
                &[
                    &tfhd(0x2_0008, 1, &words(&[3000])),
                    &full("tfdt", 0, 0, &[&words(&[0])]),
                    &trun,
                ],
            )
        }
    };
    let stream = [
        header(&[track]),
        made(run(0, [3000, 9000]), b"ab"),
        made(run(1, [-3000, 0]), b"cd"),
    ]
    .concat();
    let times: Vec<_> = samples(&stream)
        .into_iter()
        .map(|sample| (sample.dts, sample.pts))
        .collect();
    // 100 ms are 9000, less 3000.
    assert_eq!(
        times,
        [(6000, 9000), (9000, 18_000), (6000, 3000), (9000, 9000)]
    );
}

#[test]
fn a_sample_without_duration_that_is_announced_at_its_end_starts_where_the_one_before_ended() {
    let one = |time, duration| fragment(1, time, duration, &[(b"x", true)]);
    let times = |fragments: &[Vec<u8>]| -> Vec<_> {
        let stream = [header(&[video()]), fragments.concat()].concat();
        samples(&stream)
            .into_iter()
            .map(|sample| (sample.dts, sample.duration))
            .collect()
    };
    let found = times(&[
        one(0, 10),
        one(10, 10),
        one(30, 0),
        one(30, 10),
        one(50, 0),
        one(50, 10),
    ]);
    assert_eq!(
        found,
        [(0, 10), (10, 10), (20, 10), (30, 10), (40, 10), (50, 10)]
    );
    let gap = times(&[one(0, 10), one(31, 0)]);
    assert_eq!(gap, [(0, 10), (31, 0)], "a real gap stays");
    let unknown = times(&[one(0, 0), one(10, 0), one(20, 0)]);
    assert_eq!(
        unknown,
        [(0, 0), (10, 0), (20, 0)],
        "a muxer that never knows durations"
    );
}

#[test]
fn tracks_and_runs_interleave_in_one_fragment() {
    // Offsets relative to the fragment, and none at all: each run goes on where the one before ended.
    let build = |offset: u32| {
        let first = full("trun", 0, 0x201, &[&words(&[1, offset, 2])]);
        let later = full("trun", 0, 0x201, &[&words(&[1, offset + 3, 2])]);
        let video = boxed(
            "traf",
            &[&tfhd(0x8, 1, &words(&[4])), &tfdt(0), &first, &later],
        );
        let next = full("trun", 0, 0x200, &[&words(&[1, 1])]);
        let audio = boxed(
            "traf",
            &[&tfhd(0x8, 2, &words(&[6])), &tfdt(1), &next, &next],
        );
        moof(&[video, audio])
    };
    let offset = build(0).len() as u32 + 8;
    let stream = [
        header(&[video(), audio()]),
        build(offset),
        boxed("mdat", &[b"v0-v1abrest"]),
    ]
    .concat();
    let expected = [
        sample(1, 0, 4, true, b"v0"),
        sample(1, 4, 4, true, b"v1"),
        sample(2, 1, 6, true, b"a"),
        sample(2, 7, 6, true, b"b"),
    ];
    assert_eq!(samples(&stream), expected);
}

#[test]
fn absolute_offsets_count_from_the_start_of_their_file() {
    let head = header(&[video()]);
    let base = head.len() as u64;
    let fragment = made(
        |offset| {
            let trun = full("trun", 0, 0x201, &[&words(&[1, offset, 3])]);
            boxed(
                "traf",
                &[
                    &tfhd(0x9, 1, &[&base.to_be_bytes()[..], &words(&[5])].concat()),
                    &trun,
                ],
            )
        },
        b"abc",
    );
    let file = [head, fragment].concat();
    assert_eq!(samples(&file), [sample(1, 0, 5, true, b"abc")]);
    let twice = [file.clone(), file].concat();
    assert_eq!(
        samples(&twice),
        [sample(1, 0, 5, true, b"abc"), sample(1, 5, 5, true, b"abc")]
    );
}

#[test]
fn boxes_that_say_nothing_are_skipped() {
    let mut large = words(&[1]);
    large.extend(b"free");
    large.extend(20u64.to_be_bytes());
    large.extend([9; 4]);
    let junk: Vec<u8> = ["styp", "sidx", "emsg", "prft", "uuid", "free"]
        .into_iter()
        .flat_map(|kind| boxed(kind, &[&[0; 33]]))
        .chain(boxed("mdat", &[b"nobody's"]))
        .chain(boxed("skip", &[]))
        .chain(large)
        .collect();
    let fragment = fragment(1, 0, 1, &[(b"abc", true)]);
    let stream = [&junk[..], &header(&[video()]), &junk, &fragment, &junk].concat();
    assert_eq!(samples(&stream), [sample(1, 0, 1, true, b"abc")]);
}

#[test]
fn media_data_may_have_a_large_size_or_none() {
    for size in [0u32, 1] {
        let traf = |offset: u32| {
            let trun = full("trun", 0, 0x201, &[&words(&[1, offset + 8 * size, 3])]);
            boxed("traf", &[&tfhd(0x2_0000, 1, &[]), &trun])
        };
        let mut stream = [header(&[video()]), made(traf, b"")].concat();
        stream.truncate(stream.len() - 8);
        stream.extend(words(&[size]));
        stream.extend(b"mdat");
        if size == 1 {
            stream.extend((16u64 + 5).to_be_bytes());
        }
        stream.extend(b"abcde");
        assert_eq!(samples(&stream), [sample(1, 0, 0, true, b"abc")]);
    }
}

#[test]
fn several_fragments_may_share_their_media_data_and_pauses_have_no_sample() {
    let build = |id, offset: u32| {
        let trun = full("trun", 0, 0x201, &[&words(&[2, offset, 0, 2])]);
        moof(&[boxed("traf", &[&tfhd(0x2_0008, id, &words(&[5])), &trun])])
    };
    let size = build(1, 0).len() as u32;
    let stream = [
        header(&[video(), audio()]),
        build(1, 2 * size + 8 + 2),
        build(2, size + 8),
        boxed("mdat", &[b"a1v1"]),
    ]
    .concat();
    assert_eq!(
        samples(&stream),
        [sample(2, 5, 5, true, b"a1"), sample(1, 5, 5, true, b"v1")]
    );
}

#[test]
fn a_repeated_moov_is_ignored_and_a_changed_one_is_told() {
    let part = |time| fragment(1, time, 1, &[(b"x", true)]);
    let stream = [
        header(&[video()]),
        part(0),
        header(&[video()]),
        part(1),
        header(&[video(), audio()]),
        part(2),
    ]
    .concat();
    let (events, end) = all(&stream);
    assert_eq!(end, Ok(()));
    let counts: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Tracks(tracks) => tracks.len(),
            Event::Sample(_) | Event::Fragment(_) => 0,
        })
        .collect();
    assert_eq!(counts, [1, 0, 0, 2, 0]);
}
