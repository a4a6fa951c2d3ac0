//! The task of one pad: waits for samples, gives them their time, pushes them.
//!
//! All waiting is in one place, [`Puller::wait`], for whatever comes first; all calls into
//! GStreamer happen outside of it.

use std::{future, sync::Arc, time::Duration};

use gst::prelude::*;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    feed::{Fed, Feed},
    output::Output,
    run::{Gate, Run},
    stream::{Order, Stream},
    times::{Timed, Times},
    trouble::Trouble,
};
use crate::{
    media::Kind,
    media::timeline::Arrival,
    moq_lite,
    plugin::runtime,
    subscribe::{Error, Sample},
};

/// What the task of a pad knows.
pub(super) struct Puller {
    run: Arc<Run>,
    stream: Stream,
    stop: watch::Receiver<bool>,
    gate: watch::Receiver<Gate>,
    orders: watch::Receiver<Order>,
    links: watch::Receiver<()>,

    state: State,
    feed: Feed,
    /// Which stream of the collection the pad is to carry.
    identity: gst::Stream,
    /// Which join the samples belong to.
    begun: u64,
    times: Option<Times>,
    /// Samples that wait for the mapping of time.
    pending: Vec<Timed>,
    output: Output,
    /// When downstream last heard of the time.
    active: Instant,
    trouble: Trouble,
    /// The publisher ended the track.
    drained: bool,
    /// Nothing will follow what is read now.
    last: bool,
    /// When to end although samples may be missing.
    deadline: Option<Instant>,
    /// The application knows that there are frames that cannot be read.
    warned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// Nobody takes the data: wait until that changes.
    Unlinked,
    /// Downstream or the publisher wants no more.
    Over,
}

/// What the task waited for.
enum Turn {
    Stop,
    /// Something changed: look again.
    Look,
    Order,
    Link,
    /// The mapping of time is due, or has come.
    Join,
    /// There was no sample for a while.
    Quiet,
    Retry,
    End,
    Read(Result<Fed, Error>),
}

impl Puller {
    pub(super) fn new(run: &Arc<Run>, stream: &Stream) -> Self {
        let output = Output::new(run, stream, stream.source());
        let mut puller = Self {
            run: run.clone(),
            stream: stream.clone(),
            stop: stream.closed(),
            gate: run.gate(),
            orders: stream.orders(),
            links: stream.links(),
            state: State::Reading,
            feed: Feed::new(stream.meter().clone()),
            identity: stream.identity(),
            begun: 0,
            times: None,
            pending: Vec::new(),
            active: Instant::now(),
            output,
            trouble: Trouble::default(),
            drained: false,
            last: false,
            deadline: None,
            warned: false,
        };
        puller.adopt();
        puller
    }

    /// One turn of the task.
    pub(super) fn iterate(&mut self) {
        let turn = {
            // Timers are made and handles are dropped within the runtime's context.
            let _context = runtime::enter();
            self.look();
            runtime::wait(self.wait())
        };
        match turn {
            Turn::Look => {}
            Turn::Order => self.adopt(),
            Turn::Link => self.linked(),
            Turn::Stop => {
                self.feed.set(None);
                let _ = self.stream.pad().pause_task();
            }
            Turn::Join => self.join(),
            Turn::Quiet => self.quiet(),
            Turn::Retry => self.retry(),
            Turn::End => self.end(),
            Turn::Read(Ok(Fed::Sample(sample))) => self.arrived(sample),
            Turn::Read(Ok(Fed::Switched)) => self.switched(),
            Turn::Read(Ok(Fed::Ended)) => self.ended(),
            Turn::Read(Err(Error::Media(error))) => self.left_out(&error.to_string()),
            Turn::Read(Err(Error::Track(error))) => self.broke_off(&error.to_string()),
        }
        self.count_skipped();
    }

    /// Takes over what changed since the last turn.
    fn look(&mut self) {
        let gate = *self.gate.borrow_and_update();
        if gate.begun != self.begun {
            self.begun = gate.begun;
            self.suspend();
            self.pending.clear();
            self.output.interrupt();
            if let Some(times) = &mut self.times {
                times.restart();
            }
        }
        if self.state == State::Reading && !self.stream.pad().is_linked() {
            self.state = State::Unlinked;
        }
        self.feed.set_budget(self.budget());
        if !gate.playing || self.drained || self.state != State::Reading {
            self.suspend();
        } else if !self.feed.is_reading() && self.trouble.again().is_none() {
            self.feed.begin();
        }
    }

    /// Reads nothing. What was to take over is what reading goes on with.
    fn suspend(&mut self) {
        if self.feed.suspend() {
            self.introduce();
        }
    }

    /// What follows is of another rendition.
    fn switched(&mut self) {
        self.stream.meter().switched();
        self.introduce();
    }

