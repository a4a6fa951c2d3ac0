//! Fragments that are passed on as they came.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use gstmoq::media::{
    Config, Container, Micros,
    container::{self, Kind, Reader, Writer},
    fmp4::{Demuxer, Event, Fragment, Init},
};

use crate::{
    audio,
    build::{self, boxed, elst, fragment, full, header, moof, tfdt, tfhd, words},
    video,
};

/// What a demuxer that keeps fragments tells of a stream.
fn told(stream: &[u8]) -> (Demuxer, Vec<Event>) {
    let mut demuxer = Demuxer::with_fragments();
    demuxer
        .push(Bytes::copy_from_slice(stream))
        .expect("a good stream");
    let events = std::iter::from_fn(|| demuxer.next()).collect();
    (demuxer, events)
}

fn fragments<'a>(events: &'a [Event]) -> Vec<&'a Fragment> {
    let fragment = |event: &'a Event| match event {
        Event::Fragment(fragment) => Some(fragment),
        _ => None,
    };
    events.iter().filter_map(fragment).collect()
}

/// The first track of a stream as the catalog has it.
fn config(events: &[Event]) -> Config {
    match &events[0] {
        Event::Tracks(tracks) => tracks[0].config.clone().expect("it is supported"),
        event => panic!("{event:?}"),
    }
}

/// A sample as it is to be written, with times in ms.
fn sample(dts: u64, pts: u64, keyframe: bool, payload: &'static [u8]) -> container::Sample {
    let time = |millis| Micros::from_scale(millis, 1000).expect("small");
    container::Sample {
        dts: Some(time(dts)),
        ..container::Sample::new(time(pts), keyframe, Bytes::from_static(payload))
    }
}

/// A `prft` box of version 1, which says when `time` was on the wall clock.
fn prft(time: u64) -> Vec<u8> {
    full("prft", 1, 24, &[&words(&[1, 7, 8]), &time.to_be_bytes()])
}

/// An `emsg` box of version 1 with a timescale of 1000.
fn emsg(time: u64) -> Vec<u8> {
    let event = words(&[10, 1]);
    full(
        "emsg",
        1,
        0,
        &[
            &words(&[1000]),
            &time.to_be_bytes(),
            &event,
            b"urn:x\0\0hello",
        ],
    )
}

#[test]
fn a_fragment_is_told_before_its_last_sample_and_only_where_it_is_asked_for() {
    let first = fragment(1, 0, 20, &[(b"a", true), (b"b", false)]);
    let second = fragment(1, 40, 20, &[(b"c", true)]);
    let stream = [header(&[video()]), first, second].concat();
    let (_, events) = told(&stream);
    let kinds: String = events
        .iter()
        .map(|event| match event {
            Event::Tracks(_) => 't',
            Event::Sample(_) => 's',
            Event::Fragment(_) => 'f',
        })
        .collect();
    assert_eq!(kinds, "tsfsfs");
    let times: Vec<_> = fragments(&events)
        .iter()
        .map(|fragment| fragment.times.to_vec())
        .collect();
    assert_eq!(times, [vec![(0, 0), (20, 20)], vec![(40, 40)]]);
    let mut demuxer = Demuxer::new();
    demuxer.push(stream.into()).expect("a good stream");
    assert_eq!(demuxer.init(1), None);
    assert!(
        std::iter::from_fn(|| demuxer.next()).all(|event| !matches!(event, Event::Fragment(_)))
    );
}

#[test]
fn what_moves_with_time_moves_and_nothing_else_changes() {
    let made = |time: u64| fragment(1, time, 20, &[(b"a", true), (b"b", false)]);
    let head = |time: u64| {
        let whole = made(time);
        whole[..whole.len() - 2].to_vec()
    };
    let stream = [header(&[video()]), prft(900), emsg(5), made(1_000)].concat();
    let (_, events) = told(&stream);
    let [fragment] = fragments(&events)[..] else {
        panic!("{events:?}");
    };
    // 90 000 units are one second.
    let moved = [prft(180_900), emsg(2_005), head(181_000)].concat();
    assert_eq!(fragment.head(180_000).as_deref(), Some(&moved[..]));
    let same = [prft(900), emsg(5), head(1_000)].concat();
    assert_eq!(fragment.head(0).as_deref(), Some(&same[..]));
    // There is no time before zero.
    assert_eq!(fragment.head(-1_001), None);
}

#[test]
fn what_the_movie_says_of_its_samples_is_put_into_the_fragment() {
    let track = build::Track {
        defaults: [20, 1, 0x0200_0000],
        ..video()
    };
    let run = |offset: u32| full("trun", 0, 1, &[&words(&[2, offset])]);
    let made = |flags: u32, fields: &[u32]| {
        let traf = |offset: u32| {
            let tfhd = tfhd(flags, 1, &words(fields));
            [boxed("traf", &[&tfhd, &tfdt(40), &run(offset)])]
        };
        let size = moof(&traf(0)).len() as u32 + 8;
        [moof(&traf(size)), boxed("mdat", &[b"ab"])].concat()
    };
    let stream = [header(&[track]), made(0x2_0002, &[1])].concat();
    let (_, events) = told(&stream);
    let head = fragments(&events)[0].head(0).expect("it can be moved");
    let expected = made(0x2_003a, &[1, 20, 1, 0x0200_0000]);
    assert_eq!(head, expected[..expected.len() - 2]);
}

