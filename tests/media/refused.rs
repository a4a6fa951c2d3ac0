//! What is broken is refused with a reason, and never with a panic.

use bytes::Bytes;
use gstmoq::media::fmp4::{Demuxer, Error};

use super::build::{self, boxed, elst, fragment, full, header, moov, tfhd, words};
use super::{audio, demux, error, made, samples, video};

#[test]
fn what_is_not_fragmented_mp4_is_refused_with_advice() {
    assert_eq!(
        error(b"RIFF\0\0\0\0AVI ?").to_string(),
        "the stream is not MP4: there is no box at byte 0"
    );
    let mut progressive = moov(&[video()]);
    let at = progressive
        .windows(4)
        .position(|kind| kind == b"mvex")
        .expect("there");
    progressive[at..at + 4].copy_from_slice(b"free");
    assert_eq!(error(&progressive), Error::Progressive);
    assert!(
        Error::Progressive
            .to_string()
            .contains("mp4mux fragment-duration")
    );
    assert!(
        Error::Progressive
            .to_string()
            .contains("frag_keyframe+empty_moov")
    );
    let mut track = video();
    track.listed = 3;
    assert_eq!(error(&header(&[track])), Error::Hybrid);
    assert_eq!(error(&fragment(1, 0, 1, &[(b"x", true)])), Error::NoMovie);
    assert_eq!(error(&boxed("free", &[])), Error::Empty);
    assert_eq!(demux(b"", 1).1, Err(Error::Empty));
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let oversized =
        |kind: &str, size: u32| [&words(&[size])[..], kind.as_bytes(), b"        "].concat();
    let kind = |text: &str| mp4(text);
    assert_eq!(
        error(&oversized("moov", 7)),
        Error::BoxSize {
            kind: kind("moov"),
            position: 0,
            size: 7
        }
    );
    assert_eq!(
        error(&oversized("moov", 0)),
        Error::BoxSize {
            kind: kind("moov"),
            position: 0,
            size: 0
        }
    );
    let large = [&oversized("free", 1)[..8], &15u64.to_be_bytes()].concat();
    assert_eq!(
        error(&large),
        Error::BoxSize {
            kind: kind("free"),
            position: 0,
            size: 15
        }
    );
    let max = 16 << 20;
    let size = u64::from(max) + 1;
    let expected = Error::BoxTooLarge {
        kind: kind("moov"),
        size,
        max: max.into(),
    };
    assert_eq!(error(&oversized("moov", max + 9)), expected);

    let many = |offset| {
        let trun = full("trun", 0, 1, &[&words(&[u32::MAX, offset])]);
        boxed("traf", &[&tfhd(0x2_0010, 1, &words(&[1])), &trun])
    };
    assert_eq!(
        error(&[header(&[video()]), made(many, b"")].concat()),
        Error::TooManySamples(65_536)
    );
    let huge = |offset| {
        let trun = full("trun", 0, 0x201, &[&words(&[1, offset, 1 << 31])]);
        boxed("traf", &[&tfhd(0x2_0000, 1, &[]), &trun])
    };
    let expected = Error::SampleTooLarge {
        track: 1,
        size: 1 << 31,
        max: 32 << 20,
    };
    assert_eq!(
        error(&[header(&[video()]), made(huge, b"")].concat()),
        expected
    );
}

fn mp4(kind: &str) -> mp4_atom::FourCC {
    mp4_atom::FourCC::from(<[u8; 4]>::try_from(kind.as_bytes()).expect("four letters"))
}

