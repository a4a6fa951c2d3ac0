//! What is fed with random input: by the fuzz targets beside this file, and by `tests/noise.rs`.

#![allow(dead_code, reason = "each target feeds one")]

use std::fmt::Debug;

use gstmoq::{
    media::{
        Catalog, Config, Container, Micros, VideoConfig, aac, av1,
        container::{Kind, Reader, Writer},
        flac,
        fmp4::{Demuxer, Event},
        h264::{self, Format},
        h265, legacy, mpeg_audio, opus, pcm,
        video::Codec,
        vp9, vtt,
    },
    moq_lite::{
        coding::{Buf, Bytes, BytesMut, Decode, Encode, Versions},
        ietf, lite,
    },
};

/// Every message of the version that the first byte chooses.
pub(crate) fn wire_lite(data: &[u8]) {
    let Some((first, data)) = data.split_first() else {
        return;
    };
    let version = lite::Version::ALL[usize::from(*first) % lite::Version::ALL.len()];
    macro_rules! each {
        ($($message:ty),*) => {
            $(read::<$message, _>(data, version);)*
        };
    }
    each!(
        lite::ControlType,
        lite::DataType,
        lite::AnnouncePlease<'_>,
        lite::AnnounceInit<'_>,
        lite::AnnounceOk,
        lite::Announce<'_>,
        lite::Route<'_>,
        lite::Subscribe<'_>,
        lite::SubscribeUpdate,
        lite::SubscribeOk,
        lite::SubscribeReply,
        lite::TrackRequest<'_>,
        lite::TrackInfo,
        lite::Fetch<'_>,
        lite::Group,
        lite::FrameHeader,
        lite::SessionInfo,
        lite::Probe,
        lite::Goaway<'_>,
        lite::Setup,
        lite::ClientSetup,
        lite::ServerSetup
    );
    let _ = lite::Datagram::decode(&mut Bytes::copy_from_slice(data), version);
}

/// Every message of moq-transport, and what precedes objects.
pub(crate) fn wire_ietf(data: &[u8]) {
    let version = ietf::Version::Draft14;
    macro_rules! each {
        ($($message:ty),*) => {
            $(read::<$message, _>(data, version);)*
        };
    }
    each!(
        ietf::ClientSetup,
        ietf::ServerSetup,
        ietf::Subscribe<'_>,
        ietf::SubscribeOk,
        ietf::SubscribeError<'_>,
        ietf::SubscribeUpdate,
        ietf::Unsubscribe,
        ietf::Publish<'_>,
        ietf::PublishOk,
        ietf::PublishError<'_>,
        ietf::PublishDone<'_>,
        ietf::PublishNamespace<'_>,
        ietf::PublishNamespaceOk,
        ietf::PublishNamespaceError<'_>,
        ietf::PublishNamespaceDone<'_>,
        ietf::PublishNamespaceCancel<'_>,
        ietf::SubscribeNamespace<'_>,
        ietf::SubscribeNamespaceOk,
        ietf::SubscribeNamespaceError<'_>,
        ietf::UnsubscribeNamespace<'_>,
        ietf::Fetch<'_>,
        ietf::FetchOk,
        ietf::FetchError<'_>,
        ietf::FetchCancel,
        ietf::FetchHeader,
        ietf::TrackStatus<'_>,
        ietf::GoAway<'_>,
        ietf::MaxRequestId,
        ietf::RequestsBlocked,
        ietf::GroupHeader
    );
    let _ = ietf::Datagram::decode(&mut Bytes::copy_from_slice(data), version);
}

/// What is agreed on before a version is known.
pub(crate) fn setup(data: &[u8]) {
    read::<Versions, _>(data, ());
    read::<lite::Parameters, _>(data, ());
    read::<ietf::Parameters, _>(data, ());
    read::<ietf::ClientSetup, _>(data, ietf::Version::Draft14);
    for version in lite::Version::ALL {
        read::<lite::ClientSetup, _>(data, version);
        read::<lite::ServerSetup, _>(data, version);
        read::<lite::Setup, _>(data, version);
    }
}

/// A file in pieces whose size the first byte chooses.
pub(crate) fn fmp4(data: &[u8]) {
    let Some((first, data)) = data.split_first() else {
        return;
    };
    for mut demuxer in [Demuxer::new(), Demuxer::with_fragments()] {
        for piece in data.chunks(usize::from(*first) * 16 + 1) {
            if demuxer.push(Bytes::copy_from_slice(piece)).is_err() {
                break;
            }
            while let Some(event) = demuxer.next() {
                match event {
                    Event::Tracks(tracks) => {
                        tracks.iter().for_each(|track| drop(demuxer.init(track.id)));
                    }
                    Event::Fragment(fragment) => {
                        let _ = (fragment.head(0), fragment.head(i64::MAX), fragment.head(-1));
                    }
                    Event::Sample(_) => {}
                }
            }
        }
        let _ = demuxer.finish();
    }
}

/// A catalog; one that can be read can be written and read again.
pub(crate) fn catalog(data: &[u8]) {
    let Ok(catalog) = Catalog::from_slice(data) else {
        return;
    };
    for (name, config) in catalog.renditions() {
        let _ = (
            name,
            config.codec(),
            config.description(),
            config.priority(),
        );
    }
    let again = Catalog::from_slice(&catalog.to_bytes()).expect("our own catalog");
    assert_eq!(again.to_bytes(), catalog.to_bytes());
}

