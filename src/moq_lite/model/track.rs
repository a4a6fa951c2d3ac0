//! A track: groups, of which the newest and the recent ones are kept.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    Demand, Group, GroupConsumer, GroupProducer, Produce, Stamp,
    budget::Budget,
    cell::{Consumer, Content, Producer, Shared, Weak},
    demand::Demands,
    group::SharedGroup,
};
use crate::moq_lite::{Error, Result, coding::VarInt};

/// The name of a track in its broadcast, and how urgent it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Track {
    /// Unique in the broadcast.
    pub name: String,
    /// Higher is sent first.
    pub priority: u8,
}

impl Track {
    /// For how long a group is kept once a newer one has begun. The newest group is
    /// always kept.
    pub const MAX_AGE: Duration = Duration::from_secs(5);

    /// The most bytes of older groups that are kept.
    pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

    /// The most older groups that are kept.
    pub const MAX_GROUPS: usize = 2048;

    /// A track of priority 0.
    pub fn new<T: Into<String>>(name: T) -> Self {
        Self {
            name: name.into(),
            priority: 0,
        }
    }

    /// A track that belongs to no broadcast yet.
    pub fn produce(self) -> Produce<TrackProducer, TrackConsumer> {
        let producer = TrackProducer::from(self);
        let consumer = producer.consume();
        Produce { producer, consumer }
    }
}

pub(super) struct TrackState {
    began: Stamp,
    demands: Demands,
    /// In order of arrival.
    groups: VecDeque<Entry>,
    newest: Option<SharedGroup>,
    /// For how long groups are kept that are not the newest.
    max_age: Duration,
    /// Of all groups but the newest.
    budget: Arc<Budget>,
    /// Groups that ever arrived.
    arrivals: u64,
    /// Groups up to this sequence were let go.
    forgotten: Option<u64>,
}

struct Entry {
    arrival: u64,
    group: SharedGroup,
    /// When the next group arrived.
    followed: Option<Instant>,
}

impl Content for TrackState {}

/// Groups that a track let go. Their frames are freed when this is dropped, which is
/// not under the lock of the track.
#[derive(Default)]
#[must_use]
pub(super) struct Retired(Vec<SharedGroup>);

impl Drop for Retired {
    fn drop(&mut self) {
        self.0.iter().for_each(SharedGroup::expire);
    }
}

impl TrackState {
    fn new(track: Weak<Self>) -> Self {
        Self {
            began: Stamp::now(),
            demands: Demands::default(),
            groups: VecDeque::new(),
            newest: None,
            max_age: Track::MAX_AGE,
            budget: Arc::new(Budget::new(track)),
            arrivals: 0,
            forgotten: None,
        }
    }

    /// `None` when the group is refused.
    fn insert(&mut self, group: SharedGroup, now: Instant) -> Option<Retired> {
        let sequence = group.info.sequence;
        let late = self.latest().is_some_and(|latest| sequence <= latest);
        let known = late
            && self
                .groups
                .iter()
                .any(|e| e.group.info.sequence == sequence);
        if known
            || self.forgotten.is_some_and(|oldest| sequence <= oldest)
            || !group.info.is_valid()
        {
            return None;
        }
        if let Some(last) = self.groups.back_mut() {
            last.followed = Some(now);
        }
        let older = if late {
            Some(group.clone())
        } else {
            self.newest.replace(group.clone())
        };
        if let Some(older) = older {
            older.charge(&self.budget);
        }
        self.groups.push_back(Entry {
            arrival: self.arrivals,
            group,
            followed: None,
        });
        self.arrivals += 1;
        Some(self.forget())
    }

    /// Lets groups go until age, bytes and number of the rest are within limits.
    pub(super) fn forget(&mut self) -> Retired {
        let now = Instant::now();
        let mut retired = Retired::default();
        while let Some(index) = self.oldest() {
            let entry = &self.groups[index];
            let aged = entry
                .followed
                .is_some_and(|followed| now - followed > self.max_age);
            let older = self.groups.len() - 1;
            if !aged && !self.budget.is_exceeded() && older <= Track::MAX_GROUPS {
                break;
            }
            let Some(entry) = self.groups.remove(index) else {
                break;
            };
            self.forgotten = self.forgotten.max(Some(entry.group.info.sequence));
            entry.group.retire();
            retired.0.push(entry.group);
        }
        retired
    }

