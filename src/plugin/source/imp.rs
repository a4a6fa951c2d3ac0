//! The element: properties, states, queries.

use std::{
    sync::{Arc, LazyLock, atomic::Ordering},
    thread,
    time::Duration,
};

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::Mutex;

use super::{caps, follow::Follower, latency::Bounds, run::Run};
use crate::{
    media::Keep,
    moq_lite::{Origin, Track},
    plugin::{
        control::Control,
        link::{Media, Status},
        settings::{self, wrong},
    },
};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
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
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shared: Default::default(),
            latency: LATENCY,
            max_latency: 0,
            skip_policy: SkipPolicy::Live,
            wait_for_broadcast: true,
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
                template("video_%u", caps::video_template()),
                template("audio_%u", caps::audio_template()),
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
        match event.type_() {
            // A live broadcast cannot be sought in.
            gst::EventType::Seek => false,
            gst::EventType::Latency => {
                if let gst::EventView::Latency(latency) = event.view()
                    && let Some(run) = self.run()
                {
                    run.set_pipeline_latency(latency.latency().into());
                }
                true
            }
            gst::EventType::Qos | gst::EventType::Reconfigure => true,
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

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = self.settings.lock().clone();
        let plan = settings.shared.plan()?;
        let path = settings.shared.broadcast();
        let path =
            path.ok_or_else(|| wrong("broadcast is not set: set it to the path of what to play"))?;
        let run = Arc::new(Run::new(
            &self.obj(),
            plan.policy,
            settings.latency(),
            settings.skip_policy.into(),
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

/// In milliseconds.
const LATENCY: u32 = 100;
/// In milliseconds.
const MAX_LATENCY: u32 = 60_000;
