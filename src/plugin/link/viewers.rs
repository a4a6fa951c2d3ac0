//! The sessions that peers have opened: how many there may be, and what is known of each.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::Limits;
use crate::{moq_lite::Session, net};

/// One peer that was let in.
pub(in crate::plugin) struct Viewer {
    pub(in crate::plugin) id: u64,
    pub(super) address: SocketAddr,
    pub(super) path: String,
    pub(super) carrier: net::Carrier,
    pub(super) since: Instant,
    pub(super) transport: net::Transport,
    pub(super) session: Arc<Session>,
}

impl Viewer {
    /// What an application is told of it.
    pub(in crate::plugin) fn structure(&self) -> gst::Structure {
        let stats = self.session.stats();
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        gst::Structure::builder("moq-viewer")
            .field("id", self.id)
            .field("address", self.address.to_string())
            .field("path", &self.path)
            .field("version", self.session.version_name())
            .field("transport", self.carrier.name())
            .field("connected-for", nanos(self.since.elapsed()))
            .field(
                "subscriptions",
                u32::try_from(stats.tracks.len()).unwrap_or(u32::MAX),
            )
            .field("groups", stats.sent.groups + stats.received.groups)
            .field("frames", stats.sent.frames + stats.received.frames)
            .field("bytes", stats.sent.bytes + stats.received.bytes)
            .field("skipped-groups", stats.sent.old + stats.received.old)
            .field("bytes-sent", stats.bytes_sent.unwrap_or(0))
            .field("packets-lost", stats.packets_lost.unwrap_or(0))
            .field("rtt", stats.rtt.map_or(0, nanos))
            .field("send-bitrate", stats.send_rate.unwrap_or(0))
            .build()
    }
}

/// All of them.
#[derive(Clone, Default)]
pub(in crate::plugin) struct Viewers(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    last_id: u64,
    places: usize,
    hosts: HashMap<net::Host, usize>,
    present: BTreeMap<u64, Arc<Viewer>>,
    /// What each was told that it may have under way.
    window: u64,
}

impl State {
    /// Divides what may be under way among those that are here.
    fn share(&mut self, limits: &Limits) {
        let window = limits.send_window(self.present.len());
        if window != self.window {
            self.window = window;
            for viewer in self.present.values() {
                viewer.transport.set_send_window(window);
            }
        }
    }
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    All,
    Host,
}

impl Viewers {
    /// Takes one of the places that there are for sessions, for as long as what is returned lives.
    pub(super) fn enter(&self, address: SocketAddr, limits: &Limits) -> Result<Place, Full> {
        let host = net::Host::from(address.ip());
        let mut state = self.0.lock();
        if state.places >= limits.sessions {
            return Err(Full::All);
        }
        let places = state.hosts.entry(host).or_default();
        if *places >= limits.sessions_per_address {
            return Err(Full::Host);
        }
        *places += 1;
        state.places += 1;
        let viewers = self.clone();
        Ok(Place { viewers, host })
    }

    /// A number that none had before.
    pub(super) fn next_id(&self) -> u64 {
        let mut state = self.0.lock();
        state.last_id += 1;
        state.last_id
    }

    /// Lists a viewer for as long as what is returned lives; with it the bytes that each may have under way now.
    pub(super) fn list(&self, viewer: Arc<Viewer>, limits: &Limits) -> (Listed, u64) {
        let id = viewer.id;
        let mut state = self.0.lock();
        let transport = viewer.transport.clone();
        state.present.insert(id, viewer);
        state.share(limits);
        let window = state.window;
        transport.set_send_window(window);
        drop(state);
        let listed = Listed {
            viewers: self.clone(),
            limits: *limits,
            id,
        };
        (listed, window)
    }

    /// What is known of each, the first that came first.
    pub(in crate::plugin) fn structures(&self) -> Vec<gst::Structure> {
        let present: Vec<_> = self.0.lock().present.values().cloned().collect();
        present.iter().map(|viewer| viewer.structure()).collect()
    }
}

/// A place among the sessions.
pub(super) struct Place {
    viewers: Viewers,
    host: net::Host,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.viewers.0.lock();
        state.places -= 1;
        if let Entry::Occupied(mut places) = state.hosts.entry(self.host) {
            *places.get_mut() -= 1;
            if *places.get() == 0 {
                places.remove();
            }
        }
    }
}

/// A line in the list.
pub(super) struct Listed {
    viewers: Viewers,
    limits: Limits,
    id: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut state = self.viewers.0.lock();
        let viewer = state.present.remove(&self.id);
        state.share(&self.limits);
        drop(state);
        drop(viewer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_is_shared() {
        let limits = Limits {
            bytes_in_flight: 64 << 20,
            ..Limits::default()
        };
        let windows = [0, 1, 8, 9, 100, 100_000].map(|sessions| limits.send_window(sessions));
        let mib = 1 << 20;
        assert_eq!(
            windows,
            [8 * mib, 8 * mib, 8 * mib, 4 * mib, mib / 2, 64 << 10]
        );
    }

    #[test]
    fn places_are_counted_for_all_and_for_each_host() {
        let limits = Limits {
            sessions: 3,
            sessions_per_address: 2,
            ..Limits::default()
        };
        let viewers = Viewers::default();
        let enter = |host: u8| viewers.enter(SocketAddr::from(([192, 0, 2, host], 1)), &limits);
        let first = enter(1).ok();
        let _second = enter(1).ok();
        assert_eq!(enter(1).err(), Some(Full::Host));
        let third = enter(2).ok();
        assert_eq!(enter(3).err(), Some(Full::All));
        drop(first);
        let _fourth = enter(1).ok();
        assert_eq!(enter(1).err(), Some(Full::All));
        drop(third);
        assert_eq!(enter(1).err(), Some(Full::Host));
        assert!(enter(2).is_ok());
    }
}
