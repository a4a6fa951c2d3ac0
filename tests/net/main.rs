//! The network layer over real sockets on the loopback interface.

mod dial;
mod fallback;
#[path = "../common/pem.rs"]
mod pem;
mod serve;
mod support;
