//! The pieces of a frame, kept as they came unless they are too many.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

/// The pieces of a complete frame; two fit without an allocation.
pub(super) type Pieces = SmallVec<[Bytes; 2]>;

/// The pieces of a frame that grows.
///
/// Two of any size are kept as they came, and one more for each [`SHARE`] bytes.
/// Others are copied together, so that a frame of tiny pieces does not cost many
/// times its size.
#[derive(Default)]
pub(super) struct Chunks {
    done: Pieces,
    /// The end of the frame, while pieces are copied together.
    open: BytesMut,
    size: u64,
}

/// How far a reader has come; what lies before never changes.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    chunk: usize,
    offset: usize,
}

/// Bytes for which there may be one piece.
const SHARE: u64 = 1024;

/// The most bytes that are copied together.
const OPEN: usize = 4096;

impl Chunks {
    /// Bytes in all pieces.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Appends a piece. `rest` is what the frame may still grow by after it.
    pub(super) fn push(&mut self, chunk: Bytes, rest: u64) {
        if chunk.is_empty() {
            return;
        }
        self.size += chunk.len() as u64;
        let count = self.done.len() + usize::from(!self.open.is_empty());
        if (count as u64) < 2 + self.size / SHARE {
            self.seal();
            self.done.push(chunk);
            return;
        }
        if self.open.capacity() - self.open.len() < chunk.len() {
            self.seal();
            let rest = usize::try_from(rest).unwrap_or(OPEN).min(OPEN);
            self.open = BytesMut::with_capacity(chunk.len() + rest);
        }
        self.open.extend_from_slice(&chunk);
    }

    /// Nothing follows.
    pub(super) fn finish(&mut self) {
        if self.open.len() < self.open.capacity() / 2 {
            let exact = Bytes::copy_from_slice(&self.open);
            self.open = BytesMut::new();
            self.done.extend((!exact.is_empty()).then_some(exact));
        } else {
            self.seal();
        }
    }

    /// What comes at `place`, which moves behind it.
    pub(super) fn next(&self, place: &mut Place) -> Option<Bytes> {
        place.next(&self.done).or_else(|| {
            let more = self.open.get(place.offset..)?;
            place.offset = self.open.len();
            (!more.is_empty()).then(|| Bytes::copy_from_slice(more))
        })
    }

    /// Everything from `place` on.
    pub(super) fn rest(&self, place: &mut Place) -> Vec<Bytes> {
        std::iter::from_fn(|| self.next(place)).collect()
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            self.done.push(self.open.split().freeze());
        }
    }
}

impl Place {
    /// The piece that comes here, behind which this place moves.
    pub(super) fn next(&mut self, pieces: &[Bytes]) -> Option<Bytes> {
        while let Some(piece) = pieces.get(self.chunk) {
            let rest = piece.slice(self.offset..);
            *self = Self {
                chunk: self.chunk + 1,
                offset: 0,
            };
            if !rest.is_empty() {
                return Some(rest);
            }
        }
        None
    }
}

/// The pieces of a frame that is complete; empty ones are left out.
pub(super) fn gather(chunks: impl IntoIterator<Item = Bytes>) -> Pieces {
    let mut all = Chunks::default();
    for chunk in chunks {
        all.push(chunk, OPEN as u64);
    }
    all.finish();
    all.done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(chunks: &Chunks) -> Vec<u8> {
        chunks.rest(&mut Place::default()).concat()
    }

    #[test]
    fn a_header_and_a_payload_are_not_copied() {
        let parts = [Bytes::from(vec![1; 8]), Bytes::from(vec![2; 5000])];
        let kept = gather(parts.clone());
        assert_eq!(kept[..], parts);
        assert!(
            kept.iter()
                .zip(&parts)
                .all(|(a, b)| a.as_ptr() == b.as_ptr())
        );
    }

    #[test]
    fn large_pieces_are_not_copied_however_many_they_are() {
        let parts: Vec<_> = (0..100).map(|i| Bytes::from(vec![i; 1200])).collect();
        let kept = gather(parts.clone());
        assert!(
            kept.iter()
                .zip(&parts)
                .all(|(a, b)| a.as_ptr() == b.as_ptr())
        );
        assert_eq!(kept.len(), parts.len());
    }

    #[test]
    fn many_tiny_pieces_are_few_in_memory() {
        let size = 100_000;
        let mut chunks = Chunks::default();
        let all: Vec<u8> = (0..size).map(|i| i as u8).collect();
        for (i, byte) in all.iter().enumerate() {
            chunks.push(Bytes::copy_from_slice(&[*byte]), (size - i) as u64);
        }
        chunks.finish();
        assert_eq!(joined(&chunks), all);
        assert_eq!(chunks.size(), size as u64);
        assert!(chunks.done.len() <= 2 + size / SHARE as usize);
    }

    #[test]
    fn a_reader_that_keeps_up_with_tiny_pieces_sees_each_byte_once() {
        let mut chunks = Chunks::default();
        let mut place = Place::default();
        let mut read = Vec::new();
        for i in 0..20_000_u32 {
            let size = if i % 1000 == 0 { 3000 } else { i as usize % 3 };
            chunks.push(Bytes::from(vec![i as u8; size]), 1 << 20);
            if i % 7 < 3 {
                read.extend(chunks.rest(&mut place).concat());
            }
        }
        chunks.finish();
        read.extend(chunks.rest(&mut place).concat());
        assert_eq!(chunks.next(&mut place), None);
        assert!(read == joined(&chunks));
        assert_eq!(read.len() as u64, chunks.size());
    }
}
