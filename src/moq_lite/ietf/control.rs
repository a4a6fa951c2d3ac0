//! The table of control messages: number, name, draft.

use bytes::Buf;

use super::*;
use crate::moq_lite::coding::{Decode, DecodeError};

macro_rules! table {
    ($($key:pat => $variant:ident $(<$life:lifetime>)?,)*) => {
        /// A control message of the peer.
        #[derive(Debug)]
        #[allow(dead_code)] // an answer that changes nothing is only printed
        pub(crate) enum Control {
            $($variant($variant $(<$life>)?),)*
        }

        impl Decode<Version> for Control {
            fn decode<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
                match (u64::decode(buf, version)?, version) {
                    $($key => Decode::decode(buf, version).map(Self::$variant),)*
                    (id, _) => Err(DecodeError::InvalidMessage(id)),
                }
            }
        }

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn a_row_has_the_number_of_its_message() {
                $(assert!(matches!(($variant::ID, Draft14), $key), stringify!($variant));)*
            }
        }
    };
}

use Version::Draft14;

table! {
    (0x02, Draft14) => SubscribeUpdate,
    (0x03, Draft14) => Subscribe<'static>,
    (0x04, Draft14) => SubscribeOk,
    (0x05, Draft14) => SubscribeError<'static>,
    (0x06, Draft14) => PublishNamespace<'static>,
    (0x07, Draft14) => PublishNamespaceOk,
    (0x08, Draft14) => PublishNamespaceError<'static>,
    (0x09, Draft14) => PublishNamespaceDone<'static>,
    (0x0a, Draft14) => Unsubscribe,
    (0x0b, Draft14) => PublishDone<'static>,
    (0x0c, Draft14) => PublishNamespaceCancel<'static>,
    (0x0d, Draft14) => TrackStatus<'static>,
    (0x0e, Draft14) => TrackStatusOk,
    (0x0f, Draft14) => TrackStatusError<'static>,
    (0x10, Draft14) => GoAway<'static>,
    (0x11, Draft14) => SubscribeNamespace<'static>,
    (0x12, Draft14) => SubscribeNamespaceOk,
    (0x13, Draft14) => SubscribeNamespaceError<'static>,
    (0x14, Draft14) => UnsubscribeNamespace<'static>,
    (0x15, Draft14) => MaxRequestId,
    (0x16, Draft14) => Fetch<'static>,
    (0x17, Draft14) => FetchCancel,
    (0x18, Draft14) => FetchOk,
    (0x19, Draft14) => FetchError<'static>,
    (0x1a, Draft14) => RequestsBlocked,
    (0x1d, Draft14) => Publish<'static>,
    (0x1e, Draft14) => PublishOk,
    (0x1f, Draft14) => PublishError<'static>,
}
