//! Optional fields of messages: a number for even keys, bytes for odd ones.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use bytes::{Buf, BufMut};

use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

macro_rules! keys {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $key:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
            /// Any other key.
            Unknown(u64),
        }

        impl From<u64> for $name {
            fn from(key: u64) -> Self {
                match key {
                    $($key => Self::$variant,)*
                    key => Self::Unknown(key),
                }
            }
        }

        impl From<$name> for u64 {
            fn from(key: $name) -> Self {
                match key {
                    $($name::$variant => $key,)*
                    $name::Unknown(key) => key,
                }
            }
        }
    };
}

keys! {
    /// Keys of numbers.
    ParameterVarInt {
        /// One more than the largest request that the receiver may make.
        MaxRequestId = 2,
        /// How many bytes of tokens the sender remembers.
        MaxAuthTokenCacheSize = 4,
    }
}

keys! {
    /// Keys of bytes.
    ParameterBytes {
        /// The path and query of the URL, where the binding has no URL.
        Path = 1,
        /// What proves the sender's rights.
        AuthorizationToken = 3,
        /// The host of the URL, where the binding has no URL.
        Authority = 5,
        /// The name of the sender's software.
        Implementation = 7,
    }
}

/// Parameters, written in the order of their keys. `Debug` shows how long the bytes
/// are: there may be a token in them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    numbers: BTreeMap<u64, u64>,
    bytes: BTreeMap<u64, Vec<u8>>,
    /// What came of [`ParameterBytes::AuthorizationToken`] after the first.
    more_tokens: Vec<Vec<u8>>,
}

/// The most parameters of a message.
const MAX: usize = 64;

/// [`ParameterBytes::AuthorizationToken`].
const TOKEN: u64 = 3;

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.bytes.iter().map(|(key, bytes)| (key, bytes.len()));
        f.debug_struct("Parameters")
            .field("numbers", &self.numbers)
            .field("sizes", &sizes.collect::<BTreeMap<_, _>>())
            .finish()
    }
}

impl Parameters {
    /// The number under a key.
    pub fn get_varint(&self, kind: ParameterVarInt) -> Option<u64> {
        self.numbers.get(&kind.into()).copied()
    }

    /// Puts a number under a key. An odd key makes the parameters impossible to
    /// encode.
    pub fn set_varint(&mut self, kind: ParameterVarInt, value: u64) {
        self.numbers.insert(kind.into(), value);
    }

    /// The bytes under a key.
    pub fn get_bytes(&self, kind: ParameterBytes) -> Option<&[u8]> {
        self.bytes.get(&kind.into()).map(Vec::as_slice)
    }

    /// Puts bytes under a key. An even key makes the parameters impossible to
    /// encode.
    pub fn set_bytes(&mut self, kind: ParameterBytes, value: Vec<u8>) {
        if kind == ParameterBytes::AuthorizationToken {
            self.more_tokens.clear();
        }
        self.bytes.insert(kind.into(), value);
    }

    /// Every [`ParameterBytes::AuthorizationToken`]: no other may come again.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &[u8]> {
        let first = self.get_bytes(ParameterBytes::AuthorizationToken);
        let more = self.more_tokens.iter().map(Vec::as_slice);
        first.into_iter().chain(more)
    }
}

impl<V: Clone> Decode<V> for Parameters {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        let count = usize::decode(buf, version.clone())?;
        if count > MAX {
            return Err(DecodeError::TooMany);
        }
        let mut parameters = Self::default();
        for _ in 0..count {
            let key = u64::decode(buf, version.clone())?;
            let twice = if key.is_multiple_of(2) {
                let value = u64::decode(buf, version.clone())?;
                parameters.numbers.insert(key, value).is_some()
            } else {
                let value = Vec::decode(buf, version.clone())?;
                match parameters.bytes.entry(key) {
                    Entry::Vacant(entry) => {
                        entry.insert(value);
                        false
                    }
                    Entry::Occupied(_) if key == TOKEN => {
                        parameters.more_tokens.push(value);
                        false
                    }
                    Entry::Occupied(_) => true,
                }
            };
            if twice {
                return Err(DecodeError::Duplicate);
            }
        }
        Ok(parameters)
    }
}

impl<V: Clone> Encode<V> for Parameters {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        let misplaced = self.numbers.keys().any(|key| !key.is_multiple_of(2))
            || self.bytes.keys().any(|key| key.is_multiple_of(2));
        let count = self.numbers.len() + self.bytes.len() + self.more_tokens.len();
        if misplaced || count > MAX {
            return Err(BoundsExceeded);
        }
        count.encode(w, version.clone())?;
        let more_tokens = self.more_tokens.iter().map(|token| (&TOKEN, token));
        let mut bytes: Vec<_> = self.bytes.iter().chain(more_tokens).collect();
        bytes.sort_by_key(|(key, _)| *key);
        let mut bytes = bytes.into_iter().peekable();
        for (key, number) in &self.numbers {
            while let Some((key, value)) = bytes.next_if(|(odd, _)| *odd < key) {
                key.encode(w, version.clone())?;
                value.encode(w, version.clone())?;
            }
            key.encode(w, version.clone())?;
            number.encode(w, version.clone())?;
        }
        for (key, value) in bytes {
            key.encode(w, version.clone())?;
            value.encode(w, version.clone())?;
        }
        Ok(())
    }
}
