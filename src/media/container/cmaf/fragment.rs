//! Samples into `moof` and `mdat`.

use bytes::{BufMut, Bytes, BytesMut};
use mp4_atom::{Encode, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};
use smallvec::SmallVec;

use super::TRACK;
use crate::media::{
    Config, Error,
    container::{Frame, Sample},
};

/// Writes the fragments of one track.
#[derive(Debug)]
pub(in crate::media::container) struct Writer {
    sequence: u32,
    /// The decode time of the sample before, in microseconds.
    last: Option<u64>,
    /// How long a sample lasts that does not say it, in microseconds.
    step: u32,
    is_video: bool,
}

impl Writer {
    pub(in crate::media::container) fn new(config: &Config) -> Self {
        let step = match config {
            Config::Video(config) => config.framerate.map(|rate| 1e6 / rate),
            Config::Audio(config) if config.codec.starts_with("mp4a.40") => {
                Some(AAC_FRAME / f64::from(config.sample_rate.max(1)))
            }
            _ => None,
        };
        Self {
            sequence: 0,
            last: None,
            step: step.map_or(0, |step| step as u32),
            is_video: matches!(config, Config::Video(_)),
        }
    }

    /// Continues what another has written.
    pub(in crate::media::container) fn follow(&mut self, other: &Self) {
        (self.sequence, self.last) = (other.sequence, other.last);
    }

    /// One fragment of samples in decode order, of which there is at least one.
    ///
    /// Decode times rise from sample to sample, whatever the samples say; only where they jump back by
    /// more than pictures are ever reordered, the fragment does too.
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
            let said = || sample.duration.map(|duration| micros(duration.as_micros()));
            let duration = match dts.get(index + 1) {
                Some(next) => micros((next - dts[index]).into()),
                None => said().unwrap_or(self.step),
            };
            if duration > 0 {
                self.step = duration;
            }
            let data = sample.payload.clone();
            let pts = u64::try_from(sample.timestamp.as_micros()).unwrap_or(u64::MAX);
            let offset = i128::from(pts) - i128::from(dts[index]);
            entries.push(TrunEntry {
                duration: Some(duration),
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
        let head = head(self.sequence, dts[0], entries, mdat)
            .map_err(|error| Error::Cmaf(format!("no fragment can be made: {error}")))?;
        payload.insert(0, head);
        Ok(Frame {
            timestamp: first.timestamp,
            chunks: payload,
        })
    }

    fn decode_time(&mut self, sample: &Sample) -> u64 {
        let time = sample.dts.unwrap_or(sample.timestamp).as_micros();
        let time = u64::try_from(time).unwrap_or(u64::MAX);
        let time = match self.last {
            Some(last) if time <= last && last - time < REORDERING => last + 1,
            _ => time,
        };
        self.last = Some(time);
        time
    }
}

/// Everything before the payload.
fn head(sequence: u32, time: u64, entries: Vec<TrunEntry>, mdat: u32) -> mp4_atom::Result<Bytes> {
    let mut moof = Moof {
        mfhd: Mfhd {
            sequence_number: sequence,
        },
        traf: vec![Traf {
            tfhd: Tfhd {
                track_id: TRACK,
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

fn micros(time: u128) -> u32 {
    u32::try_from(time).unwrap_or(u32::MAX)
}

fn clamp(offset: i128) -> i32 {
    offset.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// Depends on no other sample.
const SYNC: u32 = 0x0200_0000;
/// Depends on others, and is no sync sample.
const NON_SYNC: u32 = 0x0101_0000;
/// Decode times that go back by less are out of order; by more, the timeline jumped. In microseconds.
const REORDERING: u64 = 1_000_000;
/// How long 1024 samples of sound last at 1 Hz, in microseconds.
const AAC_FRAME: f64 = 1024e6;
