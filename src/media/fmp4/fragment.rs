//! The `moof` box: where samples lie and when they are shown.

use mp4_atom::{Atom, FourCC, Tfdt, Tfhd, Trun, TrunEntry};
use smallvec::SmallVec;

use super::Error;
use super::boxes::{Child, children, malformed, require};
use super::movie::{Defaults, Described, Movie};

/// A sample whose bytes are still to come.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    /// In bytes from the start of the stream.
    pub(super) position: u64,
    pub(super) size: u32,
    pub(super) track: u32,
    pub(super) dts: i64,
    pub(super) pts: i64,
    pub(super) duration: u32,
    pub(super) keyframe: bool,
    /// The start of its fragment.
    pub(super) fragment: u64,
    /// No more samples of this track follow in its fragment.
    pub(super) last: bool,
}

impl Planned {
    /// Where its last byte is, plus one.
    pub(super) fn end(&self) -> u64 {
        self.position.saturating_add(self.size.into())
    }
}

/// The largest sample that is held.
const MAX_SAMPLE: u32 = 32 << 20;
/// The most samples that are planned at a time: over twenty minutes of AAC at 48 kHz.
const MAX_SAMPLES: usize = 1 << 16;
/// The most samples of a run whose track is not supported. They are only counted, and uncompressed
/// sound has one for each tick of its clock.
const MAX_IGNORED: usize = 1 << 20;
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

/// Where a track has got to in time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    /// The decode time of the next sample, unless its fragment says otherwise.
    next: u64,
    /// The duration of the sample before it.
    last: u32,
    /// The duration of the next sample, where its run does not know.
    known: Option<u32>,
}

impl Clock {
    /// Sets the time that a fragment announces for its first sample, once a run has one.
    ///
    /// With one sample per fragment, ffmpeg may announce the time at which a sample ends, and say that
    /// it takes no time. Such a sample starts where the one before ended.
    fn start(&mut self, announced: &mut Option<u64>, trun: &Trun, defaults: Defaults) {
        let Some(first) = trun.samples.get(0) else {
            return;
        };
        let Some(time) = announced.take() else {
            return;
        };
        let unknown = trun.samples.len() == 1 && first.duration.unwrap_or(defaults.duration) == 0;
        let gap = time.saturating_sub(self.next);
        if unknown && (1..=2 * u64::from(self.last)).contains(&gap) {
            self.known = u32::try_from(gap).ok();
        } else {
            self.next = time;
        }
    }

    /// Goes on by one sample and returns its duration.
    fn advance(&mut self, duration: u32) -> u32 {
        self.last = self.known.take().unwrap_or(duration);
        self.next = self.next.saturating_add(self.last.into());
        self.last
    }
}

/// Adds the samples of a `moof` box's content to `plan`. There is one clock for each track of the movie.
///
/// Samples of tracks that are not supported are counted, not planned: their bytes lie between others.
pub(super) fn parse(
    moof: &[u8],
    place: Place,
    movie: &Movie,
    clocks: &mut [Clock],
    plan: &mut Vec<Planned>,
) -> Result<(), Error> {
    let (listed, ignored) = (plan.len(), 0);
    // Without any word about it, the first track's data start at the fragment, the next one's
    // where the data before it end.
    let mut fragment = Fragment {
        place,
        movie,
        plan,
        listed,
        ignored,
        end: place.start,
    };
    for child in children(FourCC::new(b"moof"), moof) {
        let child = child?;
        if child.kind == FourCC::new(b"traf") {
            fragment.track(child, clocks)?;
        }
    }
    Ok(())
}

/// Marks the last sample of each track in each fragment of a plan in the order of positions.
pub(super) fn mark_last(plan: &mut [Planned]) {
    let mut seen: SmallVec<[(u64, u32); 8]> = SmallVec::new();
    for sample in plan.iter_mut().rev() {
        let place = (sample.fragment, sample.track);
        sample.last = !seen.contains(&place);
        if sample.last {
            seen.push(place);
        }
    }
}

