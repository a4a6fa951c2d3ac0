//! Samples of every message, with their bytes.

use std::{borrow::Cow, time::Duration};

use gstmoq::moq_lite::{
    Path,
    lite::{
        Announce, AnnounceInit, AnnounceOk, AnnouncePlease, ClientSetup, Cost, Fetch, Goaway,
        Group, Hops, Parameters, Probe, ProbeLevel, Role, Route, ServerSetup, SessionInfo, Setup,
        Subscribe, SubscribeDrop, SubscribeEnd, SubscribeOk, SubscribeReply, SubscribeStart,
        SubscribeUpdate, TrackInfo, TrackRequest, Version,
    },
};

use super::{Check, parameters};

pub(super) const ALL: &[Version] = &Version::ALL;
pub(super) const LITE_01: &[Version] = &[Version::Draft01];
pub(super) const LITE_02: &[Version] = &[Version::Draft02];
pub(super) const LITE_03: &[Version] = &[Version::Draft03];
pub(super) const LITE_04: &[Version] = &[Version::Draft04];
pub(super) const LITE_05: &[Version] = &[Version::Draft05];
pub(super) const LITE_06: &[Version] = &[Version::Draft06];
/// Those with SETUP on the first bidirectional stream.
pub(super) const OLD: &[Version] = &[Version::Draft01, Version::Draft02];
pub(super) const TO_05: &[Version] = &[
    Version::Draft01,
    Version::Draft02,
    Version::Draft03,
    Version::Draft04,
    Version::Draft05,
];
pub(super) const FROM_03: &[Version] = &[
    Version::Draft03,
    Version::Draft04,
    Version::Draft05,
    Version::Draft06,
];
pub(super) const FROM_04: &[Version] = &[Version::Draft04, Version::Draft05, Version::Draft06];
pub(super) const LITE_03_04: &[Version] = &[Version::Draft03, Version::Draft04];
pub(super) const LITE_03_05: &[Version] = &[Version::Draft03, Version::Draft04, Version::Draft05];
pub(super) const LITE_04_05: &[Version] = &[Version::Draft04, Version::Draft05];
pub(super) const FROM_05: &[Version] = &[Version::Draft05, Version::Draft06];

/// Calls `check` with every sample: its versions, the value, its bytes.
pub(super) fn samples(check: &mut impl Check) {
    announcements(check);
    routes(check);
    subscriptions(check);
    replies(check);
    requests(check);
    setups(check);
}

fn path(path: &str) -> Path<'_> {
    Path::new(path)
}

fn hops(ids: &[u64]) -> Hops {
    Hops::try_from(ids.to_vec()).unwrap()
}

fn announcements(check: &mut impl Check) {
    let please = |prefix, exclude_hop| AnnouncePlease {
        prefix: path(prefix),
        exclude_hop,
    };
    for versions in [OLD, LITE_03, LITE_06] {
        check.sample(versions, &please("", 0), "01 00");
        check.sample(versions, &please("a/é", 0), "05 04 61 2f c3 a9");
    }
    check.sample(LITE_04_05, &please("", 0), "02 00 00");
    check.sample(LITE_04_05, &please("a", 300), "04 01 61 41 2c");
    check.sample(OLD, &AnnounceInit { suffixes: vec![] }, "01 00");
    let suffixes = vec![path("cam"), path("")];
    check.sample(OLD, &AnnounceInit { suffixes }, "06 02 03 63 61 6d 00");
    check.sample(FROM_05, &AnnounceOk { hop: 7, active: 1 }, "02 07 01");
    let active = |ids: &[u64]| Announce::Active {
        suffix: path("cam"),
        hops: hops(ids),
    };
    check.sample(OLD, &active(&[]), "05 01 03 63 61 6d");
    check.sample(LITE_03, &active(&[0, 0]), "06 01 03 63 61 6d 02");
    check.sample(LITE_04, &active(&[7]), "07 01 03 63 61 6d 01 07");
    check.sample(LITE_05, &active(&[]), "06 01 03 63 61 6d 00");
    check.sample(
        LITE_04_05,
        &active(&[0, 300, 0]),
        "0a 01 03 63 61 6d 03 00 41 2c 00",
    );
    let ended = Announce::Ended { suffix: path("") };
    check.sample(OLD, &ended, "02 00 00");
    check.sample(LITE_03_05, &ended, "03 00 00 00");
    let restart = Announce::Restart {
        suffix: path("cam"),
        hops: hops(&[9]),
    };
    check.sample(LITE_05, &restart, "07 02 03 63 61 6d 01 09");
}

