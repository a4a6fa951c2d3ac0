//! Fragmented MP4 on one pad: its tracks, and its times as running times.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    media::{
        container::Kind,
        fmp4::{self, Demuxer, Event, Sample},
    },
    publish::{self, TrackOptions, TrackWriter},
};

use super::{
    interleave::{Queue, Scheduled},
    keyunit::KeyUnits,
    stream::{Times, Timing},
    timeline::Place,
};

/// A stream of fragmented MP4.
pub(super) struct Movie {
    demuxer: Demuxer,
    /// What its samples go out in.
    container: Kind,
    begin: Begin,
    tracks: BTreeMap<u32, Track>,
    /// Added to media time to give running time, in nanoseconds.
    offset: Option<i128>,
    /// The running time that the first sample is to have.
    anchor: Option<i128>,
    /// The wall time of running time zero since the Unix epoch, in nanoseconds, as the newest buffer says.
    wall: Option<i128>,
    /// Samples that are read and not yet sent.
    pub(super) queue: Queue,
    /// What tracks that are gone counted.
    pub(super) past: publish::Stats,
}

/// Where the stream of bytes begins.
#[derive(Default, PartialEq, Eq)]
enum Begin {
    /// Nothing has come.
    #[default]
    Nowhere,
    /// With what the caps have of it; the next buffer that begins a box goes on.
    Header,
    /// It has begun.
    Here,
}

/// A track of it.
pub(super) struct Track {
    timescale: u32,
    /// The beginning of a fragment that is to be sent whole.
    fragment: Option<Scheduled>,
    /// What its samples lie in, as far as it is known.
    original: Option<fmp4::Fragment>,
    /// Where it stands on the timeline.
    pub(super) place: Place,
    pub(super) key_units: KeyUnits,
    pub(super) writer: TrackWriter,
}

impl Movie {
    /// Fragments are looked at as a whole only where they may go out as such: in that container.
    pub(super) fn new(container: Kind) -> Self {
        Self {
            demuxer: demuxer(container),
            container,
            begin: Begin::default(),
            tracks: BTreeMap::new(),
            offset: None,
            anchor: None,
            wall: None,
            queue: Queue::default(),
            past: publish::Stats::default(),
        }
    }

    /// Takes bytes. `header` is what the stream begins with if it has begun before, or empty. `presented` is the running
    /// time that the first sample in them has, where it is known; it counts for the first sample of the stream alone.
    /// `reference` is the wall time of `presented`.
    pub(super) fn push(
        &mut self,
        header: &Bytes,
        data: Bytes,
        presented: Option<i128>,
        reference: Option<Duration>,
    ) -> Result<(), fmp4::Error> {
        if self.begin == Begin::Nowhere && !header.is_empty() {
            // The stream may bring another one, or the same: that changes nothing.
            self.demuxer.push(header.clone())?;
            self.begin = Begin::Header;
        }
        if self.begin == Begin::Header && !fmp4::is_beginning(&data) {
            // The rest of a fragment of which the beginning has passed.
            return Ok(());
        }
        self.begin = Begin::Here;
        if self.offset.is_none() && self.anchor.is_none() {
            self.anchor = presented;
        }
        let reference = reference.and_then(|wall| i128::try_from(wall.as_nanos()).ok());
        if let (Some(wall), Some(presented)) = (reference, presented) {
            self.wall = Some(wall - presented);
        }
        self.demuxer.push(data)
    }

    /// The wall time of a running time, where buffers said it.
    pub(super) fn wall_time(&self, running: i128) -> Option<Duration> {
        let nanos = u64::try_from(self.wall? + running).ok()?;
        Some(Duration::from_nanos(nanos))
    }

    pub(super) fn next(&mut self) -> Option<Event> {
        self.demuxer.next()
    }

    /// Whether the stream may end here.
    pub(super) fn finish(&self) -> Result<(), fmp4::Error> {
        self.demuxer.finish()
    }

    /// After a gap in the bytes: a new stream, with the same tracks. `restarted` says that running times begin
    /// again.
    pub(super) fn restart(&mut self, restarted: bool) {
        self.demuxer = demuxer(self.container);
        self.begin = Begin::default();
        self.queue = Queue::default();
        self.offset = None;
        self.anchor = None;
        self.wall = None;
        for track in self.tracks.values_mut() {
            track.fragment = None;
            track.original = None;
            track.writer.interrupt();
            if restarted {
                track.place.flush();
            }
        }
    }

