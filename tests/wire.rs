//! Samples of every message of every version: their bytes, and what is refused.

use std::{borrow::Cow, fmt::Debug};

use gstmoq::moq_lite::{
    coding::{self, Bytes, BytesMut, Decode, DecodeError, Encode, Versions},
    lite::{
        Announce, AnnounceInit, AnnouncePlease, ControlType, DataType, Datagram, FrameHeader,
        Goaway, Group, Parameters, Route, Setup, SubscribeDrop, SubscribeEnd, SubscribeReply,
        SubscribeUpdate, TrackInfo, Version,
    },
};

#[path = "wire/samples.rs"]
mod samples;

use samples::*;

/// What a test does with each value in each version.
trait Check {
    /// The length of the body is the byte at `at`.
    fn one<T>(&mut self, version: Version, value: &T, bytes: Vec<u8>, at: usize)
    where
        T: Encode<Version> + Decode<Version> + PartialEq + Debug;

    /// A message that begins with its length.
    fn sample<T>(&mut self, versions: &[Version], value: &T, bytes: &str)
    where
        T: Encode<Version> + Decode<Version> + PartialEq + Debug,
    {
        for &version in versions {
            self.one(version, value, hex(bytes), 0);
        }
    }

    /// A message that begins with its type.
    fn typed<T>(&mut self, versions: &[Version], value: &T, bytes: &str)
    where
        T: Encode<Version> + Decode<Version> + PartialEq + Debug,
    {
        for &version in versions {
            self.one(version, value, hex(bytes), 1);
        }
    }
}

macro_rules! each_sample {
    (|$version:ident, $value:ident: &$kind:ident, $bytes:ident, $at:ident| $body:block) => {{
        struct This;
        impl Check for This {
            fn one<$kind>(&mut self, $version: Version, $value: &$kind, $bytes: Vec<u8>, $at: usize)
            where
                $kind: Encode<Version> + Decode<Version> + PartialEq + Debug,
            $body
        }
        samples(&mut This);
    }};
}

#[test]
fn every_message_has_the_bytes_of_the_specification() {
    each_sample!(|version, value: &T, bytes, _at| {
        let encoded = value.encode_bytes(version).unwrap();
        assert_eq!(encoded, bytes, "{version:?} {value:?}");
    });
}

#[test]
fn every_message_is_read_back_and_nothing_behind_it() {
    each_sample!(|version, value: &T, bytes, _at| {
        let mut stream = [&bytes[..], b"next"].concat();
        let mut rest = &stream[..];
        assert_eq!(&T::decode(&mut rest, version).unwrap(), value);
        assert_eq!(rest, b"next");
        stream.truncate(bytes.len());
        // The same from a buffer in two pieces.
        for middle in 0..=stream.len() {
            let (front, back) = stream.split_at(middle);
            let mut halves = bytes::Buf::chain(front, back);
            assert_eq!(&T::decode(&mut halves, version).unwrap(), value);
        }
    });
}

#[test]
fn a_message_of_which_the_end_is_missing_waits_for_it() {
    each_sample!(|version, value: &T, bytes, _at| {
        for size in 0..bytes.len() {
            let result = T::decode(&mut &bytes[..size], version);
            let short = matches!(result, Err(DecodeError::Short));
            assert!(short, "{version:?} {value:?}: {size} bytes: {result:?}");
        }
    });
}

#[test]
fn a_body_that_ends_too_early_is_refused_and_never_waited_for() {
    each_sample!(|version, value: &T, bytes, at| {
        let (kind, body) = (&bytes[..at], &bytes[at + 1..]);
        for size in 0..body.len() {
            let mut message = [kind, &[size as u8]].concat();
            message.extend_from_slice(&body[..size]);
            message.extend_from_slice(b"bytes of whatever comes after it");
            let result = T::decode(&mut &message[..], version);
            let refused = matches!(&result, Err(err) if !matches!(err, DecodeError::Short));
            assert!(
                refused,
                "{version:?} {value:?}: {size} of the body: {result:?}"
            );
        }
    });
}

#[test]
fn a_body_with_bytes_left_over_is_refused() {
    each_sample!(|version, value: &T, bytes, at| {
        for surplus in 1..4 {
            let mut message = bytes.clone();
            message[at] += surplus;
            message.resize(bytes.len() + usize::from(surplus), 0);
            let result = T::decode(&mut &message[..], version);
            let long = matches!(result, Err(DecodeError::Long));
            assert!(long, "{version:?} {value:?} and {surplus}: {result:?}");
        }
    });
}

