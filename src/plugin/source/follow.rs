//! The thread that follows a broadcast: finds it, reads its catalog, makes and removes pads.
//!
//! All waiting is in [`Follower::wait`]; everything that calls into GStreamer, and with that into the
//! application, happens outside of it and without a lock.

use std::{
    collections::HashSet,
    future,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::Duration,
};

use gst::{ProgressType, prelude::*};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    caps::Format,
    run::Run,
    stream::{Source, Stream},
};
use crate::{
    media::{Catalog, Config},
    moq_lite::{self, BroadcastConsumer, OriginConsumer, PathOwned},
    plugin::{
        link::{Phase, Policy},
        runtime::RUNTIME,
    },
    subscribe::{CatalogReader, Error},
};

/// What the thread knows.
pub(super) struct Follower {
    run: Arc<Run>,
    origin: OriginConsumer,
    path: PathOwned,
    /// After a broken end the broadcast may return.
    wait_for_return: bool,
    stop: watch::Receiver<bool>,
    policy: watch::Receiver<Policy>,

    state: State,
    /// The application knows that the broadcast was found.
    playing: bool,
    /// Nothing was read of this broadcast yet.
    fresh: bool,
    /// The newest catalog has no renditions: the publisher took the last one out.
    emptied: bool,
    /// How many pads of each kind there ever were.
    numbers: [u32; 4],
    no_more_pads: bool,
    /// When to see whether anything is linked.
    check_links: Option<Instant>,
    /// Renditions that the application was told cannot be played.
    refused: HashSet<(String, String)>,
}

enum State {
    /// There is no such broadcast, since then.
    Waiting {
        since: Instant,
    },
    Following(Box<Following>),
    /// It ended, or nobody waits any longer.
    Over,
}

struct Following {
    broadcast: BroadcastConsumer,
    catalog: CatalogReader,
    /// The broadcast is gone, and its tracks may say why until then.
    verdict: Option<Instant>,
    /// The catalog broke off although the broadcast is there: ask again then.
    again: Option<Instant>,
}

/// What the thread waited for.
enum News {
    Stop,
    /// Something changed: look again.
    Look,
    Announced(Option<BroadcastConsumer>),
    Catalog(Result<Option<Catalog>, Error>),
    /// The broadcast is gone and its tracks have not said why.
    Vanished,
    /// The application did not want to wait longer.
    Timeout,
    Again,
    StreamEnded,
    CheckLinks,
}

impl Follower {
    pub(super) fn new(
        run: &Arc<Run>,
        origin: OriginConsumer,
        path: PathOwned,
        wait_for_return: bool,
    ) -> Self {
        Self {
            run: run.clone(),
            origin,
            path,
            wait_for_return,
            stop: run.stopped(),
            policy: run.policy.subscribe(),
            state: State::Waiting {
                since: Instant::now(),
            },
            playing: false,
            fresh: false,
            emptied: false,
            numbers: [0; 4],
            no_more_pads: false,
            check_links: None,
            refused: HashSet::new(),
        }
    }

    /// Runs until the run is over.
    pub(super) fn run(self) {
        let run = self.run.clone();
        if panic::catch_unwind(AssertUnwindSafe(|| self.follow())).is_err()
            && let Some(element) = run.element.upgrade()
        {
            let text = "An internal error ended the search for pads; please report it";
            gst::element_error!(element, gst::LibraryError::Failed, ("{text}"));
        }
    }

    fn follow(mut self) {
        let text = format!("Waiting for the broadcast {}", self.path);
        self.progress(ProgressType::Start, &text);
        loop {
            let news = {
                let _context = RUNTIME.enter();
                RUNTIME.block_on(self.wait())
            };
            if self.run.is_stopped() {
                break;
            }
            match news {
                News::Stop => break,
                News::Look => {}
                News::Announced(Some(broadcast)) => self.found(broadcast),
                News::Announced(None) => self.unannounced(),
                News::Catalog(Ok(Some(catalog))) => self.update(&catalog),
                News::Catalog(Ok(None)) => self.ended(),
                News::Catalog(Err(Error::Media(error))) => {
                    self.warn(&format!(
                        "The catalog of {} was left out: {error}",
                        self.path
                    ));
                }
                News::Catalog(Err(Error::Track(error))) => self.broke_off(&error),
                News::Vanished => self.lost("it is no longer announced"),
                News::Timeout => self.timed_out(),
                News::Again => self.again(),
                News::StreamEnded => self.remove_ended(),
                News::CheckLinks => self.check_links(),
            }
        }
        if !self.playing && !matches!(self.state, State::Over) {
            self.progress(ProgressType::Canceled, "Stopped");
        }
    }

