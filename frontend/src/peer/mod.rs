//! Other servers (s2s, RFC 6120): streams to them and from them.
//!
//! Must not know accounts, nodes or shards. What comes next: `stream` finds a peer, proves who it is and carries stanzas.

pub(crate) mod stream;
