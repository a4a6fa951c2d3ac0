//! The configuration of a rendition into the sample entry of its `moov` box.

use mp4_atom::{
    Atom, Audio, Av01, Av1c, Avc1, Avc3, Avcc, Btrt, Codec, Dfla, Dops, Esds, Flac, Fpcm, Hev1,
    Hvc1, Hvcc, Mp4a, Opus, OpusChannelMapping, Pasp, PcmC, Visual, Vp08, Vp09, VpcC,
    esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig},
};

use crate::media::{AudioConfig, Config, Error, VideoConfig, opus};

/// The sample entry; an error where the codec, or the form that the payload has, is not for ISO files.
pub(super) fn entry(config: &Config) -> Result<Codec, Error> {
    match config {
        Config::Video(config) => video(config),
        Config::Audio(config) => audio(config),
        Config::Text(_) | Config::Data(_) => Err(unknown(config.codec())),
    }
}

fn video(config: &VideoConfig) -> Result<Codec, Error> {
    let side = |side: Option<u32>| u16::try_from(side.unwrap_or(0)).unwrap_or(0);
    let visual = Visual {
        data_reference_index: 1,
        width: side(config.coded_width),
        height: side(config.coded_height),
        ..Visual::default()
    };
    let (btrt, pasp) = (btrt(config.common.bitrate), pasp(config));
    let codec = config.codec.as_str();
    Ok(match family(codec) {
        "avc1" => {
            let (visual, avcc) = (visual, record::<Avcc>(codec, &config.description)?);
            let entry = Avc1 {
                visual,
                avcc,
                btrt,
                colr: None,
                pasp,
                taic: None,
                fiel: None,
                spatial: None,
            };
            entry.into()
        }
        "avc3" => {
            let (visual, avcc) = (visual, record::<Avcc>(codec, &config.description)?);
            let entry = Avc3 {
                visual,
                avcc,
                btrt,
                colr: None,
                pasp,
                taic: None,
                fiel: None,
                spatial: None,
            };
            entry.into()
        }
        "hvc1" => Hvc1 {
            visual,
            hvcc: record::<Hvcc>(codec, &config.description)?,
            btrt,
            pasp,
            ..Hvc1::default()
        }
        .into(),
        "hev1" => Hev1 {
            visual,
            hvcc: record::<Hvcc>(codec, &config.description)?,
            btrt,
            pasp,
            ..Hev1::default()
        }
        .into(),
        "av01" => Av01 {
            visual,
            av1c: av1c(codec).ok_or_else(|| unknown(codec))?,
            btrt,
            pasp,
            ..Av01::default()
        }
        .into(),
        "vp09" => Vp09 {
            visual,
            vpcc: vpcc(codec).ok_or_else(|| unknown(codec))?,
            btrt,
            colr: None,
            pasp,
            spatial: None,
        }
        .into(),
        "vp8" => Vp08 {
            visual,
            vpcc: VpcC {
                bit_depth: 8,
                chroma_subsampling: 1,
                ..VpcC::default()
            },
            btrt,
            colr: None,
            pasp,
            spatial: None,
        }
        .into(),
        _ => return Err(unknown(codec)),
    })
}

fn audio(config: &AudioConfig) -> Result<Codec, Error> {
    let audio = Audio {
        data_reference_index: 1,
        channel_count: u16::try_from(config.number_of_channels).unwrap_or(0),
        sample_size: 16,
        // The field has no room for more; readers take the codec's own word.
        sample_rate: u16::try_from(config.sample_rate).unwrap_or(0).into(),
    };
    let btrt = btrt(config.common.bitrate);
    let codec = config.codec.as_str();
    let esds = |object_type, raw: Option<Vec<u8>>| {
        let bitrate = config
            .common
            .bitrate
            .map_or(0, |rate| u32::try_from(rate).unwrap_or(u32::MAX));
        Esds {
            es_desc: EsDescriptor {
                es_id: 1,
                dec_config: DecoderConfig {
                    object_type_indication: object_type,
                    stream_type: AUDIO_STREAM,
                    max_bitrate: bitrate,
                    avg_bitrate: bitrate,
                    dec_specific: raw.map(|raw| DecoderSpecific {
                        raw,
                        ..Default::default()
                    }),
                    ..DecoderConfig::default()
                },
                sl_config: SLConfig {},
                ..EsDescriptor::default()
            },
        }
    };
    Ok(match family(codec) {
        "mp4a" => {
            let description = config.description.as_ref().ok_or_else(|| missing(codec))?;
            let esds = esds(MPEG4_AUDIO, Some(description.to_vec()));
            Mp4a {
                audio,
                esds,
                btrt,
                taic: None,
            }
            .into()
        }
        "mp3" => Mp4a {
            audio,
            esds: esds(MPEG1_AUDIO, None),
            btrt,
            taic: None,
        }
        .into(),
        "opus" => {
            let dops = dops(config)?;
            Opus { audio, dops, btrt }.into()
        }
        "flac" => {
            let description = config.description.as_ref().ok_or_else(|| missing(codec))?;
            let blocks = description
                .strip_prefix(b"fLaC")
                .ok_or_else(|| missing(codec))?;
            let body = [&[0; 4], blocks].concat();
            let dfla = Dfla::decode_body(&mut &body[..]).map_err(|error| broken(codec, &error))?;
            Flac { audio, dfla }.into()
        }
        "pcm" => {
            let audio = Audio {
                sample_size: 32,
                ..audio
            };
            let pcmc = PcmC {
                big_endian: false,
                sample_size: 32,
            };
            Fpcm {
                audio,
                pcmc: Some(pcmc),
                chnl: None,
                btrt,
            }
            .into()
        }
        _ => return Err(unknown(codec)),
    })
}