#[test]
fn a_length_beyond_all_reason_is_refused_at_once() {
    each_sample!(|version, value: &T, bytes, at| {
        for length in ["80 10 00 01", "bf ff ff ff", "ff ff ff ff ff ff ff ff"] {
            let message = [&bytes[..at], &hex(length), &bytes[at..]].concat();
            let result = T::decode(&mut &message[..], version);
            let refused = matches!(result, Err(DecodeError::BoundsExceeded));
            assert!(refused, "{version:?} {value:?}: {result:?}");
        }
    });
}

#[test]
fn no_input_makes_a_decoder_panic() {
    each_sample!(|version, _value: &T, bytes, _at| {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..2_000 {
            // One mutation of a good message, or noise of any length.
            let mut noise = bytes.clone();
            let at = random.below(noise.len());
            noise[at] = random.next() as u8;
            let _ = T::decode(&mut &noise[..], version);
            let size = random.below(40);
            let mut noise: Vec<_> = (0..size).map(|_| random.next() as u8).collect();
            let _ = T::decode(&mut &noise[..], version);
            noise.insert(0, size as u8);
            let _ = T::decode(&mut &noise[..], version);
            noise.insert(0, (size % 3) as u8);
            let _ = T::decode(&mut &noise[..], version);
        }
    });
}

#[test]
fn statuses_and_counts_that_cannot_be_are_refused() {
    let version = Version::Draft02;
    let result = Announce::decode(&mut &hex("02 02 00")[..], version);
    assert!(
        matches!(result, Err(DecodeError::InvalidValue)),
        "{result:?}"
    );
    for count in ["01 40", "04 bf ff ff ff", "08 ff ff ff ff ff ff ff ff"] {
        let result = AnnounceInit::decode(&mut &hex(count)[..], version);
        assert!(result.is_err(), "{result:?}");
        assert!(!matches!(result, Err(DecodeError::Short)));
    }
    let result = AnnouncePlease::decode(&mut &hex("03 02 c3 28")[..], version);
    assert!(matches!(result, Err(DecodeError::InvalidString(_))));
}

#[test]
fn a_frame_header_folds_the_sign_of_its_time() {
    let header = |delta| FrameHeader { delta, size: 9 };
    let cases = [
        (1_000_000, "80 1e 84 80 09"),
        (33_333, "80 01 04 6a 09"),
        (-16_667, "80 00 82 35 09"),
        (0, "00 09"),
        (-1, "01 09"),
        ((1 << 61) - 1, "ff ff ff ff ff ff ff fe 09"),
        (-(1 << 61), "ff ff ff ff ff ff ff ff 09"),
    ];
    for (delta, bytes) in cases {
        for &version in FROM_05 {
            let bytes = hex(bytes);
            assert_eq!(header(delta).encode_bytes(version).unwrap(), bytes);
            let read = FrameHeader::decode(&mut &bytes[..], version).unwrap();
            assert_eq!(read, header(delta));
            for size in 0..bytes.len() {
                let short = FrameHeader::decode(&mut &bytes[..size], version);
                assert!(matches!(short, Err(DecodeError::Short)));
            }
        }
        assert_eq!(header(0).encode_bytes(Version::Draft04).unwrap(), hex("09"));
    }
    for beyond in [1 << 61, -(1 << 61) - 1, i64::MAX, i64::MIN] {
        assert!(header(beyond).encode_bytes(Version::Draft06).is_err());
    }
}

#[test]
fn a_datagram_is_a_whole_group() {
    let datagram = Datagram {
        subscribe: 3,
        sequence: 300,
        timestamp: 20,
        payload: Bytes::from_static(b"sound"),
    };
    let bytes = hex("03 41 2c 14 73 6f 75 6e 64");
    for &version in FROM_05 {
        assert_eq!(datagram.encode_bytes(version).unwrap(), bytes);
        let read = Datagram::decode(&mut &bytes[..], version).unwrap();
        assert_eq!(read, datagram);
        let short = Datagram::decode(&mut &bytes[..2], version);
        assert!(matches!(short, Err(DecodeError::Short)));
    }
}

