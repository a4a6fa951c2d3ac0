//! The initialisation segment of a rendition.

use base64::{Engine, prelude::BASE64_STANDARD};
use mp4_atom::{
    Dinf, Dref, DrefEntry, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Minf, Moov, Mvex, Mvhd, Smhd,
    Stbl, Stsd, Tkhd, Trak, Trex, Url, Vmhd,
};

use super::{TIMESCALE, TRACK, entry::entry};
use crate::media::{Config, Error};

/// `ftyp` and `moov` in base64, for the catalog.
pub(in crate::media::container) fn init(config: &Config) -> Result<String, Error> {
    let codec = entry(config)?;
    let (is_video, width, height) = match config {
        Config::Video(config) => (true, config.coded_width, config.coded_height),
        _ => (false, None, None),
    };
    let side = |side: Option<u32>| u16::try_from(side.unwrap_or(0)).unwrap_or(0);
    let trak = Trak {
        tkhd: Tkhd {
            track_id: TRACK,
            enabled: true,
            in_movie: true,
            volume: u8::from(!is_video).into(),
            width: side(width).into(),
            height: side(height).into(),
            ..Tkhd::default()
        },
        mdia: Mdia {
            mdhd: Mdhd {
                timescale: TIMESCALE,
                language: "und".into(),
                ..Mdhd::default()
            },
            hdlr: Hdlr {
                handler: FourCC::new(if is_video { b"vide" } else { b"soun" }),
                name: config.kind().name().into(),
            },
            minf: Minf {
                vmhd: is_video.then(Vmhd::default),
                smhd: (!is_video).then(Smhd::default),
                dinf: Dinf {
                    dref: Dref {
                        entries: vec![DrefEntry::Url(Url::default())],
                    },
                },
                stbl: Stbl {
                    stsd: Stsd {
                        codecs: vec![codec],
                    },
                    stco: Some(Default::default()),
                    ..Stbl::default()
                },
                ..Minf::default()
            },
        },
        ..Trak::default()
    };
    let moov = Moov {
        mvhd: Mvhd {
            timescale: TIMESCALE,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: TRACK + 1,
            ..Mvhd::default()
        },
        mvex: Some(Mvex {
            mehd: None,
            trex: vec![Trex {
                track_id: TRACK,
                default_sample_description_index: 1,
                ..Trex::default()
            }],
        }),
        trak: vec![trak],
        ..Moov::default()
    };
    let ftyp = Ftyp {
        major_brand: FourCC::new(b"iso6"),
        minor_version: 0,
        compatible_brands: [b"iso6", b"cmfc", b"mp41"].map(FourCC::new).into(),
    };
    let mut segment = Vec::new();
    ftyp.encode(&mut segment)
        .and_then(|()| moov.encode(&mut segment))
        .map_err(|error| Error::Cmaf(format!("no init segment can be made: {error}")))?;
    Ok(BASE64_STANDARD.encode(segment))
}
