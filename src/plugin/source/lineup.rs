//! The pads of a run: brings them in line with the catalog, with what was selected and with what
//! the network carries.

use std::{collections::HashSet, sync::Arc, time::Duration};

use gst::prelude::*;
use tokio::time::Instant;

use super::{
    adapt::{self, Adapter, Measured},
    imp::CAT,
    offer::{Offer, Rendition},
    run::{Run, Selection},
    select::{self, Slot, Wish},
    siblings::Siblings,
    stats::Throughput,
    stream::Stream,
};
use crate::{media::Catalog, moq_lite::BroadcastConsumer, plugin::link::Sessions};

/// Used by the thread that follows the broadcast alone.
pub(super) struct Lineup {
    run: Arc<Run>,
    sessions: Sessions,
    wish: Wish,
    /// A player has one place for a picture, for a sound and for a text, and asks for others by SELECT_STREAMS.
    one_of_each: bool,
    /// The tracks that the application selected.
    chosen: Option<Vec<String>>,
    offer: Offer,
    /// A rendition whose broadcast vanished may return.
    wait_for_return: bool,
    /// How many pads of each kind there ever were.
    numbers: [u32; 4],
    no_more_pads: bool,
    /// When to see whether anything is linked.
    check_links: Option<Instant>,
    /// Renditions that the application was told cannot be played, and a wish that cannot be met.
    refused: HashSet<(String, String)>,
    adapting: Option<Adapting>,
    /// The application is to be told of the selection, in answer to this event if there was one.
    telling: Option<Option<gst::Seqnum>>,
    /// The selection of which it was told.
    told: Vec<String>,
}

/// A pad that follows the bandwidth.
struct Adapting {
    stream: Stream,
    candidates: Vec<usize>,
    adapter: Adapter,
    next: Instant,
    throughput: Throughput,
}

impl Lineup {
    pub(super) fn new(run: &Arc<Run>, sessions: Sessions, wait_for_return: bool) -> Self {
        Self {
            run: run.clone(),
            sessions,
            wish: run.wish.borrow().clone(),
            one_of_each: run
                .element
                .upgrade()
                .is_some_and(|element| is_of_player(&element)),
            chosen: None,
            offer: Offer::new(),
            wait_for_return,
            numbers: [0; 4],
            no_more_pads: false,
            check_links: None,
            refused: HashSet::new(),
            adapting: None,
            telling: None,
            told: Vec::new(),
        }
    }

    /// Whether there ever was a pad.
    pub(super) fn has_begun(&self) -> bool {
        self.no_more_pads
    }