#[test]
fn fields_that_contradict_themselves_are_refused() {
    let refused = |result: Result<(), DecodeError>| assert!(result.is_err());
    let version = Version::Draft06;
    // A last frame without a last group.
    let update = SubscribeUpdate::decode(&mut &hex("06 3c 00 00 00 00 02")[..], version);
    refused(update.map(drop));
    // A range that ends before it starts.
    let drop_message = SubscribeDrop::decode(&mut &hex("03 05 04 00")[..], version);
    refused(drop_message.map(drop));
    // A second without ticks.
    let info = TrackInfo::decode(&mut &hex("03 3c 00 00")[..], version);
    refused(info.map(drop));
    // A hop twice, too many hops.
    let announce = Announce::decode(&mut &hex("05 01 00 02 07 07")[..], Version::Draft05);
    assert!(matches!(announce, Err(DecodeError::Duplicate)));
    let announce = Announce::decode(&mut &hex("03 01 00 21")[..], Version::Draft03);
    assert!(matches!(announce, Err(DecodeError::TooMany)));
    // A role that is not known, a number with something behind it.
    let setup = Setup::decode(&mut &hex("04 01 03 01 03")[..], version);
    assert!(matches!(setup, Err(DecodeError::InvalidValue)));
    let setup = Setup::decode(&mut &hex("05 01 01 02 01 00")[..], version);
    assert!(matches!(setup, Err(DecodeError::Long)));
    // Too long a URI, too large a SETUP.
    let uri = Cow::Owned("u".repeat(Goaway::MAX + 1));
    assert!(Goaway { uri }.encode_bytes(version).is_err());
    let mut large = hex("80 01 00 01 01 06 80 00 ff f0");
    large.resize(5 + (1 << 16), 0);
    assert!(matches!(
        Setup::decode(&mut &large[..], version),
        Err(DecodeError::BoundsExceeded)
    ));
}

#[test]
fn what_a_version_does_not_have_cannot_be_written() {
    let end = SubscribeReply::End(SubscribeEnd { group: 1 });
    for version in [Version::Draft01, Version::Draft02, Version::Draft04] {
        assert!(end.encode_bytes(version).is_err());
    }
    let result = SubscribeReply::decode(&mut &hex("03 00")[..], Version::Draft06);
    assert!(matches!(result, Err(DecodeError::InvalidMessage(3))));
}

#[test]
fn announcements_and_parameters_of_unknown_kinds_are_skipped() {
    let mut bytes = &hex("09 02 61 62 07")[..];
    let route = Route::decode(&mut bytes, Version::Draft06).unwrap();
    assert_eq!((route, bytes), (Route::Unknown, &[7][..]));
    let setup = Setup::decode(&mut &hex("05 01 40 63 01 61")[..], Version::Draft05);
    assert_eq!(setup.unwrap(), Setup::default());
}

#[test]
fn paths_are_put_in_their_normal_form_when_they_are_read() {
    let bytes = hex("06 05 2f 61 2f 2f 62");
    let message = AnnouncePlease::decode(&mut &bytes[..], Version::Draft01).unwrap();
    assert_eq!(message.prefix.as_str(), "a/b");
}

#[test]
fn stream_types_have_their_numbers_and_no_others_are_known() {
    let control = [
        ControlType::Session,
        ControlType::Announce,
        ControlType::Subscribe,
        ControlType::Fetch,
        ControlType::Probe,
        ControlType::Goaway,
        ControlType::Track,
    ];
    for (number, kind) in control.into_iter().enumerate() {
        assert_eq!(kind.encode_bytes(()).unwrap(), [number as u8][..]);
        assert_eq!(
            ControlType::decode(&mut &[number as u8][..], ()).unwrap(),
            kind
        );
    }
    assert_eq!(DataType::Group.encode_bytes(()).unwrap(), [0][..]);
    assert_eq!(DataType::Setup.encode_bytes(()).unwrap(), [1][..]);
    for unknown in 7..64u8 {
        let result = ControlType::decode(&mut &[unknown][..], ());
        assert!(matches!(result, Err(DecodeError::InvalidMessage(id)) if id == u64::from(unknown)));
    }
    let result = DataType::decode(&mut &[2][..], ());
    assert!(matches!(result, Err(DecodeError::InvalidMessage(2))));
}

