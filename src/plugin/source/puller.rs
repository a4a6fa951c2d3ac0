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
    output::Output,
    run::{Gate, Run},
    stream::{Order, Source, Stream},
    times::{Timed, Times},
};
use crate::{
    media::Kind,
    moq_lite,
    plugin::runtime::RUNTIME,
    subscribe::{Error, Sample, SampleReader},
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
    /// What is read, or would be if the pad were linked and the clock ran.
    source: Option<Source>,
    reader: Option<SampleReader>,
    /// How many groups the reader had left out when it was last asked.
    skipped: u64,
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

/// A track that broke off.
#[derive(Default)]
struct Trouble {
    reason: Option<String>,
    again: Option<Instant>,
    times: u32,
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
    Read(Result<Option<Sample>, Error>),
}

impl Puller {
    pub(super) fn new(run: &Arc<Run>, stream: &Stream) -> Self {
        let source = stream.source();
        let format = source.map(|source| source.format);
        let output = Output::new(run, stream, format);
        let mut puller = Self {
            run: run.clone(),
            stream: stream.clone(),
            stop: stream.closed(),
            gate: run.gate(),
            orders: stream.orders(),
            links: stream.links(),
            state: State::Reading,
            source: None,
            reader: None,
            skipped: 0,
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
            let _context = RUNTIME.enter();
            self.look();
            RUNTIME.block_on(self.wait())
        };
        match turn {
            Turn::Look => {}
            Turn::Order => self.adopt(),
            Turn::Link => self.linked(),
            Turn::Stop => {
                self.reader = None;
                let _ = self.stream.pad().pause_task();
            }
            Turn::Join => self.join(),
            Turn::Quiet => self.quiet(),
            Turn::Retry => self.retry(),
            Turn::End => self.end(),
            Turn::Read(Ok(Some(sample))) => self.arrived(sample),
            Turn::Read(Ok(None)) => self.ended(),
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
            self.reader = None;
            self.pending.clear();
            self.output.interrupt();
            if let Some(times) = &mut self.times {
                times.restart();
            }
        }
        if self.state == State::Reading && !self.stream.pad().is_linked() {
            self.state = State::Unlinked;
        }
        if !gate.playing || self.drained || self.state != State::Reading {
            self.reader = None;
        } else if self.reader.is_none() && self.trouble.again.is_none() {
            self.subscribe();
        }
        let budget = self.budget();
        if let Some(reader) = &mut self.reader {
            reader.set_budget(budget);
        }
    }

    /// Reads what it is told to read from now on.
    fn adopt(&mut self) {
        let order = self.orders.borrow_and_update().clone();
        let same = match (&self.source, &order.source) {
            (Some(old), Some(new)) => old.is_same_track(new),
            _ => false,
        };
        if !same {
            self.reader = None;
            self.pending.clear();
            self.output.interrupt();
            self.trouble = Trouble::default();
            self.drained = false;
            self.warned = false;
        }
        if let Some(source) = &order.source {
            self.output.set_format(&source.format);
            let again = self.source.as_ref();
            if !same || again.is_none_or(|old| old.config != source.config) {
                self.times = Some(Times::new(&source.config, &source.format));
                let jitter = source.config.jitter().unwrap_or(0);
                let announced = jitter.saturating_add(source.config.delay().unwrap_or(0));
                let announced = Duration::from_millis(announced.into());
                let mut timeline = self.run.any_timeline();
                timeline.set_announced_jitter(self.stream.track(), announced);
            }
        }
        self.source = order.source;
        self.last = order.last;
        self.deadline = order.last.then(|| Instant::now() + LAST_SAMPLES);
    }

    /// Pushing may work again.
    fn linked(&mut self) {
        if self.state == State::Unlinked {
            self.state = State::Reading;
        }
    }

    fn subscribe(&mut self) {
        if let Some(source) = &self.source {
            let budget = self.budget();
            self.reader =
                SampleReader::new(&source.broadcast, &source.track, &source.config, budget);
            self.skipped = 0;
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
        let last = self.last && self.reader.is_none() && self.trouble.again.is_none();
        if *self.stop.borrow() {
            return Turn::Stop;
        }
        if !over && (finish || last) {
            return Turn::End;
        }
        let join = (!self.pending.is_empty()).then(|| self.join_time());
        let quiet = self.sparse().then(|| self.active + QUIET);
        let read = async {
            match &mut self.reader {
                Some(reader) => reader.next().await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.stop.changed() => Turn::Look,
            _ = self.gate.changed() => if join.is_some() { Turn::Join } else { Turn::Look },
            _ = self.orders.changed() => Turn::Order,
            _ = self.links.changed() => Turn::Link,
            () = at(join) => Turn::Join,
            () = at(self.trouble.again) => Turn::Retry,
            () = at(self.deadline.filter(|_| !over)) => Turn::End,
            () = at(quiet) => Turn::Quiet,
            read = read => Turn::Read(read),
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
        let Some(arrival) = self.run.observe(self.begun, track, timed.dts()) else {
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
        let left = match &mut self.reader {
            Some(reader) => {
                let _context = RUNTIME.enter();
                RUNTIME.block_on(reader.leave())
            }
            None => false,
        };
        if left {
            self.run.counters.add_late();
            self.output.interrupt();
            if let Some(mapped) = self.run.mapped(self.begun, self.stream.track()) {
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
        if self.run.mapped(self.begun, track).is_none() {
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
            let Some(mapped) = self.run.mapped(self.begun, track) else {
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
        let patience = self.run.patience().unwrap_or_default() + OVERLAP;
        let until = self.run.running_time().saturating_sub(patience);
        if let Some(mapped) = self.run.mapped(self.begun, self.stream.track()) {
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
            gst::FlowError::Eos => self.over(),
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
        self.reader = None;
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
        self.reader = None;
        self.output.interrupt();
        if self.last {
            // A relay may say it like this that there is no more.
            return self.end();
        }
        self.trouble.reason = Some(reason.to_owned());
        let pause = RETRY * 2_u32.pow(self.trouble.times.min(3));
        self.trouble.times += 1;
        self.trouble.again = Some(Instant::now() + pause);
    }

    /// The broadcast is still there, and so are the other tracks.
    fn retry(&mut self) {
        self.trouble.again = None;
        if let Some(reason) = self.trouble.reason.take()
            && self.trouble.times == 1
        {
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
        self.reader = None;
        self.deadline = None;
        self.stream.set_ended();
        self.run.ended.notify_one();
    }

    fn warn(&self, text: &str) {
        if let Some(element) = self.run.element.upgrade() {
            gst::element_warning!(element, gst::StreamError::Failed, ("{text}"));
        }
    }

    fn count_skipped(&mut self) {
        if let Some(reader) = &self.reader {
            let skipped = reader.skipped_groups();
            let new = skipped - self.skipped.min(skipped);
            self.skipped = skipped;
            self.run.counters.add_skipped_groups(new);
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
/// Until a track that broke off is asked for again.
const RETRY: Duration = Duration::from_millis(500);
/// After so long without a sample, downstream is told.
const QUIET: Duration = Duration::from_millis(500);
