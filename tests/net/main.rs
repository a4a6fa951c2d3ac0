//! The network layer over real sockets on the loopback interface.

mod dial;
mod serve;
mod support;
