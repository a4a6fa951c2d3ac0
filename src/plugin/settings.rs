//! The properties that both elements have, and what they mean together.

mod properties;

use std::{fs::File, io::Read, path::PathBuf, time::Duration};

use gst::{glib, prelude::*};
use url::Url;

use super::{
    PROTOCOLS,
    link::{Limits, Plan, Policy},
};
pub(super) use properties::taken;

use crate::{
    access::Keys,
    moq_lite::{AsPath, PathOwned},
    net,
};

/// What the user set. The token is shown nowhere.
#[derive(Clone)]
pub(super) struct Settings {
    url: Option<String>,
    broadcast: Option<String>,
    listen: Option<String>,
    auth_token: Option<String>,
    auth_key: Option<String>,
    limits: Limits,
    certificate_file: Option<String>,
    private_key_file: Option<String>,
    http_root: Option<String>,
    certificate_database_file: Option<String>,
    certificate_fingerprints: Option<String>,
    tls_disable_verify: bool,
    websocket: bool,
    auto_reconnect: bool,
    timeout: u32,
    max_reconnects: i32,
    idle_timeout: u64,
    keep_alive: u64,
    congestion: Congestion,
    post_stats: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let quic = net::Quic::default();
        Self {
            url: None,
            broadcast: None,
            listen: None,
            auth_token: None,
            auth_key: None,
            limits: Limits::default(),
            certificate_file: None,
            private_key_file: None,
            http_root: None,
            certificate_database_file: None,
            certificate_fingerprints: None,
            tls_disable_verify: false,
            websocket: true,
            auto_reconnect: true,
            timeout: 0,
            max_reconnects: -1,
            idle_timeout: millis(quic.idle_timeout),
            keep_alive: millis(quic.keep_alive),
            congestion: Congestion::Cubic,
            post_stats: false,
        }
    }
}

impl Settings {
    /// Whether statistics are to be posted.
    pub(super) fn posts_stats(&self) -> bool {
        self.post_stats
    }

    /// As the user wrote it.
    pub(super) fn url(&self) -> Option<&str> {
        filled(&self.url)
    }

    /// The URL without the token that may stand in it.
    fn shown_url(&self) -> Option<String> {
        let url = self.url.as_ref()?;
        Some(match Url::parse(url) {
            Ok(parsed) if parsed.query().is_some() || !parsed.username().is_empty() => {
                net::redact(&parsed)
            }
            _ => url.clone(),
        })
    }

    /// Names what an element reads or writes, where no URI does: the same in each run, and without
    /// a token.
    pub(super) fn identity(&self) -> Option<String> {
        let place = self.shown_url().or_else(|| self.listen.clone())?;
        Some(format!("{place}#{}", self.broadcast()?))
    }

    /// The path of the broadcast, if there is one.
    pub(super) fn broadcast(&self) -> Option<PathOwned> {
        let path = self.broadcast.as_ref()?.as_path();
        (!path.is_empty()).then(|| path.into_owned())
    }

    /// What may change while sessions run.
    pub(super) fn policy(&self) -> Policy {
        Policy {
            auto_reconnect: self.auto_reconnect,
            timeout: (self.timeout > 0).then(|| Duration::from_millis(self.timeout.into())),
            max_reconnects: u32::try_from(self.max_reconnects).ok(),
        }
    }

    /// What the settings ask for, or a sentence about what is wrong with them.
    pub(super) fn plan(&self) -> Result<Plan, gst::ErrorMessage> {
        let url = filled(&self.url);
        let address = filled(&self.listen);
        if url.is_none() && address.is_none() {
            return Err(wrong(
                "Neither url nor listen is set: set url to connect to a relay or a peer, or listen to serve peers \
                 from here",
            ));
        }
        let identity = match (
            filled(&self.certificate_file),
            filled(&self.private_key_file),
        ) {
            (Some(chain), Some(key)) => Some((PathBuf::from(chain), PathBuf::from(key))),
            (None, None) => None,
            (Some(_), None) => {
                return Err(wrong(
                    "certificate-file is set without private-key-file: both are needed",
                ));
            }
            (None, Some(_)) => {
                return Err(wrong(
                    "private-key-file is set without certificate-file: both are needed",
                ));
            }
        };
        let quic = net::Quic {
            idle_timeout: Duration::from_millis(self.idle_timeout),
            keep_alive: Duration::from_millis(self.keep_alive),
            congestion: self.congestion.into(),
        };
        let listen = address.map(|address| net::ListenOptions {
            address: address.to_owned(),
            identity: identity.clone(),
            http_root: filled(&self.http_root).map(PathBuf::from),
            quic: quic.clone(),
            protocols: PROTOCOLS.to_vec(),
        });
        let identity = identity.filter(|_| listen.is_none());
        let connect = url
            .map(|url| self.connect(url, identity, quic))
            .transpose()?;
        Ok(Plan {
            connect,
            listen,
            policy: self.policy(),
            keys: self.keys()?,
            limits: self.limits,
        })
    }