    async fn wait(&mut self) -> News {
        if *self.stop.borrow() {
            return News::Stop;
        }
        let timeout = self.policy.borrow_and_update().timeout;
        let over = matches!(self.state, State::Over);
        let (mut patience, mut verdict, mut again) = (None, None, None);
        let catalog = match &mut self.state {
            State::Waiting { since } => {
                patience = timeout.map(|timeout| *since + timeout);
                None
            }
            State::Following(following) => {
                (verdict, again) = (following.verdict, following.again);
                following.again.is_none().then_some(&mut following.catalog)
            }
            State::Over => None,
        };
        let catalog = async {
            match catalog {
                Some(catalog) => catalog.next().await,
                None => future::pending().await,
            }
        };
        let path = &self.path;
        let origin = &mut self.origin;
        let announced = async {
            loop {
                match origin.announced().await {
                    Some((other, broadcast)) if other == *path => return broadcast,
                    Some(_) => {}
                    None => future::pending().await,
                }
            }
        };
        tokio::select! {
            biased;
            _ = self.stop.changed() => News::Stop,
            _ = self.policy.changed() => News::Look,
            () = self.run.ended.notified() => News::StreamEnded,
            // First what the publisher said, then that it is gone.
            catalog = catalog => News::Catalog(catalog),
            broadcast = announced, if !over => News::Announced(broadcast),
            () = at(verdict) => News::Vanished,
            () = at(again) => News::Again,
            () = at(patience) => News::Timeout,
            () = at(self.check_links) => News::CheckLinks,
        }
    }

    fn found(&mut self, broadcast: BroadcastConsumer) {
        let catalog = CatalogReader::new(&broadcast);
        let following = Following {
            broadcast,
            catalog,
            verdict: None,
            again: None,
        };
        self.state = State::Following(Box::new(following));
        self.fresh = true;
    }

    fn unannounced(&mut self) {
        if let State::Following(following) = &mut self.state {
            following.verdict = Some(Instant::now() + VERDICT);
        }
    }

    /// Brings the pads in line with the catalog.
    fn update(&mut self, catalog: &Catalog) {
        let State::Following(following) = &self.state else {
            return;
        };
        let broadcast = following.broadcast.clone();
        self.emptied = self.playing && catalog.is_empty();
        let mut wanted = Vec::new();
        for (track, config) in catalog.renditions() {
            match Format::new(&config) {
                Ok(format) => {
                    let broadcast = broadcast.clone();
                    wanted.push(Source {
                        broadcast,
                        track: track.to_owned(),
                        config,
                        format,
                    });
                }
                Err(reason) => self.refuse(track, &config, &reason),
            }
        }
        if !wanted.is_empty() && std::mem::take(&mut self.fresh) {
            // The time of what comes now need have nothing to do with what was before.
            self.run.rejoin();
            if !std::mem::replace(&mut self.playing, true) {
                let text = format!("Found the broadcast {}", self.path);
                self.progress(ProgressType::Complete, &text);
            }
        }

        let mut streams = self.run.streams();
        streams.retain(|stream| !stream.is_last() && !stream.has_ended());
        // First those that go on, then new tracks in the place of old ones.
        wanted.retain(|source| !assign(&mut streams, source, true));
        wanted.retain(|source| !assign(&mut streams, source, false));
        for stream in streams {
            stream.finish();
        }
        for source in wanted {
            self.add(source);
        }
        if !self.no_more_pads
            && !self.run.streams().is_empty()
            && let Some(element) = self.run.element.upgrade()
        {
            self.no_more_pads = true;
            self.check_links = Some(Instant::now() + LINKING);
            element.no_more_pads();
        }
    }

    fn refuse(&mut self, track: &str, config: &Config, reason: &str) {
        if self.refused.insert((track.to_owned(), reason.to_owned())) {
            let kind = config.kind().name();
            self.warn(&format!("The {kind} track {track} is left out: {reason}"));
        }
    }

