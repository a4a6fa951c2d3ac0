//! Fragments as they came, for who passes them on: with their flags, and with boxes that nobody here reads.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use mp4_atom::FourCC;
use smallvec::SmallVec;

use super::boxes::{Child, children, find, require};
use super::fragment::Planned;
use super::movie::{Defaults, Movie};

/// The beginning of a stream that has one of the tracks alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// `ftyp` and `moov`. There is no edit list: times of samples have it in them already.
    pub bytes: Bytes,
    /// The track's id.
    pub track: u32,
    /// Units per second of all times.
    pub timescale: u32,
}

/// What comes before the samples of a fragment of one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The track's id.
    pub track: u32,
    /// Decode and presentation time of its samples, in decode order, as the samples themselves have them.
    pub times: SmallVec<[(i64, i64); 1]>,
    /// Boxes before it that belong to it.
    companions: Vec<Companion>,
    /// The content of the `moof` box.
    moof: Bytes,
    /// Where in it the decode time is, and whether that has 64 bits.
    time: (usize, bool),
    /// How many bytes its samples have.
    size: u32,
    timescale: u32,
}

/// A box between fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Companion {
    kind: FourCC,
    body: Bytes,
}

/// What a demuxer keeps for who passes fragments on.
#[derive(Debug, Default)]
pub(super) struct Whole {
    /// The content of the `moov` box.
    moov: Bytes,
    /// What came since the last fragment.
    companions: Vec<Companion>,
    /// Fragments whose samples are to come, by their positions.
    fragments: VecDeque<(u64, Fragment)>,
}

impl Whole {
    /// Whether to [add](Self::add) a box of this size.
    pub(super) fn keeps(kind: FourCC, size: u64) -> bool {
        matches!(kind.as_ref(), b"emsg" | b"prft") && size <= MAX_COMPANIONS as u64
    }

    /// A movie begins, by the content of its `moov` box.
    pub(super) fn begin(&mut self, moov: &[u8]) {
        // It outlives the buffer that it came in.
        self.moov = Bytes::copy_from_slice(moov);
    }

    /// What a stream of one track alone begins with.
    pub(super) fn init(&self, track: u32, timescale: u32) -> Option<Init> {
        Init::new(&self.moov, track, timescale)
    }

    /// Takes a box that belongs to the fragment that follows.
    pub(super) fn add(&mut self, kind: FourCC, body: Bytes) {
        let kept: usize = self.companions.iter().map(|one| one.body.len()).sum();
        if kept + body.len() <= MAX_COMPANIONS {
            self.companions.push(Companion { kind, body });
        }
    }

    /// Takes the content of a `moof` box that began at `start`, whose samples are in the plan.
    pub(super) fn plan(&mut self, start: u64, moof: &Bytes, movie: &Movie, plan: &[Planned]) {
        let companions = std::mem::take(&mut self.companions);
        let fragment = Fragment::new(start, moof, companions, movie, plan);
        self.fragments
            .extend(fragment.map(|fragment| (start, fragment)));
    }

    /// The fragment that began at `start`; those before it do not come any more.
    pub(super) fn take(&mut self, start: u64) -> Option<Fragment> {
        self.fragments.retain(|(begun, _)| *begun >= start);
        let first = self.fragments.front()?;
        if first.0 > start {
            return None;
        }
        self.fragments.pop_front().map(|(_, fragment)| fragment)
    }
}

impl Init {
    /// Of a track in the content of a `moov` box; `None` for one that is too large to be told in a catalog.
    fn new(moov: &[u8], track: u32, timescale: u32) -> Option<Self> {
        let mut body = Vec::new();
        for child in children(MOOV, moov) {
            let child = child.ok()?;
            match child.kind.as_ref() {
                b"mvhd" => put(&mut body, child.kind, child.body),
                b"trak"
                    if number(require(child.kind, child.body, b"tkhd").ok()?.body)? == track =>
                {
                    let mut trak = Vec::new();
                    for part in children(child.kind, child.body) {
                        let part = part.ok()?;
                        if matches!(part.kind.as_ref(), b"tkhd" | b"mdia") {
                            put(&mut trak, part.kind, part.body);
                        }
                    }
                    put(&mut body, child.kind, &trak);
                }
                b"mvex" => {
                    let mut mvex = Vec::new();
                    for part in children(child.kind, child.body) {
                        let part = part.ok()?;
                        if part.kind.as_ref() == b"trex" && word(part.body, 4)? == track {
                            put(&mut mvex, part.kind, part.body);
                        }
                    }
                    put(&mut body, child.kind, &mvex);
                }
                _ => {}
            }
        }
        let mut bytes = Vec::new();
        put(&mut bytes, FourCC::new(b"ftyp"), BRANDS);
        put(&mut bytes, MOOV, &body);
        (bytes.len() <= MAX_INIT).then(|| Self {
            bytes: bytes.into(),
            track,
            timescale,
        })
    }
}

