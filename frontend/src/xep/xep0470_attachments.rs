//! XEP-0470, Pubsub Attachments: likes and reactions, one item for each reader, and their counts.
//!
//! What is published to an attachment node, or retracted from it, is turned into a change of its own; the engine makes the
//! nodes, keeps the counts and decides who may. Knows no node: the name says what an attachment is for.

use super::Module;
use crate::uri;
use jid::BareJid;
use minidom::Element;
use reef_engine::log::record::{Attachment, Change};
use reef_engine::model::NodeName;
use reef_stanza::attachments::{is_attachments, target};
use reef_stanza::{Condition, PubsubCondition, StanzaError, ns, self_contained};
use std::sync::Arc;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0470",
    version: "0.2.0",
    title: "Pubsub Attachments",
    note: "whole; who may read a feed may attach to its posts",
    server: &[],
    account: &[ns::ATTACHMENTS],
    service: &[ns::ATTACHMENTS],
    routes: |_| {},
};

/// What the name of an attachment node stands for: `None` where it is another name.
///
/// # Errors
/// `item-not-found` where the name is no item of this place.
fn attachment(service: &Arc<str>, node: &str) -> Result<Option<Attachment>, StanzaError> {
    let name = NodeName::new(service.clone(), node);
    if !name.is_attachments() {
        return Ok(None);
    }
    let nothing = || StanzaError::new(Condition::ItemNotFound);
    let found = target(node).ok_or_else(nothing)?;
    if !is_at(service, &found.service) {
        return Err(nothing());
    }
    let target = NodeName::new(service.clone(), found.node);
    if target.is_kept() {
        return Err(nothing());
    }
    Ok(Some(Attachment {
        summary: target.summary(),
        node: NodeName::new(service.clone(), canonical(service, &target.node, &found.item)),
        target,
        item: found.item.into(),
    }))
}

/// Whether that is this service, which is written as its author likes.
fn is_at(service: &str, written: &str) -> bool {
    BareJid::new(written).is_ok_and(|jid| jid.as_str() == service)
}

fn canonical(service: &str, node: &str, item: &str) -> String {
    format!("{}/{}", ns::ATTACHMENTS, uri::item_uri(service, node, item))
}

/// A node that was asked for, by the name that is kept: of an attachment node that is one, however its item's URI is written;
/// each other name is as it is. An item has one such node, or its readers could attach as often as there are ways to write it.
/// Whoever takes a node's name from a request makes it here.
pub(crate) fn kept_node(service: &str, node: &str) -> NodeName {
    match target(node).filter(|found| is_at(service, &found.service)) {
        Some(found) => NodeName::new(service, canonical(service, &found.node, &found.item)),
        None => NodeName::new(service, node),
    }
}

/// The change that publishing an item to this node asks for, where that is an attachment node.
///
/// # Errors
/// `bad-request` for what may not be attached (§4.4): the item's id is one's own bare JID, the payload `<attachments/>`.
pub(crate) fn attach(
    service: &Arc<str>,
    node: &str,
    by: &str,
    item: Option<&str>,
    payload: Option<&Element>,
) -> Result<Option<Change>, StanzaError> {
    let Some(to) = attachment(service, node)? else {
        return Ok(None);
    };
    let wrong = |why: &'static str| {
        StanzaError::new(Condition::BadRequest)
            .pubsub(PubsubCondition::InvalidPayload)
            .with_text(why)
    };
    if item != Some(by) {
        return Err(StanzaError::new(Condition::BadRequest).with_text("the item's id is your bare JID"));
    }
    let payload = payload.filter(|payload| is_attachments(payload));
    let payload = payload.ok_or_else(|| wrong("the payload is <attachments/>"))?;
    Ok(Some(Change::Attach {
        to,
        payload: self_contained(&named(payload), None).into(),
    }))
}

/// The change that retracting an item from this node asks for, where that is an attachment node.
///
/// # Errors
/// `item-not-found` where the name is no item of this place.
pub(crate) fn detach(service: &Arc<str>, node: &str, item: &str) -> Result<Option<Change>, StanzaError> {
    Ok(attachment(service, node)?.map(|to| Change::Detach { to, item: item.into() }))
}

/// COMPAT: with its namespace, which the XEP's examples leave out.
fn named(payload: &Element) -> Element {
    if payload.has_ns(ns::ATTACHMENTS) {
        return payload.clone();
    }
    let surrounding = payload.ns();
    renamed(payload, &surrounding)
}

fn renamed(element: &Element, from: &str) -> Element {
    let namespace = match element.ns() {
        ns if ns == from => ns::ATTACHMENTS.to_owned(),
        ns => ns,
    };
    let mut copy = Element::bare(element.name(), namespace);
    for ((namespace, name), value) in element.attrs() {
        copy.set_attr(namespace.clone(), name.clone(), value.to_owned());
    }
    for node in element.nodes() {
        match node {
            minidom::Node::Element(child) => drop(copy.append_child(renamed(child, from))),
            minidom::Node::Text(text) => copy.append_text(text.clone()),
        }
    }
    copy
}