    fn introduce(&mut self) {
        let Some(source) = self.feed.source() else {
            return;
        };
        self.output.set_source(source, &self.identity);
        let times = self.times.as_ref();
        if times.is_none_or(|times| !times.are_of(source)) {
            self.times = Some(Times::new(source));
        }
        let jitter = source.config.jitter().unwrap_or(0);
        let announced = jitter.saturating_add(source.config.delay().unwrap_or(0));
        let announced = Duration::from_millis(announced.into());
        let mut timeline = self.run.any_timeline();
        timeline.set_announced_jitter(self.stream.track(), announced);
    }

    /// Reads what it is told to read from now on.
    fn adopt(&mut self) {
        let order = self.orders.borrow_and_update().clone();
        self.identity = order.identity;
        let same = match (self.feed.source(), &order.source) {
            (Some(old), Some(new)) => old.is_same_track(new),
            _ => false,
        };
        match order.source {
            Some(source) if same => {
                self.feed.renew(source);
                self.introduce();
            }
            // It is introduced when its turn comes.
            Some(source)
                if order.gently && self.pending.is_empty() && self.feed.change(&source) => {}
            source => {
                self.feed.set(source);
                self.introduce();
                self.pending.clear();
                self.output.interrupt();
                self.trouble = Trouble::default();
                self.drained = false;
                self.warned = false;
            }
        }
        self.last = order.last;
        self.deadline = order.last.then(|| Instant::now() + LAST_SAMPLES);
    }

    /// Pushing may work again.
    fn linked(&mut self) {
        if self.state == State::Unlinked {
            self.state = State::Reading;
        }
    }

    /// How long to wait for what is late. What sinks wait for, and in any case as long as it takes
    /// for one group to end while the next begins; what is to be recorded, as long as it is kept anywhere.
    fn budget(&self) -> Duration {
        let patience = self.run.patience();
        patience.map_or(moq_lite::Track::MAX_AGE, |patience| patience.max(OVERLAP))
    }

    async fn wait(&mut self) -> Turn {
        let finish = self.gate.borrow().finish;
        let over = self.state == State::Over;
        let last = self.last && !self.feed.is_reading() && self.trouble.again().is_none();
        if *self.stop.borrow() {
            return Turn::Stop;
        }
        if !over && (finish || last) {
            return Turn::End;
        }
        let join = (!self.pending.is_empty()).then(|| self.join_time());
        let quiet = self.sparse().then(|| self.active + QUIET);
        tokio::select! {
            biased;
            _ = self.stop.changed() => Turn::Look,
            _ = self.gate.changed() => if join.is_some() { Turn::Join } else { Turn::Look },
            _ = self.orders.changed() => Turn::Order,
            _ = self.links.changed() => Turn::Link,
            () = at(join) => Turn::Join,
            () = at(self.trouble.again()) => Turn::Retry,
            () = at(self.deadline.filter(|_| !over)) => Turn::End,
            () = at(quiet) => Turn::Quiet,
            read = self.feed.next() => Turn::Read(read),
        }
    }

