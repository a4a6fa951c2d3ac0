//! The thread of one element that tells the application what the link reports.
//!
//! Tasks never call into GStreamer; this thread does. It keeps no reference to the element while it
//! waits, and nobody waits for it, so an application may stop the element from within any message or
//! notification that it sends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use gst::{DebugCategory, ErrorMessage, ProgressType, glib, prelude::*};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::link::{Event, Link, Media, Phase, Plan, Policy, Report, Sessions, Status, Viewer};
use super::listening;
use crate::net;

/// The running sessions of an element, and the thread that speaks for them.
pub(super) struct Control {
    link: Option<Link>,
    silent: Arc<AtomicBool>,
    /// Viewers whose coming was told, and whose leaving was not yet.
    present: Arc<Mutex<Vec<Arc<Viewer>>>>,
    element: glib::WeakRef<gst::Element>,
}

impl Control {
    /// Opens the port if there is to be one, begins to connect, and from then on posts messages and
    /// notifications in the name of `element`.
    ///
    /// `second` is called in the same thread once a second. An error is returned, not posted.
    pub(super) fn start(
        element: &gst::Element,
        category: DebugCategory,
        plan: Plan,
        media: Media,
        second: fn(&gst::Element),
    ) -> Result<Self, ErrorMessage> {
        if plan
            .connect
            .as_ref()
            .is_some_and(|to| to.tls.disable_verify)
        {
            gst::element_warning!(
                element,
                gst::ResourceError::Settings,
                ("tls-disable-verify is set: anybody can pretend to be the server")
            );
        }
        let connects = plan.connect.is_some();
        match &plan.connect {
            Some(to) => {
                let text = format!("Connecting to {}", net::redact(&to.url));
                progress(element, ProgressType::Start, &text);
            }
            None => progress(element, ProgressType::Start, "Opening the port"),
        }
        let (link, events) = Link::start(plan, media).map_err(|error| {
            progress(element, ProgressType::Error, &error.to_string());
            message(error.kind(), &error.to_string())
        })?;
        if let Some(on) = link.status().listening {
            gst::info!(
                category,
                obj = element,
                "listening on {}; SHA-256 of the certificate: {}",
                on.address,
                on.fingerprint
            );
            if !connects {
                let text = format!("Listening on {}", on.address);
                progress(element, ProgressType::Complete, &text);
            }
        }

        let silent = Arc::new(AtomicBool::new(false));
        let present = Arc::default();
        let speaker = Speaker {
            element: element.downgrade(),
            category,
            silent: silent.clone(),
            present: Arc::clone(&present),
            status: link.watch(),
            second,
            told: Status::default(),
        };
        thread::Builder::new()
            .name(format!("{}-control", element.name()))
            .spawn(move || speaker.run(events))
            .map_err(|error| {
                let text = format!("The system gives no thread: {error}");
                gst::error_msg!(gst::ResourceError::Failed, ("{text}"))
            })?;
        Ok(Self {
            link: Some(link),
            silent,
            present,
            element: element.downgrade(),
        })
    }

    /// What is known of the sessions now.
    pub(super) fn status(&self) -> Status {
        self.link.as_ref().map(Link::status).unwrap_or_default()
    }

    /// What came to the open port.
    pub(super) fn report(&self) -> Report {
        self.link.as_ref().map(Link::report).unwrap_or_default()
    }

    /// What the sessions carry.
    pub(super) fn sessions(&self) -> Sessions {
        self.link.as_ref().map(Link::sessions).unwrap_or_default()
    }

    /// Lets the sessions begin to end; dropping this waits for it.
    pub(super) fn begin_to_end(&self) {
        self.silent.store(true, Ordering::SeqCst);
        if let Some(link) = &self.link {
            link.begin_to_end();
        }
    }

    /// Takes effect at once.
    pub(super) fn set_policy(&self, policy: Policy) {
        if let Some(link) = &self.link {
            link.set_policy(policy);
        }
    }
}

/// Ends the sessions, frees the port, and tells the application. Hold no lock that a getter of a
/// property takes.
impl Drop for Control {
    fn drop(&mut self) {
        self.silent.store(true, Ordering::SeqCst);
        let before = self.status();
        self.link = None;
        let Some(element) = self.element.upgrade() else {
            return;
        };
        let left = std::mem::take(&mut *self.present.lock());
        for viewer in left {
            listening::emit(&element, listening::REMOVED, &viewer);
        }
        if matches!(before.phase, Phase::Connecting | Phase::Reconnecting) {
            progress(&element, ProgressType::Canceled, "Stopped");
        }
        notify(&element, &before, &Status::default());
    }
}