fn routes(check: &mut impl Check) {
    let start = |ids: &[u64], warm, cold| Route::Start {
        suffix: path("cam"),
        hops: hops(ids),
        cost: Cost { warm, cold },
    };
    check.typed(LITE_06, &start(&[], 0, 0), "00 07 03 63 61 6d 00 00 00");
    check.typed(
        LITE_06,
        &start(&[5, 6], 1, 300),
        "00 0a 03 63 61 6d 02 05 06 01 41 2c",
    );
    check.typed(LITE_06, &Route::End { id: 0 }, "01 01 00");
    let update = Route::Update {
        id: 300,
        hops: hops(&[5]),
        cost: Cost { warm: 2, cold: 3 },
    };
    check.typed(LITE_06, &update, "02 06 41 2c 01 05 02 03");
}

fn subscriptions(check: &mut impl Check) {
    let subscribe = |max_age| Subscribe {
        id: 0,
        broadcast: path("room/cam"),
        track: Cow::Borrowed("video0"),
        priority: 60,
        max_age,
        start: None,
        end: None,
        frame_start: 0,
        frame_end: None,
    };
    let names = "00 08 72 6f 6f 6d 2f 63 61 6d 06 76 69 64 65 6f 30 3c";
    let any = subscribe(Duration::MAX);
    let some = subscribe(Duration::from_millis(500));
    check.sample(OLD, &any, &format!("12 {names}"));
    check.sample(LITE_03_05, &some, &format!("17 {names} 00 41 f4 00 00"));
    check.sample(LITE_06, &some, &format!("18 {names} 41 f4 00 00 00 00"));
    let range = Subscribe {
        start: Some(4),
        end: Some(9),
        ..some
    };
    check.sample(LITE_03_05, &range, &format!("17 {names} 00 41 f4 05 0a"));
    let frames = Subscribe {
        frame_start: 2,
        frame_end: Some(3),
        ..range
    };
    check.sample(LITE_06, &frames, &format!("18 {names} 41 f4 04 0a 02 04"));
    let most = Subscribe {
        id: 0x3fff_ffff_ffff_ffff,
        broadcast: path(""),
        track: Cow::Borrowed(""),
        priority: 255,
        ..subscribe(Duration::MAX)
    };
    check.sample(OLD, &most, "0b ff ff ff ff ff ff ff ff 00 00 ff");
    let update = SubscribeUpdate {
        priority: 60,
        max_age: Duration::MAX,
        start: Some(4),
        end: None,
        frame_start: 0,
        frame_end: None,
    };
    let forever = "ff ff ff ff ff ff ff ff";
    check.sample(LITE_03_05, &update, &format!("0c 3c 00 {forever} 05 00"));
    check.sample(LITE_06, &update, &format!("0d 3c {forever} 04 00 00 00"));
    let group = |frame_start| Group {
        subscribe: 5,
        sequence: 300,
        frame_start,
    };
    check.sample(TO_05, &group(0), "03 05 41 2c");
    check.sample(LITE_06, &group(1), "04 05 41 2c 01");
}

