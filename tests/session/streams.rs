//! Readers and writers of streams, without a session around them.

use gstmoq::moq_lite::{
    Error, Track,
    coding::{DecodeError, Stream},
};

use crate::{
    assert_err,
    common::{
        transport::{self, Config, Record, Session},
        within,
    },
};

type Ends = (Stream<Session, ()>, Stream<Session, ()>, transport::Link);

async fn stream() -> Ends {
    let (client, server, link) = transport::connect(Config::default());
    let mut ours = Stream::open(&client, ()).await.unwrap();
    ours.writer.write_all(&mut &b"\x05hello"[..]).await.unwrap();
    let theirs = within(Stream::accept(&server, ())).await.unwrap();
    (ours, theirs, link)
}

/// The records of the half that the client sends on.
fn sent(link: &transport::Link) -> Record {
    let mut records = link.find(|record| record.sender == record.opener);
    assert_eq!(records.len(), 1);
    records.remove(0)
}

#[tokio::test(start_paused = true)]
async fn an_end_inside_a_value_is_an_error_and_not_waited_out() {
    let (mut ours, mut theirs, _link) = stream().await;
    ours.writer.finish().unwrap();
    assert_eq!(
        theirs.reader.decode_peek::<String>().await.unwrap(),
        "hello"
    );
    assert_err!(
        within(theirs.reader.read_exact(7)).await,
        Error::Decode(DecodeError::Short)
    );
    // Nothing was taken by the calls that failed.
    assert_eq!(theirs.reader.decode::<String>().await.unwrap(), "hello");
    assert_err!(
        within(theirs.reader.decode::<u8>()).await,
        Error::Decode(DecodeError::Short)
    );
    assert_err!(
        within(theirs.reader.skip(1)).await,
        Error::Decode(DecodeError::Short)
    );
    assert_eq!(theirs.reader.decode_maybe::<u8>().await.unwrap(), None);
    assert!(theirs.reader.read(1).await.unwrap().is_none());
    assert!(theirs.reader.closed().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn bytes_where_the_end_should_be_are_said() {
    let (_ours, mut theirs, _link) = stream().await;
    theirs.reader.skip(5).await.unwrap();
    assert_err!(
        within(theirs.reader.closed()).await,
        Error::Decode(DecodeError::ExpectedEnd)
    );
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_finished_resets_nothing_when_it_is_dropped() {
    let (mut ours, _theirs, link) = stream().await;
    ours.writer.finish().unwrap();
    drop(ours.writer);
    assert_eq!((sent(&link).finished, sent(&link).reset), (true, None));
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_is_dropped_before_it_finished_cancels_the_stream() {
    let (ours, _theirs, link) = stream().await;
    // Going on in another version is no end.
    let writer = ours.writer.with_version(Track::MAX_AGE);
    assert_eq!(sent(&link).reset, None);
    drop(writer);
    assert_eq!((sent(&link).finished, sent(&link).reset), (false, Some(0)));
}

#[tokio::test(start_paused = true)]
async fn an_abort_tells_the_code_once() {
    let (mut ours, _theirs, link) = stream().await;
    ours.writer.abort(&Error::App(3));
    drop(ours.writer);
    assert_eq!(sent(&link).reset, Some(67));

    let (_ours, mut theirs, link) = stream().await;
    theirs.reader.abort(&Error::Old);
    drop(theirs.reader);
    assert_eq!(sent(&link).stopped, Some(2));
}
