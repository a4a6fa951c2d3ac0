//! The element: properties, states, queries.

use std::{
    sync::{Arc, LazyLock, atomic::Ordering},
    thread,
    time::Duration,
};

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::Mutex;

use super::{
    caps,
    follow::Follower,
    latency::Bounds,
    run::{Run, Selection},
    select::Wish,
    uri,
};
use crate::{
    media::{Keep, Kind},
    moq_lite::{Origin, Track},
    plugin::{
        control::Control,
        link::{Media, Status},
        settings::{self, wrong},
    },
};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("moqsrc", gst::DebugColorFlags::empty(), Some("MoQ source"))
});

/// What the user set.
#[derive(Clone)]
struct Settings {
    shared: settings::Settings,
    /// In milliseconds.
    latency: u32,
    /// In milliseconds.
    max_latency: u32,
    skip_policy: SkipPolicy,
    wait_for_broadcast: bool,
    /// As the user wrote it.
    rendition: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shared: Default::default(),
            latency: LATENCY,
            max_latency: 0,
            skip_policy: SkipPolicy::Live,
            wait_for_broadcast: true,
            rendition: RENDITION.to_owned(),
        }
    }
}

impl Settings {
    fn latency(&self) -> Bounds {
        Bounds {
            least: Duration::from_millis(self.latency.into()),
            most: Duration::from_millis(self.max_latency.into()),
        }
    }

    /// What is played, for applications and the ids of streams; without a token.
    fn uri(&self) -> Option<String> {
        let broadcast = self.shared.broadcast()?;
        uri::of(self.shared.url()?, broadcast.as_str())
    }
}

#[derive(Default)]
enum State {
    #[default]
    Stopped,
    Started(Started),
}

struct Started {
    control: Control,
    run: Arc<Run>,
    follower: thread::JoinHandle<()>,
}

/// Locks are held for a look or a change, one at a time, and over no call out.
#[derive(Default)]
pub struct MoqSrc {
    settings: Mutex<Settings>,
    state: Mutex<State>,
}

#[glib::object_subclass]
impl ObjectSubclass for MoqSrc {
    const NAME: &'static str = "GstMoqSrc";
    type Type = super::MoqSrc;
    type ParentType = gst::Element;
    type Interfaces = (gst::URIHandler,);
}

impl ObjectImpl for MoqSrc {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let mut properties = settings::Settings::properties();
            properties.push(
                glib::ParamSpecUInt::builder("latency")
                    .nick("Latency")
                    .blurb(
                        "For how many milliseconds sinks hold what the fastest route could deliver at once: late \
                         packets have that long to arrive",
                    )
                    .default_value(LATENCY)
                    .maximum(MAX_LATENCY)
                    .mutable_playing()
                    .build(),
            );
            properties.push(
                glib::ParamSpecUInt::builder("max-latency")
                    .nick("Maximum latency")
                    .blurb(
                        "Let the latency grow from latency up to this many milliseconds, as the jitter of what arrives and \
                         that which the publisher announces ask for it, and come down again; 0 = the latency is fixed",
                    )
                    .default_value(0)
                    .maximum(MAX_LATENCY)
                    .mutable_playing()
                    .build(),
            );
            properties.push(
                glib::ParamSpecEnum::builder_with_default("skip-policy", SkipPolicy::Live)
                    .nick("Skip policy")
                    .blurb("What becomes of what is late when newer is there")
                    .mutable_ready()
                    .build(),
            );
            properties.push(
                glib::ParamSpecBoolean::builder("wait-for-broadcast")
                    .nick("Wait for the broadcast")
                    .blurb(
                        "When the broadcast vanishes without having ended, wait for its return instead of ending",
                    )
                    .default_value(true)
                    .mutable_ready()
                    .build(),
            );
            properties.push(
                glib::ParamSpecString::builder("rendition")
                    .nick("Rendition")
                    .blurb(
                        "Which video rendition to play: auto (the best that the network carries), highest, lowest, the \
                         name of a track, or all (each on a pad of its own); and, after commas, limits: max-width=PIXELS, \
                         max-height=PIXELS, max-bitrate=BIT/S. The name of an audio track plays no other audio",
                    )
                    .default_value(RENDITION)
                    .mutable_playing()
                    .build(),
            );
            properties
        });
        PROPERTIES.as_ref()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        if !settings::is_mutable(&*self.obj(), pspec) {
            return;
        }
        let expect = "the type was checked by GObject";
        let mut settings = self.settings.lock();
        match pspec.name() {
            "latency" => settings.latency = value.get().expect(expect),
            "max-latency" => settings.max_latency = value.get().expect(expect),
            "skip-policy" => settings.skip_policy = value.get().expect(expect),
            "wait-for-broadcast" => settings.wait_for_broadcast = value.get().expect(expect),
            "rendition" => {
                let text = value.get::<Option<String>>().expect(expect);
                settings.rendition = text.unwrap_or_else(|| RENDITION.to_owned());
                let wish = settings.rendition.parse::<Wish>();
                drop(settings);
                return self.wish(wish);
            }
            _ => drop(settings.shared.set(pspec, value)),
        }
        let (policy, latency) = (settings.shared.policy(), settings.latency());
        drop(settings);

        let Some(run) = self.run() else {
            return;
        };
        if let State::Started(started) = &*self.state.lock() {
            started.control.set_policy(policy);
        }
        run.policy.send_replace(policy);
        run.set_bounds(latency);
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let status = self.status();
        match pspec.name() {
            "stats" => self.stats(&status).to_value(),
            "latency" => self.settings.lock().latency.to_value(),
            "max-latency" => self.settings.lock().max_latency.to_value(),
            "skip-policy" => self.settings.lock().skip_policy.to_value(),
            "wait-for-broadcast" => self.settings.lock().wait_for_broadcast.to_value(),
            "rendition" => self.settings.lock().rendition.to_value(),
            name => match self.settings.lock().shared.get(pspec, &status) {
                Some(value) => value,
                None => unreachable!("{name} is no property of this element"),
            },
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        self.obj().set_element_flags(gst::ElementFlags::SOURCE);
    }
}

