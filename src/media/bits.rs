//! Reads single bits, most significant first, and the Exp-Golomb codes made of them.

/// A cursor over the bits of a slice. Every read is `None` past the end.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// How many bits are left.
    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() * 8 - self.position
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// The next `count` bits (at most 32) as a number.
    pub(super) fn read(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32);
        if self.remaining() < count as usize {
            return None;
        }
        let mut value = 0u64;
        for _ in 0..count {
            value = value << 1 | u64::from(self.flag()?);
        }
        Some(value as u32)
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        if self.remaining() < count {
            return None;
        }
        self.position += count;
        Some(())
    }

    /// An unsigned Exp-Golomb code; `None` also for codes longer than 32 bits of value.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.read(zeros)?;
        Some(((1u64 << zeros) - 1 + u64::from(rest)) as u32)
    }

    /// A signed Exp-Golomb code.
    pub(super) fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let value = if code % 2 == 1 {
            (code + 1) / 2
        } else {
            -(code / 2)
        };
        Some(value as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_count_up_from_a_single_one_bit() {
        // 1 010 011 00100 00101, then padding
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!(
            [bits.ue(), bits.ue(), bits.ue()],
            [Some(0), Some(1), Some(2)]
        );
        assert_eq!([bits.se(), bits.se()], [Some(2), Some(-2)]);
    }

    #[test]
    fn reading_past_the_end_gives_none() {
        let mut bits = Bits::new(&[0xff]);
        assert_eq!(bits.read(9), None);
        assert_eq!(bits.read(8), Some(0xff));
        assert_eq!(bits.flag(), None);
        assert_eq!(bits.skip(1), None);
        assert_eq!(Bits::new(&[0; 8]).ue(), None);
    }
}
