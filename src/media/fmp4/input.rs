//! Takes exact pieces out of a stream that arrives in arbitrary ones.

use bytes::{Bytes, BytesMut};

/// The bytes that are pushed and not yet taken, and the start of a piece that is not whole yet.
///
/// A piece inside one pushed buffer is a slice of it. A piece that straddles buffers is gathered
/// once, into memory of its size.
#[derive(Debug, Default)]
pub(super) struct Input {
    current: Bytes,
    partial: BytesMut,
    position: u64,
}

impl Input {
    /// Adds the next bytes; everything pushed before has been taken.
    pub(super) fn push(&mut self, data: Bytes) {
        debug_assert!(self.current.is_empty());
        self.current = data;
    }

    /// Where the next piece starts, in bytes from the start of the stream.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// How much of the next piece is here already, at the end of the pushed bytes.
    pub(super) fn pending(&self) -> usize {
        self.partial.len() + self.current.len()
    }

    /// The next `size` bytes, or `None` (and ask again for the same size) until they are all here.
    pub(super) fn take(&mut self, size: usize) -> Option<Bytes> {
        let piece = if self.partial.is_empty() && self.current.len() >= size {
            self.current.split_to(size)
        } else {
            if self.partial.is_empty() {
                self.partial.reserve(size);
            }
            let missing = size - self.partial.len();
            self.partial
                .extend_from_slice(&self.current.split_to(missing.min(self.current.len())));
            if self.partial.len() < size {
                return None;
            }
            std::mem::take(&mut self.partial).freeze()
        };
        self.position += size as u64;
        Some(piece)
    }

    /// Drops up to `size` bytes and says how many.
    pub(super) fn skip(&mut self, size: u64) -> u64 {
        debug_assert!(self.partial.is_empty());
        let here =
            usize::try_from(size).map_or(self.current.len(), |size| size.min(self.current.len()));
        drop(self.current.split_to(here));
        self.position += here as u64;
        here as u64
    }

    /// Whether every pushed byte has been taken.
    pub(super) fn is_drained(&self) -> bool {
        self.current.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_inside_one_buffer_is_a_slice_of_it() {
        let data = Bytes::from_static(b"abcdef");
        let mut input = Input::default();
        input.push(data.clone());
        assert_eq!(input.skip(2), 2);
        assert_eq!(input.take(3).expect("there").as_ptr(), data[2..].as_ptr());
        assert_eq!((input.position(), input.pending()), (5, 1));
    }

    #[test]
    fn a_piece_that_straddles_buffers_is_gathered() {
        let mut input = Input::default();
        for part in ["ab", "c", "", "de"] {
            input.push(Bytes::from(part));
            if part != "de" {
                assert_eq!(input.take(4), None);
                assert!(input.is_drained());
            }
        }
        assert_eq!(input.take(4).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(
            (input.position(), input.skip(9), input.position()),
            (4, 1, 5)
        );
        assert!(input.is_drained());
    }
}
