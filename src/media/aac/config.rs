//! The AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).

use bytes::Bytes;

use crate::media::{Error, bits::Bits};

/// What an AudioSpecificConfig says about the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioSpecificConfig {
    /// The audio object type: 2 is AAC-LC, 5 HE-AAC (SBR), 29 HE-AAC v2 (PS).
    pub object_type: u8,
    /// Samples per second that come out of the decoder, SBR included.
    pub sample_rate: u32,
    /// Channels that come out of the decoder, PS included.
    pub channels: u8,
}

impl AudioSpecificConfig {
    /// The largest configuration that is read, in bytes.
    pub const MAX_SIZE: usize = 1024;

    /// AAC-LC of this rate and number of channels (1 to 6, or 8).
    pub fn lc(sample_rate: u32, channels: u8) -> Result<Self, Error> {
        let config = Self {
            object_type: LC,
            sample_rate,
            channels,
        };
        match (sample_rate, config.channel_configuration()) {
            (1..=MAX_RATE, Some(_)) => Ok(config),
            (1..=MAX_RATE, None) => Err(Error::Aac(
                "only 1 to 6 and 8 channels have a standard layout",
            )),
            _ => Err(Error::Aac(
                "the sampling frequency is not between 1 and 16777215 Hz",
            )),
        }
    }

    /// Reads a configuration; what follows the part that says what [`Self`] holds is ignored.
    pub fn parse(config: &[u8]) -> Result<Self, Error> {
        if config.len() > Self::MAX_SIZE {
            return Err(Error::Aac(
                "the AudioSpecificConfig is larger than 1024 bytes",
            ));
        }
        let bits = &mut Bits::new(config);
        let mut object_type = object_type(bits).ok_or(SHORT)?;
        let mut sample_rate = sample_rate(bits)?;
        let layout = bits.read(4).ok_or(SHORT)?;
        // Explicit signalling: the extension comes first, the core follows.
        let mut extension = None;
        if object_type == SBR || object_type == PS {
            extension = Some(object_type);
            sample_rate = self::sample_rate(bits)?;
            object_type = self::object_type(bits).ok_or(SHORT)?;
        }
        let mut channels = match layout {
            0 => None,
            1..=6 => Some(layout as u8),
            7 | 12 | 14 => Some(8),
            11 => Some(7),
            13 => Some(24),
            _ => return Err(Error::Aac("the channel configuration is reserved")),
        };
        if GENERAL_AUDIO.contains(&object_type) {
            general(bits, object_type).ok_or(SHORT)?;
            if channels.is_none() {
                channels =
                    Some(program_channels(bits).ok_or(SHORT)?).filter(|channels| *channels > 0);
            } else if extension.is_none()
                && let Some((kind, rate)) = implicit_extension(bits)
            {
                extension = Some(kind);
                sample_rate = rate;
            }
        }
        let mut channels = channels.ok_or(Error::Aac("the channel layout is not said"))?;
        if extension == Some(PS) && channels == 1 {
            channels = 2;
        }
        Ok(Self {
            object_type: extension.unwrap_or(object_type),
            sample_rate,
            channels,
        })
    }

    /// The shortest configuration of these values: plain AAC, without SBR or PS signalling.
    ///
    /// `None` unless the object type is one that needs nothing else (1 to 4) and the values are in range.
    pub fn to_bytes(&self) -> Option<Bytes> {
        if !(1..=4).contains(&self.object_type) || !(1..=MAX_RATE).contains(&self.sample_rate) {
            return None;
        }
        let layout = u64::from(self.channel_configuration()?);
        let kind = u64::from(self.object_type);
        // Five bits of type, the rate, four bits of layout, three flags that are zero.
        let (value, bits): (u64, usize) =
            match RATES.iter().position(|rate| *rate == self.sample_rate) {
                Some(index) => (kind << 4 | index as u64, 9),
                None => ((kind << 4 | 15) << 24 | u64::from(self.sample_rate), 33),
            };
        let value = (value << 7 | layout << 3) << (64 - 7 - bits);
        Some(Bytes::copy_from_slice(
            &value.to_be_bytes()[..bits.div_ceil(8)],
        ))
    }