    /// The first group that is not the newest.
    fn oldest(&self) -> Option<usize> {
        let latest = self.latest()?;
        self.groups
            .iter()
            .take(2)
            .position(|e| e.group.info.sequence != latest)
    }

    fn latest(&self) -> Option<u64> {
        self.newest.as_ref().map(|group| group.info.sequence)
    }

    /// The newest group, if it is newer than `last`.
    fn newest(&self, last: Option<u64>) -> Option<GroupConsumer> {
        let newest = self.newest.as_ref()?;
        (last.is_none_or(|last| newest.info.sequence > last)).then(|| newest.consume())
    }

    /// The first group that arrived at `arrival` or later, and its place.
    fn arrived(&self, arrival: u64) -> Option<(u64, GroupConsumer)> {
        let index = self.groups.partition_point(|entry| entry.arrival < arrival);
        let entry = self.groups.get(index)?;
        Some((entry.arrival, entry.group.consume()))
    }

    /// Where the first group stands that is not older than `age`.
    fn arrival_by_age(&self, age: Duration, now: Instant) -> u64 {
        let young = |entry: &&Entry| entry.followed.is_none_or(|at| now - at <= age);
        let newest = self.newest_arrival();
        let first = self.groups.iter().find(young);
        first.map_or(newest, |entry| entry.arrival.min(newest))
    }

    fn group(&self, sequence: u64) -> Option<GroupConsumer> {
        let mut groups = self.groups.iter().map(|entry| &entry.group);
        let group = groups.find(|group| group.info.sequence == sequence)?;
        Some(group.consume())
    }

    /// Where the newest group stands in the order of arrival.
    fn newest_arrival(&self) -> u64 {
        let latest = self.latest();
        let newest = self
            .groups
            .iter()
            .rev()
            .find(|e| Some(e.group.info.sequence) == latest);
        newest.map_or(self.arrivals, |entry| entry.arrival)
    }
}

/// Adds groups to a track. Clones write to the same track.
#[derive(Clone)]
pub struct TrackProducer {
    /// Name and priority.
    pub info: Track,
    state: Producer<TrackState>,
}

impl TrackProducer {
    /// Adds a group that is written elsewhere; `false` in the cases in which
    /// [`Self::create_group`] returns `None`.
    pub fn insert_group(&mut self, group: GroupConsumer) -> bool {
        self.insert(group.share())
    }

    /// Begins a group at the given place. Groups may come in any order.
    ///
    /// `None` when this group is there already, is older than what is kept, has
    /// a sequence of 2^62 or more, or when the track has ended.
    pub fn create_group(&mut self, info: Group) -> Option<GroupProducer> {
        let group = GroupProducer::from(info);
        self.insert(group.share()).then_some(group)
    }

    /// Begins the group after the newest; the first has sequence 0.
    ///
    /// # Errors
    /// The reason of the end when the track has ended.
    pub fn append_group(&mut self) -> Result<GroupProducer> {
        self.state
            .modify(|track| {
                let sequence = track.latest().map_or(0, |latest| latest + 1);
                if sequence > VarInt::MAX.into_inner() {
                    return Err(Error::TooLarge);
                }
                let group = GroupProducer::from(Group { sequence });
                let retired = track.insert(group.share(), Instant::now());
                Ok((group, retired))
            })?
            .map(|(group, _)| group)
    }

    /// Appends a group with one frame.
    ///
    /// # Errors
    /// As [`Self::append_group`] and [`GroupProducer::write_frame`].
    pub fn write_frame<B: Into<Bytes>>(&mut self, frame: B) -> Result<()> {
        let mut group = self.append_group()?;
        group.write_frame(frame)?;
        group.close();
        Ok(())
    }

    /// Ends the track.
    pub fn close(self) {
        self.state.end(Ok(()));
    }

    /// Ends the track with an error.
    pub fn abort(self, err: Error) {
        self.state.end(Err(err));
    }

