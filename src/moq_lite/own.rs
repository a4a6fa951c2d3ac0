//! Payload that is kept longer than the packets that it came in.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

/// Pieces of one frame; mostly they are few.
pub(crate) type Pieces = SmallVec<[Bytes; 4]>;

/// Pieces that keep no memory but their own: small ones are copied, neighbours into one.
///
/// Such a piece is a part of a packet, and with it stays the buffer that the packet was received into, together with
/// others: up to 64 KiB, hundreds of times its size for as long as a track keeps it.
pub(crate) fn own(pieces: Pieces) -> Pieces {
    if !pieces.iter().any(is_small) {
        return pieces;
    }
    let runs = pieces.chunk_by(|one, next| is_small(one) && is_small(next));
    let owned = runs.map(|run| match run {
        [large] if !is_small(large) => large.clone(),
        small => {
            let mut joined = BytesMut::with_capacity(small.iter().map(Bytes::len).sum());
            small
                .iter()
                .for_each(|piece| joined.extend_from_slice(piece));
            joined.freeze()
        }
    });
    owned.collect()
}

fn is_small(piece: &Bytes) -> bool {
    piece.len() <= SMALL
}

/// No packet is larger, but for those of the loopback interface.
const SMALL: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_a_packet_does_not_keep_its_buffer() {
        let buffer = Bytes::from(vec![7; 65_536]);
        let owned = own([buffer.slice(0..100), buffer.slice(1_200..2_400)]
            .into_iter()
            .collect());
        assert_eq!(owned[..], [buffer.slice(0..1_300)]);
        assert!(buffer.is_unique());
    }

    #[test]
    fn large_pieces_stay_as_they_are() {
        let buffer = Bytes::from(vec![7; 65_536]);
        let pieces = [0..5_000, 5_000..5_010, 5_010..20_000].map(|range| buffer.slice(range));
        let owned = own(pieces.iter().cloned().collect());
        assert_eq!(owned[..], pieces);
        let same = |at: usize| owned[at].as_ptr() == pieces[at].as_ptr();
        assert_eq!([same(0), same(1), same(2)], [true, false, true]);
        assert_eq!(own(Pieces::new()), Pieces::new());
    }
}