/// The id in a `tkhd` box.
fn number(tkhd: &[u8]) -> Option<u32> {
    let long = *tkhd.first()? == 1;
    word(tkhd, if long { 20 } else { 12 })
}

impl Fragment {
    /// Of a `moof` box that began at `start`, whose samples are planned; `None` where these are not all that
    /// there is in the `mdat` box that follows at once, or where their places do not move with the box.
    fn new(
        start: u64,
        moof: &Bytes,
        companions: Vec<Companion>,
        movie: &Movie,
        plan: &[Planned],
    ) -> Option<Self> {
        let samples: SmallVec<[&Planned; 1]> = plan
            .iter()
            .filter(|sample| sample.fragment == start)
            .collect();
        let first = samples.first()?;
        let described = &movie.tracks[movie.index(first.track)?];
        let (traf, flags) = alone(moof)?;
        if flags & BASE_DATA_OFFSET != 0 {
            return None;
        }
        let listed: usize = runs(traf)
            .map(|run| word(run.body, 4).unwrap_or(0) as usize)
            .sum();
        let mut end = start + (8 + moof.len() + 8) as u64;
        let mut dts = first.dts;
        for sample in &samples {
            if sample.position != end || sample.dts < dts {
                return None;
            }
            (end, dts) = (sample.end(), sample.dts);
        }
        if samples.len() != listed {
            return None;
        }
        let moof = complete(moof, described.defaults)?;
        let time = {
            let (traf, _) = alone(&moof)?;
            let tfdt = find(traf.kind, traf.body, b"tfdt").ok()??.body;
            let wide = *tfdt.first()? == 1;
            tfdt.get(4..if wide { 12 } else { 8 })?;
            (tfdt.as_ptr() as usize - moof.as_ptr() as usize + 4, wide)
        };
        Some(Self {
            track: first.track,
            times: samples
                .iter()
                .map(|sample| (sample.dts, sample.pts))
                .collect(),
            size: u32::try_from(end - first.position).ok()?,
            moof,
            companions,
            time,
            timescale: described.track.timescale,
        })
    }

    /// Everything up to the first sample, with `delta` added to all times. `None` where that cannot be said there:
    /// before zero, or beyond the end of the field.
    pub fn head(&self, delta: i64) -> Option<Bytes> {
        let time = u64::try_from(self.times.first()?.0.checked_add(delta)?).ok()?;
        let mut head = BytesMut::with_capacity(self.moof.len() + 256);
        for companion in &self.companions {
            let body = companion.moved(delta, self.timescale);
            put(&mut head, companion.kind, &body);
        }
        let moof = head.len() + 8;
        put(&mut head, MOOF, &self.moof);
        let (offset, wide) = self.time;
        let field = &mut head[moof + offset..];
        if wide {
            field[..8].copy_from_slice(&time.to_be_bytes());
        } else {
            field[..4].copy_from_slice(&u32::try_from(time).ok()?.to_be_bytes());
        }
        head.put_u32(self.size.checked_add(8)?);
        head.put_slice(b"mdat");
        Some(head.freeze())
    }
}

/// The only track of a fragment, and the flags of its `tfhd` box.
fn alone(moof: &[u8]) -> Option<(Child<'_>, u32)> {
    let mut trafs = children(MOOF, moof).filter_map(Result::ok);
    let mut trafs = trafs.by_ref().filter(|child| child.kind == TRAF);
    let (Some(traf), None) = (trafs.next(), trafs.next()) else {
        return None;
    };
    let tfhd = require(traf.kind, traf.body, b"tfhd").ok()?;
    Some((traf, word(tfhd.body, 0)?))
}

