//! What a negotiation needs of the rest of the server, and what it gives back.
//!
//! It must not know who implements it. What comes next: `main.rs` implements [`Host`] over the engine and the shards.

use std::future::Future;
use std::net::SocketAddr;

use jid::BareJid;

use reef_stanza::StreamReader;

use super::{ConnectionPermit, Inline, Invited, Socket};
use crate::sasl::{Basis, Credentials, Tokens};
use crate::tls::Channel;

/// The accounts of the server and the way to its shards. Its futures may be dropped when a client leaves.
pub trait Host: Send + Sync + 'static {
    /// The credentials of an account; `None` if there is no such account.
    fn credentials(&self, user: &BareJid) -> impl Future<Output = Result<Option<Credentials>, HostError>> + Send;

    /// The tokens of one of an account's clients, if there is such an account and it has some (XEP-0484).
    fn tokens(&self, user: &BareJid, agent: &str) -> impl Future<Output = Result<Option<Tokens>, HostError>> + Send;

    /// Keeps them; done once that is durable. Refused where what was proven holds no more.
    fn keep_tokens(
        &self,
        user: &BareJid,
        agent: &str,
        tokens: Tokens,
        basis: Basis,
    ) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Milliseconds since 1970.
    fn now(&self) -> u64;

    /// What a token invites to, if it does and is not over.
    fn invited(&self, token: &str) -> impl Future<Output = Result<Option<Invited>, HostError>> + Send;

    /// Makes an account, by the token of an invitation where there is one, which is used up then; done once it is durable.
    fn register(
        &self,
        user: &BareJid,
        credentials: Credentials,
        token: Option<&str>,
    ) -> impl Future<Output = Result<(), RegisterError>> + Send;

    /// Takes an authenticated connection. Must not block: it is called on a tokio thread.
    fn hand_over(&self, connection: Authenticated);
}

/// Why credentials cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The operator has suspended the account.
    #[error("the account is suspended")]
    Disabled,
    /// Not now; the client may try again.
    #[error("accounts cannot be read at the moment")]
    Busy,
}

/// Why an account is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The name is taken.
    #[error("the name is taken")]
    Conflict,
    /// The name is reserved, or nobody may register.
    #[error("this account may not be registered")]
    NotAllowed,
    /// The invitation is used up, or is for another name.
    #[error("the invitation is not for this account")]
    NotInvited,
    /// Not now; the client may try again.
    #[error("accounts cannot be made at the moment")]
    Busy,
}

/// An authenticated connection: it is handed to its user's shard. The client's next bytes are a new stream header, but where it
/// spoke XEP-0388.
pub struct Authenticated {
    /// Who it is.
    pub user: BareJid,
    /// Non-blocking. Everything that was to be sent has been handed to it.
    pub socket: Socket,
    /// The TLS session, past its handshake, with nothing queued to be sent.
    pub(crate) tls: Option<Channel>,
    /// Plaintext that was read and not consumed: the shard's reader gets it first. At most about 20 KiB.
    pub unread: Vec<u8>,
    /// The client's address.
    pub peer: SocketAddr,
    /// `xml:lang` of the client's first stream header.
    pub lang: Option<String>,
    /// Reads the stream on, where it is not begun anew, with what its client asked for inline.
    pub inline: Option<(StreamReader, Box<Inline>)>,
    /// Counts the connection until it is dropped.
    pub token: ConnectionPermit,
}
