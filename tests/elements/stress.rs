//! States, pads and properties in random order, and what is left of them.

use gst::prelude::*;

use crate::{
    support::{Feed, Sink, init, quickly},
    waiting::wait_until,
};

const OPUS: &str = "audio/x-opus,channels=2,channel-mapping-family=0";
const STEPS: usize = 250;

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // An xorshift generator.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn step(dice: &mut Dice, sink: &Sink, feeds: &mut Vec<Feed>) {
    let element = &sink.element;
    match dice.roll(10) {
        0 | 1 => {
            use gst::State::{Null, Paused, Playing, Ready};
            let state = [Null, Ready, Paused, Playing, Playing][dice.roll(5) as usize];
            sink.set_state(state);
        }
        2 if feeds.len() < 6 => feeds.push(sink.feed_raw()),
        3 if !feeds.is_empty() => {
            let feed = feeds.swap_remove(dice.roll(feeds.len() as u64) as usize);
            element.release_request_pad(&feed.sink);
        }
        4 => {
            element.set_property("ts-offset", dice.roll(1000) as i64 - 500);
            element.set_property("max-lateness", dice.roll(3) as i64 - 1);
            element.set_property("render-delay", dice.roll(1000));
            element.set_property("timeout", dice.roll(2) as u32 * 60_000);
            element.set_property("post-stats", dice.roll(2) == 0);
        }
        5 => {
            for property in element.list_properties() {
                if property.flags().contains(gst::glib::ParamFlags::READABLE) {
                    element.property_value(property.name());
                }
            }
        }
        _ => {
            let Some(feed) = feeds.get(dice.roll(feeds.len().max(1) as u64) as usize) else {
                return;
            };
            // Data and EOS wait in PAUSED, and must not be waited for here.
            let plays = element.current_state() == gst::State::Playing;
            let begun = feed.pad.sticky_event::<gst::event::Segment>(0).is_some();
            match dice.roll(8) {
                0 | 1 => {
                    feed.event(gst::event::StreamStart::new("stress"));
                    feed.caps(OPUS);
                    feed.segment();
                }
                2 => {
                    feed.event(gst::event::FlushStart::new());
                    feed.event(gst::event::FlushStop::new(dice.roll(2) == 0));
                }
                3 => feed.sink.set_property("label", "stress"),
                4 => feed
                    .sink
                    .set_property("group-duration", dice.roll(100) as i32 - 1),
                5 if plays && begun => drop(feed.event(gst::event::Eos::new())),
                _ if plays && begun => drop(feed.push(Some(0), b"stress")),
                _ => {}
            }
        }
    }
}

#[test]
fn it_survives_everything_in_any_order() {
    for seed in [1, 0x9e37_79b9_7f4a_7c15, 0x2545_f491_4f6c_dd1d] {
        let mut dice = Dice(seed);
        let sink = Sink::listening();
        sink.element.set_property("sync", false);
        sink.element.set_property("drain-timeout", 0_u32);
        let mut feeds = Vec::new();
        for number in 0..STEPS {
            println!("seed {seed:#x}, step {number}");
            quickly(|| step(&mut dice, &sink, &mut feeds));
        }
        sink.set_state(gst::State::Null);
        drop(feeds);
        sink.set_state(gst::State::Playing);
        let feed = sink.feed(OPUS);
        feed.push(Some(0), b"still here").expect("it works");
    }
}

#[test]
fn nothing_is_left_when_it_is_gone() {
    init();
    let sink = Sink::listening();
    sink.element.set_property("sync", false);
    sink.element.set_property("post-stats", true);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    feed.push(Some(0), b"x").expect("it is published");
    let weak = (sink.element.downgrade(), feed.sink.downgrade());
    sink.set_state(gst::State::Null);
    drop((feed, sink));
    // The control thread may still hold the element for a moment.
    wait_until("nobody holds the element", || {
        weak.0.upgrade().is_none() && weak.1.upgrade().is_none()
    });
}