    /// The codec string `mp4a.40.N`.
    pub fn codec(&self) -> String {
        format!("mp4a.40.{}", self.object_type)
    }

    fn channel_configuration(&self) -> Option<u8> {
        match self.channels {
            1..=6 => Some(self.channels),
            8 => Some(7),
            _ => None,
        }
    }
}

const SHORT: Error = Error::Aac("the AudioSpecificConfig ends too early");
const LC: u8 = 2;
const SBR: u8 = 5;
const PS: u8 = 29;
/// Object types whose configuration goes on with a GASpecificConfig.
const GENERAL_AUDIO: [u8; 12] = [1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23];
const MAX_RATE: u32 = (1 << 24) - 1;
pub(super) const RATES: [u32; 13] = [
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
];

fn object_type(bits: &mut Bits<'_>) -> Option<u8> {
    let kind = match bits.read(5)? {
        31 => 32 + bits.read(6)?,
        kind => kind,
    };
    Some(kind as u8)
}

fn sample_rate(bits: &mut Bits<'_>) -> Result<u32, Error> {
    let rate = match bits.read(4).ok_or(SHORT)? {
        15 => bits.read(24).ok_or(SHORT)?,
        index => RATES.get(index as usize).copied().unwrap_or(0),
    };
    if rate == 0 {
        return Err(Error::Aac("the sampling frequency is reserved or zero"));
    }
    Ok(rate)
}

/// The part of a GASpecificConfig that precedes a channel layout.
fn general(bits: &mut Bits<'_>, object_type: u8) -> Option<()> {
    bits.flag()?; // frameLengthFlag
    if bits.flag()? {
        bits.skip(14)?; // coreCoderDelay
    }
    bits.flag()?; // extensionFlag
    if object_type == 6 || object_type == 20 {
        bits.skip(3)?; // layerNr
    }
    Some(())
}

/// Counts the channels of a program_config_element.
fn program_channels(bits: &mut Bits<'_>) -> Option<u8> {
    bits.skip(4 + 2 + 4)?; // element_instance_tag, object_type, sampling_frequency_index
    let elements = bits.read(4)? + bits.read(4)? + bits.read(4)?; // front, side, back
    let low = bits.read(2)?;
    bits.skip(3 + 4)?; // num_assoc_data_elements, num_valid_cc_elements
    for size in [4, 4, 3] {
        if bits.flag()? {
            bits.skip(size)?; // the number of a mixdown element
        }
    }
    let mut channels = low;
    for _ in 0..elements {
        channels += if bits.flag()? { 2 } else { 1 };
        bits.skip(4)?; // its tag
    }
    Some(channels as u8)
}