    /// When [`Self::tick`] is due.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        let adapt = self.adapting.as_ref().map(|adapting| adapting.next);
        adapt.into_iter().chain(self.check_links).min()
    }

    /// Takes over a catalog; how many of its renditions can be played.
    pub(super) fn learn(
        &mut self,
        broadcast: &BroadcastConsumer,
        catalog: &Catalog,
        siblings: &Siblings,
    ) -> usize {
        let Some(element) = self.run.element.upgrade() else {
            return 0;
        };
        let (changed, refused) = self.offer.learn(&element, broadcast, catalog, siblings);
        for (track, text) in refused {
            self.refuse(&track, text);
        }
        if changed && !self.offer.renditions().is_empty() {
            self.collect(&element);
        }
        self.offer.renditions().len()
    }

    /// Tells the application and the pads which streams there are.
    fn collect(&mut self, element: &super::MoqSrc) {
        let renditions = self.offer.renditions().iter();
        let streams = renditions.map(|rendition| rendition.stream.clone());
        let collection = gst::StreamCollection::builder(None)
            .streams(streams)
            .build();
        self.run.collection.send_replace(Some(collection.clone()));
        let message = gst::message::StreamCollection::builder(&collection).src(element);
        let _ = element.post_message(message.build());
        self.telling.get_or_insert(None);
    }

    /// What the application selected, from now on.
    pub(super) fn select(&mut self, selection: &Selection) {
        let is_chosen = |rendition: &&Rendition| {
            let id = rendition.stream.stream_id().unwrap_or_default();
            selection.stream_ids.iter().any(|chosen| *chosen == id)
        };
        let chosen = self.offer.renditions().iter().filter(is_chosen);
        self.chosen = Some(
            chosen
                .map(|rendition| rendition.source.track.clone())
                .collect(),
        );
        self.telling = Some(Some(selection.seqnum));
        self.arrange(true);
    }

    /// The property `rendition` has changed: it counts until the application selects again.
    pub(super) fn wish(&mut self, wish: Wish) {
        self.wish = wish;
        self.chosen = None;
        self.telling.get_or_insert(None);
        self.arrange(true);
    }

    /// Brings the pads in line: `gently` where one rendition replaces another that goes on.
    pub(super) fn arrange(&mut self, gently: bool) {
        let slots = self.slots();
        let mut streams = self.run.streams();
        streams.retain(|stream| !stream.is_last() && !stream.has_ended());
        let mut parts: Vec<Option<(Stream, usize)>> = vec![None; slots.len()];
        // First those that go on, then others in the place of those that do not.
        for (slot, part) in std::iter::zip(&slots, &mut parts) {
            let plays = |stream: &Stream| {
                let track = stream.track_name();
                let mut candidates = slot.candidates.iter().copied();
                candidates.find(|&index| self.offer.renditions()[index].source.track == track)
            };
            let mut found = streams.iter().enumerate();
            let found = found.find_map(|(place, stream)| Some((place, plays(stream)?)));
            *part = found.map(|(place, index)| (streams.remove(place), index));
        }
        for (slot, part) in std::iter::zip(&slots, &mut parts) {
            let Some(&first) = slot.candidates.first().filter(|_| part.is_none()) else {
                continue;
            };
            let kind = self.offer.renditions()[first].source.config.kind();
            let place = streams.iter().position(|stream| stream.kind() == kind);
            *part = place.map(|place| (streams.remove(place), first));
        }
        for stream in streams {
            let known = |rendition: &Rendition| rendition.source.track == stream.track_name();
            // What is still there is not wanted; what is gone has its last samples under way.
            if self.offer.renditions().iter().any(known) {
                stream.dismiss();
            } else if self.wait_for_return && self.offer.is_absent(&stream.track_name()) {
                stream.take_away();
            } else {
                stream.finish();
            }
        }
        let mut before = self.adapting.take();
        for (slot, part) in std::iter::zip(slots, parts) {
            let stream = match part {
                Some((stream, index)) => {
                    self.give(&stream, index, &slot, gently);
                    Some(stream)
                }
                None => self.add(&slot),
            };
            if let Some(stream) = stream.filter(|_| slot.adapts) {
                let same = |before: &Adapting| before.is_of(&stream, &slot.candidates);
                let before = before.take().filter(same);
                let adapting = before.unwrap_or_else(|| Adapting::new(stream, slot.candidates));
                self.adapting = Some(adapting);
            }
        }
        self.complete();
        self.tell();
    }

    /// What the pads are to play.
    fn slots(&mut self) -> Vec<Slot> {
        let renditions: Vec<_> = self
            .offer
            .renditions()
            .iter()
            .map(|rendition| (rendition.source.track.as_str(), &rendition.source.config))
            .collect();
        if let Some(chosen) = &self.chosen {
            let slots = select::selected(&renditions, chosen);
            if !slots.is_empty() {
                return slots;
            }
            // Nothing of it is there any more.
            if !renditions.is_empty() {
                self.chosen = None;
            }
        }
        let mut slots = self.wish.slots(&renditions);
        if self.one_of_each {
            let kind = |slot: &mut Slot| renditions[slot.candidates[0]].1.kind();
            slots.dedup_by_key(kind);
        }
        let missing = self.wish.track().filter(|track| {
            let mut names = renditions.iter().map(|(name, _)| name);
            !renditions.is_empty() && !names.any(|name| name == track)
        });
        if let Some(track) = missing.map(str::to_owned) {
            let text = format!("There is no rendition {track}; playing what rendition=auto would");
            self.refuse(&track, text);
        }
        slots
    }

    fn give(&self, stream: &Stream, index: usize, slot: &Slot, gently: bool) {
        let rendition = &self.offer.renditions()[index];
        // What follows the bandwidth remains the same stream.
        let known = |id: &gst::Stream| {
            let mut candidates = slot.candidates.iter();
            candidates
                .any(|&index| self.offer.renditions()[index].stream.stream_id() == id.stream_id())
        };
        let identity = Some(stream.identity()).filter(|identity| slot.adapts && known(identity));
        let identity = identity.unwrap_or_else(|| rendition.stream.clone());
        // It may be on its way already.
        let source = stream.source();
        let known = source.is_some_and(|source| source.is_same_track(&rendition.source));
        stream.give(rendition.source.clone(), identity, gently || known);
    }

    fn add(&mut self, slot: &Slot) -> Option<Stream> {
        let element = self.run.element.upgrade()?;
        let rendition = &self.offer.renditions()[*slot.candidates.first()?];
        let (source, identity) = (rendition.source.clone(), rendition.stream.clone());
        let number = &mut self.numbers[source.config.kind() as usize];
        let stream = Stream::new(&self.run, &element, *number, source, identity);
        *number += 1;
        if !self.run.insert(stream.clone()) {
            return None;
        }
        if element.add_pad(stream.pad()).is_err() {
            self.warn(&format!("The pad {} cannot be added", stream.pad().name()));
            return None;
        }
        // The application may have stopped the element from its handler.
        if !self.run.is_stopped()
            && let Err(error) = stream.start(&self.run)
        {
            gst::element_error!(
                element,
                gst::ResourceError::Failed,
                ("The system gives no thread: {error}")
            );
        }
        let latency = gst::message::Latency::builder().src(&element).build();
        let _ = element.post_message(latency);
        Some(stream)
    }

    fn complete(&mut self) {
        if !self.no_more_pads
            && !self.run.streams().is_empty()
            && let Some(element) = self.run.element.upgrade()
        {
            self.no_more_pads = true;
            self.check_links = Some(Instant::now() + LINKING);
            element.no_more_pads();
        }
    }

    /// Looks at what is due.
    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        if self.check_links.is_some_and(|due| now >= due) {
            self.check_links = None;
            self.warn_of_no_links();
        }
        if let Some(mut adapting) = self.adapting.take() {
            if now >= adapting.next {
                adapting.next = now + adapt::TICK;
                self.adapt(&mut adapting, now);
            }
            self.adapting = Some(adapting);
        }
    }

    fn adapt(&self, adapting: &mut Adapting, now: Instant) {
        adapting.throughput.mark(now.into_std(), self.run.arrived());
        let stream = &adapting.stream;
        let track = stream.track_name();
        let mut candidates = adapting.candidates.iter();
        let current = candidates.position(|&index| {
            let rendition = self.offer.renditions().get(index);
            rendition.is_some_and(|rendition| rendition.source.track == track)
        });
        let Some(current) = current.filter(|_| stream.source().is_some()) else {
            return;
        };
        let measured = Measured {
            lag: stream.meter().lag(),
            latency: self.run.latency(),
            skipped: stream.meter().report().skipped_groups,
            throughput: adapting.throughput.bitrate(),
            capacity: self.sessions.traffic().receive_rate,
        };
        let bitrate = |&index: &usize| self.offer.renditions()[index].source.config.bitrate();
        let bitrates: Vec<_> = adapting.candidates.iter().map(bitrate).collect();
        let to = adapting
            .adapter
            .tick(now.into_std(), &bitrates, current, measured);
        if let Some(to) = to {
            let source = self.offer.renditions()[adapting.candidates[to]]
                .source
                .clone();
            if let Some(element) = self.run.element.upgrade() {
                let to = &source.track;
                gst::info!(
                    CAT,
                    obj = element,
                    "{track} gives way to {to}: {measured:?}"
                );
            }
            stream.give(source, stream.identity(), true);
        }
    }

    /// Pads whose rendition is gone disappear.
    pub(super) fn remove_ended(&mut self) {
        for stream in self.run.streams() {
            if stream.has_ended()
                && stream.is_last()
                && let Some(element) = self.run.element.upgrade()
                && let Some(stream) = self.run.remove(&stream)
            {
                stream.dispose(&element);
            }
        }
    }

    /// Tells the application of the selection once every pad carries it.
    pub(super) fn tell(&mut self) {
        let Some(seqnum) = self.telling else {
            return;
        };
        let mut streams = self.run.streams();
        streams.retain(|stream| !stream.is_last());
        let collection = self.run.collection.borrow().clone();
        let (Some(collection), Some(element)) = (collection, self.run.element.upgrade()) else {
            return;
        };
        if streams.is_empty() || !streams.iter().all(Stream::is_settled) {
            return;
        }
        self.telling = None;
        let selected: Vec<_> = streams.iter().map(Stream::identity).collect();
        let ids = selected.iter().filter_map(|stream| stream.stream_id());
        let ids: Vec<_> = ids.map(String::from).collect();
        if seqnum.is_none() && ids == self.told {
            return;
        }
        self.told = ids;
        let message = gst::message::StreamsSelected::builder(&collection)
            .streams(selected)
            .src(&element);
        let message = match seqnum {
            Some(seqnum) => message.seqnum(seqnum),
            None => message,
        };
        let _ = element.post_message(message.build());
    }

    fn warn_of_no_links(&self) {
        let streams = self.run.streams();
        if !streams.is_empty() && streams.iter().all(|stream| !stream.pad().is_linked()) {
            let names: Vec<_> = streams.iter().map(|stream| stream.pad().name()).collect();
            let text = format!("Nothing is linked to any of the pads: {}", names.join(", "));
            self.warn(&text);
        }
    }

    /// A warning, once for each text.
    fn refuse(&mut self, track: &str, text: String) {
        if self.refused.len() < MOST_REFUSED
            && self.refused.insert((track.to_owned(), text.clone()))
        {
            self.warn(&text);
        }
    }

    fn warn(&self, text: &str) {
        if let Some(element) = self.run.element.upgrade() {
            gst::element_warning!(element, gst::ResourceError::Read, ("{text}"));
        }
    }
}

/// Whether `playbin3` or `uridecodebin3` made it, by `urisourcebin`: as the streams can be selected here, `decodebin3`
/// gives all that it gets to the player, and that fails with two of a kind.
fn is_of_player(element: &super::MoqSrc) -> bool {
    let parent = element.parent().and_downcast::<gst::Element>();
    let factory = parent.and_then(|parent| parent.factory());
    factory.is_some_and(|factory| factory.name() == "urisourcebin")
}

impl Adapting {
    fn new(stream: Stream, candidates: Vec<usize>) -> Self {
        let now = Instant::now();
        Self {
            stream,
            candidates,
            adapter: Adapter::new(now.into_std()),
            next: now + adapt::TICK,
            throughput: Throughput::default(),
        }
    }

    fn is_of(&self, stream: &Stream, candidates: &[usize]) -> bool {
        self.stream.pad() == stream.pad() && self.candidates == candidates
    }
}

/// A publisher may change its catalog as often as it likes; so many warnings say enough.
const MOST_REFUSED: usize = 256;

/// How long an application may take to link pads before it is asked about it.
const LINKING: Duration = Duration::from_secs(1);
