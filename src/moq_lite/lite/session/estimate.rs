//! Asks the peer how much it could send.

use web_transport_trait::Session;

use super::{incoming::Shared, publisher::Publisher, streams};
use crate::moq_lite::{
    Result,
    lite::{ControlType, Probe, ProbeLevel},
};

/// Keeps the peer's reports in the status of the session, if it makes any. Returns
/// when there will be no more.
pub(super) async fn follow<S: Session>(session: &Publisher<S>, shared: &Shared<S>) {
    if shared.probe_level().await == ProbeLevel::None {
        return;
    }
    let result = reports(session).await;
    tracing::debug!(?result, "no more reports of what the peer could send");
    session.status.set_receive_rate(None);
}

async fn reports<S: Session>(session: &Publisher<S>) -> Result<()> {
    let mut stream = streams::open(&session.transport, session.version).await?;
    stream.writer.encode(&ControlType::Probe).await?;
    while let Some(report) = stream.reader.decode_maybe::<Probe>().await? {
        session.status.set_receive_rate(report.bitrate);
    }
    Ok(())
}
