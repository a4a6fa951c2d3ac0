//! The element: properties, pads, states. What flows through the pads is in `flow`.
//!
//! Locks: `settings` and `state` are never held together with one another, with a pad's stream, or
//! over a call into GStreamer that may come back. `timeline` is taken last, for a moment.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::Mutex;

use super::{
    MoqSinkPad,
    feedback::Feedback,
    format,
    options::Options,
    pace::Pace,
    pad::MoqSinkPad as PadImp,
    stats::{self, Published},
    timeline::Timeline,
    trouble::Trouble,
    wallclock::WallClock,
};
use crate::{
    moq_lite::{Origin, OriginProducer, PathOwned},
    plugin::{
        control::Control,
        link::{Media, Status},
        listening, settings,
    },
    publish::{self, About, Input, Publisher, TrackOptions},
};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("moqsink", gst::DebugColorFlags::empty(), Some("MoQ sink"))
});

/// The object behind the element.
#[derive(Default)]
pub(in crate::plugin) struct MoqSink {
    settings: Mutex<Options>,
    state: Mutex<Option<Started>>,
    pub(super) pace: Arc<Pace>,
    pub(super) timeline: Mutex<Timeline>,
    /// The wall time of time zero, since the Unix epoch, that the catalog has.
    pub(super) anchor: Mutex<Option<Duration>>,
    pub(super) feedback: Mutex<Feedback>,
}

/// From READY to READY.
struct Started {
    control: Control,
    origin: OriginProducer,
    path: PathOwned,
    /// `None` after EOS, until data comes again.
    publisher: Option<Publisher>,
    /// What is said of the broadcast as a whole.
    about: About,
    /// EOS was reached on all pads.
    eos: bool,
}

impl MoqSink {
    pub(super) fn sync(&self) -> bool {
        self.settings.lock().sync
    }

    /// How late a sample may be; `None` without sync.
    pub(super) fn max_lateness(&self) -> Option<gst::ClockTimeDiff> {
        self.settings.lock().max_lateness()
    }

    /// Between which rates encoders are steered, in bit/s.
    pub(super) fn bitrate_limits(&self) -> Option<(u64, u64)> {
        self.settings.lock().bitrate_limits()
    }

    /// Whether statistics are to be posted.
    pub(super) fn posts_stats(&self) -> bool {
        self.settings.lock().shared.posts_stats()
    }

    /// Where the wall clock of the catalog comes from.
    pub(super) fn wall_clock(&self) -> WallClock {
        self.settings.lock().wall_clock
    }

    /// Looks at the sessions; `None` when the element is not started.
    pub(super) fn with_control<R>(&self, look: impl FnOnce(&Control) -> R) -> Option<R> {
        let state = self.state.lock();
        state.as_ref().map(|started| look(&started.control))
    }

    /// How a track of a pad is to be published.
    pub(super) fn options(&self, pad: &MoqSinkPad) -> TrackOptions {
        let container = self.settings.lock().container;
        TrackOptions {
            container: pad.imp().container().resolve(container),
            ..pad.imp().options()
        }
    }

    pub(super) fn drain_timeout(&self) -> Duration {
        self.settings.lock().drain_timeout()
    }

    /// A source of tracks; `None` when the element is not started.
    pub(super) fn input(&self) -> Option<Input> {
        let mut state = self.state.lock();
        let started = state.as_mut()?;
        started.eos = false;
        let publisher = started.publisher.get_or_insert_with(|| {
            let publisher = Publisher::new(started.origin.clone(), started.path.clone());
            publisher.describe(&started.about, Instant::now());
            publisher
        });
        Some(publisher.input())
    }

    /// Changes what is said of the broadcast as a whole.
    pub(super) fn describe(&self, change: impl FnOnce(&mut About)) {
        if let Some(started) = &mut *self.state.lock() {
            change(&mut started.about);
            if let Some(publisher) = &started.publisher {
                publisher.describe(&started.about, Instant::now());
            }
        }
    }

    /// Once after the last pad has reached EOS: the broadcast, unless it has ended already.
    pub(super) fn take_ended(&self) -> Option<Option<Publisher>> {
        let all = self.pads().iter().all(|pad| pad.imp().stream().eos);
        let mut state = self.state.lock();
        let started = state.as_mut()?;
        if !all || std::mem::replace(&mut started.eos, true) {
            return None;
        }
        Some(started.publisher.take())
    }

