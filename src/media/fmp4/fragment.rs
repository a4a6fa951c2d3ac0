//! The `moof` box: where samples lie and when they are shown.

use mp4_atom::{Atom, FourCC, Tfdt, Tfhd, Trun};

use super::Error;
use super::boxes::{Child, children, malformed, require};
use super::movie::{Described, Movie};

/// A sample whose bytes are still to come.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    /// In bytes from the start of the stream.
    pub(super) position: u64,
    pub(super) size: u32,
    /// Whether anybody wants the bytes.
    pub(super) wanted: bool,
    pub(super) track: u32,
    pub(super) dts: i64,
    pub(super) pts: i64,
    pub(super) duration: u32,
    pub(super) keyframe: bool,
}

impl Planned {
    /// Where its last byte is, plus one.
    pub(super) fn end(&self) -> u64 {
        self.position.saturating_add(self.size.into())
    }
}

/// The largest sample that is held.
pub(super) const MAX_SAMPLE: u32 = 32 << 20;
/// The most samples that are planned at a time: over five minutes of 48 kHz AAC and more.
pub(super) const MAX_SAMPLES: usize = 1 << 16;
/// Times stay far from the ends of their type.
const MAX_TIME: i64 = 1 << 62;

/// Where a fragment lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The start of the `moof` box.
    pub(super) start: u64,
    /// The start of the file that it is in: the last `ftyp` box.
    pub(super) file: u64,
}

/// Adds the samples of a `moof` box's content to `plan`.
///
/// `next` holds, track by track, the decode time at which the next fragment starts when it does not say.
pub(super) fn parse(
    moof: &[u8],
    place: Place,
    movie: &Movie,
    next: &mut [u64],
    plan: &mut Vec<Planned>,
) -> Result<(), Error> {
    // Without any word about it, the first track's data start at the fragment, the next one's
    // where the data before it end.
    let mut end = place.start;
    for child in children(FourCC::new(b"moof"), moof) {
        let child = child?;
        if child.kind == FourCC::new(b"traf") {
            end = track_fragment(child, place, end, movie, next, plan)?;
        }
    }
    Ok(())
}

fn track_fragment(
    traf: Child<'_>,
    place: Place,
    end: u64,
    movie: &Movie,
    next: &mut [u64],
    plan: &mut Vec<Planned>,
) -> Result<u64, Error> {
    let tfhd: Tfhd = require(traf.kind, traf.body, b"tfhd")?.decode()?;
    let index = movie
        .index(tfhd.track_id)
        .ok_or(Error::UnknownTrack(tfhd.track_id))?;
    let base = match tfhd.base_data_offset {
        // Offsets count from the start of a file, and several may follow each other in a stream.
        Some(offset) if offset < place.start => offset.saturating_add(place.file),
        Some(offset) => offset,
        None if tfhd.default_base_is_moof => place.start,
        None => end,
    };
    let mut run = Run {
        track: &movie.tracks[index],
        tfhd: &tfhd,
        base,
        position: base,
        time: next[index],
        plan,
    };
    for child in children(traf.kind, traf.body) {
        let child = child?;
        if child.kind == Tfdt::KIND {
            run.time = child.decode::<Tfdt>()?.base_media_decode_time;
        }
    }
    for child in children(traf.kind, traf.body) {
        let child = child?;
        if child.kind == Trun::KIND {
            run.read(child)?;
        }
    }
    next[index] = run.time;
    Ok(run.position)
}

/// The runs of one track fragment, one after the other.
struct Run<'a> {
    track: &'a Described,
    tfhd: &'a Tfhd,
    base: u64,
    position: u64,
    time: u64,
    plan: &'a mut Vec<Planned>,
}

impl Run<'_> {
    fn read(&mut self, child: Child<'_>) -> Result<(), Error> {
        // Look at the count before anything is allocated for it.
        let count = child
            .body
            .get(4..8)
            .ok_or_else(|| malformed(child.kind, "it ends too early"))?;
        let count = u32::from_be_bytes([count[0], count[1], count[2], count[3]]);
        if count as usize > MAX_SAMPLES.saturating_sub(self.plan.len()) {
            return Err(Error::TooManySamples(MAX_SAMPLES));
        }
        let trun: Trun = child.decode()?;
        if let Some(offset) = trun.data_offset {
            self.position = self
                .base
                .checked_add_signed(offset.into())
                .ok_or_else(|| malformed(child.kind, "its data offset points before the stream"))?;
        }
        let defaults = self.track.defaults;
        let duration = self
            .tfhd
            .default_sample_duration
            .unwrap_or(defaults.duration);
        let size = self.tfhd.default_sample_size.unwrap_or(defaults.size);
        let flags = self.tfhd.default_sample_flags.unwrap_or(defaults.flags);
        for entry in trun.samples.iter() {
            self.sample(
                entry.size.unwrap_or(size),
                entry.duration.unwrap_or(duration),
                entry.flags.unwrap_or(flags),
                entry.cts.unwrap_or(0),
            )?;
        }
        Ok(())
    }

    fn sample(&mut self, size: u32, duration: u32, flags: u32, offset: i64) -> Result<(), Error> {
        let track = self.track.track.id;
        if size > MAX_SAMPLE {
            return Err(Error::SampleTooLarge {
                track,
                size,
                max: MAX_SAMPLE,
            });
        }
        let in_range = |time: i128| {
            let time = i64::try_from(time)
                .ok()
                .filter(|time| (-MAX_TIME..=MAX_TIME).contains(time));
            time.ok_or(Error::Time(track))
        };
        let dts = i128::from(self.time) + i128::from(self.track.shift);
        let (dts, pts) = (in_range(dts)?, in_range(dts + i128::from(offset))?);
        let position = self.position;
        self.time = self.time.saturating_add(duration.into());
        self.position = position.saturating_add(size.into());
        // A sample without bytes is a pause: it takes time and there is nothing to decode.
        if size > 0 {
            let keyframe = flags & NON_SYNC == 0;
            let wanted = self.track.track.config.is_ok();
            self.plan.push(Planned {
                position,
                size,
                wanted,
                track,
                dts,
                pts,
                duration,
                keyframe,
            });
        }
        Ok(())
    }
}

/// `sample_is_non_sync_sample`.
const NON_SYNC: u32 = 1 << 16;
