//! Opus: the identification header (RFC 7845, section 5.1) and its form in MP4 (`dOps`).

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Error;

/// The codec string.
pub const CODEC: &str = "opus";
/// The rate at which Opus is decoded, whatever was fed to the encoder.
pub const SAMPLE_RATE: u32 = 48_000;

/// How long the sound of a packet lasts (RFC 6716, section 3.1); `None` for what is no packet.
pub fn packet_duration(packet: &[u8]) -> Option<Duration> {
    let toc = *packet.first()?;
    // In units of 2.5 ms: what is coded as speech, as both, and as music.
    let frame = match toc >> 3 {
        config @ 0..12 => [4, 8, 16, 24][usize::from(config % 4)],
        config @ 12..16 => [4, 8][usize::from(config % 2)],
        config => 1 << (config % 4),
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    let units = frames * frame;
    (1..=MAX_PACKET)
        .contains(&units)
        .then(|| Duration::from_micros(2_500) * units)
}

/// No packet is longer than 120 ms.
const MAX_PACKET: u32 = 48;

/// An identification header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Output channels, at least 1.
    pub channels: u8,
    /// Samples at 48 kHz to drop at the start.
    pub pre_skip: u16,
    /// The rate of the encoder's input in Hz; 0 where it is not known.
    pub input_sample_rate: u32,
    /// Gain to apply, in 1/256 dB.
    pub output_gain: i16,
    /// How streams become channels; `None` for one stream of mono or stereo.
    pub mapping: Option<Mapping>,
}

/// A channel mapping table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The mapping family, not 0.
    pub family: u8,
    /// Streams in each packet.
    pub streams: u8,
    /// How many of them are stereo.
    pub coupled: u8,
    /// For each output channel the decoded channel that it takes, or 255 for silence.
    pub table: Vec<u8>,
}

/// Whether this is a header that a muxer put into the stream, and no packet.
pub fn is_header(payload: &[u8]) -> bool {
    payload.starts_with(MAGIC) || payload.starts_with(b"OpusTags")
}

impl Head {
    /// Mono or stereo from this many channels.
    pub fn new(channels: u8, pre_skip: u16, input_sample_rate: u32) -> Result<Self, Error> {
        Self {
            channels,
            pre_skip,
            input_sample_rate,
            output_gain: 0,
            mapping: None,
        }
        .checked()
    }

    /// Reads an `OpusHead`; what follows it is ignored.
    pub fn parse(mut head: &[u8]) -> Result<Self, Error> {
        let size = head.len();
        let body = head
            .split_off(..MAGIC.len())
            .filter(|magic| *magic == MAGIC);
        if body.is_none() {
            return Err(Error::Opus("the header does not start with OpusHead"));
        }
        if size < MAGIC.len() + FIXED {
            return Err(SHORT);
        }
        if head.get_u8() & 0xf0 != 0 {
            return Err(Error::Opus("the header is of an unknown version"));
        }
        let (channels, pre_skip) = (head.get_u8(), head.get_u16_le());
        let (rate, gain) = (head.get_u32_le(), head.get_i16_le());
        Self::of(channels, pre_skip, rate, gain, head)
    }

    /// Reads the content of a `dOps` box, which has the same fields in the other byte order.
    pub fn parse_dops(mut body: &[u8]) -> Result<Self, Error> {
        if body.len() < FIXED {
            return Err(SHORT);
        }
        if body.get_u8() != 0 {
            return Err(Error::Opus("the dOps box is of an unknown version"));
        }
        let (channels, pre_skip) = (body.get_u8(), body.get_u16());
        let (rate, gain) = (body.get_u32(), body.get_i16());
        Self::of(channels, pre_skip, rate, gain, body)
    }

    /// The `OpusHead` of these values.
    pub fn to_bytes(&self) -> Bytes {
        let mut head = BytesMut::with_capacity(MAGIC.len() + FIXED);
        head.put_slice(MAGIC);
        head.put_u8(1);
        head.put_u8(self.channels);
        head.put_u16_le(self.pre_skip);
        head.put_u32_le(self.input_sample_rate);
        head.put_i16_le(self.output_gain);
        match &self.mapping {
            None => head.put_u8(0),
            Some(mapping) => {
                head.put_slice(&[mapping.family, mapping.streams, mapping.coupled]);
                head.put_slice(&mapping.table);
            }
        }
        head.freeze()
    }

