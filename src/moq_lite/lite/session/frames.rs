//! Frames on a stream, as the version writes them.

use bytes::Bytes;
use web_transport_trait::{RecvStream, SendStream};

use super::ready::now_or_never;
use crate::moq_lite::{
    self as model, Error, FrameConsumer, GroupProducer, Result, Stamp, Timestamp,
    coding::{Encode, Reader, Writer},
    lite::{FrameHeader, Version},
    own::{Pieces, own},
    stats::Meter,
};

/// Writes frames one after the other.
pub(super) struct FrameWriter<'a, S: SendStream> {
    pub(super) stream: &'a mut Writer<S, Version>,
    version: Version,
    /// Small pieces that are sent with what follows.
    head: Vec<u8>,
    /// What the times of frames that have none count from.
    began: Stamp,
    /// The time of the frame before.
    last: i64,
}

/// Up to this size a copy is cheaper than a write of its own.
const SMALL: usize = 128;

/// The last time that fits when its sign is folded in.
const LAST: u64 = (1 << 61) - 1;

impl<'a, S: SendStream> FrameWriter<'a, S> {
    pub(super) fn new(stream: &'a mut Writer<S, Version>, version: Version, began: Stamp) -> Self {
        Self {
            stream,
            version,
            head: Vec::new(),
            began,
            last: 0,
        }
    }

    /// Something before the first frame; it is sent with the next piece.
    pub(super) fn put<T: Encode<Version>>(&mut self, value: &T) -> Result<()> {
        Ok(value.encode(&mut self.head, self.version)?)
    }

    /// Payload goes to the transport as it is; only small pieces are gathered.
    pub(super) async fn frame(&mut self, mut frame: FrameConsumer) -> Result<()> {
        let mut delta = 0;
        if self.version.has_timestamps() {
            let micros = frame.stamp().since(self.began).as_micros();
            let time = micros.min(LAST.into()) as i64;
            delta = time - self.last;
            self.last = time;
        }
        let size = frame.info.size;
        self.put(&FrameHeader { delta, size })?;
        loop {
            let chunk = match now_or_never(frame.read_chunk()).await {
                Some(chunk) => chunk?,
                // What is gathered must not wait for what is not written yet.
                None => {
                    self.flush().await?;
                    frame.read_chunk().await?
                }
            };
            let Some(chunk) = chunk else { break };
            if chunk.len() <= SMALL {
                self.head.extend_from_slice(&chunk);
            } else {
                self.flush().await?;
                self.stream.write_chunk(chunk).await?;
            }
        }
        self.flush().await
    }

    pub(super) async fn finish(&mut self) -> Result<()> {
        self.flush().await?;
        self.stream.finish()
    }

    async fn flush(&mut self) -> Result<()> {
        if self.head.is_empty() {
            return Ok(());
        }
        let chunk = Bytes::copy_from_slice(&self.head);
        self.head.clear();
        self.stream.write_chunk(chunk).await
    }
}

/// Reads frames into a group until the stream ends. Timestamps are of `timescale`
/// ticks a second.
pub(super) async fn read_frames<R: RecvStream>(
    reader: &mut Reader<R, Version>,
    group: &mut GroupProducer,
    version: Version,
    timescale: u64,
    meter: &Meter,
) -> Result<()> {
    let mut ticks = 0i64;
    while let Some(FrameHeader { delta, size }) = reader.decode_maybe().await? {
        if size > model::Group::MAX_BYTES {
            return Err(Error::TooLarge);
        }
        let time = if version.has_timestamps() {
            ticks = ticks.checked_add(delta).ok_or(Error::ProtocolViolation)?;
            let ticks = u64::try_from(ticks).map_err(|_| Error::ProtocolViolation)?;
            Some(micros(ticks, timescale)?)
        } else {
            None
        };
        read_frame(reader, group, time, size).await?;
        meter.frame(size);
    }
    Ok(())
}

/// Hands on what has arrived in one go, so that readers are not woken for each
/// packet; nothing waits for what has not.
async fn read_frame<R: RecvStream>(
    reader: &mut Reader<R, Version>,
    group: &mut GroupProducer,
    time: Option<Timestamp>,
    size: u64,
) -> Result<()> {
    let mut missing = size as usize;
    let mut chunks = Pieces::new();
    arrived(reader, &mut chunks, &mut missing).await?;
    if missing == 0 {
        return match time {
            Some(time) => group.write_frame_at(time, own(chunks)),
            None => group.write_frame_chunks(own(chunks)),
        };
    }
    let mut frame = match time {
        Some(time) => group.create_frame_at(time, size.into())?,
        None => group.create_frame(size.into())?,
    };
    loop {
        frame.write_chunks(own(chunks))?;
        if missing == 0 {
            return frame.close();
        }
        let chunk = reader.read(missing).await?.ok_or(Error::WrongSize)?;
        missing -= chunk.len();
        chunks = Pieces::from_iter([chunk]);
        arrived(reader, &mut chunks, &mut missing).await?;
    }
}

/// Adds what can be read without waiting, up to `missing` bytes, which are counted down.
async fn arrived<R: RecvStream>(
    reader: &mut Reader<R, Version>,
    chunks: &mut Pieces,
    missing: &mut usize,
) -> Result<()> {
    while *missing > 0 {
        let Some(chunk) = now_or_never(reader.read(*missing)).await else {
            break;
        };
        let chunk = chunk?.ok_or(Error::WrongSize)?;
        *missing -= chunk.len();
        chunks.push(chunk);
    }
    Ok(())
}

/// A time of `timescale` ticks a second.
///
/// # Errors
/// [`Error::ProtocolViolation`] when it does not fit.
pub(super) fn micros(ticks: u64, timescale: u64) -> Result<Timestamp> {
    let micros = u128::from(ticks) * 1_000_000 / u128::from(timescale.max(1));
    let micros = u64::try_from(micros).map_err(|_| Error::ProtocolViolation)?;
    Timestamp::from_micros(micros).map_err(|_| Error::ProtocolViolation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_scale_become_microseconds() {
        assert_eq!(micros(90_000, 90_000).unwrap(), Timestamp::new(1_000_000));
        assert_eq!(micros(1, 3).unwrap(), Timestamp::new(333_333));
        assert!(matches!(micros(1 << 61, 1), Err(Error::ProtocolViolation)));
    }
}