/// What the tracks of one fragment share.
struct Fragment<'a> {
    place: Place,
    movie: &'a Movie,
    plan: &'a mut Vec<Planned>,
    /// Samples against the limit, also those without bytes.
    listed: usize,
    /// The same of tracks that are not supported.
    ignored: usize,
    /// Where the data of the last run end.
    end: u64,
}

impl Fragment<'_> {
    fn track(&mut self, traf: Child<'_>, clocks: &mut [Clock]) -> Result<(), Error> {
        let tfhd: Tfhd = require(traf.kind, traf.body, b"tfhd")?.decode()?;
        let index = self
            .movie
            .index(tfhd.track_id)
            .ok_or(Error::UnknownTrack(tfhd.track_id))?;
        let track = &self.movie.tracks[index];
        let base = match tfhd.base_data_offset {
            // Offsets count from the start of a file, and several may follow each other in a stream.
            Some(offset) if offset < self.place.start => offset.saturating_add(self.place.file),
            Some(offset) => offset,
            None if tfhd.default_base_is_moof => self.place.start,
            None => self.end,
        };
        self.end = base;
        let mut announced = None;
        for child in children(traf.kind, traf.body) {
            let child = child?;
            if child.kind == Tfdt::KIND {
                announced = Some(child.decode::<Tfdt>()?.base_media_decode_time);
            }
        }
        let defaults = Defaults {
            duration: tfhd
                .default_sample_duration
                .unwrap_or(track.defaults.duration),
            size: tfhd.default_sample_size.unwrap_or(track.defaults.size),
            flags: tfhd.default_sample_flags.unwrap_or(track.defaults.flags),
        };
        for child in children(traf.kind, traf.body) {
            let child = child?;
            if child.kind == Trun::KIND {
                let trun = self.run(child, base, track)?;
                clocks[index].start(&mut announced, &trun, defaults);
                for entry in trun.samples.iter() {
                    self.sample(entry, defaults, track, &mut clocks[index])?;
                }
            }
        }
        if let Some(time) = announced {
            clocks[index].next = time;
        }
        Ok(())
    }

    /// Decodes a run within the limits and finds where its data start.
    fn run(&mut self, child: Child<'_>, base: u64, track: &Described) -> Result<Trun, Error> {
        // Look at the count before anything is allocated for it.
        let count = child
            .body
            .get(4..8)
            .ok_or_else(|| malformed(child.kind, "it ends too early"))?;
        let count = u32::from_be_bytes([count[0], count[1], count[2], count[3]]) as usize;
        let (taken, max) = match &track.track.config {
            Ok(_) => (&mut self.listed, MAX_SAMPLES),
            Err(_) => (&mut self.ignored, MAX_IGNORED),
        };
        if count > max - *taken {
            return Err(Error::TooManySamples(max));
        }
        *taken += count;
        let trun: Trun = child.decode()?;
        if let Some(offset) = trun.data_offset {
            let start = base.checked_add_signed(offset.into());
            self.end = start
                .ok_or_else(|| malformed(child.kind, "its data offset points before the stream"))?;
        }
        Ok(trun)
    }

    fn sample(
        &mut self,
        entry: TrunEntry,
        defaults: Defaults,
        described: &Described,
        clock: &mut Clock,
    ) -> Result<(), Error> {
        let track = described.track.id;
        let time = clock.next;
        let duration = clock.advance(entry.duration.unwrap_or(defaults.duration));
        let size = entry.size.unwrap_or(defaults.size);
        let position = self.end;
        self.end = position.saturating_add(size.into());
        // A sample without bytes is a pause: it takes time and there is nothing to decode.
        if size == 0 || described.track.config.is_err() {
            return Ok(());
        }
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
        let dts = i128::from(time) + i128::from(described.shift);
        let pts = in_range(dts + i128::from(entry.cts.unwrap_or(0)))?;
        let dts = in_range(dts)?;
        let keyframe = entry.flags.unwrap_or(defaults.flags) & NON_SYNC == 0;
        self.plan.push(Planned {
            position,
            size,
            track,
            dts,
            pts,
            duration,
            keyframe,
            fragment: self.place.start,
            last: false,
        });
        Ok(())
    }
}

/// `sample_is_non_sync_sample`.
const NON_SYNC: u32 = 1 << 16;
