//! The element: properties, states, queries.

use std::{
    sync::{Arc, LazyLock, atomic::Ordering},
    thread,
    time::Duration,
};

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::Mutex;

use super::{caps, follow::Follower, run::Run};
use crate::{
    moq_lite::Origin,
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
    wait_for_broadcast: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shared: Default::default(),
            latency: LATENCY,
            wait_for_broadcast: true,
        }
    }
}

impl Settings {
    fn latency(&self) -> Duration {
        Duration::from_millis(self.latency.into())
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
        if run.latency() != latency {
            run.set_latency(latency);
            self.post_latency();
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let status = self.status();
        match pspec.name() {
            "stats" => self.stats(&status).to_value(),
            "latency" => self.settings.lock().latency.to_value(),
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
            gst::EventType::Qos | gst::EventType::Latency | gst::EventType::Reconfigure => true,
            _ => gst::Pad::event_default(pad, Some(&*self.obj()), event),
        }
    }

    fn answer(&self, query: &mut gst::QueryRef) -> bool {
        match query.view_mut() {
            gst::QueryViewMut::Latency(query) => {
                let latency = self.settings.lock().latency;
                query.set(
                    true,
                    gst::ClockTime::from_mseconds(latency.into()),
                    gst::ClockTime::NONE,
                );
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
        let run = Arc::new(Run::new(&self.obj(), plan.policy, settings.latency()));
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
        let [buffers, bytes, skipped] = counters.map_or([0; 3], |counters| {
            [&counters.buffers, &counters.bytes, &counters.skipped_groups]
                .map(|counter| counter.load(Ordering::Relaxed))
        });
        status
            .stats("moqsrc-stats")
            .field("buffers", buffers)
            .field("bytes", bytes)
            .field("skipped-groups", skipped)
            .build()
    }

    fn post_latency(&self) {
        let message = gst::message::Latency::builder().src(&*self.obj()).build();
        let _ = self.obj().post_message(message);
    }
}

/// In milliseconds.
const LATENCY: u32 = 100;
/// In milliseconds.
const MAX_LATENCY: u32 = 60_000;
