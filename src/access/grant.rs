//! Paths below which may be published and subscribed to.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::moq_lite::{OriginConsumer, OriginProducer, Path, PathOwned};

/// What a token grants: prefixes of paths, from the root of all paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    claims: Claims,
    expires: Option<u64>,
}

/// `put` and `get` below `root`, put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    put: Vec<PathOwned>,
    get: Vec<PathOwned>,
}

impl Grant {
    pub(super) fn new(claims: Claims, expires: Option<u64>) -> Self {
        Self { claims, expires }
    }

    /// When it ends.
    pub fn expires(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.expires?))
    }

    /// The part of `origin` that may be read; `None` when that is nothing.
    pub fn readable(&self, origin: &OriginConsumer) -> Option<OriginConsumer> {
        origin.consume_only(&views(&self.claims.get))
    }

    /// The part of `origin` that may be published to; `None` when that is nothing.
    pub fn writable(&self, origin: &OriginProducer) -> Option<OriginProducer> {
        origin.publish_only(&views(&self.claims.put))
    }
}

impl Claims {
    /// Reads `root` with `put` and `get`, each a path or a list of paths below which everything is granted, or with
    /// `publish` and `subscribe`, each a pattern or a list of patterns. Of patterns, `path/**` and `**` are known; to take
    /// another for a prefix would grant more than it says. `None` for anything else.
    pub(super) fn parse(value: &Value) -> Option<Self> {
        let value = value.as_object()?;
        let root = match value.get("root") {
            None | Some(Value::Null) => Path::empty(),
            Some(root) => Path::new(root.as_str()?).into_owned(),
        };
        let prefixes = ["put", "get"].map(|name| value.get(name));
        let patterns = ["publish", "subscribe"].map(|name| value.get(name));
        let below = |path: &str| Some(root.join(path));
        let below_all = |pattern: &str| match pattern.strip_suffix("**") {
            Some(path) if path.is_empty() || path.ends_with('/') => {
                (!path.contains('*')).then(|| root.join(path))
            }
            _ => None,
        };
        let claims = match (prefixes, patterns) {
            ([put, get], [None, None]) => Self {
                put: list(put, below)?,
                get: list(get, below)?,
            },
            ([None, None], [publish, subscribe]) => Self {
                put: list(publish, below_all)?,
                get: list(subscribe, below_all)?,
            },
            _ => return None,
        };
        let all = claims.put.iter().chain(&claims.get);
        // Each session looks through them, also for every broadcast that comes.
        (all.count() <= MOST_PATHS).then_some(claims)
    }

    /// Whether everything in `other` is in these too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let within = |outer: &[PathOwned], inner: &[PathOwned]| {
            let covered = |path: &PathOwned| outer.iter().any(|prefix| path.has_prefix(prefix));
            inner.iter().all(covered)
        };
        within(&self.put, &other.put) && within(&self.get, &other.get)
    }
}

/// One text or a list of texts, each read by `read`.
fn list(value: Option<&Value>, read: impl Fn(&str) -> Option<PathOwned>) -> Option<Vec<PathOwned>> {
    match value {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::String(one)) => Some(vec![read(one)?]),
        Some(Value::Array(many)) => many.iter().map(|one| read(one.as_str()?)).collect(),
        Some(_) => None,
    }
}

fn views(paths: &[PathOwned]) -> Vec<Path<'_>> {
    paths.iter().map(Path::borrow).collect()
}

/// The most paths that a token may name.
const MOST_PATHS: usize = 64;
