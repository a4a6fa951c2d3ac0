//! Samples into `moof` and `mdat`.

use bytes::{BufMut, Bytes, BytesMut};
use mp4_atom::{Encode, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};
use smallvec::SmallVec;

use super::{TIMESCALE, TRACK};
use crate::media::{
    Config, Error,
    container::{Frame, Sample},
    fmp4,
};

/// Writes the fragments of one track.
#[derive(Debug)]
pub(in crate::media::container) struct Writer {
    track: u32,
    /// Units per second of all times that are written.
    timescale: u32,
    sequence: u32,
    /// What is added to the times of fragments that are passed on, in units.
    delta: Option<i64>,
    /// The decode time of the sample before, in units.
    last: Option<u64>,
    /// How long a sample lasts that does not say it, in units.
    step: u64,
    is_video: bool,
}

impl Writer {
    /// `init` is what the rendition begins with, where it is not [our own](super::init).
    pub(in crate::media::container) fn new(config: &Config, init: Option<&fmp4::Init>) -> Self {
        let timescale = init.map_or(TIMESCALE, |init| init.timescale);
        let seconds = match config {
            Config::Video(config) => config.framerate.map(|rate| 1.0 / rate),
            Config::Audio(config) if config.codec.starts_with("mp4a.40") => {
                Some(AAC_FRAME / f64::from(config.sample_rate.max(1)))
            }
            _ => None,
        };
        Self {
            track: init.map_or(TRACK, |init| init.track),
            timescale,
            sequence: 0,
            delta: None,
            last: None,
            step: seconds.map_or(0, |seconds| (seconds * f64::from(timescale)).round() as u64),
            is_video: matches!(config, Config::Video(_)),
        }
    }

    /// Continues what another has written.
    pub(in crate::media::container) fn follow(&mut self, other: &Self) {
        self.sequence = other.sequence;
        if self.timescale == other.timescale {
            (self.last, self.delta) = (other.last, other.delta);
        } else if let Some(last) = other.last {
            self.last = Some(scaled(last, other.timescale, self.timescale));
        }
    }

    /// The fragment as it came, at the time that its samples have now; `None` where they are not where they were
    /// relative to each other, or follow what was written before with a decode time that does not rise.
    pub(in crate::media::container) fn pass(
        &mut self,
        samples: &[Sample],
        fragment: &fmp4::Fragment,
    ) -> Option<Frame> {
        let first = samples.first()?;
        if samples.len() != fragment.times.len() {
            return None;
        }
        let units = |time: u64| i64::try_from(self.units(time)).ok();
        // Times are rounded on their way here: what differs by less is the same.
        let slack = i64::from(self.timescale / 500).max(2);
        let near = |new: u64, old: i64, delta: i64| {
            let pair = units(new).zip(old.checked_add(delta));
            pair.is_some_and(|(new, old)| new.abs_diff(old) <= slack.unsigned_abs())
        };
        let fits = |delta: i64| {
            let mut pairs = samples.iter().zip(&fragment.times);
            pairs.all(|(sample, &(dts, pts))| {
                near(decode_time(sample), dts, delta) && near(presentation_time(sample), pts, delta)
            })
        };
        let anew = units(decode_time(first))?.checked_sub(fragment.times[0].0)?;
        // Times stay as exact as they were for as long as the timeline goes on.
        let delta = self.delta.filter(|delta| fits(*delta));
        let delta = delta.or_else(|| fits(anew).then_some(anew))?;
        let written = |(dts, _): &(i64, i64)| u64::try_from(dts.checked_add(delta)?).ok();
        let begin = written(fragment.times.first()?)?;
        if self.risen(begin) != begin {
            return None;
        }
        let head = fragment.head(delta)?;
        self.delta = Some(delta);
        self.last = written(fragment.times.last()?);
        let mut chunks = SmallVec::with_capacity(samples.len() + 1);
        chunks.push(head);
        chunks.extend(samples.iter().map(|sample| sample.payload.clone()));
        Some(Frame {
            timestamp: first.timestamp,
            chunks,
        })
    }

