//! Samples into frames.

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use super::{Sample, cmaf, legacy, loc};
use crate::media::{Config, Container, Error, Micros, catalog};

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
        let (container, inner) = match (config.kind(), kind) {
            (catalog::Kind::Data, _) => return Ok(Self(Inner::Plain)),
            // There is no movie track of text that players would show.
            (catalog::Kind::Text, Kind::Cmaf) | (_, Kind::Legacy) => {
                (Container::Legacy, Inner::Legacy)
            }
            (_, Kind::Loc) => (Container::Loc, Inner::Loc),
            (_, Kind::Cmaf) => {
                let init = cmaf::init(config)?;
                (
                    Container::Cmaf { init },
                    Inner::Cmaf(Box::new(cmaf::Writer::new(config))),
                )
            }
        };
        config.set_container(container);
        Ok(Self(inner))
    }

    /// Goes on with another configuration, with a keyframe. The catalog entry is told as by [`new`](Self::new).
    ///
    /// # Errors
    /// As [`new`](Self::new); the writer is then as it was.
    pub fn configure(&mut self, kind: Kind, config: &mut Config) -> Result<(), Error> {
        let mut next = Self::new(kind, config)?;
        if let (Inner::Cmaf(old), Inner::Cmaf(new)) = (&self.0, &mut next.0) {
            new.follow(old);
        }
        *self = next;
        Ok(())
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
