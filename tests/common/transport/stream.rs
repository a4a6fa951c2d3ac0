//! Both halves of a stream in memory.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use web_transport_trait as wt;

use super::{Error, Half, Handle};

/// Writes one direction of a stream. Dropping it unfinished resets it.
pub(crate) struct SendStream {
    pub(super) handle: Arc<Handle>,
    pub(super) half: usize,
}

impl SendStream {
    /// Accepts as much of `chunk` as there is room for.
    async fn accept(&mut self, chunk: &mut Bytes) -> Result<usize, Error> {
        let (half, side) = (self.half, self.handle.side);
        let link = &self.handle.link;
        let window = link.0.config.window;
        link.act(|state| {
            if let Some(failure) = state.failure(side) {
                return Some(Err(failure));
            }
            let stalled = state.stalled[side as usize];
            let half = &mut state.halves[half];
            if let Some(code) = half.record.stopped {
                return Some(Err(Error::Stopped(code)));
            }
            if half.record.finished || half.record.reset.is_some() {
                return Some(Err(Error::Ended));
            }
            let room = window.saturating_sub(half.size).min(chunk.len());
            if chunk.is_empty() {
                return Some(Ok(0));
            }
            if stalled || room == 0 {
                return None;
            }
            let accepted = chunk.split_to(room);
            half.record.written.extend_from_slice(&accepted);
            half.unread.push_back(accepted);
            half.size += room;
            Some(Ok(room))
        })
        .await
    }

    fn change<R>(&self, change: impl FnOnce(&mut Half) -> R) -> R {
        let half = self.half;
        self.handle
            .link
            .change(|state| change(&mut state.halves[half]))
    }
}

impl wt::SendStream for SendStream {
    type Error = Error;

    async fn write(&mut self, buf: &[u8]) -> Result<usize, Error> {
        self.accept(&mut Bytes::copy_from_slice(buf)).await
    }

    async fn write_chunk(&mut self, mut chunk: Bytes) -> Result<(), Error> {
        while chunk.has_remaining() {
            self.accept(&mut chunk).await?;
        }
        Ok(())
    }

    fn set_priority(&mut self, order: i32) {
        self.change(|half| half.record.orders.push(order));
    }

    fn finish(&mut self) -> Result<(), Error> {
        let side = self.handle.side;
        let failure = self.handle.link.0.state.lock().failure(side);
        if let Some(failure) = failure {
            return Err(failure);
        }
        self.change(|half| {
            if half.record.finished || half.record.reset.is_some() {
                return Err(Error::Ended);
            }
            half.record.finished = true;
            Ok(())
        })
    }

    fn reset(&mut self, code: u32) {
        let half = self.half;
        self.handle.link.change(|state| {
            // Nothing leaves a connection that is over.
            if state.end.is_none() && state.halves[half].is_open() {
                let half = &mut state.halves[half];
                half.record.reset = Some(code);
                half.record.done = true;
                half.unread.clear();
            }
        });
    }

    async fn closed(&mut self) -> Result<(), Error> {
        let (half, side) = (self.half, self.handle.side);
        self.handle
            .link
            .wait(|state| {
                let record = &state.halves[half].record;
                match record.stopped {
                    Some(code) => Some(Err(Error::Stopped(code))),
                    None if record.done => Some(Ok(())),
                    None => state.failure(side).map(Err),
                }
            })
            .await
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        if !self.change(|half| half.record.finished) {
            wt::SendStream::reset(self, 0);
        }
    }
}

/// Reads one direction of a stream. Dropping it before its end stops it.
pub(crate) struct RecvStream {
    pub(super) handle: Arc<Handle>,
    pub(super) half: usize,
}

impl wt::RecvStream for RecvStream {
    type Error = Error;

    async fn read(&mut self, dst: &mut [u8]) -> Result<Option<usize>, Error> {
        let chunk = self.read_chunk(dst.len()).await?;
        Ok(chunk.map(|chunk| {
            dst[..chunk.len()].copy_from_slice(&chunk);
            chunk.len()
        }))
    }

    async fn read_chunk(&mut self, max: usize) -> Result<Option<Bytes>, Error> {
        let (half, side) = (self.half, self.handle.side);
        self.handle
            .link
            .act(|state| {
                let half = &mut state.halves[half];
                if let Some(code) = half.record.reset {
                    return Some(Err(Error::Reset(code)));
                }
                if half.record.stopped.is_some() {
                    return Some(Err(Error::Ended));
                }
                if let Some(mut chunk) = half.unread.pop_front() {
                    if chunk.len() > max {
                        half.unread.push_front(chunk.split_off(max));
                    }
                    half.size -= chunk.len();
                    return Some(Ok(Some(chunk)));
                }
                if half.record.finished {
                    half.record.done = true;
                    return Some(Ok(None));
                }
                state.failure(side).map(Err)
            })
            .await
    }

    fn stop(&mut self, code: u32) {
        let half = self.half;
        self.handle.link.change(|state| {
            if state.end.is_none() && state.halves[half].is_open() {
                let half = &mut state.halves[half];
                half.record.stopped = Some(code);
                half.record.done = true;
                half.unread.clear();
            }
        });
    }

    async fn closed(&mut self) -> Result<(), Error> {
        let (half, side) = (self.half, self.handle.side);
        self.handle
            .link
            .wait(|state| {
                let record = &state.halves[half].record;
                match record.reset {
                    Some(code) => Some(Err(Error::Reset(code))),
                    None if record.done => Some(Ok(())),
                    None => state.failure(side).map(Err),
                }
            })
            .await
    }
}

impl Drop for RecvStream {
    fn drop(&mut self) {
        wt::RecvStream::stop(self, 0);
    }
}
