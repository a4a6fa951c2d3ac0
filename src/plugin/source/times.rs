//! What containers leave out of the time of a sample: when to decode it, and how long it lasts.

use std::time::Duration;

use gst::ClockTime;

use super::stream::Source;
use crate::{
    media::{
        Config, Error, Micros, Reorder,
        catalog::Common,
        container,
        h264::{self, Avcc},
        h265::{self, Hvcc},
        opus, pcm,
        vtt::{self, Cue},
    },
    subscribe::Sample,
};

/// Of one rendition.
pub(super) struct Times {
    track: String,
    basis: Config,
    /// `None` for codecs that do not reorder.
    reorder: Option<Reorder>,
    /// When the sample before was to be decoded.
    last: Option<i64>,
    /// How parameter sets that lie in the samples say how the stream reorders.
    in_band: Option<Depth>,
    lasting: Lasting,
}

/// By how many pictures a stream reorders, as an access unit of it says.
type Depth = fn(&[u8]) -> Option<u8>;

/// How long a sample lasts.
#[derive(Clone, Copy)]
enum Lasting {
    /// As long as every other, where that is known.
    Alike(Option<ClockTime>),
    /// What the packet says.
    Opus,
    /// As long as it takes to play so many bytes at this rate.
    Pcm { bytes_per_second: u64 },
}

impl Times {
    pub(super) fn new(source: &Source) -> Self {
        let (config, format) = (&source.config, &source.format);
        // What the init segment of a rendition says, the catalog need not.
        let config = &container::describe(config).unwrap_or_else(|_| config.clone());
        let is_codec = |names: &[&str]| names.iter().any(|name| config.codec().starts_with(name));
        let step = format.duration.map(|step| step.useconds() as i64);
        let (is_h264, is_h265) = (is_codec(&["avc1", "avc3"]), is_codec(&["hvc1", "hev1"]));
        let mut reorder = (is_h264 || is_h265).then(|| Reorder::new(step));
        let record = config.description();
        let depth = record.and_then(|record| match is_h264 {
            true => Avcc::parse(record).ok()?.sps()?.reordered,
            false => Some(Hvcc::parse(record).ok()?.sps()?.reordered),
        });
        if let Some((reorder, depth)) = reorder.as_mut().zip(depth) {
            reorder.set_depth(depth.into());
        }
        let in_band: Depth = if is_h264 { in_band_h264 } else { in_band_h265 };
        Self {
            track: source.track.clone(),
            basis: basis(&source.config),
            reorder,
            last: None,
            in_band: record.is_none().then_some(in_band),
            lasting: match config {
                Config::Audio(config) if config.codec == opus::CODEC => Lasting::Opus,
                Config::Audio(config) if config.codec == pcm::CODEC => Lasting::Pcm {
                    bytes_per_second: u64::from(config.sample_rate)
                        * u64::from(config.number_of_channels)
                        * pcm::SAMPLE_SIZE,
                },
                _ => Lasting::Alike(format.duration),
            },
        }
    }

    /// Whether what is known applies to `source`.
    pub(super) fn are_of(&self, source: &Source) -> bool {
        self.track == source.track && self.basis == basis(&source.config)
    }

    /// Adds what is missing to the next sample.
    pub(super) fn stamp(&mut self, sample: Sample) -> Timed {
        if let Some(reorder) = &mut self.reorder
            && sample.keyframe
            && let Some(depth) = self.in_band.and_then(|depth| depth(&sample.payload))
        {
            reorder.set_depth(depth.into());
        }
        Timed {
            decode: self.decode(&sample),
            duration: self.duration(&sample),
            sample,
        }
    }

    /// Does it once more for all samples since the join: with those that came later, more is known.
    pub(super) fn stamp_again(&mut self, samples: &mut [Timed]) {
        if let Some(reorder) = &mut self.reorder {
            reorder.restart();
            self.last = None;
            for timed in samples {
                timed.decode = self.decode(&timed.sample);
            }
        }
    }

    /// What comes next does not follow what was.
    pub(super) fn restart(&mut self) {
        if let Some(reorder) = &mut self.reorder {
            reorder.restart();
            self.last = None;
        }
    }

