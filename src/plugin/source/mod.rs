//! `moqsrc`: plays a broadcast.
//!
//! SECTION:element-moqsrc
//!
//! Reads a broadcast from a relay or from a peer, and gives its picture a pad, `video_0`, and each of
//! its sounds one: `audio_0` and so on. It is a live source: the newest picture is shown `latency`
//! after it arrived at the earliest, and audio and video stay in step however late each starts.
//!
//! Text is plain (`text/x-raw`), a buffer per cue with its time and duration, for `textoverlay`, muxers and players; KLV is
//! `meta/x-klv`, and other data `application/octet-stream`. Data needs a session of moq-lite-05 or newer, where frames have
//! times.
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
//! Players take an address: the last segment is the broadcast, and the query may name properties.
//!
//! ```console
//! gst-play-1.0 "moq://relay.example.com/demo/cam?latency=200"
//! ```
//!
//! ## Addresses
//!
//! `moq://HOST[:PORT]/PATH/BROADCAST` connects as `https://HOST[:PORT]/PATH` does; `moqt://` and `moql://` use QUIC without
//! WebTransport. `?broadcast=a/b` names a broadcast of several segments, and then all of the path belongs to the session.
//! `?jwt=` becomes `auth-token`, which nobody can read back; every other key that is a property sets it, such as
//! `latency`, `rendition`, `certificate-fingerprints` or `tls-disable-verify`; the rest is passed on to the server. Files,
//! and ports to open, cannot be set by an address.
//!
//! ## Pads and renditions
//!
//! Video pads come before audio pads, the best of each kind first, and then `no-more-pads`. All pads belong to one group;
//! the id of a stream is the same in each run. Only what a linked pad plays is asked for.
//!
//! Video renditions of a broadcast are the same picture in several qualities, so there is one video pad for all of them.
//! Which one it plays says `rendition`. With `auto`, the best to begin with: when it comes later than sinks wait for, a
//! lower one takes over, that which the measured throughput carries; when all was well for five seconds, the next higher
//! one, and later each time if that was too much. One takes over from the other with a group, on the same pad and without a
//! gap, announced by a CAPS event. With `all`, each rendition has a pad, as for a broadcast of several cameras.
//!
//! Audio renditions have a pad each, unless they bear the same language and label: then the best of them is played. In
//! `playbin3` and `uridecodebin3`, which choose among streams themselves, there is one pad of each kind.
//!
//! A STREAM_COLLECTION message and event name every rendition that can be played, with caps and tags (codec, bit rate,
//! language, title). A SELECT_STREAMS event, to the element or any pad, chooses: pads are added, removed, or carry another
//! rendition on with a STREAM_START event, and a STREAMS_SELECTED message tells when all do. That holds until `rendition` is
//! set again. The SELECTABLE query is answered, so `decodebin3` and `playbin3` leave the choice to this element.
//!
//! Where the codec itself changes, `decodebin3` goes on with another decoder. A parser ends with `not-negotiated` there, and
//! so do `decodebin`, `parsebin` and, in GStreamer 1.22, `playbin3`, which keep the parser that the first caps asked for, behind
//! `concat` or any other source too; nor does `playbin3` take another pad in the place of the first (`playsink pad already used`).
//!
//! A rendition may lie in another broadcast, as where a transcoder adds to what a camera has: the catalog then gives a path
//! relative to its own broadcast, as of a relative URL (`../transcoder/cam`). It is played as the others are once that broadcast is there; when it
//! is not, within a second, a warning names it, and when it breaks off, another rendition takes its place or the pad waits
//! for its return. Such a path cannot lead out of the path of `url`.
//!
//! ## Other broadcasts
//!
//! | signal | meaning |
//! |---|---|
//! | `broadcast-added` (path), `broadcast-removed` (path) | what the server announces below the path of `url` or `listen` while the element runs. Connect before PAUSED: without a handler nothing but the broadcast is asked for |
//! | `list-broadcasts` (prefix) → strings | action: the paths that are announced at `prefix` and below, sorted: by the server of `url`, of which a session of its own asks in any state and waits `timeout` at most, or 5 seconds; and by the peers that have come to `listen`, which is open from PAUSED on. With a warning when the server cannot be asked |
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
//! ## From a browser
//!
//! With `listen` nobody else is needed: the element serves a page at `/publish` on the same port number, which sends a camera, a
//! microphone or the screen. Start
//!
//! ```console
//! gst-launch-1.0 moqsrc listen=[::]:4443 broadcast=me ! decodebin ! autovideosink
//! ```
//!
//! and open <http://localhost:4443/publish> in Chrome, Edge or Chromium, from another machine `https://ADDRESS:4443/publish`.
//! The browser encodes while somebody plays, H.264, VP8, VP9 or AV1 and Opus, with a keyframe every two seconds.
//!
//! ## Who may publish here
//!
//! With `listen` everybody may publish the broadcast, unless `auth-key` is set or the application says no. With `auth-key`,
//! publishers need a token: a JWT as relays take it, signed with that key, in the query of the URL (`?jwt=`, from `auth-token`
//! of `moqsink`), whose claim `put`, below `root`, covers the path of the broadcast. At the time of `exp` the session ends.
//! The signal `authorize` (path, token, role, address) then asks the application: whoever returns `false` keeps the peer
//! out, and so does no answer within five seconds; `role` is `publisher`. It comes from a thread of the element.
//!
//! ## Statistics
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `sessions` | uint | sessions that are open |
//! | `sessions-total` | uint64 | sessions that were opened in this run |
//! | `connect-failures` | uint64 | attempts to connect that failed in this run |
//! | `transport` | string | what carries the newest session: `quic`, `webtransport` or `websocket`; null before the first |
//! | `publishers` | array of structures | the peers that came to `listen`, each as a viewer of `moqsink` |
//! | `refused` | structure | how often peers were turned away there: `unauthorized`, `sessions` (`max-sessions`, `max-sessions-per-address`), `handshakes`, `requests` (HTTP), `subscriptions`, `announcements`, `idle`; and how often one had to do with a small share of `max-bytes-in-flight` |
//! | `version` | string | the version that the newest session speaks; null before the first |
//! | `rtt` | uint64 | smoothed round-trip time of the newest session in nanoseconds; 0 when not measured |
//! | `bytes-sent`, `bytes-received` | uint64 | of the open sessions, with headers and what was sent twice |
//! | `packets-lost` | uint64 | of the open sessions, packets sent and lost |
//! | `buffers` | uint64 | buffers that were pushed in this run |
//! | `bytes` | uint64 | bytes in them |
//! | `skipped-groups` | uint64 | groups that were lost or came too late |
//! | `late` | uint64 | samples that were left out because they came too late, each with the rest of its group |
//! | `latency` | uint64 | the latency in effect, in nanoseconds |
//! | `jitter` | uint64 | the largest jitter of the arrivals of a track, in nanoseconds |
//! | `receive-bitrate` | uint64 | what arrived of all tracks in the last second, in bit/s |
//! | `tracks` | array of structures | one for each pad, see below |
//!
//! | field of a track | type | meaning |
//! |---|---|---|
//! | `pad`, `track` | string | the names of the pad and of the track that it plays |
//! | `subscribed` | bool | whether samples arrive |
//! | `codec` | string | as the catalog names it |
//! | `bitrate` | uint64 | what the catalog says of it, in bit/s; 0 when it says nothing |
//! | `samples`, `bytes` | uint64 | what arrived in this run |
//! | `skipped-groups` | uint64 | groups of it that were lost or came too late |
//! | `switches` | uint64 | how often another rendition took over |
//! | `jitter` | uint64 | jitter of its arrivals, in nanoseconds |
//! | `lag` | uint64 | how much later than the fastest its newest sample came, in nanoseconds |
//!
//! With `post-stats` the same structure, named `moq-stats`, is posted every second.

mod adapt;
mod asked;
mod browse;
mod caps;
mod feed;
mod follow;
mod imp;
mod latency;
mod lineup;
mod offer;
mod output;
mod pace;
mod puller;
mod report;
mod run;
mod select;
mod settings;
mod siblings;
mod stats;
mod stream;
mod tags;
mod times;
mod trouble;
mod uri;

use gst::{glib, prelude::*};

glib::wrapper! {
    /// The element.
    pub(super) struct MoqSrc(ObjectSubclass<imp::MoqSrc>) @extends gst::Element, gst::Object, @implements gst::URIHandler;
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
