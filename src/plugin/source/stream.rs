//! A pad, and what its task is told.

use std::sync::Arc;

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{caps::Format, imp, pace::Meter, puller::Puller, run::Run};
use crate::{
    media::{Config, Kind, timeline::TrackId},
    moq_lite::BroadcastConsumer,
};

/// A pad of the element and the source of its data. Clones are the same stream.
#[derive(Clone)]
pub(super) struct Stream(Arc<Inner>);

struct Inner {
    pad: gst::Pad,
    kind: Kind,
    track: TrackId,
    /// The name of the track that it read last.
    name: Mutex<String>,
    /// The id of the stream that downstream was told of.
    shown: Mutex<String>,
    meter: Arc<Meter>,
    order: watch::Sender<Order>,
    /// Changes when it is worth trying to push again.
    link: watch::Sender<()>,
    /// The pad got its EOS.
    ended: watch::Sender<bool>,
    /// The task is to end.
    closed: watch::Sender<bool>,
}

/// What a stream is to read.
#[derive(Clone)]
pub(super) struct Order {
    /// `None` while the broadcast is away.
    pub(super) source: Option<Source>,
    /// Which stream of the collection the pad says it carries.
    pub(super) identity: gst::Stream,
    /// Change to `source` where both have a picture; else at once.
    pub(super) gently: bool,
    /// Nothing will follow: end when all was read.
    pub(super) last: bool,
}

/// A rendition of a broadcast.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) broadcast: BroadcastConsumer,
    /// The broadcast whose catalog names it: what one catalog names has one clock.
    pub(super) catalog: BroadcastConsumer,
    pub(super) track: String,
    pub(super) config: Config,
    pub(super) format: Format,
    pub(super) tags: gst::TagList,
}

impl Source {
    /// Whether both give the same samples.
    pub(super) fn is_same_track(&self, other: &Self) -> bool {
        self.track == other.track && self.broadcast.is_clone(&other.broadcast)
    }
}

impl Stream {
    /// A pad that is active, knows its caps, and is not yet the element's.
    pub(super) fn new(
        run: &Arc<Run>,
        element: &super::MoqSrc,
        number: u32,
        source: Source,
        identity: gst::Stream,
    ) -> Self {
        let kind = source.config.kind();
        let name = format!("{}_%u", kind.name());
        let template = element
            .pad_template(&name)
            .expect("there is a template for each kind");
        let link = watch::Sender::new(());
        let (relinked, reconfigured) = (link.clone(), link.clone());
        let pad = gst::Pad::builder_from_template(&template)
            .name(format!("{}_{number}", kind.name()))
            .query_function(|pad, parent, query| {
                imp::MoqSrc::catch_panic_pad_function(
                    parent,
                    || false,
                    |imp| imp.src_query(pad, query),
                )
            })
            .event_function(move |pad, parent, event| {
                imp::MoqSrc::catch_panic_pad_function(
                    parent,
                    || false,
                    |imp| {
                        if event.type_() == gst::EventType::Reconfigure {
                            reconfigured.send_replace(());
                        }
                        imp.src_event(pad, event)
                    },
                )
            })
            .build();
        pad.use_fixed_caps();
        pad.connect_linked(move |_, _| {
            relinked.send_replace(());
        });
        let id = identity.stream_id().unwrap_or_default();
        let order = Order {
            source: Some(source.clone()),
            identity: identity.clone(),
            gently: false,
            last: false,
        };
        let stream = Self(Arc::new(Inner {
            pad,
            kind,
            track: run.any_timeline().add_track(),
            name: Mutex::new(source.track.clone()),
            shown: Mutex::new(id.to_string()),
            meter: Arc::new(Meter::new()),
            order: watch::Sender::new(order),
            link,
            ended: watch::Sender::new(false),
            closed: watch::Sender::new(false),
        }));
        // An application that is told of the pad finds these on it.
        let start = gst::event::StreamStart::builder(&id)
            .group_id(run.group)
            .stream(identity)
            .build();
        let collection = run.collection.borrow().clone();
        let collection =
            collection.map(|collection| gst::event::StreamCollection::new(&collection));
        let caps = gst::event::Caps::new(&source.format.caps);
        let _ = stream.0.pad.set_active(true);
        for event in [Some(start), collection, Some(caps)].into_iter().flatten() {
            let _ = stream.0.pad.push_event(event);
        }
        stream
    }

