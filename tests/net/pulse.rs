//! Noticing a peer that does not answer.

use std::time::Duration;

use web_transport_trait::Session;

use crate::{
    link::{Conditions, Link},
    support::{echo, insecure, listen, options, session, within},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_answer_is_noticed_and_so_is_its_answer() {
    let server = listen("127.0.0.1:0", &["moql"]).await;
    let port = server.local_addr().port();
    let link = tokio::task::spawn_blocking(move || Link::new(port, Conditions::default()));
    let link = link.await.expect("a link");
    let url = format!("moql://127.0.0.1:{}", link.port);
    let (connected, accepted) = session(server, &options(&url, insecure())).await;
    echo(&connected, &accepted).await;
    let transport = &connected.transport;

    // Nobody says anything, so nobody owes an answer.
    let quiet = tokio::time::timeout(Duration::from_millis(2_500), transport.silent()).await;
    assert!(quiet.is_err(), "{quiet:?}");

    link.conditions().cut = true;
    let received = transport.received();
    let _stream = transport.open_uni().await.expect("there is room");
    let mut stream = transport.open_uni().await.expect("there is room");
    web_transport_trait::SendStream::write(&mut stream, b"is anybody there?")
        .await
        .expect("the connection is open");
    let silent = within(transport.silent()).await;
    assert!(silent >= Duration::from_millis(1_500), "{silent:?}");
    assert_eq!(transport.received(), received);

    link.conditions().cut = false;
    within(transport.heard(received)).await;
    echo(&connected, &accepted).await;
}