    /// A reader that starts at the newest group.
    pub fn consume(&self) -> TrackConsumer {
        TrackConsumer::new(self.info.clone(), self.state.consume(), self.info.priority)
    }

    /// Resolves when the track has no reader. Cancel safe.
    pub fn unused(&self) -> impl Future<Output = ()> + use<> {
        self.state.unused()
    }

    /// What the readers want together: the last that was wanted when there is none.
    pub fn demand(&self) -> Demand {
        let demand = self.state.share().peek(|t| t.demands.together().cloned());
        demand.unwrap_or_else(|| Demand::new(self.info.priority))
    }

    /// What the readers want together, once that is not `known`. Cancel safe.
    pub async fn demand_changed(&self, known: &Demand) -> Demand {
        let changed = |track: &mut TrackState| {
            let together = track.demands.together()?;
            (together != known).then(|| together.clone())
        };
        self.state.wait(changed).await
    }

    /// Whether both write to the same track.
    pub fn is_clone(&self, other: &Self) -> bool {
        self.state.is_clone(&other.state)
    }

    /// Changes for how long a group is kept once a newer one has begun:
    /// [`Track::MAX_AGE`] to begin with.
    pub fn set_max_age(&mut self, max_age: Duration) {
        drop(self.state.share().peek(|track| {
            track.max_age = max_age;
            track.forget()
        }));
    }

    /// Whether somebody reads the track.
    pub fn is_used(&self) -> bool {
        self.state.has_consumers()
    }

    pub(super) fn share(&self) -> SharedTrack {
        SharedTrack {
            info: self.info.clone(),
            state: self.state.share(),
        }
    }

    fn insert(&mut self, group: SharedGroup) -> bool {
        let inserted = self
            .state
            .modify(|track| track.insert(group, Instant::now()));
        inserted.is_ok_and(|retired| retired.is_some())
    }
}

impl From<Track> for TrackProducer {
    fn from(info: Track) -> Self {
        let state = Producer::new_cyclic(TrackState::new);
        Self { info, state }
    }
}

/// Reads the groups of a track. A clone goes on from the same place.
#[derive(Clone)]
pub struct TrackConsumer {
    /// Name and priority.
    pub info: Track,
    state: Consumer<TrackState>,
    wants: Wants,
    /// The sequence that `next_group` returned last.
    last: Option<u64>,
    /// Where `recv_group` goes on; `None` before the first call.
    arrival: Option<u64>,
}

impl TrackConsumer {
    fn new(info: Track, state: Consumer<TrackState>, priority: u8) -> Self {
        Self {
            info,
            wants: Wants::new(state.share(), Demand::new(priority)),
            state,
            last: None,
            arrival: None,
        }
    }

    /// The newest group, once it is newer than the one that this handle returned
    /// last; `None` at the end of the track. Groups in between are skipped.
    /// Cancel safe.
    ///
    /// # Errors
    /// Why the track was aborted, after the newest group was returned.
    pub async fn next_group(&mut self) -> Result<Option<GroupConsumer>> {
        let last = self.last;
        let group = self.state.next(|track| track.newest(last).map(Ok)).await?;
        if let Some(group) = &group {
            self.last = Some(group.info.sequence);
        }
        Ok(group)
    }

    /// Every group once, in the order in which they arrived and starting with
    /// the one that is the newest at the first call; `None` at the end of the track. Groups that were let go in
    /// the meantime are left out. Cancel safe.
    ///
    /// # Errors
    /// Why the track was aborted, after every group was returned.
    pub async fn recv_group(&mut self) -> Result<Option<GroupConsumer>> {
        let cursor = &mut self.arrival;
        let group = self
            .state
            .next(|track| {
                // Fixed by the first call, so that a reader that came before the
                // first group misses none.
                let from = *cursor.get_or_insert_with(|| track.newest_arrival());
                track.arrived(from).map(Ok)
            })
            .await?;
        Ok(group.map(|(arrival, group)| {
            self.arrival = Some(arrival + 1);
            group
        }))
    }