    /// Begins to push.
    pub(super) fn start(&self, run: &Arc<Run>) -> Result<(), glib::BoolError> {
        let mut puller = Puller::new(run, self);
        self.0.pad.start_task(move || puller.iterate())
    }

    /// Ends the task and takes the pad from the element.
    pub(super) fn dispose(&self, element: &super::MoqSrc) {
        self.close();
        let pad = &self.0.pad;
        let _ = pad.set_active(false);
        let _ = pad.stop_task();
        if pad.parent().as_ref() == Some(element.upcast_ref()) {
            let _ = element.remove_pad(pad);
        }
    }

    pub(super) fn pad(&self) -> &gst::Pad {
        &self.0.pad
    }

    pub(super) fn kind(&self) -> Kind {
        self.0.kind
    }

    pub(super) fn track(&self) -> TrackId {
        self.0.track
    }

    /// What it reads now.
    pub(super) fn source(&self) -> Option<Source> {
        self.0.order.borrow().source.clone()
    }

    /// Whether it was told that nothing will follow.
    pub(super) fn is_last(&self) -> bool {
        self.0.order.borrow().last
    }

    /// The track that it reads, or read before the broadcast went away.
    pub(super) fn track_name(&self) -> String {
        self.0.name.lock().clone()
    }

    /// Tells the task what to read from now on: `gently` where what it reads now has a counterpart
    /// in it.
    pub(super) fn give(&self, source: Source, identity: gst::Stream, gently: bool) {
        self.0.name.lock().clone_from(&source.track);
        self.0.order.send_modify(|order| {
            order.source = Some(source);
            order.identity = identity;
            order.gently = gently;
        });
    }

    /// Tells the task that there is nothing to read until it is given something.
    pub(super) fn take_away(&self) {
        self.0.order.send_modify(|order| order.source = None);
    }

    /// Tells the task that nothing will follow what it reads now.
    pub(super) fn finish(&self) {
        self.0.order.send_modify(|order| order.last = true);
    }

    /// Tells the task to end at once: nobody wants to have more.
    pub(super) fn dismiss(&self) {
        self.0.order.send_modify(|order| {
            order.source = None;
            order.last = true;
        });
    }

    /// Which stream of the collection the pad is to carry.
    pub(super) fn identity(&self) -> gst::Stream {
        self.0.order.borrow().identity.clone()
    }

    /// Whether the pad carries what it was told to, or nobody takes it anyway.
    pub(super) fn is_settled(&self) -> bool {
        let wanted = self.identity().stream_id().unwrap_or_default();
        *self.0.shown.lock() == wanted || !self.0.pad.is_linked()
    }

    /// Downstream was told that the pad carries this stream.
    pub(super) fn set_shown(&self, identity: &gst::Stream) {
        *self.0.shown.lock() = identity.stream_id().unwrap_or_default().to_string();
    }

    pub(super) fn meter(&self) -> &Arc<Meter> {
        &self.0.meter
    }

    pub(super) fn orders(&self) -> watch::Receiver<Order> {
        self.0.order.subscribe()
    }

    pub(super) fn links(&self) -> watch::Receiver<()> {
        self.0.link.subscribe()
    }

    /// Wakes the task for the last time.
    pub(super) fn close(&self) {
        self.0.closed.send_replace(true);
    }

    pub(super) fn closed(&self) -> watch::Receiver<bool> {
        self.0.closed.subscribe()
    }

    pub(super) fn set_ended(&self) {
        self.0.ended.send_replace(true);
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.0.ended.borrow()
    }
}
