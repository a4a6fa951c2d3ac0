//! The walk over the top level of a stream.

use std::collections::VecDeque;

use bytes::Bytes;
use mp4_atom::FourCC;

use super::fragment::{self, Clock, Place, Planned};
use super::input::Input;
use super::movie::Movie;
use super::whole::Whole;
use super::{Error, Fragment, Init, Track};

/// What the stream says.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The tracks, first of all and again whenever they change.
    Tracks(Vec<Track>),
    /// A sample of one of them.
    Sample(Sample),
    /// What the samples of a fragment lie in, before the last of them. Only where it is
    /// [asked for](Demuxer::with_fragments), and where they lie in it alone and in order.
    Fragment(Fragment),
}

/// One coded picture, or one packet of sound. Times are in the track's timescale with the edit list
/// applied; what lies before zero precedes the presentation (priming of an encoder, for example).
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The track's id.
    pub track: u32,
    /// Decode time.
    pub dts: i64,
    /// Presentation time.
    pub pts: i64,
    /// Until the next sample of the track.
    pub duration: u32,
    /// Whether decoding can start here.
    pub keyframe: bool,
    /// Whether no more samples of this track follow in its fragment.
    pub last: bool,
    /// Never empty. A slice of the pushed buffer when it lay in one.
    pub payload: Bytes,
}

/// A streaming demuxer of fragmented MP4.
///
/// It holds at most one `moov`, `moof` or sample that is not whole yet and the list of samples to
/// come; bytes that are not part of a sample are dropped as they arrive.
#[derive(Debug, Default)]
pub struct Demuxer {
    input: Input,
    state: State,
    movie: Option<Movie>,
    /// Where the last `ftyp` box started.
    file: u64,
    /// One for each track of the movie.
    clocks: Vec<Clock>,
    /// In the order of their positions.
    plan: VecDeque<Planned>,
    events: VecDeque<Event>,
    /// What is kept of fragments, where that is asked for.
    whole: Option<Whole>,
}

/// What comes next in the stream.
#[derive(Debug, Clone, Default)]
enum State {
    #[default]
    Header,
    /// The 64 bit size of a box that started at `start`.
    LargeSize {
        kind: FourCC,
        start: u64,
    },
    /// The content of a `moov` or `moof` box that started at `start`.
    Whole {
        kind: FourCC,
        start: u64,
        size: usize,
    },
    /// The content of any other box; `None` is everything to the end of the stream.
    Skip {
        kind: FourCC,
        left: Option<u64>,
    },
    /// The content of an `mdat` box.
    MediaData {
        left: Option<u64>,
    },
    Failed(Error),
}

const MOOV: FourCC = FourCC::new(b"moov");
const MOOF: FourCC = FourCC::new(b"moof");
const MDAT: FourCC = FourCC::new(b"mdat");
const FTYP: FourCC = FourCC::new(b"ftyp");
/// The largest `moov` or `moof` box that is read.
const MAX_BOX: u64 = 16 << 20;

impl Demuxer {
    /// A demuxer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells of whole fragments too, and of what their tracks begin with.
    pub fn with_fragments() -> Self {
        Self {
            whole: Some(Whole::default()),
            ..Self::default()
        }
    }

    /// What a stream of this track alone begins with, where [fragments](Self::with_fragments) are told of.
    pub fn init(&self, track: u32) -> Option<Init> {
        let movie = self.movie.as_ref()?;
        let described = &movie.tracks[movie.index(track)?];
        self.whole.as_ref()?.init(track, described.track.timescale)
    }

