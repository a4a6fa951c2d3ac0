//! A frame as it arrives: in several pieces, which are not joined without need.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

/// What is left of a frame. None of the pieces is empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunks {
    pieces: VecDeque<Bytes>,
    left: usize,
}

impl Chunks {
    pub(super) fn len(&self) -> usize {
        self.left
    }

    /// The next `size` bytes, which are here: a slice where they lie in one piece, a copy else.
    pub(super) fn split(&mut self, size: usize) -> Bytes {
        self.copy_to_bytes(size)
    }

    /// All of it in one piece. Copies where there are several, because memory that is handed to a
    /// decoder has to be contiguous.
    pub(super) fn gather(mut self) -> Bytes {
        self.copy_to_bytes(self.left)
    }

    /// The pieces.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Bytes> {
        self.left = 0;
        self.pieces.drain(..)
    }
}

impl From<Vec<Bytes>> for Chunks {
    fn from(mut pieces: Vec<Bytes>) -> Self {
        pieces.retain(|piece| !piece.is_empty());
        let left = pieces.iter().map(Bytes::len).sum();
        Self {
            pieces: pieces.into(),
            left,
        }
    }
}

impl From<Chunks> for Vec<Bytes> {
    fn from(chunks: Chunks) -> Self {
        chunks.pieces.into()
    }
}

impl Buf for Chunks {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| piece)
    }

    fn advance(&mut self, mut count: usize) {
        self.left -= count;
        while let Some(piece) = self.pieces.front_mut() {
            if count < piece.len() {
                return piece.advance(count);
            }
            count -= piece.len();
            self.pieces.pop_front();
        }
    }

    fn copy_to_bytes(&mut self, size: usize) -> Bytes {
        let slice = match self.pieces.front() {
            Some(first) if first.len() >= size => first.slice(..size),
            _ => {
                let mut whole = BytesMut::with_capacity(size);
                for piece in &self.pieces {
                    let missing = size - whole.len();
                    whole.extend_from_slice(&piece[..missing.min(piece.len())]);
                }
                whole.freeze()
            }
        };
        self.advance(size);
        slice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_one_piece_is_a_slice_and_the_rest_is_gathered() {
        let (one, two) = (Bytes::from_static(b"abcd"), Bytes::from_static(b"efg"));
        let mut chunks = Chunks::from(vec![one.clone(), Bytes::new(), two]);
        assert_eq!(chunks.len(), 7);
        let slice = chunks.split(2);
        assert_eq!((&slice[..], slice.as_ptr()), (&b"ab"[..], one.as_ptr()));
        assert_eq!(&chunks.split(3)[..], b"cde");
        assert_eq!((chunks.len(), &chunks.gather()[..]), (2, &b"fg"[..]));
        assert_eq!(Chunks::default().gather(), Bytes::new());
    }
}
