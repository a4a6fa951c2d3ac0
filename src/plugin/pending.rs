//! Sessions as the transport will offer them.
#![allow(missing_docs, dead_code, unreachable_pub)]
use crate::moq_lite::{Error, OriginConsumer, OriginProducer};
#[derive(Default, Clone)]
pub struct Client {}
#[derive(Default, Clone)]
pub struct Server {}
pub struct Session {}
impl Client {
    pub fn new() -> Self {
        Self {}
    }
    pub fn with_publish(self, _: impl Into<Option<OriginConsumer>>) -> Self {
        self
    }
    pub fn with_consume(self, _: impl Into<Option<OriginProducer>>) -> Self {
        self
    }
    pub async fn connect(&self, _: crate::net::Transport) -> Result<Session, Error> {
        std::future::pending().await
    }
}
impl Server {
    pub fn new() -> Self {
        Self {}
    }
    pub fn with_publish(self, _: impl Into<Option<OriginConsumer>>) -> Self {
        self
    }
    pub fn with_consume(self, _: impl Into<Option<OriginProducer>>) -> Self {
        self
    }
    pub async fn accept(&self, _: crate::net::Transport) -> Result<Session, Error> {
        std::future::pending().await
    }
}
impl Session {
    pub async fn closed(&self) -> Result<(), Error> {
        std::future::pending().await
    }
    pub fn close(self, _: Error) {}
    pub fn version_name(&self) -> &'static str {
        "moq-lite-02"
    }
}
