//! The `moov` box: tracks, their defaults and their edit lists.

use bytes::Bytes;
use mp4_atom::{Elst, FourCC, Mdhd, Mvhd, Tkhd, Trex};

use super::boxes::{self, Child, children, malformed, require};
use super::{Error, codec};
use crate::media::Config;

/// A track as the caller sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// The id that samples carry.
    pub id: u32,
    /// Units per second of all its times, not 0.
    pub timescale: u32,
    /// The catalog's configuration. A track that is not supported has no samples.
    pub config: Result<Config, Unsupported>,
}

/// Why a track cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("codec {codec}: {reason}")]
pub struct Unsupported {
    /// The four letters of the sample entry.
    pub codec: String,
    /// A sentence without the codec in it.
    pub reason: String,
}

/// What fragments need to know.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Movie {
    pub(super) tracks: Vec<Described>,
}

/// A track with what its fragments inherit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub(super) track: Track,
    pub(super) defaults: Defaults,
    /// Added to media times to give presentation times, in the track's timescale.
    pub(super) shift: i64,
}

/// What a sample has where neither run nor fragment says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Defaults {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

/// More than any real file has.
const MAX_TRACKS: usize = 64;
const MAX_EDITS: u32 = 1024;
const MOOV: FourCC = FourCC::new(b"moov");

impl Movie {
    /// Reads the content of a `moov` box.
    pub(super) fn parse(moov: &Bytes) -> Result<Self, Error> {
        let mvhd: Mvhd = require(MOOV, moov, b"mvhd")?.decode()?;
        let Some(mvex) = boxes::find(MOOV, moov, b"mvex")? else {
            return Err(Error::Progressive);
        };
        let mut tracks: Vec<Described> = Vec::new();
        for child in children(MOOV, moov) {
            let child = child?;
            if child.kind != FourCC::new(b"trak") {
                continue;
            }
            if tracks.len() == MAX_TRACKS {
                return Err(Error::TooManyTracks(MAX_TRACKS));
            }
            let track = track(moov, child, mvhd.timescale)?;
            if tracks.iter().any(|other| other.track.id == track.track.id) {
                let reason = format!("it lists track {} twice", track.track.id);
                return Err(malformed(MOOV, reason));
            }
            tracks.push(track);
        }
        for child in children(mvex.kind, mvex.body) {
            let child = child?;
            if child.kind != FourCC::new(b"trex") {
                continue;
            }
            let trex: Trex = child.decode()?;
            if let Some(track) = tracks
                .iter_mut()
                .find(|track| track.track.id == trex.track_id)
            {
                track.defaults = Defaults {
                    duration: trex.default_sample_duration,
                    size: trex.default_sample_size,
                    flags: trex.default_sample_flags,
                };
            }
        }
        Ok(Self { tracks })
    }

    /// The place of a track in the list.
    pub(super) fn index(&self, id: u32) -> Option<usize> {
        self.tracks.iter().position(|track| track.track.id == id)
    }
}

fn track(moov: &Bytes, trak: Child<'_>, movie_timescale: u32) -> Result<Described, Error> {
    let tkhd: Tkhd = require(trak.kind, trak.body, b"tkhd")?.decode()?;
    let mdia = require(trak.kind, trak.body, b"mdia")?;
    let mdhd = require(mdia.kind, mdia.body, b"mdhd")?;
    let timescale = mdhd.decode::<Mdhd>()?.timescale;
    if timescale == 0 {
        return Err(malformed(mdhd.kind, "the timescale is 0"));
    }
    let minf = require(mdia.kind, mdia.body, b"minf")?;
    let stbl = require(minf.kind, minf.body, b"stbl")?;
    if has_samples(stbl)? {
        return Err(Error::Hybrid);
    }
    let stsd = require(stbl.kind, stbl.body, b"stsd")?;
    let config = codec::config(&moov.slice_ref(stsd.body));
    // Sample entries are slices of the whole box so far; a description outlives it.
    let config = config.map(detach);
    let edits = match boxes::find(trak.kind, trak.body, b"edts")? {
        Some(edts) => boxes::find(edts.kind, edts.body, b"elst")?,
        None => None,
    };
    let shift = match edits {
        Some(elst) => shift(elst, timescale, movie_timescale)?.ok_or(Error::Time(tkhd.track_id))?,
        None => 0,
    };
    let track = Track {
        id: tkhd.track_id,
        timescale,
        config,
    };
    Ok(Described {
        track,
        defaults: Defaults::default(),
        shift,
    })
}