    /// One fragment of samples in decode order, of which there is at least one.
    ///
    /// Decode times rise from sample to sample, whatever the samples say; only where they jump back by
    /// a second, more than pictures are ever reordered, the fragment does too.
    pub(in crate::media::container) fn write(
        &mut self,
        samples: &[Sample],
    ) -> Result<Frame, Error> {
        let first = samples
            .first()
            .ok_or(Error::Cmaf("a fragment has no samples".into()))?;
        let dts: SmallVec<[u64; 1]> = samples
            .iter()
            .map(|sample| self.decode_time(sample))
            .collect();
        let mut entries = Vec::with_capacity(samples.len());
        let mut payload = SmallVec::new();
        let mut size = 0;
        for (index, sample) in samples.iter().enumerate() {
            let said = || {
                let duration = sample.duration?.as_micros();
                Some(self.units(u64::try_from(duration).unwrap_or(u64::MAX)))
            };
            let duration = match dts.get(index + 1) {
                Some(next) => next.saturating_sub(dts[index]),
                None => said().unwrap_or(self.step),
            };
            if duration > 0 {
                self.step = duration;
            }
            let data = sample.payload.clone();
            let pts = self.units(presentation_time(sample));
            let offset = i128::from(pts) - i128::from(dts[index]);
            entries.push(TrunEntry {
                duration: Some(u32::try_from(duration).unwrap_or(u32::MAX)),
                size: Some(data.len() as u32),
                flags: Some(if sample.keyframe || !self.is_video {
                    SYNC
                } else {
                    NON_SYNC
                }),
                cts: self.is_video.then(|| clamp(offset).into()),
            });
            size += data.len();
            payload.push(data);
        }
        let mdat = u32::try_from(size + 8)
            .map_err(|_| Error::Cmaf("a fragment is larger than 4 GiB".into()))?;
        self.sequence = self.sequence.wrapping_add(1);
        let head = head(self.track, self.sequence, dts[0], entries, mdat)
            .map_err(|error| Error::Cmaf(format!("no fragment can be made: {error}")))?;
        payload.insert(0, head);
        Ok(Frame {
            timestamp: first.timestamp,
            chunks: payload,
        })
    }

    /// When to decode the next sample, in units.
    fn decode_time(&mut self, sample: &Sample) -> u64 {
        let time = self.risen(self.units(decode_time(sample)));
        self.last = Some(time);
        time
    }

    /// A decode time, or the first one after that of the sample before.
    fn risen(&self, time: u64) -> u64 {
        match self.last {
            Some(last) if time <= last && last - time < u64::from(self.timescale) => last + 1,
            _ => time,
        }
    }

    /// A time in microseconds in units of the track.
    fn units(&self, time: u64) -> u64 {
        scaled(time, TIMESCALE, self.timescale)
    }
}

/// A time in units of another scale.
fn scaled(time: u64, from: u32, to: u32) -> u64 {
    let from = u128::from(from.max(1));
    let time = (u128::from(time) * u128::from(to) + from / 2) / from;
    u64::try_from(time).unwrap_or(u64::MAX)
}

/// In microseconds.
fn decode_time(sample: &Sample) -> u64 {
    let time = sample.dts.unwrap_or(sample.timestamp).as_micros();
    u64::try_from(time).unwrap_or(u64::MAX)
}

/// In microseconds.
fn presentation_time(sample: &Sample) -> u64 {
    u64::try_from(sample.timestamp.as_micros()).unwrap_or(u64::MAX)
}

/// Everything before the payload.
fn head(
    track: u32,
    sequence: u32,
    time: u64,
    entries: Vec<TrunEntry>,
    mdat: u32,
) -> mp4_atom::Result<Bytes> {
    let mut moof = Moof {
        mfhd: Mfhd {
            sequence_number: sequence,
        },
        traf: vec![Traf {
            tfhd: Tfhd {
                track_id: track,
                default_base_is_moof: true,
                ..Tfhd::default()
            },
            tfdt: Some(Tfdt {
                base_media_decode_time: time,
            }),
            trun: vec![Trun {
                data_offset: Some(0),
                samples: entries.into(),
            }],
            ..Traf::default()
        }],
    };
    let mut head = BytesMut::new();
    moof.encode(&mut head)?;
    // The offset counts from the start of the moof box, whose size is known only now.
    moof.traf[0].trun[0].data_offset = i32::try_from(head.len() + 8).ok();
    head.clear();
    moof.encode(&mut head)?;
    head.put_u32(mdat);
    head.put_slice(b"mdat");
    Ok(head.freeze())
}

fn clamp(offset: i128) -> i32 {
    offset.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// Depends on no other sample.
const SYNC: u32 = 0x0200_0000;
/// Depends on others, and is no sync sample.
const NON_SYNC: u32 = 0x0101_0000;
/// How long 1024 samples of sound last at 1 Hz, in seconds.
const AAC_FRAME: f64 = 1024.0;
