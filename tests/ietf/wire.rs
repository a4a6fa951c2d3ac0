//! Samples of every message: their bytes, and what is refused.

use std::{borrow::Cow, time::Duration};

use gstmoq::moq_lite::{
    Path,
    coding::{Decode, DecodeError, Encode},
    ietf::*,
};

const V: Version = Version::Draft14;

/// Calls `check` with every sample, the number of its message, and its bytes.
fn samples(check: &mut impl Check) {
    let id = RequestId(5);
    let other = RequestId(2);
    let path = Path::new("room/cam");
    let path = || path.borrow();
    let name = || Cow::Borrowed("video0");
    let why = || Cow::Borrowed("no");
    let at = |group, object| Location { group, object };
    let subscribe = |filter_type, start_location, end_group| Subscribe {
        request_id: id,
        track_namespace: path(),
        track_name: name(),
        subscriber_priority: 195,
        group_order: GroupOrder::Descending,
        forward: true,
        filter_type,
        start_location,
        end_group,
        delivery_timeout: None,
    };
    // The namespace room/cam, then the track video0.
    const ROOM: &str = "02 04 72 6f 6f 6d 03 63 61 6d";
    const TRACK: &str = "02 04 72 6f 6f 6d 03 63 61 6d 06 76 69 64 65 6f 30";
    let framed = |size: &str, head: &str, tail: &str| format!("{size} {head} {tail}");

    let mut parameters = Parameters::default();
    parameters.set_bytes(ParameterBytes::Implementation, b"ab".to_vec());
    parameters.set_varint(ParameterVarInt::MaxRequestId, 300);
    parameters.set_bytes(ParameterBytes::Path, b"/x".to_vec());
    check.message(
        0x20,
        &ClientSetup {
            versions: [V.coding()].into(),
            parameters: parameters.clone(),
        },
        "00 15 01 c0 00 00 00 ff 00 00 0e 03 01 02 2f 78 02 41 2c 07 02 61 62",
    );
    check.message(
        0x21,
        &ServerSetup {
            version: V.coding(),
            parameters: Parameters::default(),
        },
        "00 09 c0 00 00 00 ff 00 00 0e 00",
    );
    let update = SubscribeUpdate {
        request_id: id,
        subscription_request_id: other,
        start_location: at(7, 1),
        end_group: 9,
        subscriber_priority: 128,
        forward: false,
        delivery_timeout: None,
    };
    check.message(0x02, &update, "00 08 05 02 07 01 09 80 00 00");
    let hurried = SubscribeUpdate {
        delivery_timeout: Some(Duration::from_millis(300)),
        ..update
    };
    check.message(0x02, &hurried, "00 0b 05 02 07 01 09 80 00 01 02 41 2c");
    let next = subscribe(FilterType::NextGroup, None, None);
    check.message(0x03, &next, &framed("00 17 05", TRACK, "c3 02 01 01 00"));
    let hurried = Subscribe {
        delivery_timeout: Some(Duration::from_millis(5)),
        ..next
    };
    let tail = "c3 02 01 01 01 02 05";
    check.message(0x03, &hurried, &framed("00 19 05", TRACK, tail));
    let start = subscribe(FilterType::AbsoluteStart, Some(at(7, 1)), None);
    let tail = "c3 02 01 03 07 01 00";
    check.message(0x03, &start, &framed("00 19 05", TRACK, tail));
    let range = subscribe(FilterType::AbsoluteRange, Some(at(7, 1)), Some(300));
    let tail = "c3 02 01 04 07 01 41 2c 00";
    check.message(0x03, &range, &framed("00 1b 05", TRACK, tail));
    let ok = SubscribeOk {
        request_id: id,
        track_alias: 9,
        expires: 0,
        group_order: GroupOrder::Descending,
        largest_location: None,
    };
    check.message(0x04, &ok, "00 06 05 09 00 02 00 00");
    let ok = SubscribeOk {
        largest_location: Some(at(7, 1)),
        ..ok
    };
    check.message(0x04, &ok, "00 08 05 09 00 02 01 07 01 00");
    let error = SubscribeError {
        request_id: id,
        error_code: 404,
        reason_phrase: why(),
    };
    check.message(0x05, &error, "00 06 05 41 94 02 6e 6f");
    let namespace = PublishNamespace {
        request_id: id,
        track_namespace: path(),
    };
    check.message(0x06, &namespace, &framed("00 0c 05", ROOM, "00"));
    let empty = PublishNamespace {
        request_id: id,
        track_namespace: Path::empty(),
    };
    check.message(0x06, &empty, "00 03 05 00 00");
    check.message(0x07, &PublishNamespaceOk { request_id: id }, "00 01 05");
    let error = PublishNamespaceError {
        request_id: id,
        error_code: 4,
        reason_phrase: why(),
    };
    check.message(0x08, &error, "00 05 05 04 02 6e 6f");
    let done = PublishNamespaceDone {
        track_namespace: path(),
    };
    check.message(0x09, &done, &framed("00 0a", ROOM, ""));
    check.message(0x0a, &Unsubscribe { request_id: id }, "00 01 05");
    let done = PublishDone {
        request_id: id,
        status_code: 2,
        stream_count: 300,
        reason_phrase: why(),
    };
    check.message(0x0b, &done, "00 07 05 02 41 2c 02 6e 6f");
    let cancel = PublishNamespaceCancel {
        track_namespace: path(),
        error_code: 1,
        reason_phrase: why(),
    };
    check.message(0x0c, &cancel, &framed("00 0e", ROOM, "01 02 6e 6f"));
    let status = TrackStatus {
        request_id: id,
        track_namespace: path(),
        track_name: name(),
    };
    check.message(0x0d, &status, &framed("00 17 05", TRACK, "80 00 00 02 00"));
    let ok = TrackStatusOk {
        request_id: id,
        track_alias: 0,
        expires: 0,
        group_order: GroupOrder::Ascending,
        largest_location: Some(at(7, 1)),
    };
    check.message(0x0e, &ok, "00 08 05 00 00 01 01 07 01 00");
    let error = TrackStatusError {
        request_id: id,
        error_code: 4,
        reason_phrase: why(),
    };
    check.message(0x0f, &error, "00 05 05 04 02 6e 6f");
    let goaway = GoAway {
        new_session_uri: Cow::Borrowed("moqt://a"),
    };
    check.message(0x10, &goaway, "00 09 08 6d 6f 71 74 3a 2f 2f 61");
    let please = SubscribeNamespace {
        request_id: id,
        namespace: path(),
    };
    check.message(0x11, &please, &framed("00 0c 05", ROOM, "00"));
    check.message(0x12, &SubscribeNamespaceOk { request_id: id }, "00 01 05");
    let error = SubscribeNamespaceError {
        request_id: id,
        error_code: 5,
        reason_phrase: why(),
    };
    check.message(0x13, &error, "00 05 05 05 02 6e 6f");
    let enough = UnsubscribeNamespace { namespace: path() };
    check.message(0x14, &enough, &framed("00 0a", ROOM, ""));
    let limit = RequestId(300);
    check.message(0x15, &MaxRequestId { request_id: limit }, "00 02 41 2c");
    let fetch = |fetch_type| Fetch {
        request_id: id,
        subscriber_priority: 128,
        group_order: GroupOrder::Ascending,
        fetch_type,
    };
    let alone = FetchType::Standalone {
        namespace: path(),
        track: name(),
        start: at(7, 1),
        end: at(8, 0),
    };
    let tail = "07 01 08 00 00";
    check.message(
        0x16,
        &fetch(alone),
        &framed("00 1a 05 80 01 01", TRACK, tail),
    );
    let joining = FetchType::RelativeJoining {
        subscriber_request_id: other,
        group_offset: 0,
    };
    check.message(0x16, &fetch(joining), "00 07 05 80 01 02 02 00 00");
    let joining = FetchType::AbsoluteJoining {
        subscriber_request_id: other,
        group_id: 7,
    };
    check.message(0x16, &fetch(joining), "00 07 05 80 01 03 02 07 00");
    check.message(0x17, &FetchCancel { request_id: id }, "00 01 05");
    let ok = FetchOk {
        request_id: id,
        group_order: GroupOrder::Ascending,
        end_of_track: true,
        end_location: at(7, 1),
    };
    check.message(0x18, &ok, "00 06 05 01 01 07 01 00");
    let error = FetchError {
        request_id: id,
        error_code: 3,
        reason_phrase: why(),
    };
    check.message(0x19, &error, "00 05 05 03 02 6e 6f");
    check.message(0x1a, &RequestsBlocked { request_id: id }, "00 01 05");
    let publish = |largest_location| Publish {
        request_id: id,
        track_namespace: path(),
        track_name: name(),
        track_alias: 9,
        group_order: GroupOrder::Ascending,
        largest_location,
        forward: true,
    };
    let tail = "09 01 00 01 00";
    check.message(0x1d, &publish(None), &framed("00 17 05", TRACK, tail));
    let tail = "09 01 01 07 01 01 00";
    let some = Some(at(7, 1));
    check.message(0x1d, &publish(some), &framed("00 19 05", TRACK, tail));
    let ok = PublishOk {
        request_id: id,
        forward: true,
        subscriber_priority: 128,
        group_order: GroupOrder::Descending,
        filter_type: FilterType::LargestObject,
        start_location: None,
        end_group: None,
    };
    check.message(0x1e, &ok, "00 06 05 01 80 02 02 00");
    let error = PublishError {
        request_id: id,
        error_code: 4,
        reason_phrase: why(),
    };
    check.message(0x1f, &error, "00 05 05 04 02 6e 6f");
}

