//! Gives out what is kept of a track to a peer that asks for its past.

use bytes::BytesMut;
use web_transport_trait::Session;

use super::{codes::refused, serve::now};
use crate::moq_lite::{
    Error, FrameConsumer, GroupConsumer, Result, TrackConsumer,
    coding::{Encode, Writer},
    ietf::{FetchHeader, GroupOrder, Location, ObjectStatus, RequestId, Version},
    order,
};

/// The objects that answer one request.
pub(super) struct Past {
    parts: Vec<Part>,
}

/// Some objects of one group.
struct Part {
    group: GroupConsumer,
    first: u64,
    /// The object after the last.
    end: u64,
}

/// The most groups that are given out at once.
const MAX_GROUPS: u64 = 256;

impl Past {
    /// What is kept and complete from `start` until before `end`, whose object 0 stands
    /// for the whole group.
    ///
    /// # Errors
    /// Why there is nothing, for programs and for people.
    pub(super) fn find(
        track: &TrackConsumer,
        start: Location,
        end: Location,
        group_order: GroupOrder,
    ) -> std::result::Result<Self, (u64, &'static str)> {
        let nothing = (refused::NO_OBJECTS, "none of these objects is kept");
        let last = track.latest().ok_or(nothing)?.min(end.group);
        if last.checked_sub(start.group).ok_or(nothing)? >= MAX_GROUPS {
            let too_many = "these are more groups than are given out at once";
            return Err((refused::INVALID_RANGE, too_many));
        }
        let parts = (start.group..=last).filter_map(|sequence| {
            let group = track.group(sequence)?;
            let first = if sequence == start.group {
                start.object
            } else {
                0
            };
            let bound = (sequence == end.group && end.object > 0).then_some(end.object);
            let end = there(group.clone(), bound);
            (first < end).then_some(Part { group, first, end })
        });
        let mut parts: Vec<_> = parts.collect();
        if parts.is_empty() {
            return Err(nothing);
        }
        if group_order == GroupOrder::Descending {
            parts.reverse();
        }
        Ok(Self { parts })
    }

    /// The object after the largest.
    pub(super) fn end(&self) -> Location {
        let ends = self.parts.iter().map(|part| Location {
            group: part.group.info.sequence,
            object: part.end,
        });
        ends.max().unwrap_or(Location {
            group: 0,
            object: 0,
        })
    }

    /// Sends the objects on a stream of their own.
    pub(super) async fn send<S: Session>(
        self,
        transport: S,
        version: Version,
        request_id: RequestId,
        priority: u8,
    ) -> Result<()> {
        let stream = transport.open_uni().await.map_err(Error::from_transport)?;
        let mut writer = Writer::new(stream, version);
        writer.set_priority(order::of_fetch(255 - priority));
        let mut head = BytesMut::new();
        FetchHeader::TYPE.encode(&mut head, version)?;
        FetchHeader { request_id }.encode(&mut head, version)?;
        for Part {
            mut group,
            first,
            end,
        } in self.parts
        {
            for object in 0..end {
                let frame = group.next_frame().await?.ok_or(Error::Old)?;
                if object < first {
                    continue;
                }
                group.info.sequence.encode(&mut head, version)?;
                0u64.encode(&mut head, version)?; // the subgroup
                object.encode(&mut head, version)?;
                priority.encode(&mut head, version)?;
                0u64.encode(&mut head, version)?; // no extensions
                send_frame(&mut writer, &mut head, frame, version).await?;
            }
        }
        if !head.is_empty() {
            writer.write_chunk(head.freeze()).await?;
        }
        writer.finish()?;
        writer.closed().await
    }
}

/// How many frames of a group can be read without waiting, up to `bound`.
fn there(mut group: GroupConsumer, bound: Option<u64>) -> u64 {
    let mut count = 0;
    while bound.is_none_or(|bound| count < bound)
        && let Some(Ok(Some(mut frame))) = now(group.next_frame())
        && let Some(Ok(_)) = now(frame.read_chunks())
    {
        count += 1;
    }
    count
}

async fn send_frame<W: web_transport_trait::SendStream>(
    writer: &mut Writer<W, Version>,
    head: &mut BytesMut,
    mut frame: FrameConsumer,
    version: Version,
) -> Result<()> {
    let size = frame.info.size;
    size.encode(head, version)?;
    if size == 0 {
        return Ok(ObjectStatus::Normal.number().encode(head, version)?);
    }
    writer.write_chunk(head.split().freeze()).await?;
    while let Some(chunk) = frame.read_chunk().await? {
        writer.write_chunk(chunk).await?;
    }
    Ok(())
}