/// The control thread.
struct Speaker {
    element: glib::WeakRef<gst::Element>,
    category: DebugCategory,
    silent: Arc<AtomicBool>,
    present: Arc<Mutex<Vec<Arc<Viewer>>>>,
    status: watch::Receiver<Status>,
    /// What the element does once a second.
    second: fn(&gst::Element),
    /// What notifications were sent for.
    told: Status,
}

impl Speaker {
    /// Ends with the link.
    fn run(mut self, mut events: mpsc::Receiver<Event>) {
        self.update();
        while let Some(event) = events.blocking_recv() {
            let Some(element) = self.audience() else {
                return;
            };
            self.tell(&element, event);
            drop(element);
            self.update();
        }
    }

    fn audience(&self) -> Option<gst::Element> {
        let silent = self.silent.load(Ordering::SeqCst);
        self.element.upgrade().filter(|_| !silent)
    }

    fn tell(&self, element: &gst::Element, event: Event) {
        match event {
            Event::Connecting { host, again } => {
                gst::info!(self.category, obj = element, "connecting to {host}");
                // The first attempt was told of when the element started.
                if again {
                    let text = format!("Connecting again to {host}");
                    progress(element, ProgressType::Continue, &text);
                }
            }
            Event::Connected { host, version } => {
                gst::info!(
                    self.category,
                    obj = element,
                    "connected to {host}: {version}"
                );
                let text = format!("Connected to {host} with {version}");
                progress(element, ProgressType::Complete, &text);
            }
            Event::Retrying(reason) => {
                // An application that waits for the connection before it plays goes on.
                progress(element, ProgressType::Error, &reason);
                let text = format!("{reason}; trying again");
                gst::element_warning!(element, gst::ResourceError::OpenReadWrite, ("{text}"));
            }
            Event::Warning(text) => {
                gst::element_warning!(element, gst::ResourceError::OpenReadWrite, ("{text}"));
            }
            Event::Failed { class, reason } => {
                progress(element, ProgressType::Error, &reason);
                element.post_error_message(message(class, &reason));
            }
            Event::Second => (self.second)(element),
            Event::Asked(question) => {
                let allowed = listening::authorize(element, &question.visit);
                // The peer may have left meanwhile.
                let _ = question.answer.send(allowed);
            }
            Event::Arrived(viewer) => {
                self.present.lock().push(viewer.clone());
                listening::emit(element, listening::ADDED, &viewer);
            }
            Event::Left(viewer) => {
                let mut present = self.present.lock();
                let index = present.iter().position(|other| other.id == viewer.id);
                let told = index.map(|index| present.swap_remove(index));
                drop(present);
                // Otherwise the element has just stopped, and tells of it.
                if told.is_some() {
                    listening::emit(element, listening::REMOVED, &viewer);
                }
            }
        }
    }

    fn update(&mut self) {
        let now = self.status.borrow_and_update().clone();
        if let Some(element) = self.audience() {
            notify(&element, &self.told, &now);
        }
        self.told = now;
    }
}

fn notify(element: &gst::Element, before: &Status, now: &Status) {
    let changes = [
        ("listen-address", before.listening != now.listening),
        ("moq-version", before.version != now.version),
        ("status", before.phase != now.phase),
    ];
    for (property, _) in changes.iter().filter(|(_, changed)| *changed) {
        element.notify(property);
    }
}

fn progress(element: &gst::Element, kind: ProgressType, text: &str) {
    let message = gst::message::Progress::builder(kind, "connect", text)
        .src(element)
        .build();
    // Without a bus nobody wants to know.
    let _ = element.post_message(message);
}

/// The error that an application sees.
pub(super) fn message(class: net::Kind, text: &str) -> ErrorMessage {
    use gst::ResourceError as Resource;
    let error = match class {
        net::Kind::Settings => Resource::Settings,
        net::Kind::NotFound => Resource::NotFound,
        net::Kind::NotAuthorized => Resource::NotAuthorized,
        net::Kind::Busy => Resource::Busy,
        net::Kind::Closed => Resource::Close,
        net::Kind::System => Resource::Failed,
        _ => Resource::OpenReadWrite,
    };
    gst::error_msg!(error, ("{text}"))
}
