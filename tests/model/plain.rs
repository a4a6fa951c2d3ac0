//! Paths, times, errors: values without handles.

use std::time::Duration;

use gstmoq::moq_lite::{AsPath, Error, Path, Time, TimeOverflow, Timescale};

#[test]
fn paths_are_equal_when_their_segments_are() {
    assert_eq!(Path::new("/a//b/"), Path::from("a/b".to_string()));
    assert_eq!(Path::from("//a/b".to_string()).as_str(), "a/b");
    assert_eq!("a//b".to_string().as_path(), Path::new("a/b"));
    assert_ne!(Path::new("A"), Path::new("a"));
    assert_eq!(Path::new("a/../b").as_str(), "a/../b");
    assert_eq!(
        (Path::new("//é/").len(), Path::default().is_empty()),
        (2, true)
    );
}

#[test]
fn a_path_is_taken_apart_at_segments_only() {
    let path = Path::new("a/b/c");
    assert_eq!(path.strip_prefix("a/b").unwrap().as_str(), "c");
    assert_eq!(path.strip_prefix("/a/").unwrap().as_str(), "b/c");
    assert_eq!(path.strip_prefix("").unwrap(), path);
    assert!(path.strip_prefix("a/bc").is_none() && path.strip_prefix("b").is_none());
    assert_eq!(path.next_part().unwrap().0, "a");
    assert_eq!(Path::new("a").join("/b/").join("").to_string(), "a/b");
}

#[test]
fn times_round_towards_zero_and_never_wrap() {
    assert_eq!(Time::from_micros(1_999).unwrap(), Time::new(1));
    assert_eq!(Time::from_scale(90_001, 90_000).unwrap(), Time::new(1_000));
    assert_eq!(Time::from_scale(1, 0), Err(TimeOverflow));
    assert_eq!(Time::from_scale_u128(u128::MAX, 1), Err(TimeOverflow));
    assert_eq!(Time::new_u64(1 << 62), Err(TimeOverflow));
    assert_eq!(Time::MAX.checked_add(Time::new(1)), Err(TimeOverflow));
    assert_eq!(Time::ZERO.checked_sub(Time::new(1)), Err(TimeOverflow));
    assert_eq!(Time::new(7).convert::<0>(), Time::new(0).convert::<0>());
    assert_eq!(Timescale::<0>::new(7).as_millis(), 0);
}

#[test]
fn times_and_durations_convert_both_ways() {
    let time = Timescale::<1_000_000>::try_from(Duration::new(2, 345_678_901)).unwrap();
    assert_eq!(time.as_micros(), 2_345_678);
    assert_eq!(Duration::from(time), Duration::from_micros(2_345_678));
    assert_eq!(Time::try_from(Duration::MAX), Err(TimeOverflow));
}

#[test]
fn error_codes_are_those_of_the_wire() {
    let codes = [
        (Error::Cancel, 0),
        (Error::RequiredExtension(9), 1),
        (Error::Old, 2),
        (Error::Timeout, 3),
        (Error::Unauthorized, 6),
        (Error::UnexpectedStream, 10),
        (Error::Duplicate, 12),
        (Error::NotFound, 13),
        (Error::WrongSize, 14),
        (Error::ProtocolViolation, 15),
        (Error::UnexpectedMessage, 16),
        (Error::Unsupported, 17),
        (Error::TooLarge, 18),
        (Error::TooManyParameters, 19),
        (Error::InvalidRole, 20),
        (Error::App(0), 64),
        (Error::App(u32::MAX), u32::MAX),
    ];
    for (error, code) in codes {
        assert_eq!(error.to_code(), code, "{error}");
    }
}