    /// The keys whose tokens open the port.
    fn keys(&self) -> Result<Option<Keys>, gst::ErrorMessage> {
        let Some(key) = filled(&self.auth_key) else {
            return Ok(None);
        };
        if filled(&self.listen).is_none() {
            return Err(wrong(
                "auth-key is set without listen: it is for tokens of peers that come here; auth-token is what to show \
                 a server",
            ));
        }
        if is_json(key) {
            let keys = Keys::parse(key);
            return keys
                .map(Some)
                .map_err(|error| wrong(format!("The key in auth-key cannot be used: {error}")));
        }
        let mut text = String::new();
        File::open(key)
            .and_then(|file| file.take(KEY_FILE).read_to_string(&mut text))
            .map_err(|error| {
                wrong(format!(
                    "The file {key} of auth-key cannot be read: {error}"
                ))
            })?;
        let keys = Keys::parse(&text);
        keys.map(Some).map_err(|error| {
            wrong(format!(
                "The file {key} of auth-key holds no key that can be used: {error}"
            ))
        })
    }

    fn connect(
        &self,
        url: &str,
        identity: Option<(PathBuf, PathBuf)>,
        quic: net::Quic,
    ) -> Result<net::ConnectOptions, gst::ErrorMessage> {
        let url = Url::parse(url).map_err(|error| {
            wrong(format!(
                "The url cannot be used: {error}; it should look like https://relay.example.com/room"
            ))
        })?;
        let list = filled(&self.certificate_fingerprints).unwrap_or_default();
        let fingerprints = list
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().map_err(|error: net::Error| wrong(error)))
            .collect::<Result<_, _>>()?;
        Ok(net::ConnectOptions {
            url,
            token: filled(&self.auth_token).map(str::to_owned),
            tls: net::Tls {
                roots_file: filled(&self.certificate_database_file).map(PathBuf::from),
                fingerprints,
                disable_verify: self.tls_disable_verify,
                identity,
            },
            quic,
            protocols: PROTOCOLS.to_vec(),
            websocket: net::WebSocket {
                enabled: self.websocket,
                ..net::WebSocket::default()
            },
        })
    }
}

/// Congestion control algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstMoqCongestionController")]
pub(super) enum Congestion {
    #[enum_value(name = "Loss-based, as most of TCP", nick = "cubic")]
    Cubic,
    #[enum_value(name = "Follows measured bandwidth (experimental)", nick = "bbr")]
    Bbr,
    #[enum_value(name = "Loss-based, the oldest", nick = "newreno")]
    NewReno,
}

impl From<Congestion> for net::Congestion {
    fn from(congestion: Congestion) -> Self {
        match congestion {
            Congestion::Cubic => Self::Cubic,
            Congestion::Bbr => Self::Bbr,
            Congestion::NewReno => Self::NewReno,
        }
    }
}

/// Whether `property` may be set now. If not, a warning in the log says so.
pub(super) fn is_mutable(element: &impl IsA<gst::Element>, property: &glib::ParamSpec) -> bool {
    let fixed = property.flags().contains(gst::PARAM_FLAG_MUTABLE_READY)
        && element.current_state() > gst::State::Ready;
    if fixed {
        gst::warning!(
            gst::CAT_DEFAULT,
            obj = element,
            "{} can only be set in state READY or NULL",
            property.name()
        );
    }
    !fixed
}

/// An error about the user's settings.
pub(super) fn wrong(sentence: impl std::fmt::Display) -> gst::ErrorMessage {
    gst::error_msg!(gst::ResourceError::Settings, ("{sentence}"))
}

/// Whether the key itself stands in the property.
fn is_json(key: &str) -> bool {
    key.trim_start().starts_with('{')
}

fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes of a file of keys that are read.
const KEY_FILE: u64 = 1 << 20;