    fn decode(&mut self, sample: &Sample) -> Option<i64> {
        let reorder = self.reorder.as_mut()?;
        if sample.discont {
            reorder.interrupt();
            self.last = None;
        }
        let (pts, found) = (micros(sample), reorder.next(micros(sample)));
        let said = sample
            .dts
            .and_then(|dts| i64::try_from(dts.as_micros()).ok());
        // Not every publisher of fragments knows decode times: some write those of presentation.
        let said = said.filter(|dts| *dts <= pts && self.last.is_none_or(|last| *dts > last));
        self.last = Some(said.unwrap_or(found));
        self.last
    }

    fn duration(&self, sample: &Sample) -> Option<ClockTime> {
        let said = || {
            let duration = sample.duration?;
            Some(ClockTime::from_useconds(duration.as_micros() as u64))
        };
        match self.lasting {
            Lasting::Alike(duration) => duration.or_else(said),
            Lasting::Opus => opus::packet_duration(&sample.payload)?.try_into().ok(),
            Lasting::Pcm { bytes_per_second } => {
                let nanos = sample.payload.len() as u128 * 1_000_000_000;
                let nanos = nanos.checked_div(bytes_per_second.into())?;
                u64::try_from(nanos).ok().map(ClockTime::from_nseconds)
            }
        }
    }
}

/// A sample with all of its times.
pub(super) struct Timed {
    pub(super) sample: Sample,
    /// In microseconds of media time; `None` where it makes no difference.
    decode: Option<i64>,
    pub(super) duration: Option<ClockTime>,
}

impl Timed {
    /// When to present it, in microseconds of media time.
    pub(super) fn pts(&self) -> i64 {
        micros(&self.sample)
    }

    /// When to decode it, which is what publishers send it by.
    pub(super) fn dts(&self) -> i64 {
        self.decode.unwrap_or_else(|| self.pts())
    }

    /// A sample for each cue of a WebVTT document, with plain text. The first is presented when the document is.
    pub(super) fn cues(self) -> Result<Vec<Self>, Error> {
        let cues = vtt::parse(&self.sample.payload)?;
        let first = cues.first().map_or(Duration::ZERO, |cue| cue.start);
        let timed = |cue: Cue| {
            let after = Micros::try_from(cue.start.saturating_sub(first)).ok()?;
            let sample = Sample {
                pts: self.sample.pts.checked_add(after).ok()?,
                payload: vtt::plain(&cue.text).into(),
                ..self.sample.clone()
            };
            Some(Self {
                sample,
                decode: None,
                duration: (cue.end - cue.start).try_into().ok(),
            })
        };
        Ok(cues.into_iter().take(MAX_CUES).filter_map(timed).collect())
    }

    /// Whether the two can differ.
    pub(super) fn has_dts(&self) -> bool {
        self.decode.is_some()
    }
}

/// What of a rendition has to do with the times of its samples. Publishers say anew what they measure, such as the bit rate, in
/// the middle of a group, and the decoding times ascend nevertheless.
fn basis(config: &Config) -> Config {
    let mut config = config.clone();
    *config.common_mut() = Common::default();
    if let Config::Video(video) = &mut config {
        // Another size, and what its level is then, comes with parameter sets of its own.
        video.codec = video.codec.split('.').next().unwrap_or_default().to_owned();
        (video.coded_width, video.coded_height) = (None, None);
    }
    config
}

/// The most cues that are taken from one document.
const MAX_CUES: usize = 256;

/// The presentation time in microseconds.
fn micros(sample: &Sample) -> i64 {
    i64::try_from(sample.pts.as_micros()).unwrap_or(i64::MAX)
}

fn in_band_h264(access_unit: &[u8]) -> Option<u8> {
    let mut units = h264::nal_units(access_unit, h264::Format::ByteStream);
    let sps = units.find(|unit| h264::kind(unit) == h264::SPS)?;
    h264::Sps::parse(sps).ok()?.reordered
}

fn in_band_h265(access_unit: &[u8]) -> Option<u8> {
    let mut units = h265::nal_units(access_unit, h265::Format::ByteStream);
    let sps = units.find(|unit| h265::kind(unit) == h265::SPS)?;
    Some(h265::Sps::parse(sps).ok()?.reordered)
}
