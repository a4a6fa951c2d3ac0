//! The thread that follows a broadcast: finds it, waits for it, reads its catalog.
//!
//! All waiting is in [`Follower::wait`]; everything that calls into GStreamer, and with that into the
//! application, happens outside of it and without a lock.

use std::{
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
    browse::{ADDED, Browser, REMOVED},
    lineup::Lineup,
    report::Reporter,
    run::{Run, Selection},
    select::Wish,
    siblings::Siblings,
};
use crate::{
    media::Catalog,
    moq_lite::{self, BroadcastConsumer, OriginConsumer, PathOwned},
    plugin::{
        link::{Phase, Policy, Sessions},
        runtime,
    },
    subscribe::{CatalogReader, Error},
};

/// What the thread knows.
pub(super) struct Follower {
    run: Arc<Run>,
    origin: OriginConsumer,
    path: PathOwned,
    siblings: Siblings,
    /// The newest catalog of the broadcast that is followed.
    catalog: Option<Catalog>,
    /// After a broken end the broadcast may return.
    wait_for_return: bool,
    stop: watch::Receiver<bool>,
    policy: watch::Receiver<Policy>,
    wish: watch::Receiver<Wish>,
    selection: watch::Receiver<Option<Selection>>,

    browser: Option<Browser>,
    reporter: Reporter,
    lineup: Lineup,
    state: State,
    /// The application knows that the broadcast was found.
    playing: bool,
    /// Nothing was read of this broadcast yet.
    fresh: bool,
    /// The newest catalog has no renditions: the publisher took the last one out.
    emptied: bool,
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
    /// The same of one that the catalog refers to.
    Sibling(PathOwned),
    /// One that the catalog refers to has not come.
    NoSibling,
    Catalog(Result<Option<Catalog>, Error>),
    /// The broadcast is gone and its tracks have not said why.
    Vanished,
    /// The application did not want to wait longer.
    Timeout,
    Again,
    Stream,
    Wish,
    Selection,
    Tick,
    Report,
    Browsed(PathOwned, bool),
}

impl Follower {
    pub(super) fn new(
        run: &Arc<Run>,
        siblings: Siblings,
        origin: OriginConsumer,
        path: PathOwned,
        wait_for_return: bool,
        browser: Option<Browser>,
        sessions: Sessions,
    ) -> Self {
        Self {
            run: run.clone(),
            origin,
            path,
            siblings,
            catalog: None,
            wait_for_return,
            stop: run.stopped(),
            policy: run.policy.subscribe(),
            wish: run.wish.subscribe(),
            selection: run.selection.subscribe(),
            browser,
            reporter: Reporter::new(run),
            lineup: Lineup::new(run, sessions, wait_for_return),
            state: State::Waiting {
                since: Instant::now(),
            },
            playing: false,
            fresh: false,
            emptied: false,
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
                let _context = runtime::enter();
                runtime::block_on(self.wait())
            };
            if self.run.is_stopped() {
                break;
            }
            match news {
                News::Stop => break,
                News::Look => {}
                News::Announced(Some(broadcast)) => self.found(broadcast),
                News::Announced(None) => self.unannounced(),
                News::Sibling(path) => {
                    if self.siblings.look(&path) {
                        self.arrange(true);
                    }
                }
                News::NoSibling => {
                    self.siblings.expire();
                    self.arrange(true);
                }
                News::Catalog(Ok(Some(catalog))) => self.update(catalog),
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
                News::Stream => self.stream_changed(),
                News::Wish => {
                    let wish = self.wish.borrow_and_update().clone();
                    self.lineup.wish(wish);
                }
                News::Selection => {
                    let selection = self.selection.borrow_and_update().clone();
                    if let Some(selection) = selection {
                        self.lineup.select(&selection);
                    }
                }
                News::Tick => self.lineup.tick(),
                News::Report => self.reporter.report(),
                News::Browsed(path, there) => self.browsed(&path, there),
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
        let browsed = async {
            match &mut self.browser {
                Some(browser) => browser.next().await,
                None => future::pending().await,
            }
        };
        let (path, siblings) = (&self.path, &self.siblings);
        let origin = &mut self.origin;
        let announced = async {
            loop {
                match origin.announced().await {
                    Some((other, broadcast)) if other == *path => {
                        return News::Announced(broadcast);
                    }
                    Some((other, _)) if siblings.is_referred_to(&other) => {
                        return News::Sibling(other);
                    }
                    Some(_) => {}
                    None => future::pending().await,
                }
            }
        };
        tokio::select! {
            biased;
            _ = self.stop.changed() => News::Stop,
            _ = self.policy.changed() => News::Look,
            () = self.run.changed.notified() => News::Stream,
            _ = self.selection.changed(), if !over => News::Selection,
            _ = self.wish.changed(), if !over => News::Wish,
            // First what the publisher said, then that it is gone.
            catalog = catalog => News::Catalog(catalog),
            news = announced, if !over => news,
            () = at(siblings.next_expiry()), if !over => News::NoSibling,
            () = at(verdict) => News::Vanished,
            () = at(again) => News::Again,
            () = at(patience) => News::Timeout,
            () = at(self.lineup.next_tick()) => News::Tick,
            () = at(Some(self.reporter.next())) => News::Report,
            (path, there) = browsed => News::Browsed(path, there),
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
        self.catalog = None;
        self.fresh = true;
    }

    fn unannounced(&mut self) {
        if let State::Following(following) = &mut self.state {
            following.verdict = Some(Instant::now() + VERDICT);
        }
    }

    fn update(&mut self, catalog: Catalog) {
        self.run.set_clock(catalog.clock);
        self.emptied = self.playing && catalog.is_empty();
        self.siblings.refer(&catalog);
        self.catalog = Some(catalog);
        self.arrange(false);
    }

    /// Brings the pads in line with the catalog, and with the broadcasts to which it refers: `gently` where one of these
    /// changed, and what is played may go on until another rendition takes over.
    fn arrange(&mut self, gently: bool) {
        let (State::Following(following), Some(catalog)) = (&self.state, &self.catalog) else {
            return;
        };
        // The first pads come all at once.
        if !self.lineup.has_begun() && self.siblings.are_awaited() {
            return;
        }
        let broadcast = following.broadcast.clone();
        let playable = self.lineup.learn(&broadcast, catalog, &self.siblings);
        if playable > 0 && std::mem::take(&mut self.fresh) {
            // The time of what comes now need have nothing to do with what was before.
            self.run.rejoin();
            if !std::mem::replace(&mut self.playing, true) {
                let text = format!("Found the broadcast {}", self.path);
                self.progress(ProgressType::Complete, &text);
            }
        }
        self.lineup.arrange(gently);
    }

    /// Pads whose rendition is gone disappear; after the end of all they stay.
    fn stream_changed(&mut self) {
        if matches!(self.state, State::Following(_)) {
            self.lineup.remove_ended();
            self.lineup.tell();
        }
    }

    /// The publisher ended the broadcast.
    fn ended(&mut self) {
        self.state = State::Over;
        let streams = self.run.streams();
        for stream in &streams {
            stream.finish();
        }
        if !self.lineup.has_begun() {
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

    fn browsed(&self, path: &PathOwned, there: bool) {
        if let Some(element) = self.run.element.upgrade() {
            let signal = if there { ADDED } else { REMOVED };
            element.emit_by_name::<()>(signal, &[&path.as_str()]);
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