impl GstObjectImpl for MoqSrc {}

impl URIHandlerImpl for MoqSrc {
    const URI_TYPE: gst::URIType = gst::URIType::Src;

    fn protocols() -> &'static [&'static str] {
        &uri::PROTOCOLS
    }

    fn uri(&self) -> Option<String> {
        self.settings.lock().uri()
    }

    fn set_uri(&self, text: &str) -> Result<(), glib::Error> {
        let element = self.obj();
        if element.current_state() > gst::State::Ready {
            let text = "The URI can only be set in state READY or NULL";
            return Err(glib::Error::new(gst::URIError::BadState, text));
        }
        let writable = |name: &str| {
            let property = element.find_property(name);
            property.filter(|property| property.flags().contains(glib::ParamFlags::WRITABLE))
        };
        let address = uri::Address::parse(text, |name| writable(name).is_some())?;
        let mut values = Vec::new();
        for (name, text) in &address.properties {
            if let Some(property) = writable(name) {
                values.push((property.name(), uri::value(&property, text)?));
            }
        }
        // All of it, or nothing.
        element.set_property("url", address.url);
        element.set_property("broadcast", address.broadcast);
        for (name, value) in values {
            element.set_property_from_value(name, &value);
        }
        Ok(())
    }
}

impl ElementImpl for MoqSrc {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "MoQ source",
                "Source/Network",
                "Plays a broadcast from a Media over QUIC relay or publisher",
                "The gst-plugin-moq developers",
            )
        });
        Some(&*METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let template = |name, caps| {
                let direction = gst::PadDirection::Src;
                gst::PadTemplate::new(name, direction, gst::PadPresence::Sometimes, &caps)
                    .expect("the name and the caps are valid")
            };
            vec![
                template("video_%u", caps::template(Kind::Video)),
                template("audio_%u", caps::template(Kind::Audio)),
                template("text_%u", caps::template(Kind::Text)),
                template("data_%u", caps::template(Kind::Data)),
            ]
        });
        TEMPLATES.as_ref()
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        use gst::StateChange as Change;
        gst::trace!(CAT, imp = self, "{transition:?}");
        match transition {
            Change::ReadyToPaused => self.start().map_err(|error| {
                self.post_error_message(error);
                gst::StateChangeError
            })?,
            Change::PlayingToPaused => {
                if let Some(run) = self.run() {
                    run.pause();
                }
            }
            Change::PausedToReady => {
                if let Some(run) = self.run() {
                    run.stop();
                }
            }
            _ => {}
        }
        let result = self.parent_change_state(transition);
        if result.is_err() && transition == Change::ReadyToPaused {
            self.stop();
        }
        let success = result?;
        match transition {
            Change::ReadyToPaused | Change::PlayingToPaused => {
                return Ok(gst::StateChangeSuccess::NoPreroll);
            }
            Change::PausedToPlaying => {
                if let Some(run) = self.run() {
                    run.play();
                }
            }
            Change::PausedToReady => self.stop(),
            _ => {}
        }
        Ok(success)
    }

    fn send_event(&self, event: gst::Event) -> bool {
        if let gst::EventView::SelectStreams(select) = event.view() {
            return self.select(select);
        }
        if event.type_() != gst::EventType::Eos {
            return self.parent_send_event(event);
        }
        let Some(run) = self.run() else {
            return false;
        };
        gst::info!(CAT, imp = self, "ending on request");
        run.finish();
        if run.streams().is_empty() {
            // There is no pad that could carry the event to a sink.
            let text = "The end was asked for before the broadcast had begun";
            self.post_error_message(gst::error_msg!(gst::ResourceError::NotFound, ("{text}")));
        }
        true
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        self.answer(query) || self.parent_query(query)
    }
}

