//! The model of the transport: each verb as a sentence that can be false.

mod common;

mod model {
    mod broadcast;
    mod demand;
    mod faults;
    mod group;
    mod origin;
    mod plain;
    mod retention;
    mod threads;
    mod track;
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