fn detach(mut config: Config) -> Config {
    let description = match &mut config {
        Config::Video(config) => &mut config.description,
        Config::Audio(config) => &mut config.description,
        Config::Text(_) | Config::Data(_) => return config,
    };
    *description = description
        .take()
        .map(|bytes| Bytes::copy_from_slice(&bytes));
    config
}

/// Whether the sample table itself lists samples, by the counts of its size boxes.
fn has_samples(stbl: Child<'_>) -> Result<bool, Error> {
    for child in children(stbl.kind, stbl.body) {
        let child = child?;
        // Both have version and flags, four bytes of size, then the count.
        if [FourCC::new(b"stsz"), FourCC::new(b"stz2")].contains(&child.kind) {
            return Ok(child.body.get(8..12).is_some_and(|count| count != [0; 4]));
        }
    }
    Ok(false)
}

/// What an edit list adds to media times: empty edits at its start delay the track, the first real
/// edit names the media time that plays then. What follows is of no use in a stream without end.
/// `None` where that is out of range.
fn shift(elst: Child<'_>, timescale: u32, movie_timescale: u32) -> Result<Option<i64>, Error> {
    let count = elst
        .body
        .get(4..8)
        .ok_or_else(|| malformed(elst.kind, "it ends too early"))?;
    if u32::from_be_bytes([count[0], count[1], count[2], count[3]]) > MAX_EDITS {
        return Err(malformed(elst.kind, "it lists more than 1024 edits"));
    }
    let mut empty = 0u128;
    for edit in elst.decode::<Elst>()?.entries {
        let Some(start) = edit.media_time else {
            empty += u128::from(edit.segment_duration);
            continue;
        };
        let movie_timescale = u128::from(movie_timescale.max(1));
        let delay = (empty * u128::from(timescale) + movie_timescale / 2) / movie_timescale;
        let shift = i128::try_from(delay)
            .ok()
            .map(|delay| delay - i128::from(start));
        return Ok(shift
            .and_then(|shift| i64::try_from(shift).ok())
            .filter(|shift| shift.abs() < MAX_SHIFT));
    }
    Ok(Some(0))
}

const MAX_SHIFT: i64 = 1 << 62;

#[cfg(test)]
mod tests {
    use mp4_atom::{ElstEntry, Encode};

    use super::*;

    fn shifted(edits: &[(u64, Option<u64>)]) -> Result<Option<i64>, Error> {
        let edit = |&(segment_duration, media_time): &(u64, Option<u64>)| ElstEntry {
            segment_duration,
            media_time,
            media_rate: 1.into(),
        };
        let mut bytes = Vec::new();
        Elst {
            entries: edits.iter().map(edit).collect(),
        }
        .encode(&mut bytes)
        .expect("encodes");
        shift(
            Child {
                kind: FourCC::new(b"elst"),
                body: &bytes[8..],
            },
            48_000,
            1000,
        )
    }

    #[test]
    fn an_edit_moves_the_start() {
        assert_eq!(shifted(&[]), Ok(Some(0)));
        assert_eq!(shifted(&[(0, Some(1024))]), Ok(Some(-1024)));
        assert_eq!(shifted(&[(500, None), (0, Some(0))]), Ok(Some(24_000)));
        assert_eq!(
            shifted(&[(21, None), (5, Some(8)), (7, Some(99))]),
            Ok(Some(1000))
        );
        assert_eq!(shifted(&[(500, None)]), Ok(Some(0)));
        assert_eq!(shifted(&[(u64::MAX, None), (0, Some(0))]), Ok(None));
    }
}