/// What a test does with each sample.
trait Check {
    fn one<T: Message + Clone + PartialEq>(&mut self, value: &T, bytes: Vec<u8>);

    fn message<T: Message + Clone + PartialEq>(&mut self, id: u64, value: &T, bytes: &str) {
        assert_eq!(T::ID, id, "{value:?}");
        self.one(value, hex(bytes));
    }
}

macro_rules! each_sample {
    (|$value:ident, $bytes:ident| $body:block) => {{
        struct This;
        impl Check for This {
            fn one<T: Message + Clone + PartialEq>(&mut self, $value: &T, $bytes: Vec<u8>) $body
        }
        samples(&mut This);
    }};
}

#[test]
fn every_message_has_the_bytes_of_the_draft() {
    each_sample!(|value, bytes| {
        assert_eq!(value.encode_bytes(V).unwrap(), bytes, "{value:?}");
    });
}

#[test]
fn every_message_is_read_back_and_nothing_behind_it() {
    each_sample!(|value, bytes| {
        let stream = [&bytes[..], b"next"].concat();
        let mut rest = &stream[..];
        assert_eq!(&T::decode(&mut rest, V).unwrap(), value);
        assert_eq!(rest, b"next");
    });
}

#[test]
fn a_part_of_a_message_is_waited_for() {
    each_sample!(|value, bytes| {
        for cut in 0..bytes.len() {
            let short = T::decode(&mut &bytes[..cut], V);
            assert!(matches!(short, Err(DecodeError::Short)), "{value:?} {cut}");
        }
    });
}

