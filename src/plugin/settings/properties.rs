//! What the properties that both elements have are called, and how they are set and read.

use std::time::Duration;

use gst::{glib, prelude::*};

use super::{Settings, is_json, millis};
use crate::plugin::link::{Phase, Status};

impl Settings {
    /// The specifications of every property that is handled here, and of `stats`.
    pub(in crate::plugin) fn properties() -> Vec<glib::ParamSpec> {
        let default = Self::default();
        vec![
            text(
                "url",
                "URL",
                "Where to connect: https://HOST[:PORT]/PATH (WebTransport), http://HOST:PORT/PATH (development: the \
                 certificate's fingerprint is fetched over HTTP and pinned), moqt:// or moql:// (raw QUIC)",
            ),
            text(
                "broadcast",
                "Broadcast",
                "Name of the broadcast, such as cam or studio/cam; with url it lies below the path of the url",
            ),
            text(
                "listen",
                "Listen",
                "HOST:PORT on which to serve peers from here, without a relay: viewers of moqsink, publishers to moqsrc, and \
                 browsers: http://HOST:PORT/ is a page to watch, http://HOST:PORT/publish one to publish. [::]:PORT is every \
                 address of the machine, port 0 any free port (see listen-address)",
            ),
            glib::ParamSpecString::builder("listen-address")
                .nick("Listen address")
                .blurb("The address and port bound for listen; null while there is none")
                .read_only()
                .build(),
            text(
                "auth-token",
                "Authentication token",
                "Token (JWT) sent as jwt= in the query of the request; over raw QUIC it goes along with moq-transport and \
                 from moq-lite-05 on; reads back as ***",
            ),
            text(
                "auth-key",
                "Authentication key",
                "With listen: file of the key (JWK or JWK set; HS256, RS256, ES256 or EdDSA) whose tokens open the port, or \
                 the JSON itself, which reads back as ***. A token (jwt= in the query) then grants what its claims root, get \
                 and put say until exp. Null: peers need no token",
            ),
            count(
                "max-sessions",
                "Maximum sessions",
                "With listen: sessions that peers may have open at the same time",
                default.limits.sessions,
            ),
            count(
                "max-sessions-per-address",
                "Maximum sessions per address",
                "With listen: sessions that one address (of IPv6: one /64 network) may have open at the same time",
                default.limits.sessions_per_address,
            ),
            count(
                "max-handshakes-per-address",
                "Maximum handshakes per address",
                "With listen: connections that one address may begin in a second",
                default.limits.handshakes_per_address,
            ),
            count(
                "max-subscriptions",
                "Maximum subscriptions",
                "With listen: subscriptions and other requests that one session may have open; more are refused",
                default.limits.subscriptions,
            ),
            count(
                "max-announcements",
                "Maximum announcements",
                "With listen: broadcasts that one session may announce; one more ends it",
                default.limits.announcements,
            ),
            glib::ParamSpecUInt64::builder("max-bytes-in-flight")
                .nick("Maximum bytes in flight")
                .blurb(
                    "With listen: bytes that may be under way in all sessions together; each has an equal share, of 64 KiB at \
                     least and 8 MiB at most",
                )
                .minimum(1 << 20)
                .default_value(default.limits.bytes_in_flight)
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt64::builder("max-idle-time")
                .nick("Maximum idle time")
                .blurb(
                    "With listen: a session that has neither a subscription nor another request open, and announces nothing, \
                     ends after this many milliseconds; 0 = never",
                )
                .default_value(default.limits.idle_time.map_or(0, millis))
                .mutable_ready()
                .build(),
            text(
                "certificate-file",
                "Certificate file",
                "PEM file of the certificate chain shown to peers of listen, read again when it changes (a short-lived one \
                 is made when null), or, without listen, of the client certificate",
            ),
            text(
                "private-key-file",
                "Private key file",
                "PEM file of the private key of certificate-file",
            ),
            text(
                "http-root",
                "HTTP root",
                "Folder of files served over HTTP on the port of listen; null serves the built-in pages to watch and to \
                 publish, or, where they were not built in, one that says how to get them",
            ),
            text(
                "certificate-database-file",
                "Certificate database file",
                "PEM file of root certificates to trust besides those of the system",
            ),
            text(
                "certificate-fingerprints",
                "Certificate fingerprints",
                "SHA-256 fingerprints in hex, separated by commas: servers with one of these certificates are \
                 accepted, and no others",
            ),
            glib::ParamSpecBoolean::builder("tls-disable-verify")
                .nick("Disable TLS verification")
                .blurb("Accept every certificate of a server, whoever it is from. Insecure: for tests only")
                .default_value(default.tls_disable_verify)
                .mutable_ready()
                .build(),
            glib::ParamSpecBoolean::builder("websocket")
                .nick("WebSocket fallback")
                .blurb(
                    "With an https:// or http:// url, try a WebSocket where QUIC has not connected after 200 milliseconds, \
                     for networks that block UDP; with http:// it is not encrypted",
                )
                .default_value(default.websocket)
                .mutable_ready()
                .build(),
            glib::ParamSpecBoolean::builder("auto-reconnect")
                .nick("Reconnect automatically")
                .blurb("Keep trying to connect, with growing pauses, while the element runs")
                .default_value(default.auto_reconnect)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt::builder("timeout")
                .nick("Timeout")
                .blurb("Give up connecting, or waiting for the broadcast, after this many milliseconds; 0 = never")
                .default_value(default.timeout)
                .mutable_playing()
                .build(),
            glib::ParamSpecInt::builder("max-reconnects")
                .nick("Maximum number of reconnects")
                .blurb(
                    "Give up after so many attempts to connect that failed in a row, not counting the first; -1 = \
                     never",
                )
                .minimum(-1)
                .default_value(default.max_reconnects)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt64::builder("quic-idle-timeout")
                .nick("QUIC idle timeout")
                .blurb(
                    "A connection on which nothing comes for this many milliseconds is lost; the peer may ask for \
                     less; 0 = never. Where another connection shows sooner that a server is gone, that counts",
                )
                .default_value(default.idle_timeout)
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt64::builder("quic-keep-alive")
                .nick("QUIC keep-alive")
                .blurb(
                    "A silent connection sends a packet every so many milliseconds, at the latest after a third of \
                     quic-idle-timeout; 0 = never",
                )
                .default_value(default.keep_alive)
                .mutable_ready()
                .build(),
            glib::ParamSpecEnum::builder_with_default("congestion-controller", default.congestion)
                .nick("Congestion controller")
                .blurb("Algorithm that decides how fast data is sent")
                .mutable_ready()
                .build(),
            glib::ParamSpecEnum::builder_with_default("status", Phase::Stopped)
                .nick("Status")
                .blurb("State of the connection; with listen alone, connected while the port is open")
                .read_only()
                .build(),
            glib::ParamSpecString::builder("moq-version")
                .nick("MoQ version")
                .blurb("Version negotiated by the newest session; null before the first")
                .read_only()
                .build(),
            glib::ParamSpecUInt64::builder("estimated-send-bitrate")
                .nick("Estimated send bitrate")
                .blurb("What could be sent now to the server of url, or else to the slowest peer of listen, in bit/s, as congestion control sees it; 0 = not known")
                .read_only()
                .build(),
            glib::ParamSpecUInt64::builder("estimated-recv-bitrate")
                .nick("Estimated receive bitrate")
                .blurb(
                    "What the peer of the newest session could send now, in bit/s, as it reports; where it does not, \
                     moqsrc gives what arrives; 0 = not known",
                )
                .read_only()
                .build(),
            glib::ParamSpecBoolean::builder("post-stats")
                .nick("Post statistics")
                .blurb("Post an element message moq-stats with the content of stats every second")
                .default_value(default.post_stats)
                .mutable_playing()
                .build(),
            glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                .nick("Statistics")
                .blurb(
                    "Counters of the current run: sessions, round-trip time, bytes, tracks, peers and more, each explained on \
                     the page of the element; never null",
                )
                .read_only()
                .build(),
        ]
    }