#[test]
fn parameters_are_unique_few_and_written_in_rising_order() {
    let read = |bytes: &str| Parameters::decode(&mut &hex(bytes)[..], ());
    assert_eq!(
        parameters("02 09 01 62 03 01 61").encode_bytes(()).unwrap(),
        hex("02 03 01 61 09 01 62")
    );
    assert!(matches!(
        read("02 03 00 03 00"),
        Err(DecodeError::Duplicate)
    ));
    assert!(matches!(read("40 41"), Err(DecodeError::TooMany)));
    assert!(matches!(read("01 03 05 61"), Err(DecodeError::Short)));
}

#[test]
fn version_lists_are_of_bounded_length() {
    let versions = Versions::from(vec![coding::Version(1); 64]);
    let mut bytes = versions.encode_bytes(()).unwrap();
    assert_eq!(Versions::decode(&mut bytes, ()).unwrap(), versions);
    let mut bytes = Versions::from(vec![coding::Version(1); 65])
        .encode_bytes(())
        .unwrap();
    assert!(matches!(
        Versions::decode(&mut bytes, ()),
        Err(DecodeError::TooMany)
    ));
}

#[test]
fn versions_have_their_numbers() {
    assert_eq!(Version::Draft01.coding(), coding::Version(0xff0d_ad01));
    assert_eq!(Version::Draft02.coding(), coding::Version(0xff0d_ad02));
    assert_eq!(
        Version::try_from(coding::Version(0xff0d_ad02)),
        Ok(Version::Draft02)
    );
    for (index, version) in Version::ALL.into_iter().rev().enumerate() {
        let number = coding::Version(0xff0d_ad01 + index as u64);
        assert_eq!(version.coding(), number);
        assert_eq!(Version::try_from(number), Ok(version));
    }
    assert_eq!(Version::try_from(coding::Version(0xff00_000e)), Err(()));
}

#[test]
fn a_number_that_does_not_fit_is_an_error_and_not_a_panic() {
    let group = Group {
        subscribe: 1 << 62,
        sequence: 0,
        frame_start: 0,
    };
    assert!(group.encode_bytes(Version::Draft02).is_err());
    let mut bytes = BytesMut::new();
    assert!(u64::MAX.encode(&mut bytes, ()).is_err());
}

#[test]
fn primitives_follow_the_specification() {
    assert_eq!(0x3fu64.encode_bytes(()).unwrap(), hex("3f"));
    assert_eq!(0x40u64.encode_bytes(()).unwrap(), hex("40 40"));
    assert_eq!(0x4000u64.encode_bytes(()).unwrap(), hex("80 00 40 00"));
    assert_eq!(
        0x4000_0000u64.encode_bytes(()).unwrap(),
        hex("c0 00 00 00 40 00 00 00")
    );
    assert_eq!(
        u64::decode(&mut &hex("c0 00 00 00 00 00 00 05")[..], ()).unwrap(),
        5
    );
    assert_eq!(0x1234u16.encode_bytes(()).unwrap(), hex("12 34"));
    assert_eq!((-1i8).encode_bytes(()).unwrap(), hex("7f"));
    assert_eq!(i8::decode(&mut &[0][..], ()).unwrap(), -128);
    assert!(bool::decode(&mut &[1][..], ()).unwrap());
    assert!(matches!(
        bool::decode(&mut &[2][..], ()),
        Err(DecodeError::InvalidValue)
    ));
    let wide = hex("c0 00 00 01 00 00 00 00");
    assert!(matches!(
        u32::decode(&mut &wide[..], ()),
        Err(DecodeError::BoundsExceeded)
    ));
    let cut = Bytes::decode(&mut &hex("02 61")[..], ());
    assert!(matches!(cut, Err(DecodeError::Short)));
    let list = [1u8, 2, 3];
    assert_eq!((&list[..]).encode_bytes(()).unwrap(), hex("03 01 02 03"));
}

fn parameters(bytes: &str) -> Parameters {
    Parameters::decode(&mut &hex(bytes)[..], ()).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

#[test]
fn what_may_hold_a_token_is_not_shown() {
    let uri = "https://elsewhere/room?jwt=secret#secret";
    let shown = format!("{:?}", Goaway { uri: uri.into() });
    assert_eq!(shown, r#"Goaway { uri: "https://elsewhere/room" }"#);
    let setup = Setup {
        path: Some("/room?jwt=secret".to_owned()),
        ..Setup::default()
    };
    let shown = format!("{setup:?}");
    assert!(shown.contains("/room") && !shown.contains("secret"));
}