/// Frames and codec configuration as publishers send them.
pub(crate) fn legacy(data: &[u8]) {
    let frame = Bytes::copy_from_slice(data);
    let whole = legacy::decode(frame.clone());
    let pieces = data.chunks(3).map(Bytes::copy_from_slice).collect();
    match (whole, legacy::decode_chunks(pieces)) {
        (Ok((time, payload)), Ok((same, pieces))) => {
            assert_eq!((time, &payload[..]), (same, &pieces.concat()[..]));
            let header = legacy::encode_timestamp(time);
            assert_eq!(Micros::decode(&mut &header[..], ()).ok(), Some(time));
        }
        (whole, pieces) => assert!(whole.is_err() && pieces.is_err()),
    }
    let _ = opus::Head::parse(data);
    let _ = opus::Head::parse_dops(data);
    let _ = aac::AudioSpecificConfig::parse(data).map(|config| config.to_bytes());
    if let Ok(record) = h264::Avcc::parse(&frame) {
        let _ = (record.format(), record.codec(), record.sps());
    }
    for format in [
        Format::ByteStream,
        Format::LengthPrefixed(1),
        Format::LengthPrefixed(4),
    ] {
        for unit in h264::nal_units(data, format) {
            let _ = h264::Sps::parse(unit);
        }
        let _ = h264::is_keyframe(data, format);
    }
    for size in [1, 2, 4] {
        let _ = h264::validate(data, size);
    }
}

/// Frames of a rendition in movie fragments, whose catalog entry may be broken too.
pub(crate) fn containers(data: &[u8]) {
    let Some((first, data)) = data.split_first() else {
        return;
    };
    let mut config = Config::Video(VideoConfig {
        codec: "vp8".into(),
        ..VideoConfig::default()
    });
    let kinds = [Kind::Legacy, Kind::Loc, Kind::Cmaf];
    let kind = kinds[usize::from(*first) % kinds.len()];
    Writer::new(kind, &mut config).expect("VP8 has a place everywhere");
    let mut reader = Reader::new(&config).expect("our own entry");
    let whole = reader.read(None, vec![Bytes::copy_from_slice(data)]);
    let pieces = data.chunks(5).map(Bytes::copy_from_slice).collect();
    let mut again = Reader::new(&config).expect("our own entry");
    assert_eq!(again.read(None, pieces).ok(), whole.ok());
    config.set_container(Container::Cmaf {
        init: String::from_utf8_lossy(data).into_owned(),
    });
    let _ = Reader::new(&config);
}

/// What can be read can be written, and is the same when it is read again. Kinds that are not known are skipped when
/// they are read, and nothing is written for them.
fn read<T, V>(mut data: &[u8], version: V)
where
    T: Decode<V> + Encode<V> + Debug,
    V: Copy,
{
    let Ok(value) = T::decode(&mut data, version) else {
        return;
    };
    let mut bytes = BytesMut::new();
    value.encode(&mut bytes, version).expect("it was read");
    if bytes.is_empty() {
        return;
    }
    let mut bytes = bytes.freeze();
    let again = T::decode(&mut bytes, version).expect("our own bytes");
    assert!(!bytes.has_remaining());
    assert_eq!(format!("{again:?}"), format!("{value:?}"));
}

/// Coded pictures and sound, their configuration, and text.
pub(crate) fn codecs(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    for codec in [
        Codec::H264(Format::ByteStream),
        Codec::H264(Format::LengthPrefixed(4)),
        Codec::H265(Format::ByteStream),
        Codec::H265(Format::LengthPrefixed(4)),
        Codec::Av1,
        Codec::Vp8,
        Codec::Vp9,
    ] {
        let _ = codec.is_keyframe(data);
        let _ = codec.config(data, None);
        let _ = codec.parameters(data);
    }
    if let Ok(record) = h265::Hvcc::parse(&bytes) {
        let _ = (record.format(), record.codec(), record.sps());
    }
    let _ = h265::Sps::parse(data);
    assert!(av1::without_delimiter(bytes).len() <= data.len());
    let _ = av1::Sequence::parse(data);
    let _ = (aac::Adts::parse(data), mpeg_audio::Header::parse(data));
    if let Ok(info) = flac::StreamInfo::parse_header(data) {
        let again = flac::StreamInfo::parse_description(&info.description());
        assert_eq!(again.as_ref(), Ok(&info));
    }
    let _ = pcm::from_s16(data);
    if let Ok(cues) = vtt::parse(data) {
        let again = vtt::parse(&vtt::write(&cues));
        assert!(again.is_ok() || vtt::write(&cues).len() > vtt::MAX_SIZE);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(vtt::plain(&vtt::escape(text)), text);
        let _ = (vtt::plain(text), vtt::from_pango(text));
        let _ = av1::Profile::parse(text).map(|profile| profile.codec());
        let _ = h265::Profile::parse(text).map(|profile| profile.hev1());
        let _ = vp9::Profile::parse(text);
    }
}
