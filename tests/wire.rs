//! Samples of every message of every version: their bytes, and what is refused.

use std::{borrow::Cow, fmt::Debug};

use gstmoq::moq_lite::{
    Path,
    coding::{self, Bytes, BytesMut, Decode, DecodeError, Encode, Versions},
    lite::{
        Announce, AnnounceInit, AnnouncePlease, ClientSetup, ControlType, DataType, Group,
        Parameters, ServerSetup, SessionInfo, Subscribe, SubscribeOk, Version,
    },
};

const ALL: &[Version] = &[Version::Draft01, Version::Draft02];
const LITE_01: &[Version] = &[Version::Draft01];
const LITE_02: &[Version] = &[Version::Draft02];

/// Calls `check` with every sample: its versions, the value, its bytes.
fn samples(check: &mut impl Check) {
    let path = |path| Path::new(path);
    check.sample(ALL, &AnnouncePlease { prefix: path("") }, "01 00");
    check.sample(
        ALL,
        &AnnouncePlease {
            prefix: path("a/é"),
        },
        "05 04 61 2f c3 a9",
    );
    check.sample(ALL, &AnnounceInit { suffixes: vec![] }, "01 00");
    let suffixes = vec![path("cam"), path("")];
    check.sample(ALL, &AnnounceInit { suffixes }, "06 02 03 63 61 6d 00");
    let suffix = path("cam");
    check.sample(ALL, &Announce::Active { suffix }, "05 01 03 63 61 6d");
    let suffix = path("");
    check.sample(ALL, &Announce::Ended { suffix }, "02 00 00");
    let subscribe = Subscribe {
        id: 5,
        broadcast: path("room/cam"),
        track: Cow::Borrowed("video0"),
        priority: 60,
    };
    let bytes = "12 05 08 72 6f 6f 6d 2f 63 61 6d 06 76 69 64 65 6f 30 3c";
    check.sample(ALL, &subscribe, bytes);
    let subscribe = Subscribe {
        id: 0x3fff_ffff_ffff_ffff,
        broadcast: path(""),
        track: Cow::Borrowed(""),
        priority: 255,
    };
    check.sample(ALL, &subscribe, "0b ff ff ff ff ff ff ff ff 00 00 ff");
    check.sample(LITE_01, &SubscribeOk { priority: 60 }, "01 3c");
    check.sample(LITE_02, &SubscribeOk { priority: 0 }, "00");
    let group = Group {
        subscribe: 5,
        sequence: 300,
    };
    check.sample(ALL, &group, "03 05 41 2c");
    check.sample(ALL, &SessionInfo { bitrate: None }, "01 00");
    let bitrate = Some(4_000_000);
    check.sample(ALL, &SessionInfo { bitrate }, "04 80 3d 09 00");
    let versions = ALL.iter().map(|version| version.coding());
    let client = ClientSetup {
        versions: versions.collect::<Vec<_>>().into(),
        parameters: parameters("01 07 02 61 62"),
    };
    let bytes = "16 02 c0 00 00 00 ff 0d ad 01 c0 00 00 00 ff 0d ad 02 01 07 02 61 62";
    check.sample(ALL, &client, bytes);
    let server = ServerSetup {
        version: Version::Draft02.coding(),
        parameters: Parameters::default(),
    };
    check.sample(ALL, &server, "09 c0 00 00 00 ff 0d ad 02 00");
}

/// What a test does with each value in each version.
trait Check {
    fn one<T>(&mut self, version: Version, value: &T, bytes: Vec<u8>)
    where
        T: Encode<Version> + Decode<Version> + PartialEq + Debug;

    fn sample<T>(&mut self, versions: &[Version], value: &T, bytes: &str)
    where
        T: Encode<Version> + Decode<Version> + PartialEq + Debug,
    {
        for &version in versions {
            self.one(version, value, hex(bytes));
        }
    }
}

macro_rules! each_sample {
    (|$version:ident, $value:ident: &$kind:ident, $bytes:ident| $body:block) => {{
        struct This;
        impl Check for This {
            fn one<$kind>(&mut self, $version: Version, $value: &$kind, $bytes: Vec<u8>)
            where
                $kind: Encode<Version> + Decode<Version> + PartialEq + Debug,
            $body
        }
        samples(&mut This);
    }};
}

#[test]
fn every_message_has_the_bytes_of_the_specification() {
    each_sample!(|version, value: &T, bytes| {
        let encoded = value.encode_bytes(version).unwrap();
        assert_eq!(encoded, bytes, "{version:?} {value:?}");
    });
}

#[test]
fn every_message_is_read_back_and_nothing_behind_it() {
    each_sample!(|version, value: &T, bytes| {
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
    each_sample!(|version, value: &T, bytes| {
        for size in 0..bytes.len() {
            let result = T::decode(&mut &bytes[..size], version);
            let short = matches!(result, Err(DecodeError::Short));
            assert!(short, "{version:?} {value:?}: {size} bytes: {result:?}");
        }
    });
}

#[test]
fn a_body_that_ends_too_early_is_refused_and_never_waited_for() {
    each_sample!(|version, value: &T, bytes| {
        let body = &bytes[1..];
        for size in 0..body.len() {
            let mut message = vec![size as u8];
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
    each_sample!(|version, value: &T, bytes| {
        for surplus in 1..4 {
            let mut message = bytes.clone();
            message[0] += surplus;
            message.resize(bytes.len() + usize::from(surplus), 0);
            let result = T::decode(&mut &message[..], version);
            let long = matches!(result, Err(DecodeError::Long));
            assert!(long, "{version:?} {value:?} and {surplus}: {result:?}");
        }
    });
}

#[test]
fn a_length_beyond_all_reason_is_refused_at_once() {
    each_sample!(|version, value: &T, bytes| {
        for length in ["80 10 00 01", "bf ff ff ff", "ff ff ff ff ff ff ff ff"] {
            let message = [hex(length), bytes.clone()].concat();
            let result = T::decode(&mut &message[..], version);
            let refused = matches!(result, Err(DecodeError::BoundsExceeded));
            assert!(refused, "{version:?} {value:?}: {result:?}");
        }
    });
}

#[test]
fn no_input_makes_a_decoder_panic() {
    each_sample!(|version, _value: &T, bytes| {
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
    ];
    for (number, kind) in control.into_iter().enumerate() {
        assert_eq!(kind.encode_bytes(()).unwrap(), [number as u8][..]);
        assert_eq!(
            ControlType::decode(&mut &[number as u8][..], ()).unwrap(),
            kind
        );
    }
    assert_eq!(DataType::Group.encode_bytes(()).unwrap(), [0][..]);
    for unknown in 3..64u8 {
        let result = ControlType::decode(&mut &[unknown][..], ());
        assert!(matches!(result, Err(DecodeError::InvalidMessage(id)) if id == u64::from(unknown)));
    }
    let result = DataType::decode(&mut &[1][..], ());
    assert!(matches!(result, Err(DecodeError::InvalidMessage(1))));
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
    assert_eq!(Version::try_from(coding::Version(0xff00_000e)), Err(()));
}

#[test]
fn a_number_that_does_not_fit_is_an_error_and_not_a_panic() {
    let group = Group {
        subscribe: 1 << 62,
        sequence: 0,
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
