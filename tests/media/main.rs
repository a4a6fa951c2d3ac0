//! Fragmented MP4 as muxers write it, as nobody should write it, and as real clips.

#[path = "../common/fmp4.rs"]
mod build;
mod containers;
mod real;
mod refused;
mod shapes;
mod whole;

use bytes::Bytes;
use gstmoq::media::fmp4::{Demuxer, Error, Event, Sample, Track};

use build::{boxed, moof};

/// Every event of a stream pushed in pieces of `split` bytes, and how it ended.
fn demux(stream: &[u8], split: usize) -> (Vec<Event>, Result<(), Error>) {
    let mut demuxer = Demuxer::new();
    let mut events = Vec::new();
    let mut result = Ok(());
    for piece in Bytes::copy_from_slice(stream).chunks(split) {
        result = demuxer.push(Bytes::copy_from_slice(piece));
        events.extend(std::iter::from_fn(|| demuxer.next()).map(alone));
        if result.is_err() {
            break;
        }
    }
    (events, result.and_then(|()| demuxer.finish()))
}

/// A sample as if it were a fragment of its own: which is the last of one has a test of its own.
fn alone(event: Event) -> Event {
    match event {
        Event::Sample(sample) => Event::Sample(Sample {
            last: true,
            ..sample
        }),
        event => event,
    }
}

/// The same for several splits, which must not matter.
fn all(stream: &[u8]) -> (Vec<Event>, Result<(), Error>) {
    let whole = demux(stream, usize::MAX);
    for split in [1, 7, 64] {
        assert_eq!(demux(stream, split), whole, "in pieces of {split}");
    }
    whole
}

fn samples(stream: &[u8]) -> Vec<Sample> {
    let (events, end) = all(stream);
    assert_eq!(end, Ok(()));
    events
        .into_iter()
        .filter_map(|event| match event {
            Event::Sample(sample) => Some(sample),
            Event::Tracks(_) | Event::Fragment(_) => None,
        })
        .collect()
}

fn error(stream: &[u8]) -> Error {
    all(stream).1.expect_err("the stream is broken")
}

fn tracks(stream: &[u8]) -> Vec<Track> {
    match demux(stream, usize::MAX).0.remove(0) {
        Event::Tracks(tracks) => tracks,
        event => panic!("{event:?}"),
    }
}

fn sample(track: u32, time: i64, duration: u32, keyframe: bool, payload: &'static [u8]) -> Sample {
    Sample {
        track,
        dts: time,
        pts: time,
        duration,
        keyframe,
        last: true,
        payload: Bytes::from_static(payload),
    }
}

fn video() -> build::Track {
    build::Track::new(1, 90_000, build::avc1())
}

fn audio() -> build::Track {
    build::Track::new(2, 48_000, build::mp4a())
}

/// A fragment with a hand-made `traf`, which gets the offset of the `mdat` content.
fn made(traf: impl Fn(u32) -> Vec<u8>, data: &[u8]) -> Vec<u8> {
    let offset = moof(&[traf(0)]).len() as u32 + 8;
    [moof(&[traf(offset)]), boxed("mdat", &[data])].concat()
}
