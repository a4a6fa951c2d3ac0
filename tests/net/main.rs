//! The network layer over real sockets on the loopback interface.

mod dial;
mod fallback;
#[path = "../common/link.rs"]
mod link;
mod pages;
#[path = "../common/pem.rs"]
mod pem;
mod pulse;
mod serve;
mod support;
#[path = "../common/waiting.rs"]
mod waiting;