    /// Decode and presentation time of a sample as running times in nanoseconds. `now` places the
    /// first sample of a stream without times of its own.
    ///
    /// Where the first buffer says when it is presented, that is the presentation time of the first
    /// sample. Elsewhere the decode time of the first sample is now: what comes with it is then not
    /// before now.
    pub(super) fn times(&mut self, sample: &Sample, now: i128) -> Option<Times> {
        let track = self.tracks.get(&sample.track)?;
        let is_video = track.writer.is_video();
        let timescale = i128::from(track.timescale.max(1));
        let nanos = |time: i64| i128::from(time) * 1_000_000_000 / timescale;
        let (dts, pts) = (nanos(sample.dts), nanos(sample.pts));
        let offset = *self.offset.get_or_insert(match self.anchor {
            Some(anchor) => anchor - pts,
            None => now - dts,
        });
        Some(Times {
            dts: (dts + offset).min(pts + offset),
            pts: pts + offset,
            duration: Some(nanos(sample.duration.into())),
            floor: 0,
            is_video,
            keyframe: sample.keyframe,
        })
    }

    /// Lets a sample wait until it is due: with its fragment where that is kept, else alone.
    pub(super) fn add(&mut self, sample: Sample, times: &Times, timing: Timing) {
        let Some(track) = self.tracks.get_mut(&sample.track) else {
            return;
        };
        let last = sample.last || !track.writer.keeps_fragments();
        let fragment = track.fragment.get_or_insert(Scheduled {
            track: sample.track,
            due: timing.due,
            samples: Vec::new(),
            fragment: None,
        });
        let ends = sample.last;
        let sample = timing.sample(times.duration, sample.keyframe, sample.payload);
        fragment.samples.push(sample);
        if ends {
            let original = track.original.take();
            fragment.fragment =
                original.filter(|original| original.times.len() == fragment.samples.len());
        }
        let span = timing.due.saturating_sub(fragment.due);
        if last || span >= LONGEST || fragment.samples.len() >= MOST {
            self.queue.extend(track.fragment.take());
        }
    }

    /// Takes what the samples of a fragment lie in, before the last of them.
    pub(super) fn surround(&mut self, original: fmp4::Fragment) {
        if let Some(track) = self.tracks.get_mut(&original.track) {
            track.original = Some(original);
        }
    }

    /// What a stream of one track alone begins with.
    pub(super) fn init(&self, track: u32) -> Option<fmp4::Init> {
        self.demuxer.init(track)
    }

    /// What there is of fragments waits for nothing more.
    pub(super) fn end_fragments(&mut self) {
        for track in self.tracks.values_mut() {
            self.queue.extend(track.fragment.take());
        }
    }

    /// Whether the first sample of the queue is the first of all tracks.
    pub(super) fn is_complete(&self) -> bool {
        self.queue.is_complete(self.tracks.keys().copied())
    }

    pub(super) fn track(&mut self, id: u32) -> Option<&mut Track> {
        self.tracks.get_mut(&id)
    }

    pub(super) fn set(&mut self, id: u32, timescale: u32, writer: TrackWriter) {
        let place = Place::default();
        let track = Track {
            timescale,
            fragment: None,
            original: None,
            place,
            key_units: KeyUnits::default(),
            writer,
        };
        self.tracks.insert(id, track);
    }

    /// Changes the timescale of a track that goes on.
    pub(super) fn set_timescale(&mut self, id: u32, timescale: u32) {
        if let Some(track) = self.tracks.get_mut(&id) {
            track.timescale = timescale;
        }
    }

    /// Takes out the tracks that are not listed.
    pub(super) fn retire(&mut self, listed: &[u32]) -> Vec<TrackWriter> {
        let gone: Vec<_> = self
            .tracks
            .keys()
            .filter(|id| !listed.contains(id))
            .copied()
            .collect();
        let tracks = gone.iter().filter_map(|id| self.tracks.remove(id));
        let writers: Vec<_> = tracks.map(|track| track.writer).collect();
        writers
            .iter()
            .for_each(|writer| self.past.add(&writer.stats()));
        writers
    }

    /// The writers of all tracks.
    pub(super) fn writers(&self) -> impl Iterator<Item = &TrackWriter> {
        self.tracks.values().map(|track| &track.writer)
    }

