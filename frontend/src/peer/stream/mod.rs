//! Streams between servers: a peer is found and dialled, or dials; either proves itself by its certificate or by dialback;
//! then stanzas pass (RFC 6120 §4–6, XEP-0220, XEP-0178, XEP-0288, XEP-0198). Each concern has its file.
//!
//! Must not know queues, accounts or shards: what comes goes to an [`Inbox`], what is to go is put on a [`Link`]. What
//! comes next: the queue of a domain asks [`S2s::open`] for a link and [`serve_s2s`] runs for every listener.

// Whom do we talk to, and where is he?
mod names; //       domains, and tables by domain
mod policy; //      what a domain must do
mod reach;
mod resolve; //     where a domain is served
mod services; //    its SRV records
mod trust; //       whose certificate it is //       what others would miss of ours
// From the first byte to a proof.
mod accept; //      listeners
mod dial; //        streams to peers
mod dialback; //    keys, and what is said about them
mod features; //    what is offered
mod inbound; //     streams from peers
mod prove; //       how we prove who we are
mod socket; //      with TLS or without
mod verify; //      asking the server that knows
mod wire; //        frames
// Proved.
mod acks; //        what the peer is told to be done with
mod closing; //     how a stream ends
mod established; // its loop
mod examine; //     what it does with a key
mod judge; //       what it does with each element
mod pairs; //       whose stanzas may pass
mod receipts; //    what is done with
mod sent; //        what is acknowledged
mod stanza; //      from `jabber:server` to `jabber:client`
// Components.
mod component; //   programs beside the server
// Shared.
mod context; //     what all streams share
mod counters; //    what is counted
mod end; //         why a stream ends
mod link; //        the sender's handle
mod rates; //       what one peer may cost

#[cfg(test)]
mod tests;

use jid::Jid;
use minidom::Element;

pub(crate) use accept::serve_s2s;
pub(crate) use component::serve_components;
pub(crate) use context::S2s;
pub(crate) use end::End;
pub(crate) use link::{Link, LinkEvent};
pub(crate) use reach::{Missing, missing};
pub(crate) use receipts::Receipt;

/// Where what comes goes. Called on the stream's task; must not block.
pub(crate) trait Inbox: Send + Sync + 'static {
    /// A stanza in `jabber:client`. That the peer may speak for `from`'s domain has been proved, and that
    /// `to`'s is ours, or a component's; a component's own may be for anybody.
    fn stanza(&self, from: Jid, to: Jid, stanza: Element, receipt: Receipt);

    /// An error that the stream itself has for a peer: it goes the way of any stanza `from` one of ours `to` the peer.
    fn refusal(&self, from: Jid, to: Jid, stanza: Element);

    /// A peer, or a component, can be reached from now on.
    fn heard(&self, remote: &str) {
        let _ = remote;
    }
}

/// Why there is no stream to a domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreachable {
    /// No such domain, or it says that it has no such service: what is for it is bounced at once.
    #[error("not found: {0}")]
    NotFound(String),
    /// It does not answer now: refused, timed out, a name server failed.
    #[error("down: {0}")]
    Down(String),
    /// It answers, and one of us will not have it: policy, certificate, dialback, a stream error.
    #[error("refused: {0}")]
    Refused(String),
}