#[test]
fn samples_outside_of_their_media_data_are_refused() {
    let head = header(&[video()]);
    let at = |shift: i32, sizes: [u32; 2], second: u32| {
        let build = move |offset: u32| {
            let run = |offset: u32, size| full("trun", 0, 0x201, &[&words(&[1, offset, size])]);
            let first = run(offset.wrapping_add_signed(shift), sizes[0]);
            boxed(
                "traf",
                &[
                    &tfhd(0x2_0000, 1, &[]),
                    &first,
                    &run(offset + second, sizes[1]),
                ],
            )
        };
        [head.clone(), made(build, b"abcdef"), boxed("free", &[])].concat()
    };
    let content = at(0, [1, 1], 1).len() as u64 - 14;
    let outside = |position, size| Error::OutsideMediaData {
        track: 1,
        position,
        size,
    };
    assert_eq!(samples(&at(0, [3, 3], 3)).len(), 2);
    assert_eq!(
        error(&at(-1, [1, 1], 1)),
        outside(content - 1, 1),
        "in the header"
    );
    assert_eq!(
        error(&at(-100, [1, 1], 1)),
        outside(content - 100, 1),
        "before the fragment's end"
    );
    assert_eq!(
        error(&at(0, [3, 4], 3)),
        outside(content + 3, 4),
        "beyond the end"
    );
    assert_eq!(
        error(&at(0, [3, 4], 10)),
        outside(content + 10, 4),
        "in the next box"
    );
    assert_eq!(
        error(&at(0, [3, 3], 2)),
        Error::Overlap {
            track: 1,
            position: content + 2
        }
    );
    assert_eq!(error(&at(0, [3, 3], 100)), Error::MissingSamples(1));
    let unknown = [head, fragment(9, 0, 1, &[(b"x", true)])].concat();
    assert_eq!(error(&unknown), Error::UnknownTrack(9));
}

#[test]
fn the_end_of_a_truncated_stream_says_what_is_missing() {
    let head = header(&[video()]);
    let stream = [head.clone(), fragment(1, 0, 1, &[(b"abc", true)])].concat();
    let end = |size: usize| demux(&stream[..size], 5).1;
    assert_eq!(
        end(head.len() - 3),
        Err(Error::Truncated {
            kind: mp4("moov"),
            missing: 3
        })
    );
    assert_eq!(end(head.len()), Ok(()));
    assert_eq!(
        end(head.len() + 20),
        Err(Error::Truncated {
            kind: mp4("moof"),
            missing: stream.len() as u64 - 11 - head.len() as u64 - 20
        })
    );
    assert_eq!(end(stream.len() - 11), Err(Error::MissingSamples(1)));
    assert_eq!(
        end(stream.len() - 1),
        Err(Error::Truncated {
            kind: mp4("mdat"),
            missing: 1
        })
    );
    assert_eq!(end(stream.len()), Ok(()));
    for size in 0..stream.len() {
        let whole = [head.len()].contains(&size);
        assert_eq!(end(size).is_ok(), whole, "{size}");
    }
}

#[test]
fn a_demuxer_that_failed_stays_failed_but_gives_what_came_before() {
    let stream = [
        header(&[video()]),
        fragment(1, 0, 1, &[(b"abc", true)]),
        b"\0\0\0\x07free".to_vec(),
    ]
    .concat();
    let mut demuxer = Demuxer::new();
    let failure = demuxer.push(Bytes::from(stream)).expect_err("broken");
    assert_eq!(
        demuxer.push(Bytes::from_static(b"\0\0\0\x08free")),
        Err(failure.clone())
    );
    assert_eq!(demuxer.finish(), Err(failure));
    assert_eq!(std::iter::from_fn(|| demuxer.next()).count(), 2);
}

#[test]
fn damaged_streams_never_panic() {
    let mut track = video();
    track.edits = Some(elst(&[(100, -1), (0, 3000)]));
    let opus = build::Track::new(3, 48_000, build::opus());
    let stream = [
        header(&[track, audio(), opus]),
        fragment(1, 0, 1, &[(b"abc", true), (b"de", false)]),
    ]
    .concat();
    let mut seed = 11u64;
    for at in 0..stream.len() {
        for _ in 0..24 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let mut damaged = stream.clone();
            damaged[at] = (seed >> 40) as u8;
            let other = (seed >> 48) as usize % stream.len();
            damaged[other] ^= 1 << ((seed >> 37) & 7);
            let _ = demux(&damaged, 1 + (seed >> 34) as usize % 97);
        }
    }
}
