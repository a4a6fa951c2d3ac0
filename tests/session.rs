//! Sessions over a transport in memory, under paused time.

mod common;

mod session {
    mod announce;
    mod demands;
    mod hostile;
    mod life;
    mod peer;
    mod publisher;
    mod requests;
    mod routes;
    mod setup;
    mod streams;
    mod subscriber;
    mod tracks;
    mod versions;
}