    /// `mapping` is what follows the other fields.
    fn of(
        channels: u8,
        pre_skip: u16,
        input_sample_rate: u32,
        output_gain: i16,
        mapping: &[u8],
    ) -> Result<Self, Error> {
        Self {
            channels,
            pre_skip,
            input_sample_rate,
            output_gain,
            mapping: self::mapping(mapping, channels)?,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, Error> {
        let Some(Mapping {
            streams,
            coupled,
            table,
            ..
        }) = &self.mapping
        else {
            return match self.channels {
                1 | 2 => Ok(self),
                _ => Err(Error::Opus("mapping family 0 has one or two channels")),
            };
        };
        let decoded = u16::from(*streams) + u16::from(*coupled);
        if *streams == 0 || coupled > streams || decoded > 255 {
            return Err(Error::Opus("the number of streams is impossible"));
        }
        if self.channels == 0 || table.len() != usize::from(self.channels) {
            return Err(Error::Opus(
                "the channel mapping does not cover the channels",
            ));
        }
        if table
            .iter()
            .any(|channel| *channel != 255 && u16::from(*channel) >= decoded)
        {
            return Err(Error::Opus(
                "the channel mapping names a channel that does not exist",
            ));
        }
        Ok(self)
    }
}

const SHORT: Error = Error::Opus("the header ends too early");
const MAGIC: &[u8] = b"OpusHead";
/// Version, channels, pre-skip, rate, gain, mapping family.
const FIXED: usize = 1 + 1 + 2 + 4 + 2 + 1;

/// Family and table; the caller checked that the family is there.
fn mapping(mut body: &[u8], channels: u8) -> Result<Option<Mapping>, Error> {
    let family = body.get_u8();
    if family == 0 {
        return Ok(None);
    }
    let (&[streams, coupled], rest) = body.split_first_chunk().ok_or(SHORT)?;
    let table = rest.get(..channels.into()).ok_or(SHORT)?.to_vec();
    Ok(Some(Mapping {
        family,
        streams,
        coupled,
        table,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEREO: &[u8] = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";

    fn surround() -> Head {
        Head {
            channels: 6,
            pre_skip: 312,
            input_sample_rate: 44_100,
            output_gain: -256,
            mapping: Some(Mapping {
                family: 1,
                streams: 4,
                coupled: 2,
                table: vec![0, 4, 1, 2, 3, 5],
            }),
        }
    }

    #[test]
    fn a_stereo_header_is_read_and_written() {
        let head = Head::new(2, 312, 48_000).expect("stereo");
        assert_eq!(head.to_bytes(), STEREO);
        assert_eq!(Head::parse(STEREO), Ok(head));
    }

    #[test]
    fn a_mapping_table_is_read_and_written() {
        assert_eq!(Head::parse(&surround().to_bytes()), Ok(surround()));
    }

    #[test]
    fn a_dops_box_has_the_same_fields_in_the_other_order() {
        let body = [0, 2, 0x01, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0];
        assert_eq!(
            Head::parse_dops(&body).map(|head| head.to_bytes()),
            Ok(Bytes::from_static(STEREO))
        );
        let body = [
            0, 6, 0x01, 0x38, 0, 0, 0xac, 0x44, 0xff, 0, 1, 4, 2, 0, 4, 1, 2, 3, 5,
        ];
        assert_eq!(Head::parse_dops(&body), Ok(surround()));
        for size in 0..body.len() {
            assert_eq!(Head::parse_dops(&body[..size]), Err(SHORT));
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        for bytes in [Bytes::from_static(STEREO), surround().to_bytes()] {
            for size in 0..bytes.len() {
                assert!(Head::parse(&bytes[..size]).is_err(), "{size}");
            }
        }
    }

    #[test]
    fn the_first_bytes_of_a_packet_tell_how_long_it_lasts() {
        let duration = |packet: &[u8]| packet_duration(packet).map(|time| time.as_micros());
        // 20 ms of music in one frame, as most encoders write it.
        assert_eq!(duration(&[0xfc, 1, 2]), Some(20_000));
        assert_eq!(duration(&[0x80]), Some(2_500));
        assert_eq!(duration(&[0x18]), Some(60_000));
        assert_eq!(duration(&[0x69]), Some(40_000));
        assert_eq!(duration(&[0x0b, 0x82]), Some(40_000));
        for nothing in [&[][..], &[0x03], &[0x03, 0], &[0x1b, 63]] {
            assert_eq!(duration(nothing), None);
        }
    }

    #[test]
    fn impossible_values_are_refused() {
        let refused = |at: usize, value: u8| {
            let mut bytes = surround().to_bytes().to_vec();
            bytes[at] = value;
            Head::parse(&bytes).expect_err("impossible")
        };
        assert_eq!(
            refused(0, b'o'),
            Error::Opus("the header does not start with OpusHead")
        );
        assert_eq!(
            refused(8, 0x10),
            Error::Opus("the header is of an unknown version")
        );
        assert_eq!(
            refused(9, 0),
            Error::Opus("the channel mapping does not cover the channels")
        );
        assert_eq!(
            refused(18, 0),
            Error::Opus("mapping family 0 has one or two channels")
        );
        assert_eq!(
            refused(19, 0),
            Error::Opus("the number of streams is impossible")
        );
        assert_eq!(
            refused(20, 5),
            Error::Opus("the number of streams is impossible")
        );
        assert_eq!(
            refused(21, 6),
            Error::Opus("the channel mapping names a channel that does not exist")
        );
    }
}
