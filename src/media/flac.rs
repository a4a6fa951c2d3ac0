//! FLAC: the stream information, and what comes before frames (RFC 9639).

use bytes::{BufMut, Bytes, BytesMut};

use super::Error;

/// The codec string.
pub const CODEC: &str = "flac";

const MARKER: &[u8; 4] = b"fLaC";
/// Type and length of the block that holds the stream information.
const BLOCK: [u8; 4] = [0, 0, 0, SIZE as u8];
const SIZE: usize = 34;

/// A STREAMINFO block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// In Hz.
    pub sample_rate: u32,
    /// 1 to 8.
    pub channels: u8,
    /// Bits of a sample, 4 to 32.
    pub depth: u8,
    /// How many samples of each channel a frame has, where all but the last have as many.
    pub block: Option<u16>,
    content: [u8; SIZE],
}

impl StreamInfo {
    /// Reads the content of the block.
    pub fn parse(content: &[u8]) -> Result<Self, Error> {
        let content = *content
            .first_chunk::<SIZE>()
            .ok_or(Error::Flac("the stream information ends too early"))?;
        let word = content[10..14]
            .iter()
            .fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        let (smallest, largest) = (&content[..2], &content[2..4]);
        let info = Self {
            sample_rate: word >> 12,
            channels: (word >> 9 & 7) as u8 + 1,
            depth: (word >> 4 & 31) as u8 + 1,
            block: (smallest == largest).then(|| u16::from_be_bytes([content[0], content[1]])),
            content,
        };
        match info.sample_rate {
            0 => Err(Error::Flac("the stream information has no sample rate")),
            _ => Ok(info),
        }
    }

    /// Reads what a catalog holds: the marker, then the block with its header. What follows it is
    /// ignored.
    pub fn parse_description(description: &[u8]) -> Result<Self, Error> {
        let block = description
            .strip_prefix(MARKER)
            .and_then(|rest| rest.split_first_chunk::<4>());
        match block {
            Some(([kind, size @ ..], content)) if kind & 0x7f == 0 && *size == BLOCK[1..] => {
                Self::parse(content)
            }
            _ => Err(Error::Flac(
                "the description does not start with fLaC and the stream information",
            )),
        }
    }

    /// Reads the first header of the form that Ogg has, or that of a file.
    pub fn parse_header(header: &[u8]) -> Result<Self, Error> {
        match header.strip_prefix(b"\x7fFLAC") {
            Some(rest) => Self::parse_description(rest.get(4..).unwrap_or_default()),
            None => Self::parse_description(header),
        }
    }

    /// What a catalog holds: the marker and the block, of which it says that it is the last.
    pub fn description(&self) -> Bytes {
        let mut description = BytesMut::with_capacity(8 + SIZE);
        description.put_slice(MARKER);
        description.put_slice(&BLOCK);
        description[4] |= 0x80;
        description.put_slice(&self.content);
        description.freeze()
    }

    /// The headers of the form that Ogg has: the stream information, then a comment without any.
    pub fn headers(&self) -> [Bytes; 2] {
        let mut first = BytesMut::with_capacity(17 + SIZE);
        first.put_slice(b"\x7fFLAC\x01\x00\x00\x01");
        first.put_slice(MARKER);
        first.put_slice(&BLOCK);
        first.put_slice(&self.content);
        // The last block: a name of no letters, then no comments.
        let comment = [0x84, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        [first.freeze(), Bytes::copy_from_slice(&comment)]
    }
}

/// Whether this is a frame, rather than a header that a muxer put into the stream.
pub fn is_frame(payload: &[u8]) -> bool {
    matches!(payload, [0xff, 0xf8 | 0xf9, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: [u8; SIZE] = [
        0x10, 0, 0x10, 0, 0, 0, 9, 0, 0x30, 0, 0x0a, 0xc4, 0x42, 0xf0, 0, 0, 0, 0, 1, 2, 3, 4, 5,
        6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    ];

    #[test]
    fn the_stream_information_is_read_in_every_form() {
        let info = StreamInfo::parse(&CONTENT).expect("valid");
        assert_eq!(
            (info.sample_rate, info.channels, info.depth),
            (44_100, 2, 16)
        );
        assert_eq!(info.block, Some(4096));
        assert_eq!(
            StreamInfo::parse_description(&info.description()),
            Ok(info.clone())
        );
        let [first, comment] = info.headers();
        assert_eq!(StreamInfo::parse_header(&first), Ok(info.clone()));
        assert_eq!(StreamInfo::parse_header(&first[9..]), Ok(info));
        assert!(!is_frame(&first) && !is_frame(&comment) && is_frame(&[0xff, 0xf8, 1]));
    }

    #[test]
    fn truncations_are_refused() {
        let description = StreamInfo::parse(&CONTENT).expect("valid").description();
        for size in 0..description.len() {
            assert!(
                StreamInfo::parse_description(&description[..size]).is_err(),
                "{size}"
            );
        }
        assert!(StreamInfo::parse(&[0; SIZE]).is_err());
        assert!(StreamInfo::parse_header(b"\x7fFLAC").is_err());
    }
}
