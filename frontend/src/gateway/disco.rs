//! Service discovery of the gateway's commands (XEP-0050 §3.2, §3.3). What its address is, the front end answers.
//!
//! Knows no account. Next: `commands.rs`, which runs them.

use super::commands::OFFERS;
use minidom::Element;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, ns};

type Answer = Result<Option<Element>, StanzaError>;

/// What a node of its is.
pub(super) fn info(node: Option<&str>) -> Answer {
    let node = node.unwrap_or_default();
    let offer = OFFERS.iter().find(|offer| offer.node == node);
    let (kind, name) = match offer {
        Some(offer) => ("command-node", offer.name),
        None if node == ns::COMMANDS => ("command-list", "Commands"),
        None => return Err(StanzaError::new(Condition::ItemNotFound)),
    };
    let identity = el("identity", ns::DISCO_INFO)
        .set("category", "automation")
        .set("type", kind)
        .set("name", name);
    let feature = |name: &&str| el("feature", ns::DISCO_INFO).set("var", name);
    let features = [ns::COMMANDS, ns::XDATA];
    let query = el("query", ns::DISCO_INFO).set("node", node).child(identity);
    Ok(Some(query.children_from(features.iter().map(feature))))
}

/// The commands, as items of the node that bears the protocol's name; of nothing else there are any.
pub(super) fn items(place: &str, node: Option<&str>) -> Answer {
    let query = el("query", ns::DISCO_ITEMS).set_opt("node", node);
    match node {
        None => Ok(Some(query)),
        Some(ns::COMMANDS) => Ok(Some(query.children_from(OFFERS.iter().map(|offer| {
            el("item", ns::DISCO_ITEMS)
                .set("jid", place)
                .set("node", offer.node)
                .set("name", offer.name)
        })))),
        Some(_) => Err(StanzaError::new(Condition::ItemNotFound)),
    }
}
