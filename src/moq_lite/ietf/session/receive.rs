//! Takes in the objects of one group's stream.

use std::sync::Arc;

use bytes::Bytes;
use web_transport_trait::{RecvStream, Session};

use crate::moq_lite::{
    self as model, Error, GroupProducer, Result, TrackProducer,
    coding::Reader,
    ietf::{Datagram, DatagramBody, GroupHeader, ObjectStatus, Version},
    life::Life,
    own::{Pieces, own},
    stats::Meter,
};

/// A group's stream of which the header was read.
pub(super) struct Incoming<S: Session> {
    pub(super) header: GroupHeader,
    pub(super) reader: Reader<S::RecvStream, Version>,
}

/// What follows after a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    More,
    EndOfTrack,
}

/// The largest set of extensions that is skipped.
const MAX_EXTENSIONS: u64 = 64 * 1024;

/// Reads a group into `track`, unless it gets too old.
pub(super) async fn receive<S: Session>(
    incoming: Incoming<S>,
    track: TrackProducer,
    mut life: Life,
    meter: Arc<Meter>,
) -> After {
    let Incoming { header, mut reader } = incoming;
    let mut group = Group {
        track,
        sequence: header.group_id,
        producer: None,
        meter,
    };
    let result = tokio::select! {
        biased;
        result = group.fill(&header, &mut reader) => result,
        () = life.expired() => Err(Error::Old),
    };
    group.meter.group(&result.clone().map(|_| ()));
    match (&result, group.producer.take()) {
        (Ok(_), Some(producer)) => producer.close(),
        (Ok(_), None) => {}
        (Err(err), producer) => {
            tracing::debug!(%err, sequence = header.group_id, "group not received whole");
            reader.abort(err);
            if let Some(producer) = producer {
                producer.abort(err.clone());
            }
        }
    }
    result.unwrap_or(After::More)
}

/// Takes in an object that came as a datagram: a group of one frame. What should
/// follow others has no place without them.
pub(super) fn alone(datagram: Datagram, mut track: TrackProducer, meter: &Meter) -> After {
    let payload = match datagram.body {
        DatagramBody::Payload(payload) => payload,
        DatagramBody::Status(ObjectStatus::Normal) => Bytes::new(),
        DatagramBody::Status(ObjectStatus::EndOfTrack) => return After::EndOfTrack,
        DatagramBody::Status(ObjectStatus::DoesNotExist | ObjectStatus::EndOfGroup) => {
            return After::More;
        }
    };
    let sequence = datagram.group_id;
    let result = if datagram.object_id == 0 {
        let group = track.create_group(model::Group { sequence });
        group.ok_or(Error::Old).and_then(|mut group| {
            meter.frame(payload.len() as u64);
            group.write_frame_chunks(own(Pieces::from_iter([payload])))?;
            group.close();
            Ok(())
        })
    } else {
        Err(Error::Old)
    };
    meter.group(&result);
    After::More
}

struct Group {
    track: TrackProducer,
    sequence: u64,
    /// There is a group from its first object on.
    producer: Option<GroupProducer>,
    meter: Arc<Meter>,
}

impl Group {
    async fn fill<R: RecvStream>(
        &mut self,
        header: &GroupHeader,
        reader: &mut Reader<R, Version>,
    ) -> Result<After> {
        // A frame of the model is an object of subgroup 0: others are layers on
        // top of it, which a reader does without.
        if header.sub_group_id != 0 {
            return Err(Error::Unsupported);
        }
        let mut first = true;
        while let Some(delta) = reader.decode_maybe::<u64>().await? {
            // Without its beginning a group cannot be decoded. The publisher
            // sends such a one after LargestObject, or of a higher subgroup.
            if std::mem::take(&mut first) && delta != 0 {
                return Err(Error::Old);
            }
            if header.flags.has_extensions {
                let size: u64 = reader.decode().await?;
                if size > MAX_EXTENSIONS {
                    return Err(Error::TooLarge);
                }
                reader.skip(size as usize).await?;
            }
            let size: u64 = reader.decode().await?;
            if size > model::Group::MAX_BYTES {
                return Err(Error::TooLarge);
            }
            if size > 0 {
                self.object(size as usize, reader).await?;
                continue;
            }
            match reader.decode::<ObjectStatus>().await? {
                ObjectStatus::Normal => {
                    self.producer()?.write_frame(Bytes::new())?;
                    self.meter.frame(0);
                }
                ObjectStatus::DoesNotExist => {}
                ObjectStatus::EndOfGroup => {
                    reader.closed().await?;
                    return Ok(After::More);
                }
                ObjectStatus::EndOfTrack => {
                    reader.closed().await?;
                    return Ok(After::EndOfTrack);
                }
            }
        }
        Ok(After::More)
    }

    async fn object<R: RecvStream>(
        &mut self,
        mut missing: usize,
        reader: &mut Reader<R, Version>,
    ) -> Result<()> {
        let size = missing as u64;
        let mut frame = self.producer()?.create_frame(size.into())?;
        while missing > 0 {
            let chunk = reader.read(missing).await?.ok_or(Error::WrongSize)?;
            missing -= chunk.len();
            frame.write_chunks(own(Pieces::from_iter([chunk])))?;
        }
        frame.close()?;
        self.meter.frame(size);
        Ok(())
    }

    /// # Errors
    /// [`Error::Old`] when the group came twice, or is older than what is kept.
    fn producer(&mut self) -> Result<&mut GroupProducer> {
        if self.producer.is_none() {
            let sequence = self.sequence;
            self.producer = self.track.create_group(model::Group { sequence });
        }
        self.producer.as_mut().ok_or(Error::Old)
    }
}