impl MoqSrc {
    /// Answers what is asked of a pad.
    pub(super) fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        self.answer(query) || gst::Pad::query_default(pad, Some(&*self.obj()), query)
    }

    /// What comes from downstream.
    pub(super) fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        use gst::EventView as View;
        match event.view() {
            // A live broadcast cannot be sought in.
            View::Seek(_) => false,
            View::Latency(latency) => {
                if let Some(run) = self.run() {
                    run.set_pipeline_latency(latency.latency().into());
                }
                true
            }
            View::Qos(_) | View::Reconfigure(_) => true,
            View::SelectStreams(select) => self.select(select),
            _ => gst::Pad::event_default(pad, Some(&*self.obj()), event),
        }
    }

    fn answer(&self, query: &mut gst::QueryRef) -> bool {
        match query.view_mut() {
            gst::QueryViewMut::Latency(query) => {
                let set = self.settings.lock().latency().least;
                let latency = self.run().map_or(set, |run| run.latency());
                // As long as groups are kept, what is read later is not lost.
                let most = latency.max(Track::MAX_AGE);
                let [least, most] = [latency, most].map(|time| gst::ClockTime::try_from(time).ok());
                query.set(true, least.unwrap_or_default(), most);
                true
            }
            gst::QueryViewMut::Selectable(query) => {
                query.set_selectable(true);
                true
            }
            gst::QueryViewMut::Uri(query) => {
                let settings = self.settings.lock();
                let uri = settings.uri().or_else(|| settings.shared.identity());
                query.set_uri(uri.as_deref());
                uri.is_some()
            }
            gst::QueryViewMut::Position(query) if query.format() == gst::Format::Time => {
                let position = self.obj().current_running_time();
                query.set(position);
                position.is_some()
            }
            gst::QueryViewMut::Seeking(query) => {
                let format = query.format();
                query.set(
                    false,
                    gst::GenericFormattedValue::none_for_format(format),
                    gst::GenericFormattedValue::none_for_format(format),
                );
                true
            }
            _ => false,
        }
    }

    /// Plays these streams of the collection, and no others. The thread that follows the broadcast
    /// does it.
    fn select(&self, event: &gst::event::SelectStreams) -> bool {
        let selection = Selection {
            stream_ids: event
                .streams()
                .into_iter()
                .map(|id| id.to_string())
                .collect(),
            seqnum: event.seqnum(),
        };
        let Some(run) = self.run() else {
            return false;
        };
        let collection = run.collection.borrow().clone();
        let is_ours = collection.is_some_and(|collection| {
            let ids = collection.iter().filter_map(|stream| stream.stream_id());
            ids.into_iter()
                .any(|id| selection.stream_ids.iter().any(|wanted| *wanted == id))
        });
        gst::info!(
            CAT,
            imp = self,
            "to be played: {:?}, ours: {is_ours}",
            selection.stream_ids
        );
        if is_ours {
            run.selection.send_replace(Some(selection));
        }
        is_ours
    }

    /// Takes effect at once where the element runs.
    fn wish(&self, wish: Result<Wish, String>) {
        match (wish, self.run()) {
            (Ok(wish), Some(run)) => drop(run.wish.send_replace(wish)),
            (Err(error), Some(_)) => {
                gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{error}"));
            }
            // Said when the element starts.
            (_, None) => {}
        }
    }

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = self.settings.lock().clone();
        let plan = settings.shared.plan()?;
        let path = settings.shared.broadcast();
        let path =
            path.ok_or_else(|| wrong("broadcast is not set: set it to the path of what to play"))?;
        let wish = settings.rendition.parse::<Wish>().map_err(wrong)?;
        let run = Arc::new(Run::new(
            &self.obj(),
            plan.policy,
            settings.latency(),
            settings.skip_policy.into(),
            wish,
        ));
        let origin = Origin::produce();
        let media = Media {
            publish: None,
            // Of nothing else is there to be word.
            consume: origin.producer.publish_only(std::slice::from_ref(&path)),
            expected: Some(path.clone()),
        };
        let follower = Follower::new(&run, origin.consumer, path, settings.wait_for_broadcast);

        let element = self.obj().clone();
        let control = Control::start(element.upcast_ref(), *CAT, plan, media)?;
        let follower = thread::Builder::new()
            .name(format!("{}-broadcast", element.name()))
            .spawn(move || follower.run());
        let follower = follower.map_err(|error| {
            gst::error_msg!(
                gst::ResourceError::Failed,
                ("The system gives no thread: {error}")
            )
        })?;
        *self.state.lock() = State::Started(Started {
            control,
            run,
            follower,
        });
        Ok(())
    }

    fn stop(&self) {
        let State::Started(started) = std::mem::take(&mut *self.state.lock()) else {
            return;
        };
        let Started {
            control,
            run,
            follower,
        } = started;
        run.stop();
        let streams = run.close();
        // The application may stop the element from within what that thread tells it.
        if follower.thread().id() != thread::current().id() && follower.join().is_err() {
            gst::error!(
                CAT,
                imp = self,
                "the thread that followed the broadcast panicked"
            );
        }
        for stream in streams {
            stream.dispose(&self.obj());
        }
        drop(control);
    }

    fn run(&self) -> Option<Arc<Run>> {
        match &*self.state.lock() {
            State::Stopped => None,
            State::Started(started) => Some(started.run.clone()),
        }
    }

    fn status(&self) -> Status {
        match &*self.state.lock() {
            State::Stopped => Status::default(),
            State::Started(started) => started.control.status(),
        }
    }

    fn stats(&self, status: &Status) -> gst::Structure {
        let run = self.run();
        let counters = run.as_ref().map(|run| &run.counters);
        let [buffers, bytes, skipped, late] = counters.map_or([0; 4], |counters| {
            [
                &counters.buffers,
                &counters.bytes,
                &counters.skipped_groups,
                &counters.late,
            ]
            .map(|counter| counter.load(Ordering::Relaxed))
        });
        let latency = run.as_ref().map_or(Duration::ZERO, |run| run.latency());
        status
            .stats("moqsrc-stats")
            .field("buffers", buffers)
            .field("bytes", bytes)
            .field("skipped-groups", skipped)
            .field("late", late)
            .field("latency", latency.as_nanos() as u64)
            .build()
    }
}

/// What becomes of what is late when newer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstMoqSrcSkipPolicy")]
enum SkipPolicy {
    #[enum_value(name = "Left out, so that what is shown is live", nick = "live")]
    Live,
    #[enum_value(
        name = "Kept, and so is what the group held that was newest at the start: for recording",
        nick = "none"
    )]
    None,
}

impl From<SkipPolicy> for Keep {
    fn from(policy: SkipPolicy) -> Self {
        match policy {
            SkipPolicy::Live => Self::Live,
            SkipPolicy::None => Self::Everything,
        }
    }
}

const RENDITION: &str = "auto";
/// In milliseconds.
const LATENCY: u32 = 100;
/// In milliseconds.
const MAX_LATENCY: u32 = 60_000;