    /// Applies what the user or tags say. What is said of one track is not said of several.
    pub(super) fn set_options(&mut self, options: &TrackOptions, now: Instant) {
        let alone = self.tracks.len() == 1;
        for track in self.tracks.values_mut() {
            track.writer.set_policy(options.policy);
            if alone {
                track.writer.describe(options.details.clone(), now);
            }
        }
    }

    pub(super) fn stats(&self) -> publish::Stats {
        let mut sum = self.past;
        self.tracks
            .values()
            .for_each(|track| sum.add(&track.writer.stats()));
        sum
    }
}

fn demuxer(container: Kind) -> Demuxer {
    match container {
        Kind::Cmaf => Demuxer::with_fragments(),
        _ => Demuxer::new(),
    }
}

/// Longer fragments are cut, so that what is waited for and held together has its bounds.
const LONGEST: gst::ClockTime = gst::ClockTime::from_seconds(10);
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        media::{AudioConfig, Config},
        moq_lite::{Origin, Path},
        publish::Publisher,
    };

    fn sample(dts: i64, pts: i64) -> Sample {
        Sample {
            track: 1,
            dts,
            pts,
            duration: 10,
            keyframe: true,
            last: true,
            payload: Bytes::from_static(b"x"),
        }
    }

    /// A movie with one track of a timescale of 1000.
    fn movie() -> Movie {
        let origin = Origin::produce().producer;
        let publisher = Publisher::new(origin, Path::new("cam").into_owned());
        let config = Config::Audio(AudioConfig::default());
        let writer = publisher.input().track(None, config).expect("the first");
        let mut movie = Movie::new(Kind::Legacy);
        movie.set(1, 1000, writer);
        movie
    }

    const MILLI: i128 = 1_000_000;

    fn running(movie: &mut Movie, sample: &Sample, now: i128) -> Option<(i128, i128)> {
        let times = movie.times(sample, now)?;
        Some((times.dts, times.pts))
    }

    #[test]
    fn the_first_buffer_says_when_the_first_sample_is_presented() {
        let mut movie = movie();
        movie
            .push(&Bytes::new(), Bytes::new(), Some(500 * MILLI), None)
            .expect("nothing is wrong with nothing");
        movie
            .push(&Bytes::new(), Bytes::new(), Some(900 * MILLI), None)
            .expect("nothing is wrong with nothing");
        let times = running(&mut movie, &sample(1000, 1040), 7);
        assert_eq!(times, Some((460 * MILLI, 500 * MILLI)));
        let times = running(&mut movie, &sample(1020, 1020), 7);
        assert_eq!(times, Some((480 * MILLI, 480 * MILLI)));
    }

    #[test]
    fn without_a_time_the_first_sample_is_decoded_now() {
        let mut movie = movie();
        movie
            .push(&Bytes::new(), Bytes::new(), None, None)
            .expect("nothing is wrong with nothing");
        let times = running(&mut movie, &sample(-20, 20), 100 * MILLI);
        assert_eq!(times, Some((100 * MILLI, 140 * MILLI)));
        movie.restart(true);
        let times = running(&mut movie, &sample(5000, 5000), 200 * MILLI);
        assert_eq!(times, Some((200 * MILLI, 200 * MILLI)));
    }

    #[test]
    fn a_track_that_is_not_published_has_no_times() {
        let stranger = Sample {
            track: 2,
            ..sample(0, 0)
        };
        assert_eq!(movie().times(&stranger, 0), None);
    }

    #[test]
    fn the_wall_time_is_that_of_the_newest_buffer_that_says_it() {
        let mut movie = movie();
        assert_eq!(movie.wall_time(0), None);
        let mut push = |presented: i128, reference: Option<u64>| {
            let pushed = movie.push(
                &Bytes::new(),
                Bytes::new(),
                Some(presented * MILLI),
                reference.map(Duration::from_millis),
            );
            pushed.expect("nothing is wrong with nothing");
            movie.wall_time(100 * MILLI)
        };
        assert_eq!(push(500, None), None);
        let millis = |time| Some(Duration::from_millis(time));
        assert_eq!(push(1_000, Some(50_000)), millis(49_100));
        assert_eq!(push(2_000, None), millis(49_100));
        assert_eq!(push(3_000, Some(52_500)), millis(49_600));
        movie.restart(false);
        assert_eq!(movie.wall_time(0), None);
    }
}
