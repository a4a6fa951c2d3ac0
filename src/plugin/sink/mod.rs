//! `moqsink`: publishes a broadcast.
//!
//! Each request pad `sink_%u` takes one of these, or fragmented MP4 with any number of tracks:
//!
//! | caps | form | in the catalog |
//! |---|---|---|
//! | `video/x-h264` | `avc`, `avc3` or `byte-stream`, whole pictures | `avc1.`, `avc3.` |
//! | `video/x-h265` | `hvc1`, `hev1` or `byte-stream`, whole pictures | `hvc1.`, `hev1.` |
//! | `video/x-av1` | `obu-stream`, temporal units | `av01.` |
//! | `video/x-vp8`, `video/x-vp9` | frames, superframes | `vp8`, `vp09.` |
//! | `audio/mpeg` | AAC, raw or with ADTS headers, which are taken off; MP3 and MP2 | `mp4a.40.`, `mp3`, `mp2` |
//! | `audio/x-opus` | any number of channels | `opus` |
//! | `audio/x-flac`, `audio/x-ac3`, `audio/x-eac3` | frames | `flac`, `ac-3`, `ec-3` |
//! | `audio/x-raw` | `F32LE`, or `S16LE`, which becomes floats | `pcm` |
//! | `text/x-raw`, `application/x-subtitle-vtt` | a text per buffer | text, as WebVTT; shown for 5 s where nothing says for how long |
//! | `meta/x-klv`, `application/octet-stream` | anything, a group per buffer | data, with its media type |
//!
//! Keyframes of a byte-stream that come without parameter sets are given those of the one before. What comes in another
//! form is refused with the name of the parser that changes it. The time of data travels beside the payload, in versions
//! from moq-lite-05 on. The element publishes them as one
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
//! # Tracks
//!
//! Several pads are several renditions in one catalog. The properties of the pads are reached by name:
//!
//! ```text
//! gst-launch-1.0 moqsink name=m listen=127.0.0.1:4443 broadcast=cam sink_0::track=hd sink_1::track=sd \
//!     videotestsrc is-live=true ! tee name=t \
//!     t. ! queue ! x264enc tune=zerolatency bitrate=2000 key-int-max=60 ! m.sink_0 \
//!     t. ! queue ! videoscale ! video/x-raw,width=160,height=120 \
//!        ! x264enc tune=zerolatency bitrate=200 key-int-max=60 ! m.sink_1
//! ```
//!
//! The catalog says what caps and tags say: size, frame rate, bit rate (the highest of the tags), language, the
//! title, and by `image-orientation` how to turn the picture. What they leave open is measured in the first two
//! seconds and told once, because players subscribe anew when a rendition changes. New caps in the middle change the
//! rendition in place and keep its viewers, whatever changes; caps that change nothing for viewers change nothing.
//! Pads may be requested and released while the element plays.
//!
//! In the container `cmaf` fragments of MP4 that comes in go out as they came, with `emsg` and `prft` before them; only their
//! times are moved to the running time. What does not lie in a fragment of its own track, or begins a group of pictures in
//! the middle of one, is put into another. MP4 that is linked in the middle of its stream begins with the `streamheader` of its caps.
//!
//! # Time
//!
//! The timestamp of a sample is its running time, so all pads share one timeline, which never goes back:
//!
//! | what comes in | what viewers see |
//! |---|---|
//! | no PTS | the DTS, else the end of the buffer or gap before it, else the running time of its arrival |
//! | a time before the segment | the start of the segment where a decoder may need it (pictures; sound of the second before); else dropped |
//! | a time after the segment, or a segment that runs backwards | dropped |
//! | a time that jumps back by more than a second (looped files, new segments without base) | the stream goes on where the newest sample of all pads ended, and pads stay in step |
//! | a flush that resets running time (flushing seeks) | the stream goes on; as much time passes as did pass |
//! | a smaller step back of sound or a keyframe | the time of the one before |
//! | a gap | a gap |
//!
//! With `sync` (the default) each sample is sent when the clock reaches its running time (of its
//! DTS, where it has one) plus the pipeline's latency, so a file plays out in real time; `ts-offset`,
//! `render-delay` and `max-lateness` are those of other sinks. The element does not preroll: in PAUSED
//! data waits for PLAYING. `wall-clock` tells viewers what time of day the timestamps are.
//!
//! # A slow network
//!
//! It never holds up the pipeline. Groups that are older than `max-latency` of their pad are dropped whole for the
//! viewers who are behind, counted as `groups-late`, and a warning says so, every ten seconds at most; then QoS events
//! go upstream. With `bitrate-adaptation` the encoders of pictures upstream are set to what the network carries. Each of them is
//! announced once by the signal `encoder-setup` (name of the pad, encoder); a handler that returns TRUE sees to its bit
//! rate itself, by `estimated-send-bitrate`, which is notified at most once a second.
//!
//! Groups of pictures begin where decoding can: at IDR pictures, at random access pictures of H.265, and at recovery points of
//! H.264 that need no picture before them (open groups of pictures). Intra refresh has none of these after its first picture, and
//! a group has its limits: without keyframes there is a warning after ten seconds, and an error when the group becomes too large.
//!
//! A keyframe is asked for upstream where nothing can be sent without one, and where the first viewer comes and the
//! newest group has lasted for more than two seconds.
//!
//! A connection that is lost is made again, with growing pauses, until `max-reconnects` attempts in a row have failed;
//! viewers go on with the groups that follow. Where the server has not answered for about two seconds another connection is
//! tried beside the one that there is, which is given up when the server answers there, or when nothing listens at its
//! address any more: so a relay that is killed and started again is found at once, and a short outage loses nothing.
//!
//! # The end
//!
//! EOS on a pad ends its tracks. When all pads are at EOS the element waits, for `drain-timeout` at
//! most, until viewers have the last group, then posts EOS. Data that comes after a flush begins
//! the broadcast anew.
//!
//! # In a browser
//!
//! With `listen`, the same port number serves a page over HTTP. With
//!
//! ```text
//! gst-launch-1.0 videotestsrc is-live=true ! x264enc tune=zerolatency key-int-max=60 \
//!     ! moqsink listen=[::]:4443 broadcast=cam
//! ```
//!
//! <http://localhost:4443/> shows the broadcast in Chrome, Edge or Chromium, with its delay and bitrate. From another machine it
//! is `https://ADDRESS:4443/`: browsers play live pictures only over TLS or from the machine itself, and ask once about a
//! certificate that the element made. They decode H.264, VP8, VP9 and AV1, AAC and Opus, in each `container`. `/?url=` plays
//! what is at another server, `&jwt=` shows it a token, `&broadcast=` chooses. With `wall-clock=system` the page shows the
//! age of the picture instead of the length of its buffer.
//!
//! A certificate that the element made is replaced days before it expires; the files of one that is given are read again
//! when they change. Sessions that are open go on. `/certificate.sha256` is the fingerprint of the one of the moment, and
//! `http-root` names a folder with pages of your own.
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
//! `viewer-added` and `viewer-removed` tell, with a number and a structure as in `stats`, who comes and who goes. All signals
//! come from a thread of the element, but those of viewers that leave because the element stops: they come while it does.
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
//! | `version` | string | version of MoQ of the newest session |
//! | `rtt` | uint64 | round-trip time of the newest session, in nanoseconds |
//! | `bytes-sent`, `bytes-received`, `packets-lost` | uint64 | by the sessions that are open |
//! | `estimated-send-bitrate` | uint64 | as the property |
//! | `viewers` | array of structures | the peers that came to `listen`, see below |
//! | `refused` | structure | how often peers were turned away there, see below |
//! | `frames`, `bytes` | uint64 | samples published, and their payload |
//! | `groups` | uint64 | groups begun |
//! | `dropped` | uint64 | samples dropped because no keyframe came before them, or because they were too late |
//! | `groups-late` | uint64 | groups that a peer did not get whole because they had become too old |
//! | `tracks` | array of structures | the tracks that are published now, see below |
//! | `connections` | array of structures | the sessions that are open, of `url` and of `listen`, see below |
//!
//! | field of a track | type | meaning |
//! |---|---|---|
//! | `pad`, `track` | string | the pad from which it comes, and its name in the broadcast |
//! | `kind` | string | `video`, `audio`, `text` or `data` |
//! | `frames`, `bytes`, `groups`, `dropped` | uint64 | as those of the element, of this track |
//!
//! | field of the `stats` of a pad | type | meaning |
//! |---|---|---|
//! | `frames`, `bytes`, `groups`, `dropped` | uint64 | as those of the element, of all tracks that came from this pad in this run |
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
//! | field of a connection | type | meaning |
//! |---|---|---|
//! | `id` | uint64 | its number in this run |
//! | `origin` | string | `url` where the element connected, `listen` where a peer came |
//! | `remote` | string | the address of the peer |
//! | `transport`, `version` | string | what carries it, and the version of MoQ |
//! | `age` | uint64 | nanoseconds since it began |
//! | `rtt` | uint64 | smoothed round-trip time in nanoseconds; this and the fields up to `packets-lost` are there as far as the transport measures them |
//! | `send-bitrate` | uint64 | bit/s that could be sent now |
//! | `congestion-window` | uint64 | bytes that may be under way |
//! | `bytes-sent`, `bytes-received`, `bytes-lost` | uint64 | with headers, and what was sent twice |
//! | `packets-sent`, `packets-received`, `packets-lost` | uint64 | the same in packets |
//! | `groups`, `frames`, `bytes` | uint64 | what was sent of the broadcast, and the payload |
//! | `groups-late` | uint64 | groups that became too old before they were sent whole |
//! | `tracks` | array of structures | the tracks that are read there now, see below |
//!
//! | field of a track of a connection | type | meaning |
//! |---|---|---|
//! | `broadcast`, `track` | string | which it is |
//! | `groups`, `frames`, `bytes`, `groups-late` | uint64 | as those of the connection, of this track |
//!
//! | field of `refused` | type | meaning |
//! |---|---|---|
//! | `unauthorized` | uint64 | sessions that their token, their path or the application's answer did not allow |
//! | `sessions` | uint64 | sessions beyond `max-sessions` or `max-sessions-per-address` |
//! | `handshakes` | uint64 | connections beyond `max-handshakes-per-address` |
//! | `requests` | uint64 | HTTP connections beyond those that one address may have |
//! | `subscriptions`, `announcements` | uint64 | requests beyond `max-subscriptions`, broadcasts beyond `max-announcements` |
//! | `idle` | uint64 | sessions that ended after `max-idle-time` |
//! | `bytes-in-flight` | uint64 | how often the share of a session of `max-bytes-in-flight` was too small for pictures |
//!
//! With `post-stats` the structure is posted as an element message `moq-stats` once a second.

mod adapt;
mod container;
mod encoder;
mod feedback;
mod flow;
mod format;
mod imp;
mod interleave;
mod keyunit;
mod movie;
mod options;
mod pace;
mod pad;
mod stats;
mod stream;
mod tags;
mod timeline;
mod trouble;
mod wallclock;

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