    /// When the mapping of time is due at the latest.
    fn join_time(&self) -> Instant {
        let deadline = self
            .run
            .timeline(self.begun)
            .and_then(|timeline| timeline.deadline());
        let now = self.run.running_time();
        Instant::now() + deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_sub(now))
    }

    fn arrived(&mut self, sample: Sample) {
        self.trouble = Trouble::default();
        let Some(times) = &mut self.times else {
            return;
        };
        let mut timed = times.stamp(sample);
        let track = self.stream.track();
        let arrival = match timed.sample.leads {
            true => self.run.observe(self.begun, track, timed.dts()),
            // It came with another one, which was observed.
            false => Some(Arrival::default()),
        };
        let Some(arrival) = arrival else {
            return;
        };
        if self.pending.is_empty() && self.is_of_no_use(&timed, arrival.late) {
            return;
        }
        timed.sample.discont |= arrival.jumped;
        self.pending.push(timed);
        self.release();
    }

    /// Whether a sample is so late that newer ones are shown instead, if there are any. What is left out then is said.
    fn is_of_no_use(&mut self, timed: &Timed, late: Duration) -> bool {
        let patience = self.run.patience();
        if patience.is_none_or(|patience| late <= patience + OVERLAP) {
            return false;
        }
        let left = {
            let _context = runtime::enter();
            runtime::block_on(self.feed.leave())
        };
        if left {
            self.run.counters.add_late();
            self.output.interrupt();
            let track = self.stream.track();
            if let Some(mapped) = self.run.mapped(self.begun, track, timed.dts()) {
                self.output.left_out(timed, mapped, late);
            }
        }
        left
    }

    /// The time of the join may have come.
    fn join(&mut self) {
        if self.run.end_join(self.begun, false) {
            self.release();
        }
    }

    /// Pushes what waits, once time is mapped.
    fn release(&mut self) {
        let track = self.stream.track();
        if self.run.mapped(self.begun, track, 0).is_none() {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        if let Some(times) = &mut self.times
            && pending.len() > 1
        {
            times.stamp_again(&mut pending);
        }
        for timed in pending {
            let stopped = *self.stop.borrow();
            let Some(mapped) = self.run.mapped(self.begun, track, timed.dts()) else {
                return;
            };
            if stopped || self.state != State::Reading {
                return;
            }
            let result = self.output.push(timed, mapped);
            self.active = Instant::now();
            if let Err(error) = result {
                self.refused(error);
            }
        }
    }

    /// Whether downstream has to be told when there is nothing. Pictures stay until the next one comes.
    fn sparse(&self) -> bool {
        let gate = self.gate.borrow();
        self.stream.kind() != Kind::Video
            && self.state == State::Reading
            && gate.playing
            && gate.joined == self.begun
            && self.pending.is_empty()
    }

    /// Nothing comes: others need not wait for it.
    fn quiet(&mut self) {
        self.active = Instant::now();
        let patience = self.budget() + OVERLAP;
        let until = self.run.running_time().saturating_sub(patience);
        // Of the mapping only the beginning is of interest: the time is a running time already.
        if let Some(mapped) = self.run.mapped(self.begun, self.stream.track(), 0) {
            let until = i64::try_from(until.as_micros()).unwrap_or(i64::MAX);
            self.output.skip_to(until, mapped);
        }
    }

    fn refused(&mut self, error: gst::FlowError) {
        match error {
            // Of somebody downstream: what it knew is gone.
            gst::FlowError::Flushing => self.output.forget(),
            gst::FlowError::NotLinked => {
                self.state = State::Unlinked;
                self.output.forget();
            }
            // A sink that has had enough says so to the application when it gets the event.
            gst::FlowError::Eos => self.end(),
            error => {
                self.over();
                if let Some(element) = self.run.element.upgrade() {
                    let name = self.stream.pad().name();
                    let text = format!("What is linked to {name} does not take its data: {error}");
                    gst::element_error!(element, gst::StreamError::Failed, ("{text}"));
                }
            }
        }
    }

    /// The publisher ended the track. Without word from the catalog, another may take its place.
    fn ended(&mut self) {
        self.feed.suspend();
        self.flush_pending();
        self.drained = true;
        if !self.last {
            self.deadline = Some(Instant::now() + REPLACEMENT);
        }
    }

    /// A frame that is not understood.
    fn left_out(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.warned, true) {
            let name = self.stream.pad().name();
            self.warn(&format!("Frames of {name} are left out: {reason}"));
        }
    }

    fn broke_off(&mut self, reason: &str) {
        self.feed.suspend();
        self.output.interrupt();
        if self.last {
            // A relay may say it like this that there is no more.
            return self.end();
        }
        self.trouble.begin(reason);
    }

    /// The broadcast is still there, and so are the other tracks.
    fn retry(&mut self) {
        if let Some(reason) = self.trouble.retry() {
            let name = self.stream.pad().name();
            self.warn(&format!(
                "The track of {name} broke off ({reason}); trying again"
            ));
        }
    }

    /// What waits for the end of the join need wait no longer: nothing will come.
    fn flush_pending(&mut self) {
        if !self.pending.is_empty() && self.run.end_join(self.begun, true) {
            self.release();
        }
    }

    fn end(&mut self) {
        self.flush_pending();
        if self.state == State::Over {
            return;
        }
        self.output.end();
        self.over();
    }

    fn over(&mut self) {
        self.state = State::Over;
        self.feed.suspend();
        self.deadline = None;
        self.stream.set_ended();
        self.run.changed.notify_one();
    }

    fn warn(&self, text: &str) {
        if let Some(element) = self.run.element.upgrade() {
            gst::element_warning!(element, gst::StreamError::Failed, ("{text}"));
        }
    }

    fn count_skipped(&mut self) {
        let skipped = self.feed.take_skipped();
        if skipped > 0 {
            self.stream.meter().skipped(skipped);
            self.run.counters.add_skipped_groups(skipped);
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => future::pending().await,
    }
}

/// How long samples may take to come that were announced to be the last.
const LAST_SAMPLES: Duration = Duration::from_secs(2);
/// How long two groups may be under way at the same time.
const OVERLAP: Duration = Duration::from_millis(20);
/// How long another track may take to replace one that ended.
const REPLACEMENT: Duration = Duration::from_millis(500);
/// After so long without a sample, downstream is told.
const QUIET: Duration = Duration::from_millis(500);