    /// Data or another EOS may come.
    pub(super) fn revive(&self) {
        if let Some(started) = &mut *self.state.lock() {
            started.eos = false;
        }
    }

    pub(super) fn pads(&self) -> Vec<MoqSinkPad> {
        let pads = self.obj().sink_pads();
        pads.into_iter()
            .filter_map(|pad| pad.downcast().ok())
            .collect()
    }

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let options = self.settings.lock().clone();
        let plan = options.shared.plan()?;
        let path = options.shared.broadcast().ok_or_else(|| {
            settings::wrong(
                "broadcast is not set: give the broadcast a path, such as broadcast=cam",
            )
        })?;
        let origin = Origin::produce();
        let media = Media {
            // There is nothing else, so who asks for anything else is told at once.
            publish: origin.consumer.consume_only(std::slice::from_ref(&path)),
            consume: None,
            expected: None,
            besides: None,
        };
        let control = Control::start(self.obj().upcast_ref(), *CAT, plan, media, |element| {
            if let Some(sink) = element.downcast_ref::<super::MoqSink>() {
                sink.imp().second();
            }
        })?;
        *self.timeline.lock() = Timeline::default();
        *self.anchor.lock() = None;
        *self.feedback.lock() = Feedback::default();
        *self.state.lock() = Some(Started {
            control,
            publisher: Some(Publisher::new(origin.producer.clone(), path.clone())),
            origin: origin.producer,
            path,
            about: About::default(),
            eos: false,
        });
        for pad in self.pads() {
            self.prepare(&pad);
        }
        self.pace.set_offset(options.offset());
        self.pace.set_running(true);
        Ok(())
    }

    /// Lets the broadcast wait for the pad's tracks.
    fn prepare(&self, pad: &MoqSinkPad) {
        *pad.imp().trouble() = Trouble::default();
        let input = self.input();
        pad.imp().stream().input = input;
    }

    fn stop(&self) {
        let now = Instant::now();
        for pad in self.pads() {
            let mut stream = std::mem::take(&mut *pad.imp().stream());
            stream.end_tracks(now);
        }
        let started = self.state.lock().take();
        if let Some(Started {
            control, publisher, ..
        }) = started
        {
            // The end of the broadcast goes out before the sessions end.
            drop(publisher);
            drop(control);
        }
    }

    fn status(&self) -> Status {
        let state = self.state.lock();
        state
            .as_ref()
            .map(|started| started.control.status())
            .unwrap_or_default()
    }

    fn stats(&self) -> gst::Structure {
        let mut sum = publish::Stats::default();
        let mut tracks = Vec::new();
        for pad in self.pads() {
            let name = pad.name();
            let stream = pad.imp().stream();
            sum.add(&stream.stats());
            tracks.extend(stream.tracks().map(|writer| Published {
                pad: name.to_string(),
                name: writer.name().to_owned(),
                kind: writer.kind().name(),
                stats: writer.stats(),
            }));
        }
        let control = self.with_control(|control| (control.sessions(), control.report()));
        let (sessions, report) = control.unwrap_or_default();
        let status = self.status();
        let stats = stats::builder(&status, &sessions, &tracks);
        let stats = super::pad::add(stats, &sum);
        report.add(stats, "viewers").build()
    }

    /// The latencies upstream of all pads as one.
    fn latency(&self, query: &mut gst::query::Latency) -> bool {
        let mut folded: Option<(bool, gst::ClockTime, Option<gst::ClockTime>)> = None;
        for pad in self.pads() {
            let mut upstream = gst::query::Latency::new();
            if !pad.peer_query(&mut upstream) {
                continue;
            }
            let (live, min, max) = upstream.result();
            folded = Some(match folded {
                None => (live, min, max),
                // What is not live waits for the clock, and so adds nothing.
                Some(sum) if !live => sum,
                Some((false, ..)) => (live, min, max),
                Some((true, least, most)) => {
                    (true, least.max(min), most.into_iter().chain(max).min())
                }
            });
        }
        let Some((live, min, max)) = folded else {
            return false;
        };
        let delay = self.settings.lock().render_delay();
        match live {
            true => query.set(live, min + delay, max.map(|max| max + delay)),
            false => query.set(live, min, max),
        }
        true
    }

    /// Lets the pipeline ask for the latency again.
    fn latency_changed(&self) {
        let element = self.obj();
        // Without a bus nobody wants to know.
        let _ = element.post_message(gst::message::Latency::builder().src(&*element).build());
    }
}

