//! What containers leave out of the time of a sample: when to decode it, and how long it lasts.

use gst::ClockTime;

use super::stream::Source;
use crate::{
    media::{
        Config, Reorder, container,
        h264::{self, Avcc, Sps},
        opus,
    },
    subscribe::Sample,
};

/// Of one rendition.
pub(super) struct Times {
    track: String,
    config: Config,
    /// `None` for codecs that do not reorder.
    reorder: Option<Reorder>,
    /// When the sample before was to be decoded.
    last: Option<i64>,
    /// Parameter sets lie in the samples, and say how the stream reorders.
    in_band: bool,
    is_opus: bool,
    /// How long one sample lasts, where all last equally long.
    duration: Option<ClockTime>,
}

impl Times {
    pub(super) fn new(source: &Source) -> Self {
        let (config, format) = (&source.config, &source.format);
        // What the init segment of a rendition says, the catalog need not.
        let config = &container::describe(config).unwrap_or_else(|_| config.clone());
        let is_codec = |names: &[&str]| names.iter().any(|name| config.codec().starts_with(name));
        let step = format.duration.map(|step| step.useconds() as i64);
        let is_h264 = is_codec(&["avc1", "avc3"]);
        let mut reorder = (is_h264 || is_codec(&["hvc1", "hev1"])).then(|| Reorder::new(step));
        let description = config.description().filter(|_| is_h264);
        if let Some(reorder) = &mut reorder
            && let Some(avcc) = description.and_then(|bytes| Avcc::parse(bytes).ok())
            && let Some(depth) = avcc.sps().and_then(|sps| sps.reordered)
        {
            reorder.set_depth(depth.into());
        }
        Self {
            track: source.track.clone(),
            config: source.config.clone(),
            reorder,
            last: None,
            in_band: is_h264 && description.is_none(),
            is_opus: config.codec() == opus::CODEC,
            duration: format.duration,
        }
    }

    /// Whether what is known applies to `source`.
    pub(super) fn are_of(&self, source: &Source) -> bool {
        self.track == source.track && self.config == source.config
    }

    /// Adds what is missing to the next sample.
    pub(super) fn stamp(&mut self, sample: Sample) -> Timed {
        if let Some(reorder) = &mut self.reorder
            && self.in_band
            && sample.keyframe
            && let Some(depth) = in_band(&sample.payload)
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
        if self.is_opus {
            let duration = opus::packet_duration(&sample.payload)?;
            return duration.try_into().ok();
        }
        let said = || {
            sample
                .duration
                .map(|time| ClockTime::from_useconds(time.as_micros() as u64))
        };
        self.duration.or_else(said)
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

    /// Whether the two can differ.
    pub(super) fn has_dts(&self) -> bool {
        self.decode.is_some()
    }
}

/// The presentation time in microseconds.
fn micros(sample: &Sample) -> i64 {
    i64::try_from(sample.pts.as_micros()).unwrap_or(i64::MAX)
}

fn in_band(access_unit: &[u8]) -> Option<u8> {
    let mut units = h264::nal_units(access_unit, h264::Format::ByteStream);
    let sps = units.find(|unit| h264::kind(unit) == h264::SPS)?;
    Sps::parse(sps).ok()?.reordered
}