    fn add(&mut self, source: Source) {
        let Some(element) = self.run.element.upgrade() else {
            return;
        };
        let number = &mut self.numbers[source.config.kind() as usize];
        let stream = Stream::new(&self.run, &element, *number, source);
        *number += 1;
        if !self.run.insert(stream.clone()) {
            return;
        }
        if element.add_pad(stream.pad()).is_err() {
            self.warn(&format!("The pad {} cannot be added", stream.pad().name()));
            return;
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
    }

    /// Pads whose rendition is gone disappear; after the end of all they stay.
    fn remove_ended(&mut self) {
        if !matches!(self.state, State::Following(_)) {
            return;
        }
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

    /// The publisher ended the broadcast.
    fn ended(&mut self) {
        self.state = State::Over;
        let streams = self.run.streams();
        for stream in &streams {
            stream.finish();
        }
        if !self.no_more_pads {
            let text = format!(
                "The broadcast {} ended before anything could be played",
                self.path
            );
            self.fail(gst::ResourceError::NotFound, &text);
        }
    }

    fn broke_off(&mut self, error: &moq_lite::Error) {
        let State::Following(following) = &mut self.state else {
            return;
        };
        let there = self.origin.consume_broadcast(&self.path);
        let there = there.is_some_and(|there| there.is_clone(&following.broadcast));
        if there && following.verdict.is_none() {
            let asked_before = following.again.is_some();
            following.again = Some(Instant::now() + AGAIN);
            if !asked_before {
                let text = format!(
                    "The catalog of {} cannot be read ({error}); trying again",
                    self.path
                );
                self.warn(&text);
            }
        } else {
            self.lost(&error.to_string());
        }
    }

    fn again(&mut self) {
        if let State::Following(following) = &mut self.state {
            following.catalog = CatalogReader::new(&following.broadcast);
            following.again = None;
        }
    }

    /// The broadcast is gone, and not by its publisher's will, or behind a relay that does not say.
    fn lost(&mut self, reason: &str) {
        if self.emptied {
            return self.ended();
        }
        if !self.wait_for_return {
            let text = format!("The broadcast {} broke off: {reason}", self.path);
            self.warn(&text);
            return self.ended();
        }
        self.state = State::Waiting {
            since: Instant::now(),
        };
        for stream in self.run.streams() {
            stream.take_away();
        }
        if std::mem::replace(&mut self.playing, false) {
            let text = format!(
                "The broadcast {} broke off ({reason}); waiting for its return",
                self.path
            );
            self.warn(&text);
            let text = format!("Waiting for the return of the broadcast {}", self.path);
            self.progress(ProgressType::Start, &text);
        }
    }

    fn timed_out(&mut self) {
        self.state = State::Over;
        let Some(element) = self.run.element.upgrade() else {
            return;
        };
        if matches!(
            element.property::<Phase>("status"),
            Phase::Connecting | Phase::Failed
        ) {
            // Who connects says so.
            return;
        }
        let millis = self.policy.borrow().timeout.unwrap_or_default().as_millis();
        let text = format!(
            "No broadcast {} within the {millis} ms of timeout: check broadcast, and that its publisher runs",
            self.path
        );
        self.progress(ProgressType::Error, &text);
        self.fail(gst::ResourceError::NotFound, &text);
    }

    fn check_links(&mut self) {
        self.check_links = None;
        let streams = self.run.streams();
        if !streams.is_empty() && streams.iter().all(|stream| !stream.pad().is_linked()) {
            let names: Vec<_> = streams.iter().map(|stream| stream.pad().name()).collect();
            let text = format!("Nothing is linked to any of the pads: {}", names.join(", "));
            self.warn(&text);
        }
    }

    fn progress(&self, kind: ProgressType, text: &str) {
        if let Some(element) = self.run.element.upgrade() {
            let message = gst::message::Progress::builder(kind, "broadcast", text);
            // Without a bus nobody wants to know.
            let _ = element.post_message(message.src(&element).build());
        }
    }

    fn warn(&self, text: &str) {
        if let Some(element) = self.run.element.upgrade() {
            gst::element_warning!(element, gst::ResourceError::Read, ("{text}"));
        }
    }

    fn fail(&self, error: gst::ResourceError, text: &str) {
        if let Some(element) = self.run.element.upgrade() {
            gst::element_error!(element, error, ("{text}"));
        }
    }
}

/// Gives `source` to a stream that has no other yet: to the one of the same track, or to any of the
/// same kind.
fn assign(streams: &mut Vec<Stream>, source: &Source, same_track: bool) -> bool {
    let kind = source.config.kind();
    let fits = |stream: &Stream| {
        let track = stream.track_name();
        stream.kind() == kind && (!same_track || track == source.track)
    };
    let Some(index) = streams.iter().position(fits) else {
        return false;
    };
    streams.remove(index).give(source.clone());
    true
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => future::pending().await,
    }
}

/// How long the tracks of a broadcast that is no longer announced may take to say why.
const VERDICT: Duration = Duration::from_secs(1);
/// Until a catalog that broke off is asked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long an application may take to link pads before it is asked about it.
const LINKING: Duration = Duration::from_secs(1);