#[glib::object_subclass]
impl ObjectSubclass for MoqSink {
    const NAME: &'static str = "GstMoqSink";
    type Type = super::MoqSink;
    type ParentType = gst::Element;
    type Interfaces = (gst::ChildProxy,);
}

impl ObjectImpl for MoqSink {
    fn constructed(&self) {
        self.parent_constructed();
        self.obj().set_element_flags(gst::ElementFlags::SINK);
    }

    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(Options::properties);
        &PROPERTIES
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(|| {
            // With bitrate-adaptation: an encoder was found upstream of the pad that is named. A handler that
            // returns TRUE sees to its bit rate itself, by estimated-send-bitrate.
            let found = glib::subclass::Signal::builder("encoder-setup")
                .param_types([String::static_type(), gst::Element::static_type()])
                .return_type::<bool>()
                .run_last()
                .accumulator(|_, _, value| match value.get::<bool>().unwrap_or(false) {
                    true => std::ops::ControlFlow::Break(value.clone()),
                    false => std::ops::ControlFlow::Continue(value.clone()),
                })
                .build();
            let viewers = listening::viewer_signals().into_iter();
            viewers
                .chain([listening::authorize_signal(), found])
                .collect()
        });
        &SIGNALS
    }

    fn set_property(&self, _id: usize, value: &glib::Value, property: &glib::ParamSpec) {
        if !settings::is_mutable(&*self.obj(), property) {
            return;
        }
        let (before, after) = {
            let mut options = self.settings.lock();
            let before = options.clone();
            options.set(property, value);
            (before, options.clone())
        };
        self.pace.set_offset(after.offset());
        if before.render_delay() != after.render_delay() {
            self.latency_changed();
        }
        if let Some(started) = &*self.state.lock() {
            started.control.set_policy(after.shared.policy());
        }
    }

    fn property(&self, _id: usize, property: &glib::ParamSpec) -> glib::Value {
        let status = self.status();
        let options = self.settings.lock().clone();
        if property.name() == "stats" {
            return self.stats().to_value();
        }
        let value = options
            .get(property)
            .or_else(|| options.shared.get(property, &status));
        value.unwrap_or_else(|| unreachable!("GObject passes only properties that are installed"))
    }
}

impl GstObjectImpl for MoqSink {}

