//! `moqsink`: publishes a broadcast.
//!
//! Each request pad `sink_%u` takes H.264 (`avc`, `avc3` or `byte-stream`, whole access units), raw
//! AAC, Opus, or fragmented MP4 with any number of tracks. The element publishes them as one
//! broadcast with a hang catalog, to a relay or a peer (`url`), to whoever connects (`listen`), or
//! both.
//!
//! ```text
//! gst-launch-1.0 videotestsrc is-live=true ! x264enc tune=zerolatency key-int-max=60 \
//!     ! moqsink listen=127.0.0.1:4443 broadcast=cam
//! gst-launch-1.0 filesrc location=clip.mp4 ! qtdemux name=d \
//!     moqsink name=m url=https://relay.example.com/room broadcast=clip \
//!     d.video_0 ! queue ! m.  d.audio_0 ! queue ! m.
//! ```
//!
//! # Time
//!
//! The timestamp of a sample is its running time, so all pads share one timeline. A buffer without
//! PTS is given its DTS, else the end of the buffer before it, else the running time at which it
//! arrived. What lies before the segment, and so before running time zero, is published at zero
//! where a decoder may need it (any video; sound of the second before) and dropped otherwise.
//! Timestamps are published as they come: where they jump back, viewers take it as a rewind.
//!
//! With `sync` (the default) each sample is sent when the clock reaches its running time (of its
//! DTS, where it has one) plus the pipeline's latency, so a file plays out in real time. The element
//! does not preroll: in PAUSED data waits for PLAYING.
//!
//! # The end
//!
//! EOS on a pad ends its tracks. When all pads are at EOS the element waits, for `drain-timeout` at
//! most, until viewers have the last group, then posts EOS. Data that comes after a flush begins
//! the broadcast anew.
//!
//! # Who may watch
//!
//! With `listen` everybody may, unless `auth-key` is set or the application says no.
//!
//! With `auth-key`, peers need a token: a JWT as relays take it, signed with that key, in the query of the URL (`?jwt=`, from
//! `auth-token` of `moqsrc`). Its claims `get` and `put` are paths, or lists of paths, below `root`: who has a token sees
//! what lies below those of `get`. At the time of `exp` the session ends. (`subscribe` and `publish` with patterns such as
//! `room/**` are understood too.) The key is a JWK or a JWK set, read when the element starts.
//!
//! The signal `authorize` (path, token, role, address) asks the application, after the token was found to be good where
//! there is a key; whoever returns `false` keeps the peer out, and so does no answer within five seconds. `path` is the
//! path of the peer's URL, `token` what it showed or null, `role` is `subscriber`.
//!
//! `viewer-added` and `viewer-removed` tell, with a number and a structure as in `stats`, who comes and who goes, but not
//! of those that leave because the element stops. All signals come from a thread of the element.
//!
//! What one peer can take is limited: `max-sessions` and its neighbours. What is turned away is counted in `stats`, and a
//! warning tells of it every ten seconds at most.
//!
//! # Statistics
//!
//! | field of `stats` | type | meaning |
//! |---|---|---|
//! | `sessions` | uint | sessions that are open |
//! | `sessions-total` | uint64 | sessions that were opened in this run |
//! | `connect-failures` | uint64 | attempts to connect that failed in this run |
//! | `transport` | string | what carries the newest session: `quic`, `webtransport` or `websocket`; null before the first |
//! | `viewers` | array of structures | the peers that came to `listen`, see below |
//! | `refused` | structure | how often peers were turned away there: `unauthorized`, `sessions` (`max-sessions`, `max-sessions-per-address`), `idle` |
//! | `frames`, `bytes` | uint64 | samples published, and their payload |
//! | `groups` | uint64 | groups begun |
//! | `dropped` | uint64 | samples dropped because no keyframe came before them |
//!
//! | field of a viewer | type | meaning |
//! |---|---|---|
//! | `id` | uint64 | its number, which no other has in this run |
//! | `address`, `path` | string | where it comes from, and the root of what it sees |
//! | `version`, `transport` | string | what it speaks, as `moq-version` and `transport` |
//! | `connected-for` | uint64 | nanoseconds since it came |
//! | `subscriptions` | uint | tracks that it is sent now |
//! | `groups`, `frames`, `bytes` | uint64 | what it was sent, and the payload |
//! | `skipped-groups` | uint64 | groups that became too old before it had taken them |
//! | `bytes-sent`, `packets-lost` | uint64 | with headers and what was sent twice, and packets lost |
//! | `rtt`, `send-bitrate` | uint64 | smoothed round-trip time in nanoseconds; bit/s that could be sent now |
//!
//! The `stats` of a pad have the last four for that pad.

mod container;
mod flow;
mod format;
mod imp;
mod interleave;
mod keyunit;
mod movie;
mod options;
mod pace;
mod pad;
mod stream;
mod tags;
mod timeline;

use gst::{glib, prelude::*};

glib::wrapper! {
    /// The element.
    pub(super) struct MoqSink(ObjectSubclass<imp::MoqSink>) @extends gst::Element, gst::Object, @implements gst::ChildProxy;
}

glib::wrapper! {
    /// A request pad of it.
    pub(super) struct MoqSinkPad(ObjectSubclass<pad::MoqSinkPad>) @extends gst::Pad, gst::Object;
}

/// Registers the element.
pub(super) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "moqsink",
        gst::Rank::NONE,
        MoqSink::static_type(),
    )
}
