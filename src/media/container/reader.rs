//! Frames into samples.

use bytes::Bytes;

use super::{Sample, chunks::Chunks, cmaf, legacy, loc};
use crate::media::{Config, Container, Error, Micros};

/// Reads the frames of one track.
#[derive(Debug)]
pub struct Reader(Kind);

#[derive(Debug)]
enum Kind {
    /// Nothing but payload.
    Plain,
    Legacy,
    Loc,
    Cmaf(Box<cmaf::Reader>),
}

impl Reader {
    /// A reader of the rendition that this is the catalog's entry of.
    ///
    /// # Errors
    /// [`Error::Cmaf`] for an init segment that cannot be used.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Ok(Self(match config.container() {
            Some(Container::Legacy) => Kind::Legacy,
            Some(Container::Loc) => Kind::Loc,
            Some(Container::Cmaf { init }) => {
                Kind::Cmaf(Box::new(cmaf::Reader::new(config, init)?))
            }
            None => Kind::Plain,
        }))
    }

    /// The samples of one frame in decode order: one, several where the container is `cmaf`, none for
    /// a marker. Payload is a slice where it lies in one chunk. `time` is what the transport knows.
    ///
    /// # Errors
    /// For a frame that is not understood, and [`Error::Untimed`] for one that nothing says the time of. The next
    /// one may be.
    pub fn read(&mut self, time: Option<Micros>, frame: Vec<Bytes>) -> Result<Vec<Sample>, Error> {
        let frame = match &mut self.0 {
            Kind::Plain => time.ok_or(Error::Untimed).map(|time| (time, frame)),
            Kind::Legacy => legacy::decode_chunks(frame),
            Kind::Loc => loc::decode_chunks(frame),
            Kind::Cmaf(reader) => return reader.read(frame.into()),
        };
        let (timestamp, payload) = frame?;
        if payload.is_empty() {
            return Ok(Vec::new());
        }
        let payload = Chunks::from(payload).gather();
        Ok(vec![Sample::new(timestamp, false, payload)])
    }
}
