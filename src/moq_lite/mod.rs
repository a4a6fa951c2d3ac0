//! The transport: an implementation of moq-lite and of IETF moq-transport that is
//! usable without GStreamer.
//!
//! An [`Origin`] holds broadcasts by path, a [`Broadcast`] tracks by name, a [`Track`]
//! groups by sequence number, a [`Group`] frames in order, and a [`Frame`] bytes. Each has a
//! producer and a consumer: cheap handles that may be cloned, sent to other threads and used
//! with or without a runtime. A [`Session`] carries them between two peers.
//!
//! # Publish
//!
//! ```
//! use gstmoq::moq_lite::{Error, Origin, Track};
//!
//! fn main() -> Result<(), Error> {
//!     let origin = Origin::produce();
//!     let Some(mut broadcast) = origin.producer.create_broadcast("room/alice") else {
//!         return Err(Error::Unauthorized); // only where the rights of the origin were narrowed
//!     };
//!     let mut chat = broadcast.create_track(Track::new("chat"));
//!
//!     // A reader joins at the start of a group and reads on from there.
//!     let mut group = chat.append_group()?;
//!     group.write_frame("hello")?;
//!     group.write_frame("is anybody here?")?;
//!     group.close();
//!
//!     chat.close();
//!     Ok(())
//! }
//! ```
//!
//! Dropping a producer without `close` is an end too, which its readers see as
//! [`Error::Cancel`]. Tracks that are made only when somebody wants them come from
//! [`BroadcastProducer::requested_track`].
//!
//! # Consume
//!
//! ```
//! use gstmoq::moq_lite::{Error, Origin, Track};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Error> {
//!     let mut origin = Origin::produce();
//!     # let mut published = origin.producer.create_broadcast("room/alice").unwrap();
//!     # let mut chat = published.create_track(Track::new("chat"));
//!     # chat.write_frame("hello")?;
//!     # chat.close();
//!     while let Some((path, broadcast)) = origin.consumer.announced().await {
//!         let Some(broadcast) = broadcast else {
//!             println!("{path} is gone");
//!             continue;
//!         };
//!         let mut chat = broadcast.subscribe_track(&Track::new("chat"));
//!         while let Some(mut group) = chat.next_group().await? {
//!             while let Some(frame) = group.read_frame().await? {
//!                 println!("{path}: {}", String::from_utf8_lossy(&frame));
//!             }
//!         }
//!         # break;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! [`TrackConsumer::next_group`] skips to the newest group, which is what live media want;
//! [`TrackConsumer::recv_group`] leaves none out.
//!
//! # Over the network
//!
//! A [`Client`] or a [`Server`] joins an origin with that of a peer, over any transport that
//! implements `web_transport_trait::Session`; the module `net` of this library makes them
//! from a URL. What is published in the one origin appears in the other.
//!
//! ```no_run
//! use gstmoq::moq_lite::{Client, Error, Origin, Server};
//! use web_transport_trait::Session;
//!
//! async fn watch(transport: impl Session) -> Result<(), Error> {
//!     let mut origin = Origin::produce();
//!     let client = Client::new().with_consume(origin.producer);
//!     let session = client.connect(transport).await?;
//!     while let Some((path, broadcast)) = origin.consumer.announced().await {
//!         println!("{path} {}", if broadcast.is_some() { "starts" } else { "ends" });
//!     }
//!     // Dropping the session closes the transport.
//!     session.closed().await
//! }
//!
//! async fn serve(transport: impl Session) -> Result<(), Error> {
//!     let origin = Origin::produce();
//!     let _broadcast = origin.producer.create_broadcast("room/bob");
//!     let server = Server::new().with_publish(origin.consumer);
//!     server.accept(transport).await?.closed().await
//! }
//! ```
//!
//! # Versions
//!
//! | version | number in SETUP | protocol name | how it is agreed |
//! |---|---|---|---|
//! | moq-lite-06 | `0xff0dad06` | `moq-lite-06` | by the name; each side describes itself |
//! | moq-lite-05 | `0xff0dad05` | `moq-lite-05` | by the name; each side describes itself |
//! | moq-lite-04 | `0xff0dad04` | `moq-lite-04` | by the name |
//! | moq-lite-03 | `0xff0dad03` | `moq-lite-03` | by the name |
//! | moq-lite-02 | `0xff0dad02` | `moql` or none | SETUP |
//! | moq-lite-01 | `0xff0dad01` | `moql` or none | SETUP |
//! | moq-transport-14 | `0xff00000e` | `moq-00` or none | SETUP |
//!
//! [`ALPNS`] and [`VERSIONS`] list them, the preferred first.
//!
//! # Limits
//!
//! What a peer sends is bounded before memory is spent on it: [`Group::MAX_FRAMES`] and
//! [`Group::MAX_BYTES`] for a group, [`Track::MAX_AGE`], [`Track::MAX_BYTES`] and
//! [`Track::MAX_GROUPS`] for the past of a track, [`Broadcast::MAX_REQUESTS`] for tracks that
//! nobody has answered yet; [`Limits`] for what it asks for and announces. The newest group of a track is always kept.
//!
//! # Differences from moq-lite 0.12
//!
//! Everything that the crate `moq-lite` 0.12.0 offers is here under the same name. These items
//! have another shape:
//!
//! | difference | reason |
//! |---|---|
//! | Writing to a track, group or frame returns a `Result` | another clone, or the limits of a group, may have ended it; the seed panics there |
//! | Encoding returns a `Result` | a number of 2^62 or more has no encoding; the seed panics there |
//! | `VERSIONS` and `ALPNS` are longer | there are more versions than the seed speaks |
//! | Messages have the fields and kinds of every version | the seed has fewer versions, and leaves fields of draft-14 out |
//! | `Writer::set_priority` takes any number that fits an `i32`, higher first | the transports of today have that order and range |
//! | `coding::DecodeError` tells what draft-14 has a code of its own for | the session ends with it |
//! | No impls of the traits of `num_enum` | the standard `From` and `TryFrom` do the same without the dependency |
//! | `ietf::ParameterVarInt` and `ietf::ParameterBytes` have no discriminants | a kind that is not known has its number inside, so `From` gives the number of every kind |
//! | `ietf::UnsubscribeNamespace` names the namespace | draft-14 has it there, and no request id |
//! | `BroadcastProducer` has no `Drop` of its own | the handle inside it cleans up |
//!
//! These behave differently, each because the behaviour there loses data, memory or time:
//!
//! | behaviour | reason |
//! |---|---|
//! | A reader gets everything that was written, and then the end | there the end hides a last group that was not fetched yet |
//! | A track keeps groups of the recent past and takes late ones; its readers do not decide what is kept | there an older group in flight is cancelled as soon as a newer one begins |
//! | The first `close` or `abort` counts | there a later one overwrites the verdict |
//! | Ending a broadcast or dropping a request ends the wait of its readers | there they hang |
//! | A published track is in use only while somebody reads it | there the broadcast itself keeps it in use |
//! | Changes that were undone before [`OriginConsumer::announced`] was called are left out; it returns `None` when nothing can follow | there the queue of a slow reader grows without bound |
//! | Every way into a [`Path`] normalises, prefixes of an origin are unique | there some paths panic under a lock |
//! | Dropping a [`Session`] closes the transport; [`Session::closed`] gives the reason | there sessions linger, and every reason is a transport error |
//! | [`Client::connect`] and [`Server::accept`] give up after 10 s | there a silent peer holds them for ever |
//! | Codes of the peer are mapped back to [`Error`] | there every one is a transport error |
//! | Nothing in the model needs a runtime | there several calls spawn tasks |
//! | `serde`: [`Path`] is read from any string, [`coding::VarInt`] and [`Timescale`] are checked | there escaped strings fail, and numbers of 2^62 and more pass |

