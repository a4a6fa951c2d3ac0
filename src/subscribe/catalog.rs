//! What a broadcast says it has.

use std::future;

use bytes::Bytes;

use super::Error;
use crate::{
    media::{Catalog, catalog},
    moq_lite::{self, BroadcastConsumer, GroupConsumer, Track, TrackConsumer},
};

/// Follows the catalog of a broadcast.
pub struct CatalogReader {
    track: TrackConsumer,
    group: Option<GroupConsumer>,
    end: Option<moq_lite::Result<()>>,
}

impl CatalogReader {
    /// Asks for the catalog.
    pub fn new(broadcast: &BroadcastConsumer) -> Self {
        let track = Track {
            name: catalog::TRACK.into(),
            priority: catalog::PRIORITY,
        };
        Self {
            track: broadcast.subscribe_track(&track),
            group: None,
            end: None,
        }
    }

    /// The newest catalog that was not read yet; `None` when the publisher ended the broadcast.
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error::Media`] for a catalog that cannot be read; a later one may be good.
    pub async fn next(&mut self) -> Result<Option<Catalog>, Error> {
        loop {
            let frame = match (&mut self.group, &self.end) {
                (None, Some(end)) => return Ok(end.clone().map(|()| None)?),
                (Some(group), Some(_)) => group.read_frame().await,
                (group, None) => tokio::select! {
                    biased;
                    next = self.track.next_group() => {
                        match next {
                            Ok(Some(next)) => self.group = Some(next),
                            Ok(None) => self.end = Some(Ok(())),
                            Err(err) => self.end = Some(Err(err)),
                        }
                        continue;
                    }
                    frame = read_some(group) => frame,
                },
            };
            // Only the first frame of a group is a whole catalog.
            self.group = None;
            if let Ok(Some(json)) = frame {
                return Ok(Some(Catalog::from_slice(&json)?));
            }
        }
    }
}

async fn read_some(group: &mut Option<GroupConsumer>) -> moq_lite::Result<Option<Bytes>> {
    match group {
        Some(group) => group.read_frame().await,
        None => future::pending().await,
    }
}