    /// Takes a value; `false` if the property is not one of these.
    pub(in crate::plugin) fn set(
        &mut self,
        property: &glib::ParamSpec,
        value: &glib::Value,
    ) -> bool {
        match property.name() {
            "url" => self.url = taken(value),
            "broadcast" => self.broadcast = taken(value),
            "listen" => self.listen = taken(value),
            "auth-token" => self.auth_token = taken(value),
            "auth-key" => self.auth_key = taken(value),
            "max-sessions" => self.limits.sessions = number(value),
            "max-sessions-per-address" => self.limits.sessions_per_address = number(value),
            "max-handshakes-per-address" => self.limits.handshakes_per_address = number(value),
            "max-subscriptions" => self.limits.subscriptions = number(value),
            "max-announcements" => self.limits.announcements = number(value),
            "max-bytes-in-flight" => self.limits.bytes_in_flight = taken(value),
            "max-idle-time" => {
                let time = Duration::from_millis(taken(value));
                self.limits.idle_time = Some(time).filter(|time| !time.is_zero());
            }
            "certificate-file" => self.certificate_file = taken(value),
            "private-key-file" => self.private_key_file = taken(value),
            "http-root" => self.http_root = taken(value),
            "certificate-database-file" => self.certificate_database_file = taken(value),
            "certificate-fingerprints" => self.certificate_fingerprints = taken(value),
            "tls-disable-verify" => self.tls_disable_verify = taken(value),
            "websocket" => self.websocket = taken(value),
            "auto-reconnect" => self.auto_reconnect = taken(value),
            "timeout" => self.timeout = taken(value),
            "max-reconnects" => self.max_reconnects = taken(value),
            "quic-idle-timeout" => self.idle_timeout = taken(value),
            "quic-keep-alive" => self.keep_alive = taken(value),
            "congestion-controller" => self.congestion = taken(value),
            "post-stats" => self.post_stats = taken(value),
            _ => return false,
        }
        true
    }

