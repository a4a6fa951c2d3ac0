//! A buffer that only counts.
//!
//! `BufMut` is an unsafe trait, because its users may write through the memory that `chunk_mut` hands out. The memory
//! here is a field of the buffer, initialised and never read, so that nothing written to it can do harm.

use bytes::{Buf, BufMut, buf::UninitSlice};

/// Counts the bytes that a value would take; keeps none of them.
///
/// ```
/// use gstmoq::moq_lite::coding::{Encode, Sizer};
///
/// let mut sizer = Sizer::default();
/// "four".encode(&mut sizer, ()).expect("it is short");
/// assert_eq!(sizer.size, 5);
/// ```
#[derive(Default)]
pub struct Sizer {
    /// Bytes that were written.
    pub size: usize,
    /// Where writers that ask for memory write to.
    scratch: [u8; SCRATCH],
}

const SCRATCH: usize = 32;

#[allow(unsafe_code)] // the trait is unsafe to implement; see the top of this file
unsafe impl BufMut for Sizer {
    fn remaining_mut(&self) -> usize {
        usize::MAX - self.size
    }

    unsafe fn advance_mut(&mut self, count: usize) {
        self.size = self.size.saturating_add(count);
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        let rest = self.remaining_mut().min(SCRATCH);
        UninitSlice::new(&mut self.scratch[..rest])
    }

    fn put<B: Buf>(&mut self, mut source: B) {
        let count = source.remaining();
        source.advance(count);
        self.size = self.size.saturating_add(count);
    }

    fn put_slice(&mut self, source: &[u8]) {
        self.size = self.size.saturating_add(source.len());
    }

    fn put_bytes(&mut self, _: u8, count: usize) {
        self.size = self.size.saturating_add(count);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_is_written_is_counted_however_it_is_written() {
        let mut sizer = Sizer::default();
        sizer.put_u8(1);
        sizer.put_u16(2);
        sizer.put_u64_le(3);
        sizer.put_uint(4, 3);
        assert_eq!(sizer.size, 1 + 2 + 8 + 3);
        sizer.put_slice(&[0; 100]);
        sizer.put_bytes(7, 1000);
        sizer.put(Bytes::from_static(b"0123456789").chain(&b"ab"[..]));
        assert_eq!(sizer.size, 14 + 100 + 1000 + 12);
    }

    #[test]
    fn memory_that_is_asked_for_is_never_empty_and_never_beyond_the_count() {
        let mut sizer = Sizer::default();
        assert_eq!(sizer.chunk_mut().len(), SCRATCH);
        sizer.put_bytes(0, usize::MAX - 3);
        assert_eq!(sizer.remaining_mut(), 3);
        assert_eq!(sizer.chunk_mut().len(), 3);
        sizer.put_slice(&[0; 8]);
        assert_eq!(sizer.size, usize::MAX);
        assert_eq!(sizer.chunk_mut().len(), 0);
    }
}
