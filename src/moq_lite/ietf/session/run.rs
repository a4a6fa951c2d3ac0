//! The life of a session after its version is agreed on.

use std::{pin::Pin, sync::Arc};

use tokio::sync::{mpsc, oneshot};
use web_transport_trait::{RecvStream, Session};

use super::{
    announcer::Announcer,
    credit::{Credit, INITIAL_MAX_REQUEST_ID},
    groups,
    outbox::Outbox,
    publisher::Publisher,
    subscriber::Subscriber,
    table::Table,
};
use crate::moq_lite::{
    Error, Origin, PathOwned, Result,
    coding::{Reader, Stream},
    farewell,
    ietf::{
        Control, GoAway, MaxRequestId, ParameterBytes, ParameterVarInt, Parameters, RequestId,
        Version,
    },
    redact,
    roles::Roles,
    status::Status,
};

/// What a session starts with.
pub(crate) struct Start<S: Session> {
    pub(crate) transport: S,
    /// The stream of SETUP, which every session has.
    pub(crate) stream: Option<Stream<S, Version>>,
    pub(crate) roles: Roles,
    /// Broadcasts that are wanted even where the peer announces none.
    pub(crate) expect: Vec<PathOwned>,
    pub(crate) version: Version,
    /// The peer allows requests below this number.
    pub(crate) peer_max_request_id: u64,
    pub(crate) status: Arc<Status>,
}

/// The work of a session. It ends with the reason.
pub(crate) type Driver = Pin<Box<dyn Future<Output = Error> + Send>>;

/// What SETUP says of this side.
pub(crate) fn parameters() -> Parameters {
    let mut parameters = Parameters::default();
    parameters.set_varint(ParameterVarInt::MaxRequestId, INITIAL_MAX_REQUEST_ID);
    let name = env!("CARGO_PKG_NAME");
    parameters.set_bytes(ParameterBytes::Implementation, name.into());
    parameters
}

/// The work of a session. What is returned beside it resolves at once: nothing in this protocol says that
/// the first announcements are complete.
pub(crate) fn run<S: Session>(start: Start<S>) -> (Driver, oneshot::Receiver<()>) {
    let Start {
        transport,
        stream,
        roles,
        expect,
        version,
        peer_max_request_id,
        status,
    } = start;
    let client = !status.is_server();
    let (ready, announced) = oneshot::channel();
    let (outbox, outgoing) = Outbox::new(version, client, peer_max_request_id);
    let table = Arc::new(Table::new());
    let subscriber = Subscriber::new(
        outbox.clone(),
        table.clone(),
        roles.consume,
        expect,
        status.clone(),
    );
    let publish = roles.publish.unwrap_or_else(|| Origin::produce().consumer);
    let announcer = Announcer::new(outbox.clone(), publish.clone());
    let publisher = Publisher::new(
        transport.clone(),
        version,
        publish,
        outbox.clone(),
        status.clone(),
    );

    let (to_announcer, for_announcer) = mpsc::unbounded_channel();
    let (to_publisher, for_publisher) = mpsc::unbounded_channel();
    let (to_subscriber, for_subscriber) = mpsc::unbounded_channel();
    let incoming = Incoming {
        outbox: outbox.clone(),
        credit: Credit::new(!client, INITIAL_MAX_REQUEST_ID),
        status: status.clone(),
        to_announcer,
        to_publisher,
        to_subscriber,
    };
    let driver = async move {
        drop(ready);
        let Some(Stream { writer, reader }) = stream else {
            return Error::ProtocolViolation;
        };
        let write = async {
            let err = outgoing.write(writer).await;
            farewell::reason(&transport, err).await
        };
        let read = async {
            let err = incoming.read(reader).await;
            farewell::reason(&transport, err).await
        };
        tokio::select! {
            // What was read is handled before more is read.
            biased;
            err = subscriber.run(for_subscriber) => err,
            err = publisher.run(for_publisher) => err,
            err = announcer.run(for_announcer) => err,
            err = write => err,
            err = groups::accept(&transport, version, &table) => err,
            err = groups::accept_datagrams(&transport, version, &table) => err,
            err = read => err,
            err = leave(outbox, status) => err,
        }
    };
    (Box::pin(driver), announced)
}