    /// The value of a property, if it is one of these other than `stats`.
    pub(in crate::plugin) fn get(
        &self,
        property: &glib::ParamSpec,
        status: &Status,
    ) -> Option<glib::Value> {
        Some(match property.name() {
            "url" => self.shown_url().to_value(),
            "broadcast" => self.broadcast.to_value(),
            "listen" => self.listen.to_value(),
            "listen-address" => status.listening.map(|on| on.address.to_string()).to_value(),
            "auth-token" => self.auth_token.as_ref().map(|_| "***").to_value(),
            "auth-key" => {
                let key = self.auth_key.as_deref();
                key.map(|key| if is_json(key) { "***" } else { key })
                    .to_value()
            }
            "max-sessions" => shown(self.limits.sessions),
            "max-sessions-per-address" => shown(self.limits.sessions_per_address),
            "max-handshakes-per-address" => shown(self.limits.handshakes_per_address),
            "max-subscriptions" => shown(self.limits.subscriptions),
            "max-announcements" => shown(self.limits.announcements),
            "max-bytes-in-flight" => self.limits.bytes_in_flight.to_value(),
            "max-idle-time" => self.limits.idle_time.map_or(0, millis).to_value(),
            "certificate-file" => self.certificate_file.to_value(),
            "private-key-file" => self.private_key_file.to_value(),
            "http-root" => self.http_root.to_value(),
            "certificate-database-file" => self.certificate_database_file.to_value(),
            "certificate-fingerprints" => self.certificate_fingerprints.to_value(),
            "tls-disable-verify" => self.tls_disable_verify.to_value(),
            "websocket" => self.websocket.to_value(),
            "auto-reconnect" => self.auto_reconnect.to_value(),
            "timeout" => self.timeout.to_value(),
            "max-reconnects" => self.max_reconnects.to_value(),
            "quic-idle-timeout" => self.idle_timeout.to_value(),
            "quic-keep-alive" => self.keep_alive.to_value(),
            "congestion-controller" => self.congestion.to_value(),
            "post-stats" => self.post_stats.to_value(),
            "status" => status.phase.to_value(),
            "moq-version" => status.version.to_value(),
            "estimated-send-bitrate" => status.traffic.send_rate.unwrap_or(0).to_value(),
            "estimated-recv-bitrate" => status.traffic.receive_rate.unwrap_or(0).to_value(),
            _ => return None,
        })
    }
}

/// The value, whose type GObject has checked.
pub(in crate::plugin) fn taken<'a, T: glib::value::FromValue<'a>>(value: &'a glib::Value) -> T
where
    T::Checker: glib::value::ValueTypeChecker<Error: std::fmt::Debug>,
{
    value.get().expect("the type was checked by GObject")
}

fn text(name: &'static str, nick: &'static str, blurb: &'static str) -> glib::ParamSpec {
    glib::ParamSpecString::builder(name)
        .nick(nick)
        .blurb(blurb)
        .mutable_ready()
        .build()
}

/// A number of things of which there may be one at least.
fn count(
    name: &'static str,
    nick: &'static str,
    blurb: &'static str,
    default: usize,
) -> glib::ParamSpec {
    glib::ParamSpecUInt::builder(name)
        .nick(nick)
        .blurb(blurb)
        .minimum(1)
        .default_value(u32::try_from(default).unwrap_or(u32::MAX))
        .mutable_ready()
        .build()
}

fn number(value: &glib::Value) -> usize {
    usize::try_from(taken::<u32>(value)).unwrap_or(usize::MAX)
}

fn shown(number: usize) -> glib::Value {
    u32::try_from(number).unwrap_or(u32::MAX).to_value()
}
