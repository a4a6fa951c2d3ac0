//! Real clips, fragmented by real muxers: every sample byte for byte, in time and in step.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use gstmoq::media::fmp4::{Demuxer, Event, Track};
use serde_json::Value;

/// A packet of the progressive file, or a sample of the demuxer; times in seconds.
#[derive(Debug, Clone, PartialEq)]
struct Packet {
    dts: f64,
    pts: f64,
    keyframe: bool,
    payload: Bytes,
}

/// Where the clips are; `None` where there are none, as in a copy of the source alone.
fn clip(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/media")
        .join(name);
    path.exists().then_some(path)
}

fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is needed by this test: {error}"));
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The packets of one stream ("v:0") as ffprobe lists them, with their bytes from the file itself.
fn packets(clip: &Path, stream: &str) -> Vec<Packet> {
    let path = clip.to_str().expect("a plain path");
    let entries = "packet=pts_time,dts_time,size,pos,flags";
    let arguments = [
        "-v",
        "error",
        "-select_streams",
        stream,
        "-show_entries",
        entries,
        "-of",
        "json",
        path,
    ];
    let list: Value =
        serde_json::from_slice(&run("ffprobe", &arguments)).expect("ffprobe writes JSON");
    let file = Bytes::from(std::fs::read(clip).expect("readable"));
    let text = |packet: &Value, name: &str| packet[name].as_str().expect("a member").to_owned();
    let read = |packet: &Value| {
        let position: usize = text(packet, "pos").parse().expect("a number");
        let size: usize = text(packet, "size").parse().expect("a number");
        Packet {
            dts: text(packet, "dts_time").parse().expect("a number"),
            pts: text(packet, "pts_time").parse().expect("a number"),
            keyframe: text(packet, "flags").starts_with('K'),
            payload: file.slice(position..position + size),
        }
    };
    list["packets"]
        .as_array()
        .expect("a list")
        .iter()
        .map(read)
        .collect()
}

/// Tracks and, per track, its samples, from pushes of `split` bytes.
fn demux(stream: &Bytes, split: usize) -> (Vec<Track>, Vec<Vec<Packet>>) {
    let mut demuxer = Demuxer::new();
    let (mut tracks, mut found) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < stream.len() {
        let end = stream.len().min(at.saturating_add(split));
        demuxer.push(stream.slice(at..end)).expect("a valid stream");
        at = end;
        while let Some(event) = demuxer.next() {
            match event {
                Event::Tracks(list) => {
                    assert_eq!(tracks, [], "the tracks are told once");
                    found = vec![Vec::new(); list.len()];
                    tracks = list;
                }
                Event::Fragment(_) => panic!("nobody asked for it"),
                Event::Sample(sample) => {
                    let index = tracks
                        .iter()
                        .position(|track| track.id == sample.track)
                        .expect("listed");
                    let scale = f64::from(tracks[index].timescale);
                    found[index].push(Packet {
                        dts: sample.dts as f64 / scale,
                        pts: sample.pts as f64 / scale,
                        keyframe: sample.keyframe,
                        payload: sample.payload,
                    });
                }
            }
        }
    }
    demuxer.finish().expect("a whole stream");
    (tracks, found)
}

/// Compares a fragmented copy with the packets of the original, one list per stream.
fn compare(what: &str, file: &Path, original: &[Vec<Packet>]) {
    let stream = Bytes::from(std::fs::read(file).expect("written"));
    let (tracks, whole) = demux(&stream, usize::MAX);
    for split in [7, 1000, 65_536] {
        assert_eq!(
            demux(&stream, split),
            (tracks.clone(), whole.clone()),
            "{what}: in pieces of {split}"
        );
    }
    assert_eq!(whole.len(), original.len(), "{what}: tracks");
    let mut starts = Vec::new();
    for (found, expected) in whole.iter().zip(original) {
        assert_eq!(found.len(), expected.len(), "{what}: samples");
        // A muxer may move the whole presentation, but all of it alike.
        let start = found[0].pts - expected[0].pts;
        starts.push(start);
        for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert_eq!(
                found.payload, expected.payload,
                "{what}: bytes of sample {index}"
            );
            assert_eq!(
                found.keyframe, expected.keyframe,
                "{what}: flag of sample {index}"
            );
            let drift = found.pts - expected.pts - start;
            assert!(
                drift.abs() < 0.0005,
                "{what}: sample {index} is shown {drift} s late"
            );
        }
        assert!(
            found.windows(2).all(|pair| pair[0].dts < pair[1].dts),
            "{what}: decode times rise"
        );
    }
    let apart = starts
        .iter()
        .fold(0f64, |most, start| most.max((start - starts[0]).abs()));
    assert!(
        apart < 0.001,
        "{what}: the tracks are {apart} s out of step"
    );
}

fn target(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn ffmpegs_fragments_hold_the_samples_of_the_clip() {
    let flags = [
        "frag_keyframe+empty_moov",
        "frag_keyframe+empty_moov+default_base_moof",
        "frag_every_frame+empty_moov",
        "frag_keyframe+empty_moov+separate_moof",
        "frag_keyframe+delay_moov",
        "frag_keyframe+empty_moov+negative_cts_offsets",
        "cmaf",
        "cmaf+frag_every_frame+delay_moov",
        "dash+frag_keyframe+delay_moov+global_sidx",
    ];
    for (name, streams) in [
        ("bigbuckbunny.mp4", &["v:0", "a:0"][..]),
        ("bikes.mp4", &["v:0"]),
    ] {
        let Some(clip) = clip(name) else { continue };
        let original: Vec<_> = streams
            .iter()
            .map(|stream| packets(&clip, stream))
            .collect();
        for flags in flags {
            let file = target(&format!("{flags}-{name}"));
            let (from, to) = (clip.to_str().expect("plain"), file.to_str().expect("plain"));
            run(
                "ffmpeg",
                &[
                    "-v",
                    "error",
                    "-y",
                    "-i",
                    from,
                    "-c",
                    "copy",
                    "-movflags",
                    flags,
                    "-f",
                    "mp4",
                    to,
                ],
            );
            compare(&format!("{flags} of {name}"), &file, &original);
            std::fs::remove_file(file).expect("ours");
        }
    }
}

#[test]
fn mp4mux_fragments_hold_the_samples_of_the_clip() {
    let Some(clip) = clip("bigbuckbunny.mp4") else {
        return;
    };
    let original = [packets(&clip, "v:0"), packets(&clip, "a:0")];
    for options in [
        "fragment-duration=40",
        "fragment-duration=1000",
        "fragment-duration=500 streamable=true",
    ] {
        let file = target(&format!("{}.mp4", options.replace(' ', "-")));
        let (from, to) = (clip.to_str().expect("plain"), file.to_str().expect("plain"));
        let line = format!(
            "-q filesrc location={from} ! qtdemux name=d mp4mux {options} name=m ! filesink location={to} \
             d.video_0 ! queue ! h264parse ! m.video_0 d.audio_0 ! queue ! aacparse ! m.audio_0"
        );
        run(
            "gst-launch-1.0",
            &line.split_whitespace().collect::<Vec<_>>(),
        );
        compare(options, &file, &original);
        std::fs::remove_file(file).expect("ours");
    }
}

#[test]
fn the_clip_itself_is_refused_as_not_fragmented() {
    let Some(clip) = clip("bigbuckbunny.mp4") else {
        return;
    };
    let mut demuxer = Demuxer::new();
    let refused = demuxer.push(Bytes::from(std::fs::read(clip).expect("readable")));
    assert_eq!(refused, Err(gstmoq::media::fmp4::Error::Progressive));
}
