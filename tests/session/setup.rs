//! How two sides agree on a version, and what they do with one that does not.

use std::time::Duration;

use gstmoq::moq_lite::{
    Client, Error, Origin, Server, VERSIONS,
    coding::{DecodeError, Version},
    lite,
};
use tokio::time::Instant;
use web_transport_trait::{SendStream as _, Session as _};

use super::peer::{Peer, pair, read_all, send_all};
use crate::{
    assert_err,
    common::{
        transport::{self, Config, Ending, Side},
        within,
    },
};

const CLIENT: &[u8] = b"\x20\0\x2f\x03\xc0\0\0\0\xff\x0d\xad\x02\xc0\0\0\0\xff\x0d\xad\x01\
    \xc0\0\0\0\xff\0\0\x0e\x02\x02\x80\x10\0\0\x07\x0egst-plugin-moq";
const SERVER: &[u8] = b"\x21\0\x09\xc0\0\0\0\xff\x0d\xad\x02\0";

fn closed(by: Side, err: &Error) -> Option<Ending> {
    Some(Ending::Closed {
        by,
        code: err.to_code(),
        reason: err.to_string(),
    })
}

#[tokio::test(start_paused = true)]
async fn two_of_us_speak_the_newest_version() {
    let pair = pair(Config::default()).await;
    assert_eq!(pair.client.session.version_name(), "moq-lite-02");
    assert_eq!(pair.server.session.version_name(), "moq-lite-02");
    let records = pair.link.records();
    assert_eq!(records[0].written, CLIENT);
    assert_eq!(records[1].written, SERVER);
    assert!(
        !records[0].done && !records[1].done,
        "it lives as long as the session"
    );
}

#[tokio::test(start_paused = true)]
async fn the_protocol_of_the_handshake_may_be_moql() {
    let protocol = Some(lite::ALPN);
    let pair = pair(Config {
        protocol,
        ..Config::default()
    })
    .await;
    assert_eq!(pair.client.session.version_name(), "moq-lite-02");
}