impl ElementImpl for MoqSink {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "MoQ sink",
                "Sink/Network",
                "Publishes a broadcast over Media over QUIC, to a relay, to a peer, or to whoever connects",
                "The gst-plugin-moq developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let template = gst::PadTemplate::with_gtype(
                "sink_%u",
                gst::PadDirection::Sink,
                gst::PadPresence::Request,
                &format::caps(),
                MoqSinkPad::static_type(),
            );
            vec![template.expect("the template is valid")]
        });
        &TEMPLATES
    }

    fn request_new_pad(
        &self,
        template: &gst::PadTemplate,
        name: Option<&str>,
        _caps: Option<&gst::Caps>,
    ) -> Option<gst::Pad> {
        let ids: Vec<_> = self.pads().iter().map(|pad| pad.imp().id()).collect();
        let wanted = name
            .and_then(|name| name.strip_prefix("sink_"))
            .map(str::parse);
        let id = match wanted {
            Some(Ok(id)) if !ids.contains(&id) => id,
            Some(Ok(id)) => {
                gst::warning!(CAT, imp = self, "there is a pad sink_{id} already");
                return None;
            }
            // `sink_%u`, or no name.
            _ => (0..=u32::MAX).find(|id| !ids.contains(id))?,
        };
        let pad = gst::PadBuilder::<MoqSinkPad>::from_template(template)
            .name(format!("sink_{id}"))
            .chain_function(|pad, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |sink| sink.chain(pad, buffer),
                )
            })
            .event_full_function(|pad, parent, event| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |sink| sink.sink_event(pad, event),
                )
            })
            .query_function(|pad, parent, query| {
                // Caps that cannot be published get a sentence when they come, which a refusal has not.
                if let gst::QueryViewMut::AcceptCaps(query) = query.view_mut() {
                    query.set_result(true);
                    return true;
                }
                gst::Pad::query_default(pad, parent, query)
            })
            .build();
        pad.imp().set_id(id);
        self.prepare(&pad);
        let element = self.obj();
        if element.current_state() > gst::State::Ready
            && let Err(error) = pad.set_active(true)
        {
            gst::warning!(CAT, obj = pad, "cannot be activated: {error}");
        }
        if let Err(error) = element.add_pad(&pad) {
            gst::warning!(CAT, obj = pad, "cannot be added: {error}");
            return None;
        }
        element.child_added(&pad, &pad.name());
        Some(pad.upcast())
    }

    fn release_pad(&self, pad: &gst::Pad) {
        let Some(pad) = pad.downcast_ref::<MoqSinkPad>() else {
            return;
        };
        let imp: &PadImp = pad.imp();
        self.pace.set_flushing(imp.id(), true);
        // Waits until the streaming thread has left.
        if let Err(error) = pad.set_active(false) {
            gst::warning!(CAT, obj = pad, "cannot be deactivated: {error}");
        }
        let mut stream = std::mem::take(&mut *imp.stream());
        stream.end_tracks(Instant::now());
        drop(stream);
        self.pace.set_flushing(imp.id(), false);
        let element = self.obj();
        element.child_removed(pad, &pad.name());
        if let Err(error) = element.remove_pad(pad) {
            gst::warning!(CAT, obj = pad, "cannot be removed: {error}");
        }
        if !self.pads().is_empty() {
            // The others may all be at EOS; this thread must not wait for viewers.
            element.call_async(|element| {
                let _ = element.imp().finish(None, gst::Seqnum::next());
            });
        }
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        gst::debug!(CAT, imp = self, "{transition:?}");
        match transition {
            gst::StateChange::ReadyToPaused => {
                if let Err(message) = self.start() {
                    self.post_error_message(message);
                    return Err(gst::StateChangeError);
                }
            }
            gst::StateChange::PlayingToPaused => self.pace.set_playing(false),
            gst::StateChange::PausedToReady => self.pace.set_running(false),
            // Others in the pipeline have prerolled after a flush, and running time may begin again.
            gst::StateChange::PlayingToPlaying => self.pace.review(),
            _ => {}
        }
        let result = self.parent_change_state(transition);
        match transition {
            gst::StateChange::PausedToPlaying if result.is_ok() => self.pace.set_playing(true),
            gst::StateChange::ReadyToPaused if result.is_err() => {
                self.pace.set_running(false);
                self.stop();
            }
            gst::StateChange::PausedToReady => self.stop(),
            _ => {}
        }
        result
    }

    fn send_event(&self, event: gst::Event) -> bool {
        if let gst::EventView::Latency(latency) = event.view() {
            self.pace.set_latency(latency.latency());
            let pads = self.pads();
            // Every pad is told, and none of them can say no.
            pads.iter().for_each(|pad| {
                let _ = pad.push_event(event.clone());
            });
            return true;
        }
        if event.is_upstream() {
            // Seeks above all: each pad may have a source of its own, and a demuxer that several have in common knows
            // what it has had by the number.
            let pads = self.pads();
            let linked = pads.iter().filter(|pad| pad.is_linked());
            let heeded: Vec<_> = linked.map(|pad| pad.push_event(event.clone())).collect();
            return !heeded.is_empty() && !heeded.contains(&false);
        }
        self.parent_send_event(event)
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        match query.view_mut() {
            gst::QueryViewMut::Latency(latency) => self.latency(latency),
            gst::QueryViewMut::Position(position) if position.format() == gst::Format::Time => {
                let pads = self.pads();
                let newest = pads
                    .iter()
                    .filter_map(|pad| pad.imp().stream().position)
                    .max();
                match newest {
                    Some(newest) => {
                        position.set(newest);
                        true
                    }
                    None => self.parent_query(query),
                }
            }
            _ => self.parent_query(query),
        }
    }
}

impl ChildProxyImpl for MoqSink {
    fn children_count(&self) -> u32 {
        self.obj().num_sink_pads().into()
    }

    fn child_by_name(&self, name: &str) -> Option<glib::Object> {
        let pads = self.pads();
        pads.into_iter()
            .find(|pad| pad.name() == name)
            .map(|pad| pad.upcast())
    }

    fn child_by_index(&self, index: u32) -> Option<glib::Object> {
        let pads = self.pads();
        pads.into_iter().nth(index as usize).map(|pad| pad.upcast())
    }
}