    /// Takes the next bytes of the stream, however they are split. Samples that are slices of `data` keep it
    /// in memory.
    ///
    /// Events that precede an error are still there; after an error every push fails alike.
    pub fn push(&mut self, data: Bytes) -> Result<(), Error> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        self.input.push(data);
        while !self.input.is_drained() {
            if let Err(error) = self.step() {
                self.state = State::Failed(error.clone());
                self.plan.clear();
                return Err(error);
            }
        }
        Ok(())
    }

    /// The next event, if the bytes pushed so far hold one.
    #[allow(
        clippy::should_implement_trait,
        reason = "None is not the end: more comes with the next push"
    )]
    pub fn next(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Forgets what was pushed since the tracks were told, so that the next push begins a box. This also mends a
    /// demuxer that failed.
    pub(in crate::media) fn abandon(&mut self) {
        self.input = Input::default();
        self.state = State::Header;
        self.plan.clear();
        self.events.clear();
        self.clocks
            .iter_mut()
            .for_each(|clock| *clock = Clock::default());
    }

    /// Says whether the stream may end here: every box whole, every listed sample there.
    pub fn finish(&self) -> Result<(), Error> {
        let pending = self.input.pending() as u64;
        let truncated = |kind, left: u64| {
            Err(Error::Truncated {
                kind,
                missing: left.saturating_sub(pending),
            })
        };
        match &self.state {
            State::Failed(error) => Err(error.clone()),
            State::Header if pending > 0 => Err(Error::NotABox {
                position: self.input.position(),
            }),
            State::LargeSize { kind, .. } => truncated(*kind, 8),
            State::Whole { kind, size, .. } => truncated(*kind, *size as u64),
            State::Skip {
                kind,
                left: Some(left),
            } => truncated(*kind, *left),
            State::MediaData { left: Some(left) } => truncated(MDAT, *left),
            _ if !self.plan.is_empty() => Err(Error::MissingSamples(self.plan.len())),
            _ if self.movie.is_none() => Err(Error::Empty),
            _ => Ok(()),
        }
    }

    /// Takes one piece of the input, or finds that it is not whole and leaves the input drained.
    fn step(&mut self) -> Result<(), Error> {
        match self.state {
            State::Header => {
                let start = self.input.position();
                let Some(header) = self.input.take(8) else {
                    return Ok(());
                };
                self.header(start, &header)
            }
            State::LargeSize { kind, start } => {
                let Some(size) = self.input.take(8) else {
                    return Ok(());
                };
                let size = size
                    .iter()
                    .fold(0, |size, byte| size << 8 | u64::from(*byte));
                let body = size.checked_sub(16).ok_or(Error::BoxSize {
                    kind,
                    position: start,
                    size,
                })?;
                self.enter(kind, start, Some(body))
            }
            State::Whole { kind, start, size } => {
                let Some(body) = self.input.take(size) else {
                    return Ok(());
                };
                self.state = State::Header;
                match kind {
                    MOOV => self.moov(&body),
                    MOOF => self.moof(start, &body),
                    _ => {
                        if let Some(whole) = &mut self.whole {
                            whole.add(kind, body);
                        }
                        Ok(())
                    }
                }
            }
            State::Skip { kind, left } => {
                let left = self.skip(left, u64::MAX);
                self.state = if left == Some(0) {
                    State::Header
                } else {
                    State::Skip { kind, left }
                };
                Ok(())
            }
            State::MediaData { left } => self.media_data(left),
            State::Failed(ref error) => Err(error.clone()),
        }
    }

    fn header(&mut self, start: u64, header: &[u8]) -> Result<(), Error> {
        let (size, kind) = header.split_at(4);
        // Anything printable, and the copyright sign with which QuickTime's own names start.
        if !kind.iter().all(|byte| matches!(byte, b' '..=b'~' | 0xa9)) {
            return Err(Error::NotABox { position: start });
        }
        let kind = FourCC::from([kind[0], kind[1], kind[2], kind[3]]);
        match size
            .iter()
            .fold(0, |size, byte| size << 8 | u64::from(*byte))
        {
            0 => self.enter(kind, start, None),
            1 => {
                self.state = State::LargeSize { kind, start };
                Ok(())
            }
            size => {
                let body = size.checked_sub(8).ok_or(Error::BoxSize {
                    kind,
                    position: start,
                    size,
                })?;
                self.enter(kind, start, Some(body))
            }
        }
    }

    /// Starts with the content of a box; a size of `None` is to the end of the stream.
    fn enter(&mut self, kind: FourCC, start: u64, size: Option<u64>) -> Result<(), Error> {
        self.state = match (kind, size) {
            (MOOV | MOOF, None) => {
                return Err(Error::BoxSize {
                    kind,
                    position: start,
                    size: 0,
                });
            }
            (MOOV | MOOF, Some(size)) if size > MAX_BOX => {
                return Err(Error::BoxTooLarge {
                    kind,
                    size,
                    max: MAX_BOX,
                });
            }
            (MOOV | MOOF, Some(0)) => {
                return Err(Error::BoxSize {
                    kind,
                    position: start,
                    size: 8,
                });
            }
            (MOOV | MOOF, Some(size)) => State::Whole {
                kind,
                start,
                size: size as usize,
            },
            (_, Some(0)) => State::Header,
            (MDAT, left) => State::MediaData { left },
            (_, Some(size)) if self.whole.is_some() && Whole::keeps(kind, size) => State::Whole {
                kind,
                start,
                size: size as usize,
            },
            (_, left) => State::Skip { kind, left },
        };
        if kind == FTYP {
            self.file = start;
        }
        // A sample that starts inside this header, or before it, can never come.
        self.check_plan(self.input.position(), None)
    }

    fn moov(&mut self, body: &Bytes) -> Result<(), Error> {
        let movie = Movie::parse(body)?;
        if self.movie.as_ref() != Some(&movie) {
            self.clocks = vec![Clock::default(); movie.tracks.len()];
            let tracks = movie
                .tracks
                .iter()
                .map(|described| described.track.clone())
                .collect();
            self.events.push_back(Event::Tracks(tracks));
            self.movie = Some(movie);
            if let Some(whole) = &mut self.whole {
                whole.begin(body);
            }
        }
        Ok(())
    }

    fn moof(&mut self, start: u64, body: &Bytes) -> Result<(), Error> {
        let movie = self.movie.as_ref().ok_or(Error::NoMovie)?;
        let place = Place {
            start,
            file: self.file,
        };
        let mut plan = Vec::from(std::mem::take(&mut self.plan));
        fragment::parse(body, place, movie, &mut self.clocks, &mut plan)?;
        plan.sort_by_key(|sample| sample.position);
        fragment::mark_last(&mut plan);
        for pair in plan.windows(2) {
            if pair[0].end() > pair[1].position {
                return Err(Error::Overlap {
                    track: pair[1].track,
                    position: pair[1].position,
                });
            }
        }
        if let Some(whole) = &mut self.whole {
            whole.plan(start, body, movie, &plan);
        }
        self.plan = plan.into();
        self.check_plan(self.input.position(), None)
    }

    /// The next sample must not start before `from`, nor reach beyond `to` if it starts before it.
    fn check_plan(&self, from: u64, to: Option<u64>) -> Result<(), Error> {
        match self.plan.front() {
            Some(next)
                if next.position < from
                    || to.is_some_and(|to| next.position < to && next.end() > to) =>
            {
                let Planned {
                    track,
                    position,
                    size,
                    ..
                } = *next;
                Err(Error::OutsideMediaData {
                    track,
                    position,
                    size,
                })
            }
            _ => Ok(()),
        }
    }

    fn media_data(&mut self, mut left: Option<u64>) -> Result<(), Error> {
        let position = self.input.position();
        let end = left.map(|left| position.saturating_add(left));
        self.check_plan(position, end)?;
        match self.plan.front() {
            Some(next) if next.position == position => {
                let Some(payload) = self.input.take(next.size as usize) else {
                    return Ok(());
                };
                let Planned {
                    size,
                    track,
                    dts,
                    pts,
                    duration,
                    keyframe,
                    last,
                    fragment,
                    ..
                } = *next;
                if last && let Some(whole) = &mut self.whole {
                    let told = whole.take(fragment);
                    self.events.extend(told.map(Event::Fragment));
                }
                let sample = Sample {
                    track,
                    dts,
                    pts,
                    duration,
                    keyframe,
                    last,
                    payload,
                };
                self.events.push_back(Event::Sample(sample));
                self.plan.pop_front();
                left = left.map(|left| left - u64::from(size));
            }
            Some(next) => {
                let gap = next.position - position;
                left = self.skip(left, gap);
            }
            None => left = self.skip(left, u64::MAX),
        }
        self.state = if left == Some(0) {
            State::Header
        } else {
            State::MediaData { left }
        };
        Ok(())
    }

    /// Skips at most `most` bytes of what is left of a box.
    fn skip(&mut self, left: Option<u64>, most: u64) -> Option<u64> {
        let skipped = self.input.skip(left.unwrap_or(u64::MAX).min(most));
        left.map(|left| left - skipped)
    }
}

/// Whether the bytes may begin a stream, or go on with it after a gap: with a box of the top level that samples follow.
pub fn is_beginning(data: &[u8]) -> bool {
    const KINDS: [&[u8; 4]; 7] = [
        b"ftyp", b"styp", b"moov", b"sidx", b"prft", b"emsg", b"moof",
    ];
    data.get(4..8)
        .is_some_and(|kind| KINDS.iter().any(|known| &known[..] == kind))
}
