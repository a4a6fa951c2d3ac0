//! The probe stream: how much the publisher could send. From 03 on.

use std::time::Duration;

use bytes::{Buf, BufMut};

use super::{Message, Version, field};
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// The publisher's report. The subscriber only opens the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// In bit/s; 0 on the wire stands for `None`.
    pub bitrate: Option<u64>,
    /// The round-trip time, in milliseconds on the wire, where 0 stands for `None`.
    /// From 04 on.
    pub rtt: Option<Duration>,
}

impl Message for Probe {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let bitrate = Some(u64::decode(buf, version)?).filter(|&bitrate| bitrate > 0);
        let rtt = if version.has_probe_rtt() {
            Some(field::take_millis(buf, version)?).filter(|rtt| !rtt.is_zero())
        } else {
            None
        };
        Ok(Self { bitrate, rtt })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.bitrate.unwrap_or(0).encode(w, version)?;
        if version.has_probe_rtt() {
            // Less than a millisecond is not the same as not known.
            let least = Duration::from_millis(1);
            let rtt = self.rtt.map_or(Duration::ZERO, |rtt| rtt.max(least));
            field::put_millis(w, rtt, version)?;
        }
        Ok(())
    }
}
