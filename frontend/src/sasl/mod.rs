//! SASL, the server's side, as pure functions: SCRAM-SHA-1 and SCRAM-SHA-256 with and without channel binding
//! (RFC 5802, RFC 7677, RFC 9266, RFC 5929) and PLAIN (RFC 4616).
//!
//! It must not know sockets, XML, clocks, the store or where randomness comes from: bytes come in, bytes or a
//! [`Failure`] go out, nonces and secrets are arguments. What comes next: `stream::sasl` carries these messages in
//! RFC 6120's elements and asks the host for [`Credentials`] in between.

mod binding;
mod credentials;
mod decoy;
mod failure;
mod gs2;
mod hash;
mod ht;
mod identity;
mod mechanism;
mod plain;
mod scram;
mod stored;
#[cfg(test)]
pub(crate) mod test_client;

pub use binding::{Bindings, ChannelBinding};
pub use credentials::{Credentials, CredentialsError, Keys};
pub use decoy::Decoys;
pub use failure::Failure;
pub use hash::Hash;
pub use ht::{Basis, HashedToken, Token, TokenMessage, Tokens};
pub use identity::account_of;
pub use mechanism::{Mechanism, Offer};
pub use plain::PlainMessage;
pub use scram::{Challenged, ClientFirst, offered};
pub use stored::Stored;
