//! Our client and our server.

use gstmoq::moq_lite::{Client, Demand, Error, Server, Track};

use crate::{
    common::{
        transport::{self, Config},
        within,
    },
    peer::{announced, config, pair},
};

#[tokio::test(start_paused = true)]
async fn a_late_joiner_gets_the_current_group_from_its_start_in_both_directions() {
    let (client, server, _link) = pair(config()).await;
    assert_eq!(client.session.version_name(), "moq-transport-14");
    assert_eq!(server.session.version_name(), "moq-transport-14");
    for (publisher, viewer) in [(&client, &server), (&server, &client)] {
        let mut broadcast = publisher.has.create_broadcast("room/a\\/b").unwrap();
        let mut track = broadcast.create_track(Track::new("video"));
        track.write_frame("old").unwrap();
        let mut group = track.append_group().unwrap();
        group.write_frame("keyframe").unwrap();
        group.write_frame("").unwrap();
        let remote = announced(&viewer.sees, "room/a\\/b").await;
        let mut reader = remote.subscribe_track(&Track::new("video"));
        let mut received = within(reader.recv_group()).await.unwrap().unwrap();
        assert_eq!(received.info.sequence, 1);
        for expected in ["keyframe", ""] {
            let frame = within(received.read_frame()).await.unwrap();
            assert_eq!(frame.unwrap(), expected);
        }
        group.write_frame("last").unwrap();
        group.close();
        track.close();
        let frame = within(received.read_frame()).await.unwrap();
        assert_eq!(frame.unwrap(), "last");
        assert!(within(received.read_frame()).await.unwrap().is_none());
        assert!(within(reader.recv_group()).await.unwrap().is_none());
        let (sent, received) = (
            publisher.session.stats().sent,
            viewer.session.stats().received,
        );
        assert_eq!((sent.groups, sent.frames, sent.bytes), (1, 3, 12));
        assert_eq!(received, sent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_the_past_from_the_group_that_it_names() {
    let (client, server, _link) = pair(config()).await;
    let mut broadcast = server.has.create_broadcast("cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    for frame in ["a", "b", "c", "d"] {
        track.write_frame(frame).unwrap();
    }
    let remote = announced(&client.sees, "cam").await;
    for start in [0, 2] {
        let mut reader = remote.subscribe_track(&Track::new("video"));
        reader.set_demand(Demand {
            start: Some(start),
            ..Demand::new(0)
        });
        let mut groups = Vec::new();
        while groups.len() < 4 - start as usize {
            let mut group = within(reader.recv_group()).await.unwrap().unwrap();
            let frame = within(group.read_frame()).await.unwrap().unwrap();
            groups.push((group.info.sequence, frame));
        }
        groups.sort();
        let expected = [(0, "a"), (1, "b"), (2, "c"), (3, "d")];
        let expected = expected.map(|(sequence, frame)| (sequence, bytes::Bytes::from(frame)));
        assert_eq!(groups, expected[start as usize..]);
        drop(reader);
        within(track.unused()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn leaving_reaches_the_publisher() {
    let (client, server, _link) = pair(config()).await;
    let mut broadcast = client.has.create_broadcast("cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame("keyframe").unwrap();
    let remote = announced(&server.sees, "cam").await;
    let mut reader = remote.subscribe_track(&Track::new("video"));
    within(reader.recv_group()).await.unwrap().unwrap();
    drop(reader);
    within(track.unused()).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_broadcast_and_its_return_are_announced() {
    let (client, server, _link) = pair(config()).await;
    let mut broadcast = client.has.create_broadcast("cam").unwrap();
    let remote = announced(&server.sees, "cam").await;
    broadcast.close();
    within(remote.closed()).await;
    let _again = client.has.create_broadcast("cam").unwrap();
    announced(&server.sees, "cam").await;
}

#[tokio::test(start_paused = true)]
async fn the_reason_of_an_unknown_track_and_of_an_aborted_one_reach_the_reader() {
    let (client, server, _link) = pair(config()).await;
    let mut broadcast = client.has.create_broadcast("cam").unwrap();
    let track = broadcast.create_track(Track::new("video"));
    broadcast.refuse_requests();
    let remote = announced(&server.sees, "cam").await;
    let unknown = remote.subscribe_track(&Track::new("other"));
    assert!(matches!(
        within(unknown.closed()).await,
        Err(Error::NotFound)
    ));
    let mut reader = remote.subscribe_track(&Track::new("video"));
    track.abort(Error::Unauthorized);
    assert!(matches!(
        within(reader.recv_group()).await,
        Err(Error::Unauthorized)
    ));
}

#[tokio::test(start_paused = true)]
async fn goaway_is_told_and_the_session_goes_on() {
    let (client, server, link) = pair(config()).await;
    server.session.send_goaway("moqt://elsewhere").unwrap();
    let uri = within(client.session.goaway()).await;
    assert_eq!(uri.as_deref(), Some("moqt://elsewhere"));
    let _broadcast = server.has.create_broadcast("cam").unwrap();
    announced(&client.sees, "cam").await;
    assert_eq!(link.end(), None);
}

#[tokio::test(start_paused = true)]
async fn a_server_is_shown_the_token_of_its_client() {
    let shown = |protocol: &'static str, client: Client| async move {
        let config = Config {
            protocol: Some(protocol),
            ..Config::default()
        };
        let (ours, theirs, link) = transport::connect(config);
        let asking = async {
            let request = Server::new().request(theirs).await;
            request.map(|request| request.token().map(str::to_owned))
        };
        let both = async { tokio::join!(client.connect(ours), asking) };
        let (_, token) = within(both).await;
        let written = link.records().iter().any(|record| {
            let mut windows = record.written.windows(6);
            windows.any(|bytes| bytes == b"secret")
        });
        (token, written)
    };
    let client = Client::new().with_token("secret".to_owned());
    let (token, written) = shown("moq-00", client.clone()).await;
    assert_eq!((token.unwrap().as_deref(), written), (Some("secret"), true));
    // Where there is no place for it, it is not sent.
    for protocol in ["moql", "moq-lite-06"] {
        let (token, written) = shown(protocol, client.clone()).await;
        assert_eq!((token.unwrap(), written), (None, false));
    }
    let (token, _) = shown("moq-00", Client::new()).await;
    assert_eq!(token.unwrap(), None);
}
