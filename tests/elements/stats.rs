//! The statistics have the fields that the page of the element explains, each of them.

use std::collections::BTreeSet;

use gst::prelude::*;

use crate::{
    support::{Sink, Viewer},
    waiting::wait_until,
};

const PAGE: &str = include_str!("../../src/plugin/sink/mod.rs");

/// The names in the first column of the table with this heading.
fn documented(heading: &str) -> BTreeSet<String> {
    let lines = PAGE.lines().filter_map(|line| line.strip_prefix("//!"));
    let lines = lines.map(str::trim_start);
    let table = lines.skip_while(|line| !line.starts_with(&format!("| {heading} |")));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    let names = rows.flat_map(|row| {
        let column = row.split('|').nth(1).unwrap_or_default();
        column.split('`').skip(1).step_by(2)
    });
    names.map(str::to_owned).collect()
}

fn fields(structure: &gst::StructureRef) -> BTreeSet<String> {
    structure.fields().map(|name| name.to_string()).collect()
}

fn first(stats: &gst::StructureRef, list: &str) -> Option<gst::Structure> {
    let list = stats.get::<gst::Array>(list).expect("an array");
    list.first()?.get().ok()
}

#[test]
fn every_field_is_explained_and_every_one_that_is_explained_is_there() {
    let sink = Sink::listening();
    sink.element.set_property("sync", false);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed("audio/x-opus,channels=2,channel-mapping-family=0");
    feed.push(Some(0), b"four").expect("it is published");
    let viewer = Viewer::new(&sink);
    let mut track = viewer.subscribe("audio0");
    viewer.first(&mut track);
    let stats = || sink.element.property::<gst::Structure>("stats");
    wait_until("the viewer is there", || {
        first(&stats(), "viewers").is_some()
    });
    let stats = stats();
    assert_eq!(fields(&stats), documented("field of `stats`"));
    let viewer = first(&stats, "viewers").expect("it is there");
    assert_eq!(fields(&viewer), documented("field of a viewer"));
    for (list, heading) in [
        ("connections", "field of a connection"),
        ("tracks", "field of a track"),
    ] {
        let entry = first(&stats, list).expect("it is there");
        assert_eq!(fields(&entry), documented(heading), "{list}");
    }
    let connection = first(&stats, "connections").expect("it is there");
    let read = first(&connection, "tracks").expect("it is there");
    assert_eq!(
        fields(&read),
        documented("field of a track of a connection")
    );
    let pad = feed.sink.property::<gst::Structure>("stats");
    assert_eq!(fields(&pad), documented("field of the `stats` of a pad"));
    let refused = stats.get::<gst::Structure>("refused").expect("it is there");
    assert_eq!(fields(&refused), documented("field of `refused`"));
}
