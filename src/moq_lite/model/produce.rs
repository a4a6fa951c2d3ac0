//! Both ends of something new.

/// A producer and a consumer of the same thing.
#[derive(Clone)]
pub struct Produce<P, C> {
    /// The end that writes.
    pub producer: P,
    /// The end that reads.
    pub consumer: C,
}
