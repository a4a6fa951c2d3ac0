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

/// The error of a result, which must be the given variant.
#[macro_export]
macro_rules! assert_err {
    ($result:expr, $error:pat) => {
        match $result {
            Err($error) => {}
            other => panic!(
                "expected {}, got {:?}",
                stringify!($error),
                other.map(|_| ())
            ),
        }
    };
}