/// Backward compatible signalling behind the core's configuration: object type and output rate.
fn implicit_extension(bits: &mut Bits<'_>) -> Option<(u8, u32)> {
    if bits.read(11)? != 0x2b7 || object_type(bits)? != SBR || !bits.flag()? {
        return None;
    }
    let rate = sample_rate(bits).ok()?;
    let stereo = bits.read(11) == Some(0x548) && bits.flag() == Some(true);
    Some((if stereo { PS } else { SBR }, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(object_type: u8, sample_rate: u32, channels: u8) -> AudioSpecificConfig {
        AudioSpecificConfig {
            object_type,
            sample_rate,
            channels,
        }
    }

    #[test]
    fn plain_aac_takes_two_bytes() {
        assert_eq!(
            AudioSpecificConfig::parse(&[0x12, 0x10]),
            Ok(config(2, 44_100, 2))
        );
        assert_eq!(
            AudioSpecificConfig::parse(&[0x11, 0xb0, 0x56, 0xe5, 0]),
            Ok(config(2, 48_000, 6))
        );
        assert_eq!(config(2, 44_100, 2).codec(), "mp4a.40.2");
    }

    #[test]
    fn explicit_signalling_names_the_extension_and_its_rate() {
        // SBR at 24 kHz, mono, 48 kHz out, LC core; the same as PS.
        assert_eq!(
            AudioSpecificConfig::parse(&[0x2b, 0x09, 0x88, 0x00]),
            Ok(config(5, 48_000, 1))
        );
        assert_eq!(
            AudioSpecificConfig::parse(&[0xeb, 0x09, 0x88, 0x00]),
            Ok(config(29, 48_000, 2))
        );
    }

    #[test]
    fn backward_compatible_signalling_is_found_behind_the_core() {
        let sbr = [0x13, 0x10, 0x56, 0xe5, 0x98];
        assert_eq!(AudioSpecificConfig::parse(&sbr), Ok(config(5, 48_000, 2)));
        let ps = [0x13, 0x08, 0x56, 0xe5, 0x9d, 0x48, 0x80];
        assert_eq!(AudioSpecificConfig::parse(&ps), Ok(config(29, 48_000, 2)));
    }

    #[test]
    fn an_escaped_object_type_is_read() {
        // 31, then 10 (42 is USAC), 48 kHz, stereo
        let bits: u32 = 0b111_1100_1010_0011_0010 << 13;
        assert_eq!(
            AudioSpecificConfig::parse(&bits.to_be_bytes()),
            Ok(config(42, 48_000, 2))
        );
    }

    #[test]
    fn a_program_config_element_counts_its_channels() {
        // LC, 48 kHz, layout 0, three flags; tag 0, type 1, rate 3; one pair in front, one single behind, one LFE.
        let fields: [(u32, u32); 22] = [
            (2, 5),
            (3, 4),
            (0, 4),
            (0, 3),
            (0, 4),
            (1, 2),
            (3, 4),
            (1, 4),
            (0, 4),
            (1, 4),
            (1, 2),
            (0, 3),
            (0, 4),
            (0, 1),
            (0, 1),
            (0, 1),
            (1, 1),
            (0, 4),
            (0, 1),
            (0, 4),
            (0, 4),
            (0, 8),
        ];
        let mut value = 0u128;
        let mut size = 0;
        for (field, bits) in fields {
            value = value << bits | u128::from(field);
            size += bits;
        }
        let bytes = (value << (128 - size)).to_be_bytes();
        assert_eq!(AudioSpecificConfig::parse(&bytes), Ok(config(2, 48_000, 4)));
    }

    #[test]
    fn what_is_built_is_read_back() {
        for rate in RATES.into_iter().chain([1, 12_345, MAX_RATE]) {
            for channels in [1, 2, 3, 4, 5, 6, 8] {
                let built = AudioSpecificConfig::lc(rate, channels).expect("in range");
                let bytes = built.to_bytes().expect("plain");
                assert_eq!(bytes.len(), if RATES.contains(&rate) { 2 } else { 5 });
                assert_eq!(AudioSpecificConfig::parse(&bytes), Ok(built));
            }
        }
        assert_eq!(
            &config(2, 44_100, 2).to_bytes().expect("plain")[..],
            [0x12, 0x10]
        );
        assert!(AudioSpecificConfig::lc(48_000, 7).is_err());
        assert!(AudioSpecificConfig::lc(0, 2).is_err());
        assert_eq!(config(5, 48_000, 2).to_bytes(), None);
    }

    #[test]
    fn truncations_and_garbage_are_refused_without_panic() {
        for size in 0..2 {
            assert_eq!(
                AudioSpecificConfig::parse(&[0x12, 0x10][..size]),
                Err(SHORT)
            );
        }
        assert!(
            AudioSpecificConfig::parse(&[0x16, 0x90]).is_err(),
            "reserved rate"
        );
        assert!(AudioSpecificConfig::parse(&[0; AudioSpecificConfig::MAX_SIZE + 1]).is_err());
        let mut seed = 7u64;
        for _ in 0..20_000 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let bytes = (seed ^ seed >> 29).to_be_bytes();
            for size in 0..=8 {
                if let Ok(config) = AudioSpecificConfig::parse(&bytes[..size]) {
                    assert!(config.sample_rate > 0 && config.channels > 0);
                }
            }
        }
    }
}
