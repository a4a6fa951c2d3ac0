//! Fragments into samples.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;

use crate::media::{
    Config, Container, Error, Micros,
    container::{Sample, chunks::Chunks},
    fmp4::{self, Demuxer, Event, Track},
};

/// Reads the fragments of one track.
#[derive(Debug)]
pub(in crate::media::container) struct Reader {
    demuxer: Demuxer,
    track: u32,
    timescale: u32,
    is_video: bool,
}

impl Reader {
    /// A reader of a rendition whose catalog entry this is.
    pub(in crate::media::container) fn new(config: &Config, init: &str) -> Result<Self, Error> {
        let (demuxer, track) = open(config, init)?;
        Ok(Self {
            demuxer,
            track: track.id,
            timescale: track.timescale,
            is_video: matches!(config, Config::Video(_)),
        })
    }

    /// The samples of one frame, in decode order. After an error the next frame may be good.
    pub(in crate::media::container) fn read(
        &mut self,
        mut frame: Chunks,
    ) -> Result<Vec<Sample>, Error> {
        let read = self.demux(&mut frame);
        if read.is_err() {
            self.demuxer.abandon();
        }
        read.map_err(cmaf)
    }

    fn demux(&mut self, frame: &mut Chunks) -> Result<Vec<Sample>, fmp4::Error> {
        let mut samples = Vec::new();
        for piece in frame.drain() {
            self.demuxer.push(piece)?;
            while let Some(event) = self.demuxer.next() {
                match event {
                    Event::Sample(sample) if sample.track == self.track => {
                        samples.extend(self.sample(sample));
                    }
                    // Some publishers repeat the init segment.
                    Event::Tracks(tracks) => {
                        let same = tracks.iter().find(|track| track.id == self.track);
                        self.timescale = same.map_or(self.timescale, |track| track.timescale);
                    }
                    Event::Sample(_) | Event::Fragment(_) => {}
                }
            }
        }
        self.demuxer.finish()?;
        Ok(samples)
    }

    /// `None` for what precedes the presentation.
    fn sample(&self, sample: fmp4::Sample) -> Option<Sample> {
        let micros = |time: i64| {
            let (time, scale) = (i128::from(time), i128::from(self.timescale.max(1)));
            let micros = (time * 1_000_000 + scale / 2).div_euclid(scale);
            u64::try_from(micros.max(0))
                .ok()
                .and_then(|micros| Micros::new_u64(micros).ok())
        };
        if sample.pts < 0 && !self.is_video {
            return None;
        }
        Some(Sample {
            timestamp: micros(sample.pts)?,
            dts: micros(sample.dts),
            duration: micros(sample.duration.into()).filter(|duration| !duration.is_zero()),
            keyframe: sample.keyframe,
            payload: sample.payload,
        })
    }
}

/// What the catalog and the init segment say together of a rendition: the init segment has the last
/// word on the form of the payload. Renditions in another container are as they are.
pub fn describe(config: &Config) -> Result<Config, Error> {
    let Some(Container::Cmaf { init }) = config.container() else {
        return Ok(config.clone());
    };
    let (_, track) = open(config, init)?;
    let mut whole = config.clone();
    match (&mut whole, track.config) {
        (Config::Video(config), Ok(Config::Video(found))) => {
            config.codec = found.codec;
            config.description = found.description.or(config.description.take());
            config.coded_width = config.coded_width.or(found.coded_width);
            config.coded_height = config.coded_height.or(found.coded_height);
            config.framerate = config.framerate.or(found.framerate);
        }
        (Config::Audio(config), Ok(Config::Audio(found))) => {
            config.codec = found.codec;
            config.description = found.description.or(config.description.take());
        }
        _ => {}
    }
    Ok(whole)
}

/// A demuxer that has read the init segment, and the track of it that this rendition is.
fn open(config: &Config, init: &str) -> Result<(Demuxer, Track), Error> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let init = GeneralPurpose::new(&STANDARD, lenient)
        .decode(init)
        .map_err(|error| Error::Cmaf(format!("the init segment is not base64: {error}")))?;
    let mut demuxer = Demuxer::new();
    demuxer
        .push(Bytes::from(init))
        .and_then(|()| demuxer.finish())
        .map_err(cmaf)?;
    let Some(Event::Tracks(tracks)) = demuxer.next() else {
        return Err(Error::Cmaf("the init segment has no tracks".into()));
    };
    let is_video = matches!(config, Config::Video(_));
    let fits = |track: &&Track| {
        track
            .config
            .as_ref()
            .is_ok_and(|found| is_video == matches!(found, Config::Video(_)))
    };
    let reason = tracks
        .iter()
        .find_map(|track| track.config.as_ref().err().map(ToString::to_string));
    match tracks.iter().find(fits) {
        Some(track) => Ok((demuxer, track.clone())),
        None => Err(Error::Cmaf(match reason {
            Some(reason) => format!("the track of the init segment cannot be used: {reason}"),
            None => "the init segment has no track of this kind".into(),
        })),
    }
}

fn cmaf(error: fmp4::Error) -> Error {
    Error::Cmaf(error.to_string())
}