    /// Lets `recv_group` go on with the oldest group that is kept and that was
    /// followed by another no longer than `age` ago, instead of the newest.
    pub fn rewind(&mut self, age: Duration) {
        let now = Instant::now();
        let arrival = self
            .state
            .share()
            .peek(|track| track.arrival_by_age(age, now));
        self.arrival = Some(arrival);
    }

    /// A group that is kept.
    pub fn group(&self, sequence: u64) -> Option<GroupConsumer> {
        self.state.share().peek(|track| track.group(sequence))
    }

    /// The sequence number of the newest group.
    pub fn latest(&self) -> Option<u64> {
        self.state.share().peek(|track| track.latest())
    }

    /// The sequence number of the first group from this one on that is kept.
    pub(crate) fn first_kept(&self, from: u64) -> Option<u64> {
        self.state.share().peek(|track| {
            let kept = track.groups.iter().map(|entry| entry.group.info.sequence);
            kept.filter(|&sequence| sequence >= from).min()
        })
    }

    /// What this reader wants. A clone wants the same at first. To begin with it is
    /// [`Demand::new`] with the priority that was asked for.
    pub fn demand(&self) -> &Demand {
        &self.wants.demand
    }

    /// Changes what this reader wants. Its own groups are not filtered by that:
    /// the demand tells whoever fills the track, which may be a remote publisher,
    /// what is of use.
    pub fn set_demand(&mut self, demand: Demand) {
        self.wants.set(demand);
    }

    /// What the times of frames that have none count from.
    pub(crate) fn began(&self) -> Stamp {
        self.state.share().peek(|track| track.began)
    }

    /// Waits for the end of the track. Cancel safe.
    ///
    /// # Errors
    /// Why the track was aborted; [`Error::Cancel`] when its producers vanished.
    pub async fn closed(&self) -> Result<()> {
        self.state.ended().await
    }

    /// Whether both read the same track.
    pub fn is_clone(&self, other: &Self) -> bool {
        self.state.is_clone(&other.state)
    }

    pub(super) fn share(&self) -> SharedTrack {
        SharedTrack {
            info: self.info.clone(),
            state: self.state.share(),
        }
    }
}

/// The demand of one reader, in force until it is dropped.
struct Wants {
    track: Shared<TrackState>,
    demand: Demand,
}

impl Wants {
    fn new(track: Shared<TrackState>, demand: Demand) -> Self {
        track.revise(|track| track.demands.change(None, Some(&demand)));
        Self { track, demand }
    }

    fn set(&mut self, demand: Demand) {
        if self.demand != demand {
            let old = std::mem::replace(&mut self.demand, demand);
            let new = &self.demand;
            self.track
                .revise(|track| track.demands.change(Some(&old), Some(new)));
        }
    }
}

impl Clone for Wants {
    fn clone(&self) -> Self {
        Self::new(self.track.clone(), self.demand.clone())
    }
}

impl Drop for Wants {
    fn drop(&mut self) {
        self.track
            .revise(|track| track.demands.change(Some(&self.demand), None));
    }
}

/// A track as a broadcast keeps it: in use only while somebody reads it.
pub(super) struct SharedTrack {
    pub(super) info: Track,
    state: Shared<TrackState>,
}

impl SharedTrack {
    pub(super) fn consume(&self, priority: u8) -> TrackConsumer {
        TrackConsumer::new(self.info.clone(), self.state.consume(), priority)
    }

    pub(super) fn abort(&self, err: Error) {
        self.state.end(Err(err));
    }

    pub(super) fn is_clone(&self, other: &Self) -> bool {
        self.state.is_clone(&other.state)
    }

    pub(super) fn downgrade(&self) -> WeakTrack {
        WeakTrack {
            info: self.info.clone(),
            state: self.state.downgrade(),
        }
    }
}

/// A requested track: gone with its last handle.
pub(super) struct WeakTrack {
    info: Track,
    state: Weak<TrackState>,
}

impl WeakTrack {
    pub(super) fn upgrade(&self) -> Option<SharedTrack> {
        let state = self.state.upgrade()?;
        (!state.has_ended()).then(|| SharedTrack {
            info: self.info.clone(),
            state,
        })
    }
}
