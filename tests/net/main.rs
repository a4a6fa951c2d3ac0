//! The network layer over real sockets on the loopback interface.

mod dial;
mod fallback;
mod pages;
#[path = "../common/pem.rs"]
mod pem;
mod serve;
mod support;