/// Says GOAWAY when the application wants it. The session goes on.
async fn leave(outbox: Outbox, status: Arc<Status>) -> Error {
    let uri = status.leaving().await;
    outbox.answer(&GoAway {
        new_session_uri: uri.into(),
    });
    std::future::pending().await
}

/// Reads the control stream.
struct Incoming {
    outbox: Outbox,
    credit: Credit,
    status: Arc<Status>,
    to_announcer: mpsc::UnboundedSender<Control>,
    to_publisher: mpsc::UnboundedSender<Control>,
    to_subscriber: mpsc::UnboundedSender<Control>,
}

impl Incoming {
    async fn read<R: RecvStream>(mut self, mut reader: Reader<R, Version>) -> Error {
        loop {
            let result = match reader.decode_maybe::<Control>().await {
                Ok(Some(message)) => self.dispatch(message),
                // The control stream lives as long as the session.
                Ok(None) => Err(Error::Cancel),
                Err(err) => Err(err),
            };
            if let Err(err) = result {
                return err;
            }
            // So that a flood of messages is handled as it comes.
            tokio::task::yield_now().await;
        }
    }

    fn dispatch(&mut self, message: Control) -> Result<()> {
        if let Some(id) = request(&message)
            && let Some(limit) = self.credit.take(id)?
        {
            let request_id = RequestId(limit);
            self.outbox.answer(&MaxRequestId { request_id });
        }
        let to = match message {
            Control::MaxRequestId(message) => return self.outbox.allow(message.request_id.0),
            Control::RequestsBlocked(message) => {
                tracing::debug!(limit = %message.request_id, "the peer would make more requests");
                return Ok(());
            }
            Control::GoAway(message) => {
                let uri = redact::without_query(&message.new_session_uri);
                tracing::info!(uri, "the peer is going away");
                return self.status.goaway(message.new_session_uri.into_owned());
            }
            Control::PublishNamespaceOk(_)
            | Control::PublishNamespaceError(_)
            | Control::PublishNamespaceCancel(_) => &self.to_announcer,
            Control::Subscribe(_)
            | Control::SubscribeUpdate(_)
            | Control::Unsubscribe(_)
            | Control::TrackStatus(_)
            | Control::Fetch(_)
            | Control::FetchCancel(_)
            | Control::SubscribeNamespace(_)
            | Control::UnsubscribeNamespace(_) => &self.to_publisher,
            Control::PublishNamespace(_)
            | Control::PublishNamespaceDone(_)
            | Control::Publish(_)
            | Control::PublishDone(_)
            | Control::SubscribeOk(_)
            | Control::SubscribeError(_)
            | Control::SubscribeNamespaceOk(_)
            | Control::SubscribeNamespaceError(_) => &self.to_subscriber,
            // Answers to requests that are never made here.
            Control::PublishOk(_)
            | Control::PublishError(_)
            | Control::FetchOk(_)
            | Control::FetchError(_)
            | Control::TrackStatusOk(_)
            | Control::TrackStatusError(_) => {
                tracing::debug!(?message, "unexpected answer");
                return Ok(());
            }
        };
        to.send(message).map_err(|_| Error::Cancel)
    }
}

/// The number of a request; nothing for other messages.
fn request(message: &Control) -> Option<RequestId> {
    match message {
        Control::Subscribe(message) => Some(message.request_id),
        Control::SubscribeUpdate(message) => Some(message.request_id),
        Control::PublishNamespace(message) => Some(message.request_id),
        Control::SubscribeNamespace(message) => Some(message.request_id),
        Control::TrackStatus(message) => Some(message.request_id),
        Control::Fetch(message) => Some(message.request_id),
        Control::Publish(message) => Some(message.request_id),
        _ => None,
    }
}
