//! Who may do what: tokens that a relay of the ecosystem would take, and what they grant.
//!
//! Pure: bytes and a time in, a grant or a refusal out.
//!
//! | file | holds |
//! |---|---|
//! | `key` | keys as JWK or JWK set, and their signatures |
//! | `token` | a JWT: its parts, its claims, its times |
//! | `grant` | paths below which may be published and subscribed to |
//! | `error` | why a key cannot be used, why a token is refused |

mod error;
mod grant;
mod key;
mod token;

#[cfg(test)]
mod tests;

pub use error::{KeyError, Refusal};
pub use grant::Grant;
pub use key::Keys;
