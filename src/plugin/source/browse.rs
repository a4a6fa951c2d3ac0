//! Which broadcasts there are: the signals, and the question.

use std::{collections::BTreeSet, time::Duration};

use gst::{
    glib::{self, subclass::Signal},
    prelude::*,
    subclass::prelude::*,
};

use super::imp::{CAT, MoqSrc};
use crate::{
    moq_lite::{AsPath, OriginConsumer, PathOwned},
    plugin::link::list,
};

/// A broadcast has come, or has gone.
pub(super) const ADDED: &str = "broadcast-added";
pub(super) const REMOVED: &str = "broadcast-removed";

/// The signals of the element.
pub(super) fn signals() -> Vec<Signal> {
    let told = |name: &str| {
        Signal::builder(name)
            .param_types([String::static_type()])
            .build()
    };
    vec![
        told(ADDED),
        told(REMOVED),
        Signal::builder("list-broadcasts")
            .param_types([String::static_type()])
            .return_type::<glib::StrV>()
            .action()
            .class_handler(|arguments| {
                let element = arguments[0].get::<super::MoqSrc>().ok()?;
                let prefix = arguments[1].get::<Option<String>>().ok()?;
                Some(element.imp().list(prefix.unwrap_or_default()).to_value())
            })
            .build(),
    ]
}

impl MoqSrc {
    /// Whether anybody wants to know of broadcasts other than the one that is played.
    pub(super) fn is_browsed(&self) -> bool {
        [ADDED, REMOVED].iter().any(|name| {
            let signal = glib::subclass::SignalId::lookup(name, super::MoqSrc::static_type());
            signal.is_some_and(|signal| {
                glib::signal::signal_has_handler_pending(&*self.obj(), signal, None, false)
            })
        })
    }

    fn list(&self, prefix: String) -> glib::StrV {
        let settings = self.settings();
        let patience = settings.shared.policy().timeout.unwrap_or(PATIENCE);
        let prefix = prefix.as_path().into_owned();
        let mut brought = match self.brought() {
            Some(brought) => paths(brought, &prefix),
            None => BTreeSet::new(),
        };
        let connect = settings.shared.plan().ok().and_then(|plan| plan.connect);
        let Some(connect) = connect else {
            if self.brought().is_none() {
                gst::warning!(
                    CAT,
                    imp = self,
                    "there is no server to ask for broadcasts: url is not set, and listen is not open before PAUSED"
                );
            }
            return strings(brought);
        };
        match list::list(connect, prefix, patience) {
            Ok(paths) => brought.extend(paths),
            Err(reason) => {
                gst::element_imp_warning!(
                    self,
                    gst::ResourceError::OpenRead,
                    ("The broadcasts cannot be listed: {reason}")
                );
            }
        }
        strings(brought)
    }
}

/// What is announced now at `prefix` and below.
fn paths(origin: OriginConsumer, prefix: &PathOwned) -> BTreeSet<String> {
    let origin = origin.consume_only(std::slice::from_ref(prefix));
    let news = origin
        .into_iter()
        .flat_map(|mut origin| std::iter::from_fn(move || origin.try_announced()));
    let there = news.filter(|(_, broadcast)| broadcast.is_some());
    there.map(|(path, _)| path.to_string()).collect()
}

fn strings(paths: BTreeSet<String>) -> glib::StrV {
    paths.into_iter().map(glib::GString::from).collect()
}

/// What is announced in a run of which somebody wants to know.
pub(super) struct Browser {
    origin: OriginConsumer,
    known: BTreeSet<String>,
}

impl Browser {
    pub(super) fn new(origin: OriginConsumer) -> Self {
        Self {
            origin,
            known: BTreeSet::new(),
        }
    }

    /// The next that has come (true) or gone. Cancel safe.
    pub(super) async fn next(&mut self) -> (PathOwned, bool) {
        while let Some((path, broadcast)) = self.origin.announced().await {
            let there = broadcast.is_some();
            let news = match there {
                true => self.known.insert(path.to_string()),
                false => self.known.remove(path.as_str()),
            };
            if news {
                return (path, there);
            }
        }
        std::future::pending().await
    }
}

/// How long a server may take to say what it has, when `timeout` says nothing.
const PATIENCE: Duration = Duration::from_secs(5);
