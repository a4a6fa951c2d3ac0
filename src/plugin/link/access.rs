//! Who is let in, and to what: the token decides first, then the application.

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{sync::oneshot, time};
use url::form_urlencoded;

use super::{Context, Event};
use crate::{
    access::{Grant, Refusal},
    moq_lite::{AsPath, OriginConsumer, OriginProducer},
};

/// What a peer asks for when it comes.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::plugin) struct Visit {
    /// The root of what it wants to see, without the query.
    pub(in crate::plugin) path: String,
    pub(in crate::plugin) token: Option<String>,
    /// What it is to this element.
    pub(in crate::plugin) role: &'static str,
    pub(in crate::plugin) address: SocketAddr,
}

/// To be answered by the application.
pub(in crate::plugin) struct Question {
    pub(in crate::plugin) visit: Visit,
    pub(in crate::plugin) answer: oneshot::Sender<bool>,
}

/// What it is given.
pub(super) struct Admitted {
    pub(super) publish: Option<OriginConsumer>,
    pub(super) consume: Option<OriginProducer>,
    pub(super) expires: Option<SystemTime>,
}

/// Why it is not let in.
#[derive(Debug)]
pub(super) enum Denied {
    Token(Refusal),
    Nothing,
    Application,
    Silence,
}

impl Visit {
    /// `request` is the path and the query that the session asks for, `query` another query.
    pub(super) fn new(
        context: &Context,
        request: &str,
        query: Option<&str>,
        address: SocketAddr,
    ) -> Self {
        let (path, own) = match request.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (request, None),
        };
        let mut pairs = [own, query]
            .into_iter()
            .flatten()
            .flat_map(|query| form_urlencoded::parse(query.as_bytes()));
        let token = pairs.find(|(name, value)| name == "jwt" && !value.is_empty());
        Self {
            path: path.as_path().to_string(),
            token: token.map(|(_, value)| value.into_owned()),
            role: match context.media.publish {
                Some(_) => "subscriber",
                None => "publisher",
            },
            address,
        }
    }

    /// With this token where there is none in the path or the query.
    pub(super) fn or_token(mut self, token: Option<&str>) -> Self {
        self.token = self.token.or_else(|| token.map(str::to_owned));
        self
    }
}

/// Everything but the token.
impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit")
            .field("path", &self.path)
            .field("token", &self.token.as_ref().map(|_| "***"))
            .field("role", &self.role)
            .field("address", &self.address)
            .finish()
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visit.fmt(f)
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(refusal) => refusal.fmt(f),
            Self::Nothing => f.write_str("there is nothing for it at this path"),
            Self::Application => f.write_str("the application does not allow it"),
            Self::Silence => f.write_str("the application did not answer the signal authorize"),
        }
    }
}

/// Finds out what a peer may do.
pub(super) async fn admit(context: &Context, visit: &Visit) -> Result<Admitted, Denied> {
    let grant = grant(context, visit).map_err(Denied::Token)?;
    let mut publish = context.media.publish.clone();
    let mut consume = context.media.consume.clone();
    if let Some(grant) = &grant {
        // What is played here is what a publisher has to be allowed; what else it brings is only listed.
        let played = context.media.expected.as_ref().zip(consume.as_ref());
        let played = played.map(|(path, origin)| origin.publish_only(std::slice::from_ref(path)));
        if played.is_some_and(|origin| origin.and_then(|origin| grant.writable(&origin)).is_none())
        {
            return Err(Denied::Token(Refusal::Path));
        }
        publish = publish.and_then(|origin| grant.readable(&origin));
        consume = consume.and_then(|origin| grant.writable(&origin));
    }
    let granted = publish.is_some() || consume.is_some();
    let publish = publish.and_then(|origin| origin.with_root(&visit.path));
    let consume = consume.and_then(|origin| origin.with_root(&visit.path));
    if publish.is_none() && consume.is_none() {
        return Err(match (grant, granted) {
            (Some(_), _) => Denied::Token(Refusal::Path),
            (None, _) => Denied::Nothing,
        });
    }
    ask(context, visit).await?;
    Ok(Admitted {
        publish,
        consume,
        expires: grant.and_then(|grant| grant.expires()),
    })
}

/// What the token grants; `None` where no key is set and so everything is open.
fn grant(context: &Context, visit: &Visit) -> Result<Option<Grant>, Refusal> {
    let Some(keys) = &context.keys else {
        return Ok(None);
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let token = visit.token.as_deref().unwrap_or_default();
    keys.verify(token, now.unwrap_or_default().as_secs())
        .map(Some)
}

async fn ask(context: &Context, visit: &Visit) -> Result<(), Denied> {
    let (answer, answered) = oneshot::channel();
    let question = Question {
        visit: visit.clone(),
        answer,
    };
    let asked = async {
        context.tell(Event::Asked(question)).await;
        answered.await
    };
    match time::timeout(PATIENCE, asked).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(Denied::Application),
        Ok(Err(_)) | Err(_) => Err(Denied::Silence),
    }
}

/// Resolves when `expires` has passed, however the clock is set meanwhile.
pub(super) async fn expiry(expires: Option<SystemTime>) {
    let Some(expires) = expires else {
        return std::future::pending().await;
    };
    while let Ok(left) = expires.duration_since(SystemTime::now()) {
        time::sleep(left.min(LOOK)).await;
    }
}

/// How long the application may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(30);
