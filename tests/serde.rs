//! The plain data types of the transport as JSON: with the feature `serde`.
#![cfg(feature = "serde")]

use std::fmt::Debug;

use gstmoq::moq_lite::{
    Frame, Group, Path, PathOwned, Time, Track,
    coding::VarInt,
    lite::{Announce, AnnounceInit},
};
use serde::{Serialize, de::DeserializeOwned};

/// The value is written as `json`, and read from it.
fn both_ways<T: Serialize + DeserializeOwned>(value: &T, json: &str) {
    assert_eq!(serde_json::to_string(value).unwrap(), json);
    let read: T = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
}

fn refused<T: DeserializeOwned + Debug>(json: &str) {
    let read = serde_json::from_str::<T>(json);
    assert!(read.is_err(), "{json} became {read:?}");
}

#[test]
fn names_and_numbers_are_objects_with_their_fields() {
    let mut track = Track::new("video");
    track.priority = 7;
    both_ways(&track, r#"{"name":"video","priority":7}"#);
    both_ways(&Group { sequence: 3 }, r#"{"sequence":3}"#);
    both_ways(&Frame { size: 1200 }, r#"{"size":1200}"#);
}

#[test]
fn integers_are_bare_and_checked() {
    both_ways(&VarInt::MAX, "4611686018427387903");
    both_ways(&Time::new(250), "250");
    for json in ["4611686018427387904", "-1", "\"1\""] {
        refused::<VarInt>(json);
        refused::<Time>(json);
    }
}

#[test]
fn a_path_is_a_string_that_is_normalised_when_it_is_read() {
    both_ways(&Path::new("a/é").into_owned(), "\"a/é\"");
    let path: PathOwned = serde_json::from_str(r#""/a//\u00e9/""#).unwrap();
    assert_eq!(path.as_str(), "a/é");
}

#[test]
fn announcements_have_a_name_and_a_suffix() {
    let ended = Announce::Ended {
        suffix: Path::new("cam"),
    };
    assert_eq!(
        serde_json::to_string(&ended).unwrap(),
        r#"{"Ended":{"suffix":"cam"}}"#
    );
    let read: Announce = serde_json::from_str(r#"{"Ended":{"suffix":"cam/"}}"#).unwrap();
    assert_eq!(read, ended);
    let active: Announce = serde_json::from_str(r#"{"Active":{"suffix":"cam"}}"#).unwrap();
    assert!(matches!(active, Announce::Active { suffix, .. } if suffix.as_str() == "cam"));
    let init = AnnounceInit {
        suffixes: vec![Path::new("a"), Path::new("b/c")],
    };
    let json = r#"{"suffixes":["a","b/c"]}"#;
    assert_eq!(serde_json::to_string(&init).unwrap(), json);
    assert_eq!(serde_json::from_str::<AnnounceInit>(json).unwrap(), init);
}
