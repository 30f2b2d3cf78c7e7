//! Nodes of an account that the server alone makes and writes: its notifications, and the name of its home timeline, which is
//! an archive (`xep0313_mam/posts.rs`) and no node.
//!
//! Knows no record: what is refused here never becomes one. The engine keeps names of its own (XEP-0470).

use super::asked::Asked;
use super::template::Place;
use crate::errors;
use reef_engine::error::Reject;
use reef_stanza::pubsub::Request;
use reef_stanza::{StanzaError, ns};

/// Whether a node of an account is the server's alone.
pub(crate) fn is_reserved(node: &str) -> bool {
    matches!(node, ns::NOTIFICATIONS | ns::TIMELINE)
}

/// Refuses to make such a node, to write to it, and to open it to others: what it says is for its owner. He may read it,
/// follow it and empty it.
///
/// # Errors
/// `not-allowed`.
pub(super) fn check(asked: &Asked, request: &Request) -> Result<(), StanzaError> {
    let node = match request {
        Request::Create { node, .. } => node.as_deref(),
        Request::Publish { node, .. }
        | Request::Configure { node, .. }
        | Request::SetAffiliations { node, .. }
        | Request::SetSubscriptions { node, .. } => Some(node.as_str()),
        _ => None,
    };
    match node {
        Some(node) if asked.place == Place::Account && is_reserved(node) => Err(errors::refused(&Reject::Kept)),
        _ => Ok(()),
    }
}
