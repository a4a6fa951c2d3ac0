//! `moqsrc`: plays a broadcast.
//!
//! SECTION:element-moqsrc
//!
//! Reads a broadcast from a relay or from a peer, and gives each of its renditions a pad: `video_0`,
//! `video_1`, then `audio_0` and so on. It is a live source: the newest picture is shown `latency`
//! after it arrived at the earliest, and audio and video stay in step however late each starts.
//!
//! ## Example pipelines
//!
//! With a publisher in another terminal, such as
//!
//! ```console
//! gst-launch-1.0 videotestsrc is-live=true ! x264enc tune=zerolatency key-int-max=60 ! moqsink listen=localhost:4443 broadcast=cam
//! ```
//!
//! this shows its picture:
//!
//! ```console
//! gst-launch-1.0 moqsrc url=http://localhost:4443 broadcast=cam ! decodebin ! autovideosink
//! ```
//!
//! and this records it until it is interrupted:
//!
//! ```console
//! gst-launch-1.0 -e moqsrc url=http://localhost:4443 broadcast=cam ! h264parse ! matroskamux ! filesink location=cam.mkv
//! ```
//!
//! ## Messages
//!
//! Progress with the code `connect` tells of the connection, with the code `broadcast` of the search
//! for the broadcast. What heals by itself, and what is left out because no decoder would know it,
//! is a warning.
//!
//! ## The end
//!
//! When the publisher ends its broadcast, every pad gets EOS. When the broadcast merely vanishes,
//! the pads stay and go on when it returns, unless `wait-for-broadcast` is off.
//!
//! ## Statistics
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `sessions` | uint | sessions that are open |
//! | `sessions-total` | uint64 | sessions that were opened in this run |
//! | `connect-failures` | uint64 | attempts to connect that failed in this run |
//! | `transport` | string | what carries the newest session: `quic`, `webtransport` or `websocket`; null before the first |
//! | `buffers` | uint64 | buffers that were pushed in this run |
//! | `bytes` | uint64 | bytes in them |
//! | `skipped-groups` | uint64 | groups that were lost or came too late |

mod adapt;
mod caps;
mod feed;
mod follow;
mod imp;
mod lineup;
mod output;
mod pace;
mod puller;
mod run;
mod select;
mod stream;
mod tags;
mod uri;

use gst::{glib, prelude::*};

glib::wrapper! {
    /// The element.
    pub struct MoqSrc(ObjectSubclass<imp::MoqSrc>) @extends gst::Element, gst::Object, @implements gst::URIHandler;
}

/// Registers the element.
pub(super) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "moqsrc",
        gst::Rank::PRIMARY,
        MoqSrc::static_type(),
    )
}