#[test]
fn what_does_not_lie_alone_or_does_not_move_is_not_told() {
    let data = b"ab";
    let run = |offset: u32| full("trun", 0, 0x201, &[&words(&[1, offset, 1])]);
    let traf = |flags: u32, id: u32, fields: &[u8], offset: u32| {
        boxed("traf", &[&tfhd(flags, id, fields), &tfdt(0), &run(offset)])
    };
    let size = |trafs: &[Vec<u8>]| moof(trafs).len() as u32 + 8;
    let two = |offset: u32| {
        [
            traf(0x2_0000, 1, &[], offset),
            traf(0x2_0000, 2, &[], offset + 1),
        ]
    };
    let shared = [moof(&two(size(&two(0)))), boxed("mdat", &[data])].concat();
    let start = header(&[video(), audio()]).len() as u64;
    let absolute = |at: u64| [traf(1, 1, &at.to_be_bytes(), 0)];
    let whole = |at: u64| [moof(&absolute(at)), boxed("mdat", &[b"a"])].concat();
    let absolute = whole(start + u64::from(size(&absolute(0))));
    let one = |offset: u32| [traf(0x2_0000, 1, &[], offset)];
    let apart = [
        moof(&one(size(&one(0)) + 8)),
        boxed("free", &[]),
        boxed("mdat", &[b"a"]),
    ]
    .concat();
    for stream in [shared, absolute, apart] {
        let (_, events) = told(&[header(&[video(), audio()]), stream].concat());
        assert!(events.len() >= 2, "{events:?}");
        assert_eq!(fragments(&events), Vec::<&Fragment>::new());
    }
}

#[test]
fn one_track_of_several_begins_with_what_it_needs_and_without_its_edit_list() {
    let edited = build::Track {
        edits: Some(elst(&[(0, 512)])),
        ..audio()
    };
    let (demuxer, _) = told(&header(&[video(), edited]));
    let init = demuxer.init(2).expect("it is small");
    assert_eq!((init.track, init.timescale), (2, 48_000));
    let brands = boxed("ftyp", &[b"iso6\0\0\0\0iso6cmfcmp41"]);
    assert_eq!(init.bytes, [brands, build::moov(&[audio()])].concat());
    assert_eq!(demuxer.init(3), None);
}

/// A writer of CMAF for a movie of one track, and the catalog's entry.
fn writer(demuxer: &Demuxer, events: &[Event]) -> (Writer, Config, Init) {
    let mut config = config(events);
    let init = demuxer.init(1).expect("it is small");
    let writer = Writer::with_init(Kind::Cmaf, &mut config, Some(&init)).expect("it has a place");
    (writer, config, init)
}

#[test]
fn a_fragment_that_is_passed_on_and_one_that_is_made_anew_are_read_alike() {
    let made = fragment(1, 9_000, 1_800, &[(b"a", true), (b"b", false)]);
    let (demuxer, events) = told(&[header(&[video()]), made.clone()].concat());
    let (mut writer, config, init) = writer(&demuxer, &events);
    let Some(Container::Cmaf { init: base64 }) = config.container() else {
        panic!("{config:?}");
    };
    assert_eq!(*base64, BASE64_STANDARD.encode(&init.bytes));

    let fragment = fragments(&events)[0];
    let samples = [
        sample(5_000, 5_000, true, b"a"),
        sample(5_020, 5_020, false, b"b"),
    ];
    let passed = writer.pass(&samples, fragment).expect("it fits");
    let expected = fragment.head(450_000 - 9_000).expect("it can be moved");
    assert_eq!(passed.chunks.concat(), [&expected[..], b"ab"].concat());

    // Samples that lie elsewhere relative to each other, or are not all there, and decode times that do not rise.
    let apart = [
        sample(6_000, 6_000, true, b"a"),
        sample(6_050, 6_050, false, b"b"),
    ];
    assert_eq!(writer.pass(&apart, fragment), None);
    assert_eq!(writer.pass(&apart[..1], fragment), None);
    assert_eq!(writer.pass(&samples, fragment), None);
    let rebuilt = writer
        .write(apart.clone().into_iter().collect())
        .expect("it has a place");

    let mut reader = Reader::new(&config).expect("it can be read");
    let times = |frame: &container::Frame, reader: &mut Reader| -> Vec<_> {
        let samples = reader
            .read(None, frame.chunks.to_vec())
            .expect("a fragment");
        let time = |sample: &container::Sample| sample.timestamp.as_micros() / 1000;
        samples
            .iter()
            .map(|sample| (time(sample), sample.keyframe, sample.payload.clone()))
            .collect()
    };
    let (a, b) = (Bytes::from_static(b"a"), Bytes::from_static(b"b"));
    assert_eq!(
        times(&passed, &mut reader),
        [(5_000, true, a.clone()), (5_020, false, b.clone())]
    );
    assert_eq!(
        times(&rebuilt[0], &mut reader),
        [(6_000, true, a), (6_050, false, b)]
    );
}

#[test]
fn times_stay_exact_while_the_timeline_goes_on() {
    // A third of a millisecond is no number of microseconds.
    let movie = build::Track::new(1, 3_000, build::avc1());
    let made: Vec<u8> = (0..90)
        .flat_map(|number| fragment(1, number * 100, 100, &[(b"x", true)]))
        .collect();
    let (demuxer, events) = told(&[header(&[movie]), made].concat());
    let (mut writer, ..) = writer(&demuxer, &events);
    for (number, fragment) in fragments(&events).into_iter().enumerate() {
        let micros = 7_000_000 + number as u64 * 100_000 / 3;
        let time = Micros::from_scale(micros, 1_000_000).expect("small");
        let sample = container::Sample::new(time, true, Bytes::from_static(b"x"));
        let frame = writer.pass(&[sample], fragment).expect("it fits");
        assert_eq!(
            frame.chunks[0],
            fragment.head(21_000).expect("it can be moved")
        );
    }
}