#[test]
fn a_body_that_is_too_short_or_too_long_is_refused() {
    each_sample!(|value, bytes| {
        let body = &bytes[2..];
        for cut in 0..body.len() {
            let mut framed = (cut as u16).to_be_bytes().to_vec();
            framed.extend(&body[..cut]);
            let result = T::decode(&mut &framed[..], V);
            assert!(result.is_err(), "{value:?} {cut}");
            assert!(
                !matches!(result, Err(DecodeError::Short)),
                "{value:?} {cut}"
            );
        }
        let mut framed = (body.len() as u16 + 1).to_be_bytes().to_vec();
        framed.extend(body);
        framed.push(0);
        let result = T::decode(&mut &framed[..], V);
        assert!(matches!(result, Err(DecodeError::Long)), "{value:?}");
    });
}

#[test]
fn no_byte_makes_a_message_panic() {
    each_sample!(|value, bytes| {
        let _ = value;
        for index in 2..bytes.len() {
            for byte in 0..=255 {
                let mut changed = bytes.clone();
                changed[index] = byte;
                let _ = T::decode(&mut &changed[..], V);
            }
        }
    });
}

#[test]
fn every_kind_of_group_header_round_trips() {
    let kinds = [
        0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d,
    ];
    for kind in 0..=0x40 {
        let flags = match GroupFlags::decode(kind) {
            Ok(flags) => flags,
            Err(err) => {
                assert!(!kinds.contains(&kind));
                assert!(matches!(err, DecodeError::InvalidMessage(id) if id == kind));
                continue;
            }
        };
        assert!(kinds.contains(&kind));
        assert_eq!(flags.encode(), kind);
        let header = GroupHeader {
            track_alias: 9,
            group_id: 300,
            sub_group_id: if flags.has_subgroup { 3 } else { 0 },
            publisher_priority: 128,
            flags,
        };
        let mut bytes = vec![kind as u8, 9, 0x41, 0x2c];
        bytes.extend(flags.has_subgroup.then_some(3));
        bytes.push(128);
        assert_eq!(header.encode_bytes(V).unwrap(), bytes);
        assert_eq!(GroupHeader::decode(&mut &bytes[..], V).unwrap(), header);
        for cut in 0..bytes.len() {
            let short = GroupHeader::decode(&mut &bytes[..cut], V);
            assert!(matches!(short, Err(DecodeError::Short)), "{kind:#x} {cut}");
        }
    }
    assert_eq!(GroupFlags::default().encode(), 0x18);
    let header = FetchHeader {
        request_id: RequestId(5),
    };
    assert_eq!(header.encode_bytes(V).unwrap(), [5][..]);
    assert_eq!(FetchHeader::decode(&mut &[5u8][..], V).unwrap(), header);
}

