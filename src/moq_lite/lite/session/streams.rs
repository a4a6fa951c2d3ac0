//! Streams with the codes and the order of their version.

use web_transport_trait::Session;

use super::order;
use crate::moq_lite::{Result, coding::Stream, lite::Version};

/// Opens a stream for a request.
pub(super) async fn open<S: Session>(
    transport: &S,
    version: Version,
) -> Result<Stream<S, Version>> {
    Stream::open(transport, version)
        .await
        .map(|stream| dress(stream, version))
}

/// Waits for a request of the peer.
pub(super) async fn accept<S: Session>(
    transport: &S,
    version: Version,
) -> Result<Stream<S, Version>> {
    Stream::accept(transport, version)
        .await
        .map(|stream| dress(stream, version))
}

fn dress<S: Session>(stream: Stream<S, Version>, version: Version) -> Stream<S, Version> {
    let mut stream = stream.with_codes(version.stream_code());
    stream.writer.set_priority(order::CONTROL);
    stream
}
