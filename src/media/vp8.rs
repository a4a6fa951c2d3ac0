//! VP8: the head of a frame (RFC 6386, 9.1).

/// The codec string.
pub const CODEC: &str = "vp8";

/// Whether decoding can start with this frame.
pub fn is_keyframe(frame: &[u8]) -> bool {
    size(frame).is_some()
}

/// Width and height in pixels of a keyframe; `None` for another frame.
pub fn size(frame: &[u8]) -> Option<(u32, u32)> {
    let &[tag, _, _, 0x9d, 0x01, 0x2a, ref sides @ ..] = frame.first_chunk::<10>()? else {
        return None;
    };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    let size = (side(sides[0], sides[1]), side(sides[2], sides[3]));
    (tag & 1 == 0 && size.0 > 0 && size.1 > 0).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyframe_has_a_start_code_and_a_size() {
        // The upper two bits of each side are a hint to scale.
        let frame = [0x10, 2, 0, 0x9d, 1, 0x2a, 0x40, 0x41, 0xf0, 0, 7];
        assert_eq!(size(&frame), Some((320, 240)));
        assert!(is_keyframe(&frame));
        for cut in 0..10 {
            assert_eq!(size(&frame[..cut]), None, "{cut}");
        }
        let mut delta = frame;
        delta[0] |= 1;
        assert!(!is_keyframe(&delta));
    }
}
