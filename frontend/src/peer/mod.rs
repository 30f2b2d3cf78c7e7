//! Other servers (s2s, RFC 6120): what waits for them, the streams to them and from them, and what comes.
//!
//! Must not know accounts or nodes: what comes goes to their shards, what is to go lies in the store or came from there.
//! In the order of the flow:

pub(crate) mod name; //   from which domain of ours to which of theirs
mod outbox; //            one for each way: what is handed to a sender
mod sender; //            what waits → a stream, confirmed
pub(crate) mod stream; // finds a peer, proves who it is, carries stanzas

mod agree; //             who follows, as both sides have it
mod event; //             what a message says of a node
mod inbox; //             what comes, to where it is for
mod mirror; //            events of nodes that are followed here

pub(crate) use agree::Agreement;
pub(crate) use inbox::Arrivals;
pub(crate) use mirror::Mirror;
pub(crate) use name::name;
pub(crate) use outbox::{Peers, returned_row};
pub(crate) use stream::{Missing, Receipt, missing};
