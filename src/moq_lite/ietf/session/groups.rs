//! Accepts the peer's streams and finds out what they belong to.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinSet, time::timeout};
use web_transport_trait::Session;

use super::{receive::Incoming, table::Table};
use crate::moq_lite::{
    Error, Result,
    coding::{Decode, DecodeError, Reader},
    ietf::{Datagram, FetchHeader, GroupFlags, GroupHeader, Version},
};

/// The most streams that are held because nothing is known of their track yet.
const MAX_HELD: usize = 256;

/// How long a stream is held. Its sender is stopped by flow control.
const HELD: Duration = Duration::from_secs(5);

/// Returns when the transport is gone. A stream that makes no sense is refused
/// and ends nothing else, although the draft would end the session for some.
pub(super) async fn accept<S: Session>(
    transport: &S,
    version: Version,
    table: &Arc<Table<S>>,
) -> Error {
    let held = Arc::new(Semaphore::new(MAX_HELD));
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            stream = transport.accept_uni() => match stream {
                Ok(stream) => {
                    let reader = Reader::new(stream, version);
                    streams.spawn(dispatch(reader, table.clone(), held.clone()));
                }
                Err(err) => return Error::from_transport(err),
            },
            Some(_) = streams.join_next() => {}
        }
    }
}

/// Hands over datagrams for as long as the transport has any, and never returns. What
/// makes no sense is lost like any other.
pub(super) async fn accept_datagrams<S: Session>(
    transport: &S,
    version: Version,
    table: &Table<S>,
) -> Error {
    while let Ok(mut bytes) = transport.recv_datagram().await {
        match Datagram::decode(&mut bytes, version) {
            Ok(datagram) => table.datagram(datagram),
            Err(err) => tracing::debug!(%err, "datagram dropped"),
        }
    }
    std::future::pending().await
}

async fn dispatch<S: Session>(
    mut reader: Reader<S::RecvStream, Version>,
    table: Arc<Table<S>>,
    held: Arc<Semaphore>,
) {
    // Held from the first byte, so that silent streams count.
    let Ok(_place) = held.try_acquire() else {
        return reader.abort(&Error::TooLarge);
    };
    match timeout(HELD, header(&mut reader)).await {
        // A stream that is not taken in time is dropped, which refuses it.
        Ok(Ok(header)) => {
            let _ = timeout(HELD, table.group(Incoming { header, reader })).await;
        }
        Ok(Err(err)) => {
            tracing::debug!(%err, "stream refused");
            reader.abort(&err);
        }
        Err(_) => reader.abort(&Error::Timeout),
    }
}

async fn header<R: web_transport_trait::RecvStream>(
    reader: &mut Reader<R, Version>,
) -> Result<GroupHeader> {
    match reader.decode_peek::<u64>().await? {
        GroupFlags::START..=GroupFlags::END => reader.decode().await,
        // Nothing is fetched here.
        FetchHeader::TYPE => Err(Error::UnexpectedStream),
        id => Err(DecodeError::InvalidMessage(id).into()),
    }
}
