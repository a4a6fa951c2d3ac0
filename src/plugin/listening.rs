//! The signals of an element that serves peers.
//!
//! | signal | arguments | when |
//! |---|---|---|
//! | `authorize` | path, token, role, address | a peer asks to be let in; the answer is whether it is |
//! | `viewer-added` | id, structure | a viewer was let in |
//! | `viewer-removed` | id, structure | a viewer is gone |
//!
//! They are emitted by the element's control thread; `viewer-removed` of those that are there when the element stops, by the
//! thread that stops it.

use std::ops::ControlFlow;

use gst::{
    glib::{self, subclass::Signal},
    prelude::*,
};

use super::link::{Viewer, Visit};

const AUTHORIZE: &str = "authorize";
pub(super) const ADDED: &str = "viewer-added";
pub(super) const REMOVED: &str = "viewer-removed";

/// The question whether a peer may come in. All who are connected must agree; without any, everybody may.
pub(super) fn authorize_signal() -> Signal {
    Signal::builder(AUTHORIZE)
        .param_types([
            String::static_type(),
            String::static_type(),
            String::static_type(),
            String::static_type(),
        ])
        .return_type::<bool>()
        .run_last()
        .class_handler(|_| Some(true.to_value()))
        .accumulator(|_, _, answer| match answer.get() {
            Ok(true) => ControlFlow::Continue(answer.clone()),
            _ => ControlFlow::Break(answer.clone()),
        })
        .build()
}

/// Word of viewers that come and go.
pub(super) fn viewer_signals() -> [Signal; 2] {
    [ADDED, REMOVED].map(|name| {
        Signal::builder(name)
            .param_types([u64::static_type(), gst::Structure::static_type()])
            .build()
    })
}

/// Asks the application.
pub(super) fn authorize(element: &gst::Element, visit: &Visit) -> bool {
    element.emit_by_name(
        AUTHORIZE,
        &[
            &visit.path,
            &visit.token,
            &visit.role,
            &visit.address.to_string(),
        ],
    )
}

/// Tells of a viewer, where the element has viewers.
pub(super) fn emit(element: &gst::Element, signal: &str, viewer: &Viewer) {
    if glib::subclass::SignalId::lookup(signal, element.type_()).is_some() {
        element.emit_by_name::<()>(signal, &[&viewer.id, &viewer.structure()]);
    }
}