fn replies(check: &mut impl Check) {
    let ok = |priority, max_age| SubscribeOk {
        priority,
        max_age,
        start: None,
        end: None,
    };
    check.sample(LITE_01, &ok(60, Duration::MAX), "01 3c");
    check.sample(LITE_02, &ok(0, Duration::MAX), "00");
    check.sample(LITE_01, &SubscribeReply::Ok(ok(60, Duration::MAX)), "01 3c");
    check.sample(LITE_02, &SubscribeReply::Ok(ok(0, Duration::MAX)), "00");
    let zero = ok(60, Duration::ZERO);
    check.sample(LITE_03_04, &zero, "05 3c 00 00 00 00");
    check.typed(
        LITE_03_04,
        &SubscribeReply::Ok(zero),
        "00 05 3c 00 00 00 00",
    );
    let drop = SubscribeDrop {
        start: 2,
        end: 300,
        code: 0x34,
    };
    check.sample(FROM_03, &drop, "04 02 41 2c 34");
    let drop = SubscribeReply::Drop(drop);
    check.typed(LITE_03_04, &drop, "01 04 02 41 2c 34");
    check.typed(FROM_05, &drop, "02 04 02 41 2c 34");
    let start = SubscribeStart { group: 5 };
    check.sample(FROM_05, &start, "01 05");
    check.typed(FROM_05, &SubscribeReply::Start(start), "00 01 05");
    let end = SubscribeEnd { group: 9 };
    check.sample(FROM_05, &end, "01 09");
    check.typed(FROM_05, &SubscribeReply::End(end), "01 01 09");
}

fn requests(check: &mut impl Check) {
    let request = TrackRequest {
        broadcast: path("room/cam"),
        track: Cow::Borrowed("video0"),
    };
    let names = "08 72 6f 6f 6d 2f 63 61 6d 06 76 69 64 65 6f 30";
    check.sample(FROM_05, &request, &format!("10 {names}"));
    let info = TrackInfo {
        priority: 60,
        max_age: Duration::from_secs(30),
        timescale: 1_000_000,
    };
    check.sample(LITE_05, &info, "0a 3c 00 80 00 75 30 80 0f 42 40");
    check.sample(LITE_06, &info, "09 3c 80 00 75 30 80 0f 42 40");
    let fetch = |frame_start, frame_end| Fetch {
        broadcast: path("room/cam"),
        track: Cow::Borrowed("video0"),
        priority: 60,
        group: 300,
        frame_start,
        frame_end,
    };
    check.sample(LITE_05, &fetch(0, None), &format!("13 {names} 3c 41 2c"));
    check.sample(
        LITE_06,
        &fetch(1, Some(2)),
        &format!("15 {names} 3c 41 2c 01 03"),
    );
    let probe = |bitrate, millis: Option<u64>| Probe {
        bitrate,
        rtt: millis.map(Duration::from_millis),
    };
    check.sample(LITE_03, &probe(Some(4_000_000), None), "04 80 3d 09 00");
    check.sample(FROM_04, &probe(Some(300), Some(20)), "03 41 2c 14");
    check.sample(FROM_04, &probe(None, None), "02 00 00");
    let uri = Cow::Borrowed("https://b/");
    let bytes = "0b 0a 68 74 74 70 73 3a 2f 2f 62 2f";
    check.sample(FROM_04, &Goaway { uri }, bytes);
    let uri = Cow::Borrowed("");
    check.sample(FROM_04, &Goaway { uri }, "01 00");
}

fn setups(check: &mut impl Check) {
    check.sample(OLD, &SessionInfo { bitrate: None }, "01 00");
    let bitrate = Some(4_000_000);
    check.sample(OLD, &SessionInfo { bitrate }, "04 80 3d 09 00");
    let versions = OLD.iter().map(|version| version.coding());
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
    check.sample(FROM_05, &Setup::default(), "01 00");
    let setup = Setup {
        path: Some("/anon?jwt=abc".to_owned()),
        role: Some(Role::Publisher),
        ..Setup::default()
    };
    let bytes = "13 02 02 0d 2f 61 6e 6f 6e 3f 6a 77 74 3d 61 62 63 03 01 01";
    check.sample(FROM_05, &setup, bytes);
    let setup = Setup {
        probe: ProbeLevel::Increase,
        role: Some(Role::Subscriber),
        cost: Some(300),
        hop: Some(9),
        path: None,
    };
    let bytes = "0e 04 01 01 02 03 01 02 04 02 41 2c 05 01 09";
    check.sample(FROM_05, &setup, bytes);
}