fn runs(traf: Child<'_>) -> impl Iterator<Item = Child<'_>> {
    let inside = children(traf.kind, traf.body).filter_map(Result::ok);
    inside.filter(|child| child.kind == TRUN)
}

/// The content of a `moof` box in which its samples have what the `moov` box says of them by default: there are
/// viewers who look for it nowhere else. `None` where there is no room for it.
fn complete(moof: &Bytes, defaults: Defaults) -> Option<Bytes> {
    let (traf, flags) = alone(moof)?;
    let missing = |field: u32, run: u32| {
        flags & field == 0 && runs(traf).any(|child| word(child.body, 0).unwrap_or(0) & run == 0)
    };
    let fields = [
        (0x8, 0x100, defaults.duration),
        (0x10, 0x200, defaults.size),
        (0x20, 0x400, defaults.flags),
    ];
    if !fields.iter().any(|(field, run, _)| missing(*field, *run)) {
        return Some(moof.clone());
    }
    let tfhd = require(traf.kind, traf.body, b"tfhd").ok()?.body;
    let mut rest = tfhd.get(8..)?;
    let mut body = tfhd[..8].to_vec();
    let mut set = flags;
    // The fields stand in the order of their flags.
    for (field, run, value) in [(0x2, 0, 0)].into_iter().chain(fields) {
        if flags & field != 0 {
            body.extend(rest.get(..4)?);
            rest = &rest[4..];
        } else if missing(field, run) && run != 0 {
            body.extend(value.to_be_bytes());
            set |= field;
        }
    }
    body[..4].copy_from_slice(&set.to_be_bytes());
    let added = u32::try_from(body.len() - tfhd.len()).ok()?;

    let mut whole = Vec::with_capacity(moof.len() + body.len());
    for child in children(MOOF, moof) {
        let child = child.ok()?;
        if child.kind != TRAF {
            put(&mut whole, child.kind, child.body);
            continue;
        }
        let mut inside = Vec::new();
        for part in children(child.kind, child.body) {
            let part = part.ok()?;
            match part.kind.as_ref() {
                b"tfhd" => put(&mut inside, part.kind, &body),
                // The samples lie that much farther away.
                b"trun" if word(part.body, 0)? & DATA_OFFSET != 0 => {
                    let mut run = part.body.to_vec();
                    let offset = word(&run, 8)?.checked_add(added)?;
                    run[8..12].copy_from_slice(&offset.to_be_bytes());
                    put(&mut inside, part.kind, &run);
                }
                // Offsets that nobody here knows.
                b"saio" => return None,
                _ => put(&mut inside, part.kind, part.body),
            }
        }
        put(&mut whole, child.kind, &inside);
    }
    Some(whole.into())
}

impl Companion {
    /// The content with its time changed. What cannot be read stays as it is.
    fn moved(&self, delta: i64, timescale: u32) -> Bytes {
        let moved = match self.kind.as_ref() {
            b"prft" => self.add(if self.version() == 0 { 4 } else { 8 }, 16, delta),
            b"emsg" if self.version() == 1 => word(&self.body, 4).and_then(|scale| {
                let delta = i128::from(delta) * i128::from(scale) / i128::from(timescale.max(1));
                self.add(8, 8, i64::try_from(delta).ok()?)
            }),
            // It counts from the beginning of the fragment.
            _ => None,
        };
        moved.unwrap_or_else(|| self.body.clone())
    }

    fn version(&self) -> u8 {
        self.body.first().copied().unwrap_or(0)
    }

    /// Adds to a number of so many bytes.
    fn add(&self, width: usize, offset: usize, delta: i64) -> Option<Bytes> {
        let field = self.body.get(offset..offset + width)?;
        let time = field
            .iter()
            .fold(0, |time, byte| time << 8 | u64::from(*byte));
        let time = time.checked_add_signed(delta)?.to_be_bytes();
        let mut body = self.body.to_vec();
        body[offset..offset + width].copy_from_slice(&time[8 - width..]);
        Some(body.into())
    }
}

fn put(out: &mut impl BufMut, kind: FourCC, body: &[u8]) {
    out.put_u32(u32::try_from(body.len() + 8).unwrap_or(u32::MAX));
    out.put_slice(kind.as_ref());
    out.put_slice(body);
}

/// The number of 32 bits that begins there.
fn word(body: &[u8], offset: usize) -> Option<u32> {
    let word = body.get(offset..)?.first_chunk()?;
    Some(u32::from_be_bytes(*word))
}

const MOOV: FourCC = FourCC::new(b"moov");
const MOOF: FourCC = FourCC::new(b"moof");
const TRAF: FourCC = FourCC::new(b"traf");
const TRUN: FourCC = FourCC::new(b"trun");
/// `iso6`, compatible with itself, `cmfc` and `mp41`.
const BRANDS: &[u8] = b"iso6\0\0\0\0iso6cmfcmp41";
/// Of `tfhd`.
const BASE_DATA_OFFSET: u32 = 1;
/// Of `trun`.
const DATA_OFFSET: u32 = 1;
/// What a catalog may have of one track. Muxers write about a thousand bytes.
const MAX_INIT: usize = 64 << 10;
/// The most that is kept of boxes between two fragments.
const MAX_COMPANIONS: usize = 64 << 10;