/// The part of a codec string that names the codec.
fn family(codec: &str) -> &str {
    codec.split('.').next().unwrap_or_default()
}

/// Reads the decoder's configuration, which is the content of a box.
fn record<T: Atom>(codec: &str, description: &Option<bytes::Bytes>) -> Result<T, Error> {
    let description = description.as_ref().ok_or_else(|| missing(codec))?;
    T::decode_body(&mut &description[..]).map_err(|error| broken(codec, &error))
}

/// `av01.P.LLT.DD[.M.xyz...]` (AV1 Codec ISO Media File Format Binding, section 5).
fn av1c(codec: &str) -> Option<Av1c> {
    let mut fields = codec.split('.').skip(1);
    let seq_profile = fields.next()?.parse().ok()?;
    let level = fields.next()?;
    let (level, tier) = level.split_at_checked(level.len().checked_sub(1)?)?;
    let depth: u8 = fields.next()?.parse().ok()?;
    let monochrome = fields.next() == Some("1");
    let subsampling = fields.next().map_or("110", |field| field).as_bytes();
    let flag = |index: usize| subsampling.get(index) == Some(&b'1');
    let sample_position = subsampling
        .get(2)
        .map_or(0, |digit| digit.wrapping_sub(b'0') & 3);
    Some(Av1c {
        seq_profile,
        seq_level_idx_0: level.parse().ok().filter(|level| *level < 32)?,
        seq_tier_0: tier == "H",
        high_bitdepth: depth > 8,
        twelve_bit: depth == 12,
        monochrome,
        chroma_subsampling_x: flag(0),
        chroma_subsampling_y: flag(1),
        chroma_sample_position: sample_position,
        initial_presentation_delay: None,
        config_obus: Vec::new(),
    })
}

/// `vp09.PP.LL.DD` and, of the fields that may follow, all five or none (VP Codec ISO Media File Format
/// Binding).
fn vpcc(codec: &str) -> Option<VpcC> {
    let fields = codec.split('.').skip(1).map(str::parse);
    let fields: Vec<u8> = fields.collect::<Result<_, _>>().ok()?;
    let &[profile, level, bit_depth, ref rest @ ..] = &fields[..] else {
        return None;
    };
    let default = VpcC::default();
    let [
        chroma_subsampling,
        color_primaries,
        transfer_characteristics,
        matrix_coefficients,
        full,
    ] = *rest.first_chunk().unwrap_or(&[1, 1, 1, 1, 0]);
    Some(VpcC {
        profile,
        level,
        bit_depth,
        chroma_subsampling,
        video_full_range_flag: full == 1,
        color_primaries,
        transfer_characteristics,
        matrix_coefficients,
        ..default
    })
}

fn dops(config: &AudioConfig) -> Result<Dops, Error> {
    let head = match &config.description {
        Some(head) if !head.is_empty() => opus::Head::parse(head)?,
        _ => {
            let channels = u8::try_from(config.number_of_channels)
                .map_err(|_| Error::Opus("there are more than 255 channels"))?;
            opus::Head::new(channels, 0, opus::SAMPLE_RATE)?
        }
    };
    Ok(Dops {
        output_channel_count: head.channels,
        pre_skip: head.pre_skip,
        input_sample_rate: head.input_sample_rate,
        output_gain: head.output_gain,
        channel_mapping: head.mapping.map(|mapping| OpusChannelMapping {
            family: mapping.family,
            stream_count: mapping.streams,
            coupled_count: mapping.coupled,
            channel_mapping: mapping.table,
        }),
    })
}

fn btrt(bitrate: Option<u64>) -> Option<Btrt> {
    let rate = u32::try_from(bitrate?).ok()?;
    Btrt::new(0, rate, rate).ok()
}

/// The shape of a pixel, from the shape of the picture.
fn pasp(config: &VideoConfig) -> Option<Pasp> {
    let shape = config
        .display_aspect_width
        .zip(config.display_aspect_height)?;
    let coded = config.coded_width.zip(config.coded_height)?;
    let (h, v) = (
        u64::from(shape.0) * u64::from(coded.1),
        u64::from(shape.1) * u64::from(coded.0),
    );
    let (mut a, mut b) = (h, v);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let (h, v) = (h.checked_div(a)?, v.checked_div(a)?);
    if h == v {
        return None;
    }
    Pasp::new(u32::try_from(h).ok()?, u32::try_from(v).ok()?).ok()
}

fn unknown(codec: &str) -> Error {
    Error::Cmaf(format!("there is no place for {codec} in it"))
}

fn missing(codec: &str) -> Error {
    Error::Cmaf(format!("{codec} needs its configuration out of band"))
}

fn broken(codec: &str, error: &mp4_atom::Error) -> Error {
    Error::Cmaf(format!(
        "the configuration of {codec} cannot be read: {error}"
    ))
}

/// Object types of ISO/IEC 14496-1, table 5.
const MPEG4_AUDIO: u8 = 0x40;
const MPEG1_AUDIO: u8 = 0x6b;
/// The stream type of sound, table 6.
const AUDIO_STREAM: u8 = 5;
