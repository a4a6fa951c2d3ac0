//! What can be played: the renditions of the catalog, and the stream that each is in the eyes of an application.

use std::collections::HashSet;

use gst::prelude::*;

use super::{
    caps::Format,
    select,
    siblings::{Place, Siblings},
    stream::Source,
    tags,
};
use crate::{
    media::{Catalog, Config, Kind},
    moq_lite::BroadcastConsumer,
};

pub(super) struct Offer {
    /// Belongs to nobody: makes the ids of streams that have no pad.
    namer: gst::Pad,
    /// In the order of [`select::order`].
    renditions: Vec<Rendition>,
    /// Tracks whose broadcast is not there.
    absent: HashSet<String>,
}

pub(super) struct Rendition {
    pub(super) source: Source,
    pub(super) stream: gst::Stream,
}

/// A track that is left out, and a sentence about why.
pub(super) type Refusal = (String, String);

impl Offer {
    pub(super) fn new() -> Self {
        Self {
            namer: gst::Pad::new(gst::PadDirection::Src),
            renditions: Vec::new(),
            absent: HashSet::new(),
        }
    }

    pub(super) fn renditions(&self) -> &[Rendition] {
        &self.renditions
    }

    /// Whether the catalog has the track, but its broadcast is not there.
    pub(super) fn is_absent(&self, track: &str) -> bool {
        self.absent.contains(track)
    }

    /// Takes over the catalog of `broadcast`. True when other streams can be played now than before; with what cannot.
    pub(super) fn learn(
        &mut self,
        element: &super::MoqSrc,
        broadcast: &BroadcastConsumer,
        catalog: &Catalog,
        siblings: &Siblings,
    ) -> (bool, Vec<Refusal>) {
        let mut found: Vec<_> = catalog.renditions().collect();
        found.sort_by_cached_key(|(track, config)| select::order(track, config));
        let (mut renditions, mut refused) = (Vec::new(), Vec::new());
        self.absent.clear();
        for (track, config) in found {
            let source = Format::new(&config).map_err(Some).and_then(|format| {
                Ok(Source {
                    broadcast: self.place(broadcast, track, &config, siblings)?,
                    catalog: broadcast.clone(),
                    track: track.to_owned(),
                    tags: tags::of(&config),
                    config: config.clone(),
                    format,
                })
            });
            match source {
                Ok(source) => renditions.push(self.rendition(element, source)),
                Err(None) => {}
                Err(Some(reason)) => {
                    let kind = config.kind().name();
                    let text = format!("The {kind} track {track} is left out: {reason}");
                    refused.push((track.to_owned(), text));
                }
            }
        }
        let same = renditions.len() == self.renditions.len()
            && std::iter::zip(&renditions, &self.renditions)
                .all(|(new, old)| new.stream == old.stream);
        self.renditions = renditions;
        (!same, refused)
    }

    /// The broadcast that holds a track.
    ///
    /// # Errors
    /// Why there is none; nothing where that is not certain yet.
    fn place(
        &mut self,
        broadcast: &BroadcastConsumer,
        track: &str,
        config: &Config,
        siblings: &Siblings,
    ) -> Result<BroadcastConsumer, Option<String>> {
        match siblings.find(config.broadcast()) {
            Place::Here => Ok(broadcast.clone()),
            Place::There(sibling) => Ok(sibling),
            Place::Missing { path, awaited } => {
                self.absent.insert(track.to_owned());
                Err((!awaited)
                    .then(|| format!("it lies in the broadcast {path}, which is not there")))
            }
            Place::Outside => {
                let path = config.broadcast().unwrap_or_default();
                Err(Some(format!(
                    "it lies in the broadcast {path}, which is outside of what url leads to"
                )))
            }
        }
    }

    /// Its stream is the one of before, if that tells the same.
    fn rendition(&self, element: &super::MoqSrc, source: Source) -> Rendition {
        let mut renditions = self.renditions.iter();
        let before = renditions.find(|before| {
            before.source.track == source.track
                && before.source.format == source.format
                && before.source.tags == source.tags
        });
        if let Some(before) = before {
            let stream = before.stream.clone();
            return Rendition { source, stream };
        }
        let kind = match source.config.kind() {
            Kind::Video => gst::StreamType::VIDEO,
            Kind::Audio => gst::StreamType::AUDIO,
            Kind::Text => gst::StreamType::TEXT,
            Kind::Data => gst::StreamType::UNKNOWN,
        };
        let flags = match source.config.kind() {
            Kind::Text | Kind::Data => gst::StreamFlags::SPARSE,
            Kind::Video | Kind::Audio => gst::StreamFlags::empty(),
        };
        let id = self.namer.create_stream_id(element, Some(&source.track));
        let stream = gst::Stream::new(Some(&id), Some(&source.format.caps), kind, flags);
        stream.set_tags(Some(&source.tags));
        Rendition { source, stream }
    }
}