#![deny(missing_docs)]

mod client;
pub mod coding;
mod error;
mod farewell;
pub mod ietf;
mod life;
mod limits;
pub mod lite;
mod model;
mod order;
mod own;
mod path;
mod redact;
mod roles;
mod server;
mod session;
mod setup;
mod stats;
mod status;
mod version;

pub use client::*;
pub use error::*;
pub use limits::{Excess, Limits};
pub use model::*;
pub use path::*;
pub use server::*;
pub use session::*;
pub use stats::{Direction, SessionStats, TrackStats, Traffic};
pub use version::carries_path;

/// Every version, the preferred first.
pub const VERSIONS: [coding::Version; 7] = {
    let [first, second, third, fourth] = version::Version::DIRECT;
    let [fifth, sixth, seventh] = version::Version::SETUP;
    [
        first.coding(),
        second.coding(),
        third.coding(),
        fourth.coding(),
        fifth.coding(),
        sixth.coding(),
        seventh.coding(),
    ]
};

/// The protocol names to offer in the TLS handshake or the WebTransport request,
/// the preferred first.
pub const ALPNS: [&str; 6] = {
    let [first, second, third, fourth] = version::Version::DIRECT;
    [
        first.alpn(),
        second.alpn(),
        third.alpn(),
        fourth.alpn(),
        lite::ALPN,
        ietf::ALPN,
    ]
};
