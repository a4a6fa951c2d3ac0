//! Paths below a root that the transport has no place for.
//!
//! A WebTransport request carries the path of the URL, and the server takes it as the root of all
//! paths. Raw QUIC has no such field, so the root is put before each path here.

use std::convert::Infallible;

use super::Media;
use crate::moq_lite::{AsPath, Origin, OriginConsumer, OriginProducer, Path};

/// What a session is given, and what is copied between it and the element.
pub(super) struct Rooted {
    pub(super) publish: Option<OriginConsumer>,
    pub(super) consume: Option<OriginProducer>,
    copies: Vec<(OriginConsumer, OriginProducer)>,
}

impl Rooted {
    pub(super) fn new(media: &Media, root: &str) -> Self {
        let root = root.as_path();
        if root.is_empty() {
            return Self {
                publish: media.publish.clone(),
                consume: media.consume.clone(),
                copies: Vec::new(),
            };
        }
        let mut copies = Vec::new();
        let publish = media.publish.clone().map(|ours| {
            let theirs = Origin::produce();
            copies.extend(below(&theirs.producer, &root).map(|theirs| (ours, theirs)));
            theirs.consumer
        });
        // Where everything is copied, what is wanted besides comes along.
        let besides = media.besides.as_ref().map(|besides| besides.origin.clone());
        let consume = media.consume.clone().map(|ours| {
            let ours = besides.unwrap_or(ours);
            let theirs = Origin::produce();
            copies.extend(
                theirs
                    .consumer
                    .with_root(&root)
                    .map(|theirs| (theirs, ours)),
            );
            theirs.producer
        });
        Self {
            publish,
            consume,
            copies,
        }
    }

    /// Copies announcements for as long as it is polled. A broadcast takes itself out when it ends.
    pub(super) async fn forward(self) -> Infallible {
        let mut copies = self.copies.into_iter().map(copy);
        match (copies.next(), copies.next()) {
            (Some(first), Some(second)) => tokio::join!(first, second),
            (Some(only), None) => (only.await, ()),
            _ => ((), ()),
        };
        std::future::pending().await
    }
}

fn below(origin: &OriginProducer, root: &Path<'_>) -> Option<OriginProducer> {
    origin.with_root(root)
}

async fn copy((mut from, to): (OriginConsumer, OriginProducer)) {
    while let Some((path, broadcast)) = from.announced().await {
        if let Some(broadcast) = broadcast {
            to.publish_broadcast(path, broadcast);
        }
    }
}