#[tokio::test(start_paused = true)]
async fn a_protocol_of_the_handshake_that_is_not_ours_is_refused() {
    let protocol = Some("moq-lite-99");
    let (client, _server, link) = transport::connect(Config {
        protocol,
        ..Config::default()
    });
    let result = within(Client::new().connect(client)).await;
    let Err(err @ Error::Version(..)) = result else {
        panic!("it was taken");
    };
    assert_eq!(link.end(), closed(Side::Client, &err));

    let (_client, server, link) = transport::connect(Config {
        protocol,
        ..Config::default()
    });
    let result = within(Server::new().accept(server)).await;
    let Err(err @ Error::Version(..)) = result else {
        panic!("it was taken");
    };
    assert_eq!(link.end(), closed(Side::Server, &err));
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_either_version_is_served_in_it() {
    for (version, name) in [
        (lite::Version::Draft01, "moq-lite-01"),
        (lite::Version::Draft02, "moq-lite-02"),
    ] {
        let (session, _peer) = Peer::client(version, Origin::produce().consumer).await;
        assert_eq!(session.version_name(), name);
        let (session, ..) = Peer::server(version, &[]).await;
        assert_eq!(session.version_name(), name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_with_no_version_in_common_is_told_so() {
    let (client, server, link) = transport::connect(Config::default());
    let (mut send, _recv) = client.open_bi().await.unwrap();
    send_all(&mut send, b"\x20\0\x0a\x01\xc0\0\0\0\xff\0\0\x0d\0").await;
    let result = within(Server::new().accept(server)).await;
    let Err(err) = result else {
        panic!("it was taken")
    };
    let Error::Version(theirs, ours) = &err else {
        panic!("{err}")
    };
    assert_eq!(
        (theirs[..].to_vec(), ours[..].to_vec()),
        (vec![Version(0xff00_000d)], VERSIONS[4..].to_vec())
    );
    assert_eq!(link.end(), closed(Side::Server, &err));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_chooses_what_was_not_offered_is_refused() {
    let (client, server, link) = transport::connect(Config::default());
    let answering = async {
        let (mut send, mut recv) = server.accept_bi().await.unwrap();
        assert_eq!(read_all(&mut recv, CLIENT.len()).await, CLIENT);
        send_all(&mut send, b"\x21\0\x09\xc0\0\0\0\xff\0\0\x0d\0").await;
        (send, recv)
    };
    let connecting = Client::new();
    let (result, _streams) =
        within(async { tokio::join!(connecting.connect(client), answering) }).await;
    let Err(err @ Error::Version(..)) = result else {
        panic!("it was taken")
    };
    assert_eq!(link.end(), closed(Side::Client, &err));
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up_after_ten_seconds() {
    let start = Instant::now();
    let (client, _server, link) = transport::connect(Config::default());
    assert_err!(Client::new().connect(client).await, Error::Timeout);
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert_eq!(link.end(), closed(Side::Client, &Error::Timeout));

    let (_client, server, link) = transport::connect(Config::default());
    assert_err!(Server::new().accept(server).await, Error::Timeout);
    assert_eq!(link.end(), closed(Side::Server, &Error::Timeout));

    // One that stops in the middle of its message is no better.
    let (client, server, _link) = transport::connect(Config::default());
    let (mut send, _recv) = client.open_bi().await.unwrap();
    send_all(&mut send, &CLIENT[..9]).await;
    assert_err!(Server::new().accept(server).await, Error::Timeout);

    // Neither is one that lets no stream be opened.
    let (client, _server, _link) = transport::connect(Config {
        bi: 0,
        ..Config::default()
    });
    assert_err!(Client::new().connect(client).await, Error::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_announces_leaves_the_session_usable() {
    let (client, server, link) = transport::connect(Config::default());
    let answering = async {
        let (mut send, mut recv) = server.accept_bi().await.unwrap();
        read_all(&mut recv, CLIENT.len()).await;
        send_all(&mut send, SERVER).await;
        (send, recv)
    };
    let connecting = Client::new().with_consume(Origin::produce().producer);
    let (session, _streams) =
        within(async { tokio::join!(connecting.connect(client), answering) }).await;
    assert!(session.is_ok());
    assert_eq!(link.end(), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_setup_is_refused() {
    let cases: &[(&[u8], DecodeError)] = &[
        (
            b"\x21\0\x09\xc0\0\0\0\xff\x0d\xad\x02\0",
            DecodeError::InvalidMessage(0x21),
        ),
        (b"\x01\x01\x00", DecodeError::InvalidMessage(1)),
        (
            b"\x20\0\x0a\x41\0\xc0\0\0\0\xff\x0d\xad\x02",
            DecodeError::TooMany,
        ),
        (b"\x20\0\x02\x01\xc0", DecodeError::ExpectedData),
        (
            b"\x20\0\x0b\x01\xc0\0\0\0\xff\x0d\xad\x02\0\0",
            DecodeError::Long,
        ),
        (b"\x20\0\x0b", DecodeError::Short),
    ];
    for (bytes, expected) in cases {
        let (client, server, link) = transport::connect(Config::default());
        let (mut send, _recv) = client.open_bi().await.unwrap();
        send_all(&mut send, bytes).await;
        send.finish().unwrap();
        let Err(Error::Decode(err)) = within(Server::new().accept(server)).await else {
            panic!("{expected}");
        };
        assert_eq!(err.to_string(), expected.to_string());
        assert_eq!(link.end(), closed(Side::Server, &Error::Decode(err)));
    }
}

#[tokio::test(start_paused = true)]
async fn giving_up_in_the_middle_closes_the_transport() {
    let (client, _server, link) = transport::connect(Config::default());
    drop(crate::common::Step::waiting(Client::new().connect(client)));
    let ending = Ending::Closed {
        by: Side::Client,
        code: 0,
        reason: String::new(),
    };
    assert_eq!(link.end(), Some(ending));
}

#[tokio::test(start_paused = true)]
async fn either_side_may_insist_on_a_version() {
    let meet = |protocol, client: Client, server: Server| async move {
        let config = Config {
            protocol,
            ..Config::default()
        };
        let (ours, theirs, _link) = transport::connect(config);
        within(async { tokio::join!(client.connect(ours), server.accept(theirs)) }).await
    };
    let first = [lite::Version::Draft01.coding()];
    for (client, server) in [
        (Client::new().with_versions(first), Server::new()),
        (Client::new(), Server::new().with_versions(first)),
    ] {
        let (client, server) = meet(Some("moql"), client, server).await;
        assert_eq!(client.unwrap().version_name(), "moq-lite-01");
        assert_eq!(server.unwrap().version_name(), "moq-lite-01");
    }
    // Nothing is left of what the name stands for.
    let (client, server) = (Client::new().with_versions(first), Server::new());
    let (client, _) = meet(Some("moq-lite-06"), client, server).await;
    assert_err!(client, Error::Version(..));
    let (client, server) = (Client::new(), Server::new().with_versions(first));
    let (_, server) = meet(Some("moq-00"), client, server).await;
    assert_err!(server, Error::Version(..));
}
