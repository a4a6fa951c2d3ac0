//! Samples into frames.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use super::{Sample, cmaf, legacy, loc};
use crate::media::{Config, Container, Error, Micros, catalog, fmp4};

/// Which container to write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// A varint of microseconds, then the payload: what every reader knows.
    #[default]
    Legacy,
    /// Movie fragments.
    Cmaf,
    /// Properties, then the payload.
    Loc,
}

/// What goes into a track as one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The presentation time of its first sample.
    pub timestamp: Micros,
    /// Its bytes, payload not copied.
    pub chunks: SmallVec<[Bytes; 2]>,
}

/// Writes the frames of one track.
#[derive(Debug)]
pub struct Writer(Inner);

#[derive(Debug)]
enum Inner {
    /// Nothing but payload.
    Plain,
    Legacy,
    Loc,
    Cmaf(Box<cmaf::Writer>),
}

impl Writer {
    /// A writer for a rendition, whose catalog entry gets to know of it. Data has no container, and text is never
    /// in movie fragments.
    ///
    /// # Errors
    /// [`Error::Cmaf`] where the codec, or the form of its payload, has no place in movie fragments: H.264 as a
    /// byte-stream, for example.
    pub fn new(kind: Kind, config: &mut Config) -> Result<Self, Error> {
        Self::with_init(kind, config, None)
    }

    /// As [`new`](Self::new). Where the container is `cmaf` the rendition begins with `init`, so that fragments of the
    /// movie that has it can be [passed on](Self::pass).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_init(
        kind: Kind,
        config: &mut Config,
        init: Option<&fmp4::Init>,
    ) -> Result<Self, Error> {
        let (container, inner) = match (config.kind(), kind) {
            (catalog::Kind::Data, _) => return Ok(Self(Inner::Plain)),
            // There is no movie track of text that players would show.
            (catalog::Kind::Text, Kind::Cmaf) | (_, Kind::Legacy) => {
                (Container::Legacy, Inner::Legacy)
            }
            (_, Kind::Loc) => (Container::Loc, Inner::Loc),
            (_, Kind::Cmaf) => {
                let base64 = match init {
                    Some(init) => BASE64_STANDARD.encode(&init.bytes),
                    None => cmaf::init(config)?,
                };
                let writer = cmaf::Writer::new(config, init);
                (
                    Container::Cmaf { init: base64 },
                    Inner::Cmaf(Box::new(writer)),
                )
            }
        };
        config.set_container(container);
        Ok(Self(inner))
    }

    /// Goes on with another configuration, with a keyframe. The catalog entry is told as by
    /// [`with_init`](Self::with_init).
    ///
    /// # Errors
    /// As [`new`](Self::new); the writer is then as it was.
    pub fn configure(
        &mut self,
        kind: Kind,
        config: &mut Config,
        init: Option<&fmp4::Init>,
    ) -> Result<(), Error> {
        let mut next = Self::with_init(kind, config, init)?;
        if let (Inner::Cmaf(old), Inner::Cmaf(new)) = (&self.0, &mut next.0) {
            new.follow(old);
        }
        *self = next;
        Ok(())
    }

    /// The samples in the fragment that they came in, of the movie whose `init` the rendition begins with. `None` where
    /// that cannot be: they have to be [written](Self::write) into another.
    pub fn pass(&mut self, samples: &[Sample], fragment: &fmp4::Fragment) -> Option<Frame> {
        match &mut self.0 {
            Inner::Cmaf(writer) => writer.pass(samples, fragment),
            _ => None,
        }
    }

    /// The frames of samples in decode order: one for all of them where the container is `cmaf`, and one for each
    /// of them elsewhere. Samples without payload are left out: readers would take them for markers, or stop.
    ///
    /// # Errors
    /// [`Error::Cmaf`] for more than fits into one fragment.
    pub fn write(
        &mut self,
        mut samples: SmallVec<[Sample; 1]>,
    ) -> Result<SmallVec<[Frame; 1]>, Error> {
        samples.retain(|sample| !sample.payload.is_empty());
        let encode = match &mut self.0 {
            Inner::Plain => |_| Bytes::new(),
            Inner::Legacy => legacy::encode_timestamp,
            Inner::Loc => loc::encode_timestamp,
            Inner::Cmaf(_) if samples.is_empty() => return Ok(SmallVec::new()),
            Inner::Cmaf(writer) => return Ok(smallvec![writer.write(&samples)?]),
        };
        let frame = |sample: Sample| Frame {
            timestamp: sample.timestamp,
            chunks: smallvec![encode(sample.timestamp), sample.payload],
        };
        Ok(samples.into_iter().map(frame).collect())
    }
}
