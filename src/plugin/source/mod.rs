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
//! For a recording without holes, `skip-policy=none` keeps what comes late, and begins with the keyframe before:
//!
//! ```console
//! gst-launch-1.0 -e moqsrc url=http://localhost:4443 broadcast=cam skip-policy=none ! h264parse ! mp4mux ! filesink location=cam.mp4
//! ```
//!
//! ## Time
//!
//! All pads share one mapping from the publisher's time to running time: what comes fastest is due at once, and
//! everything `latency` later, so that what took longer has that much time. The mapping follows the drift of the clocks,
//! and jumps, with DISCONT, where the publisher's time does. A viewer that joins in the middle of a group gets it from
//! its keyframe on; the segment begins at the live edge, so that what lies before is decoded and not shown.
//!
//! With `skip-policy=live`, a group that comes later than sinks wait for is left for a newer one as soon as there is one:
//! the next buffer has DISCONT, a GAP event precedes it, and a QoS message of the pad tells of each sample that was
//! refused. With `skip-policy=none` nothing is left out that arrives within 5 seconds: the segment begins at the first
//! keyframe instead of the live edge, the backlog is moved behind the start of the pipeline as a whole, and the mapping stays
//! as it is. What is shown is then behind by up to the length of a group.
//!
//! The 100 ms that `latency` is by default are enough for a packet in a hundred to be lost and sent again over a round trip of
//! 50 ms without a picture being late; on a loopback interface or a studio network, 20 to 50 ms do.
//!
//! With `max-latency` above `latency`, the latency in effect follows the jitter in between, and a LATENCY message tells
//! when it changes.
//!
//! Buffers of H.264 and H.265 have decoding times also where the publisher sends none, buffers of Opus the duration that
//! their packet says. When the catalog has a clock, buffers carry a `GstReferenceTimestampMeta` with the caps
//! `timestamp/x-unix`: nanoseconds since 1970 at which the sample was taken. Pads that are not video get a GAP event when
//! nothing comes for half a second.
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
//! | `late` | uint64 | samples that were left out because they came too late, each with the rest of its group |
//! | `latency` | uint64 | the latency in effect, in nanoseconds |

mod adapt;
mod caps;
mod feed;
mod follow;
mod imp;
mod latency;
mod lineup;
mod output;
mod pace;
mod puller;
mod run;
mod select;
mod stream;
mod tags;
mod times;
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
