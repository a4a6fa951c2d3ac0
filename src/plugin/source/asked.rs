//! What applications and other elements ask of the element: queries, events, its address.

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{
    imp::{CAT, MoqSrc},
    run::Selection,
    uri,
};
use crate::moq_lite::Track;

impl MoqSrc {
    /// What the application sends to the element.
    pub(super) fn event(&self, event: gst::Event) -> bool {
        if let gst::EventView::SelectStreams(select) = event.view() {
            return self.select(select);
        }
        if event.type_() != gst::EventType::Eos {
            return self.parent_send_event(event);
        }
        let Some(run) = self.run() else {
            return false;
        };
        gst::info!(CAT, imp = self, "ending on request");
        run.finish();
        if run.streams().is_empty() {
            // There is no pad that could carry the event to a sink.
            let text = "The end was asked for before the broadcast had begun";
            self.post_error_message(gst::error_msg!(gst::ResourceError::NotFound, ("{text}")));
        }
        true
    }

    /// Answers what is asked of a pad.
    pub(super) fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        self.answer(query) || gst::Pad::query_default(pad, Some(&*self.obj()), query)
    }

    /// What comes from downstream.
    pub(super) fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        use gst::EventView as View;
        match event.view() {
            // A live broadcast cannot be sought in.
            View::Seek(_) => false,
            View::Latency(latency) => {
                if let Some(run) = self.run() {
                    run.set_pipeline_latency(latency.latency().into());
                }
                true
            }
            View::Qos(_) | View::Reconfigure(_) => true,
            View::SelectStreams(select) => self.select(select),
            _ => gst::Pad::event_default(pad, Some(&*self.obj()), event),
        }
    }

    /// Answers what is asked of the element or of any pad.
    pub(super) fn answer(&self, query: &mut gst::QueryRef) -> bool {
        match query.view_mut() {
            gst::QueryViewMut::Latency(query) => {
                let set = self.settings().latency().least;
                let latency = self.run().map_or(set, |run| run.latency());
                // As long as groups are kept, what is read later is not lost.
                let most = latency.max(Track::MAX_AGE);
                let [least, most] = [latency, most].map(|time| gst::ClockTime::try_from(time).ok());
                query.set(true, least.unwrap_or_default(), most);
                true
            }
            gst::QueryViewMut::Selectable(query) => {
                query.set_selectable(true);
                true
            }
            gst::QueryViewMut::Uri(query) => {
                let settings = self.settings();
                let uri = settings.uri().or_else(|| settings.shared.identity());
                query.set_uri(uri.as_deref());
                uri.is_some()
            }
            gst::QueryViewMut::Position(query) if query.format() == gst::Format::Time => {
                let position = self.obj().current_running_time();
                query.set(position);
                position.is_some()
            }
            gst::QueryViewMut::Seeking(query) => {
                let format = query.format();
                query.set(
                    false,
                    gst::GenericFormattedValue::none_for_format(format),
                    gst::GenericFormattedValue::none_for_format(format),
                );
                true
            }
            _ => false,
        }
    }

    /// Plays these streams of the collection, and no others. The thread that follows the broadcast
    /// does it.
    fn select(&self, event: &gst::event::SelectStreams) -> bool {
        let selection = Selection {
            stream_ids: event
                .streams()
                .into_iter()
                .map(|id| id.to_string())
                .collect(),
            seqnum: event.seqnum(),
        };
        let Some(run) = self.run() else {
            return false;
        };
        let collection = run.collection.borrow().clone();
        let is_ours = collection.is_some_and(|collection| {
            let ids = collection.iter().filter_map(|stream| stream.stream_id());
            ids.into_iter()
                .any(|id| selection.stream_ids.iter().any(|wanted| *wanted == id))
        });
        gst::info!(
            CAT,
            imp = self,
            "to be played: {:?}, ours: {is_ours}",
            selection.stream_ids
        );
        if is_ours {
            run.selection.send_replace(Some(selection));
        }
        is_ours
    }
}

impl URIHandlerImpl for MoqSrc {
    const URI_TYPE: gst::URIType = gst::URIType::Src;

    fn protocols() -> &'static [&'static str] {
        &uri::PROTOCOLS
    }

    fn uri(&self) -> Option<String> {
        self.settings().uri()
    }

    fn set_uri(&self, text: &str) -> Result<(), glib::Error> {
        let element = self.obj();
        if element.current_state() > gst::State::Ready {
            let text = "The URI can only be set in state READY or NULL";
            return Err(glib::Error::new(gst::URIError::BadState, text));
        }
        let writable = |name: &str| {
            let property = element.find_property(name);
            property.filter(|property| property.flags().contains(glib::ParamFlags::WRITABLE))
        };
        let address = uri::Address::parse(text, |name| writable(name).is_some())?;
        let mut values = Vec::new();
        for (name, text) in &address.properties {
            if let Some(property) = writable(name) {
                values.push((property.name(), uri::value(&property, text)?));
            }
        }
        // All of it, or nothing.
        element.set_property("url", address.url);
        element.set_property("broadcast", address.broadcast);
        for (name, value) in values {
            element.set_property_from_value(name, &value);
        }
        Ok(())
    }
}