#[test]
fn what_cannot_be_encoded_is_an_error() {
    let header = GroupHeader {
        track_alias: 0,
        group_id: 0,
        sub_group_id: 1,
        publisher_priority: 0,
        flags: GroupFlags::default(),
    };
    assert!(header.encode_bytes(V).is_err());
    let mut parameters = Parameters::default();
    parameters.set_varint(ParameterVarInt::Unknown(3), 1);
    assert!(parameters.encode_bytes(V).is_err());
    let long = GoAway {
        new_session_uri: "a".repeat(8193).into(),
    };
    assert!(long.encode_bytes(V).is_err());
    let subscribe = Subscribe {
        request_id: RequestId(0),
        track_namespace: Path::new("cam"),
        track_name: "video".into(),
        subscriber_priority: 0,
        group_order: GroupOrder::Any,
        forward: true,
        filter_type: FilterType::AbsoluteStart,
        start_location: None,
        end_group: None,
        delivery_timeout: None,
    };
    assert!(subscribe.encode_bytes(V).is_err());
}

#[test]
fn parameters_are_few_and_not_twice() {
    let twice = hex("02 02 01 02 01");
    let result = Parameters::decode(&mut &twice[..], V);
    assert!(matches!(result, Err(DecodeError::Duplicate)));
    // Tokens may be several; the first counts.
    let tokens = hex("02 03 03 03 00 61 03 03 03 00 62");
    let result = Parameters::decode(&mut &tokens[..], V).unwrap();
    let token = result.get_bytes(ParameterBytes::AuthorizationToken);
    assert_eq!(token, Some(&b"\x03\0a"[..]));
    assert_eq!(result.encode_bytes(V).unwrap(), tokens);
    let many = hex("40 41");
    let result = Parameters::decode(&mut &many[..], V);
    assert!(matches!(result, Err(DecodeError::TooMany)));
}

#[test]
fn a_range_that_ends_before_it_starts_is_refused() {
    let bytes = hex("00 0c 05 00 01 61 80 00 01 04 07 01 06 00");
    let result = Subscribe::decode(&mut &bytes[..], V);
    assert!(matches!(result, Err(DecodeError::InvalidSubscribeLocation)));
}

fn hex(text: &str) -> Vec<u8> {
    let bytes = text.split_whitespace();
    bytes
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

#[test]
fn what_may_hold_a_token_is_not_shown() {
    let message = GoAway {
        new_session_uri: "https://elsewhere/room?jwt=secret".into(),
    };
    let shown = format!("{message:?}");
    assert_eq!(
        shown,
        r#"GoAway { new_session_uri: "https://elsewhere/room" }"#
    );
    let mut parameters = Parameters::default();
    parameters.set_bytes(ParameterBytes::AuthorizationToken, b"secret".to_vec());
    assert!(!format!("{parameters:?}").contains(&format!("{:?}", b"secret")));
}
