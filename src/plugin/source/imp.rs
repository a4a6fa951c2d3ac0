//! The element: object and states.

use std::{
    sync::{Arc, LazyLock, atomic::Ordering},
    thread,
};

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    browse::{self, Browser},
    caps,
    follow::Follower,
    run::Run,
    settings::Settings,
    siblings::Siblings,
    stats,
};
use crate::{
    media::Kind,
    moq_lite::{Origin, OriginConsumer},
    plugin::{
        control::Control,
        link::{Besides, Media, Report, Status},
        listening,
        settings::{self, wrong},
    },
};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("moqsrc", gst::DebugColorFlags::empty(), Some("MoQ source"))
});

#[derive(Default)]
enum State {
    #[default]
    Stopped,
    Started(Box<Started>),
}

struct Started {
    control: Control,
    run: Arc<Run>,
    /// What peers bring that come to `listen`.
    brought: Option<OriginConsumer>,
    follower: thread::JoinHandle<()>,
}

/// Locks are held for a look or a change, one at a time, and over no call out.
#[derive(Default)]
pub(in crate::plugin) struct MoqSrc {
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
    fn signals() -> &'static [glib::subclass::Signal] {
        static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(|| {
            let mut signals = browse::signals();
            signals.push(listening::authorize_signal());
            signals
        });
        SIGNALS.as_ref()
    }

    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(Settings::properties);
        PROPERTIES.as_ref()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        if !settings::is_mutable(&*self.obj(), pspec) {
            return;
        }
        let mut settings = self.settings.lock();
        settings.set(pspec, value);
        let wish = (pspec.name() == "rendition").then(|| settings.wish());
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
        match wish {
            Some(Ok(wish)) => drop(run.wish.send_replace(wish)),
            Some(Err(error)) => {
                gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{error}"));
            }
            None => {}
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let status = self.status();
        match pspec.name() {
            "stats" => self.stats().to_value(),
            "estimated-recv-bitrate" if status.traffic.receive_rate.is_none() => {
                let run = self.run();
                let arriving = run.map_or(0, |run| run.arriving.load(Ordering::Relaxed));
                arriving.to_value()
            }
            _ => self.settings().get(pspec, &status),
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
            // Pads, the search for the broadcast and the sessions end side by side: `stop` waits for all.
            Change::PausedToReady => {
                if let Some(run) = self.run() {
                    run.stop();
                }
                if let State::Started(started) = &*self.state.lock() {
                    started.control.begin_to_end();
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
        self.event(event)
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        self.answer(query) || self.parent_query(query)
    }
}

impl MoqSrc {
    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = self.settings();
        let plan = settings.shared.plan()?;
        let path = settings.shared.broadcast();
        let path =
            path.ok_or_else(|| wrong("broadcast is not set: set it to the path of what to play"))?;
        let wish = settings.wish().map_err(wrong)?;
        let run = Arc::new(Run::new(
            &self.obj(),
            plan.policy,
            settings.latency(),
            settings.skip_policy.into(),
            wish,
        ));
        let origin = Origin::produce();
        let browsed = self.is_browsed();
        let browser = browsed.then(|| Browser::new(origin.consumer.consume()));
        let brought = plan.listen.is_some().then(|| origin.consumer.consume());
        let (wanted, paths) = watch::channel(Vec::new());
        let media = Media {
            publish: None,
            besides: Some(Besides {
                paths,
                origin: origin.producer.clone(),
            }),
            consume: match browsed || plan.listen.is_some() {
                true => Some(origin.producer),
                // A relay may have more than anybody wants to hear of; peers that come here say what they bring.
                false => origin.producer.publish_only(std::slice::from_ref(&path)),
            },
            expected: Some(path.clone()),
        };
        let element = self.obj().clone();
        let control = Control::start(element.upcast_ref(), *CAT, plan, media, |_| ())?;
        let follower = Follower::new(
            &run,
            Siblings::new(origin.consumer.consume(), path.clone(), wanted),
            origin.consumer,
            path,
            settings.wait_for_broadcast,
            browser,
            control.sessions(),
        );
        let follower = thread::Builder::new()
            .name(format!("{}-broadcast", element.name()))
            .spawn(move || follower.run());
        let follower = follower.map_err(|error| {
            gst::error_msg!(
                gst::ResourceError::Failed,
                ("The system gives no thread: {error}")
            )
        })?;
        *self.state.lock() = State::Started(Box::new(Started {
            control,
            run,
            brought,
            follower,
        }));
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
            ..
        } = *started;
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

    /// What is set now.
    pub(super) fn settings(&self) -> Settings {
        self.settings.lock().clone()
    }

    /// What the property `stats` says.
    pub(super) fn stats(&self) -> gst::Structure {
        let report = match &*self.state.lock() {
            State::Stopped => Report::default(),
            State::Started(started) => started.control.report(),
        };
        let status = self.status().stats("moqsrc-stats");
        stats::structure(report.add(status, "publishers"), self.run().as_deref())
    }

    /// What peers have brought to `listen`; `None` while that is not open.
    pub(super) fn brought(&self) -> Option<OriginConsumer> {
        match &*self.state.lock() {
            State::Stopped => None,
            State::Started(started) => started.brought.as_ref().map(OriginConsumer::consume),
        }
    }

    /// What runs now.
    pub(super) fn run(&self) -> Option<Arc<Run>> {
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
}
