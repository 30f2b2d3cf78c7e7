//! Answers to pubsub requests: the payload of an `<iq type='result'/>`. Items are written as bytes, for a payload is kept
//! as bytes and never parsed again. Next: the session puts the iq around it.

use minidom::Element;

use super::{Affiliation, SubscriptionState};
use crate::element::{Build, el};
use crate::form::Form;
use crate::ns;
use crate::rsm;
use crate::write::{escape_attr, self_contained};

/// One item of a node, as it is given out.
#[derive(Clone, Copy, Debug)]
pub struct ItemOut<'a> {
    /// Its id.
    pub id: &'a str,
    /// Who published it, a bare JID; shown if the node says so (`pubsub#itemreply`).
    pub publisher: Option<&'a str>,
    /// A self-contained element, or nothing.
    pub payload: &'a [u8],
}

/// One of an entity's own subscriptions.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionOut<'a> {
    /// The node.
    pub node: &'a str,
    /// The subscriber.
    pub jid: &'a str,
    /// Its state.
    pub state: SubscriptionState,
    /// Which one, if there can be several.
    pub subid: Option<&'a str>,
}

/// The items that were published (XEP-0060 §7.1.2).
pub fn publish_reply(node: &str, ids: &[&str]) -> Element {
    let items = ids.iter().map(|id| el("item", ns::PUBSUB).set("id", id));
    pubsub(el("publish", ns::PUBSUB).set("node", node).children_from(items))
}

/// Items of a node (XEP-0060 §6.5), as bytes: payloads are copied, not parsed. One pass, one allocation or few.
pub fn items_reply(node: &str, items: &[ItemOut<'_>], rsm: Option<&rsm::Reply>) -> Vec<u8> {
    let payloads: usize = items.iter().map(|item| item.payload.len() + item.id.len() + 64).sum();
    let mut out = Vec::with_capacity(payloads + node.len() + 256);
    out.extend_from_slice(b"<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='");
    escape_attr(node, &mut out);
    out.extend_from_slice(b"'>");
    for item in items {
        write_item(item, &mut out);
    }
    out.extend_from_slice(b"</items>");
    if let Some(rsm) = rsm {
        out.extend_from_slice(&self_contained(&rsm.to_element(), None));
    }
    out.extend_from_slice(b"</pubsub>");
    out
}

/// `<item id='…' publisher='…'>PAYLOAD</item>`, the same in replies and events.
pub(super) fn write_item(item: &ItemOut<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<item id='");
    escape_attr(item.id, out);
    if let Some(publisher) = item.publisher {
        out.extend_from_slice(b"' publisher='");
        escape_attr(publisher, out);
    }
    if item.payload.is_empty() {
        out.extend_from_slice(b"'/>");
    } else {
        out.extend_from_slice(b"'>");
        out.extend_from_slice(item.payload);
        out.extend_from_slice(b"</item>");
    }
}

/// The state of one subscription, after subscribe or unsubscribe (XEP-0060 §6.1.2, §6.2.2).
pub fn subscription_reply(node: &str, jid: &str, state: SubscriptionState, subid: Option<&str>) -> Element {
    pubsub(subscription(&SubscriptionOut {
        node,
        jid,
        state,
        subid,
    }))
}

/// An entity's own subscriptions, at the service or at one node (XEP-0060 §5.6).
pub fn subscriptions_reply(
    node: Option<&str>,
    subscriptions: &[SubscriptionOut<'_>],
    rsm: Option<&rsm::Reply>,
) -> Element {
    let list = el("subscriptions", ns::PUBSUB).set_opt("node", node);
    pubsub(list.children_from(subscriptions.iter().map(subscription))).children_from(rsm.map(rsm::Reply::to_element))
}

/// An entity's own affiliations as (node, affiliation) (XEP-0060 §5.7).
pub fn affiliations_reply(
    node: Option<&str>,
    affiliations: &[(&str, Affiliation)],
    rsm: Option<&rsm::Reply>,
) -> Element {
    let one = |(node, affiliation): &(&str, Affiliation)| {
        el("affiliation", ns::PUBSUB)
            .set("node", node)
            .set("affiliation", affiliation.as_str())
    };
    let list = el("affiliations", ns::PUBSUB).set_opt("node", node);
    pubsub(list.children_from(affiliations.iter().map(one))).children_from(rsm.map(rsm::Reply::to_element))
}

/// A subscription's options (XEP-0060 §6.3.2).
pub fn options_reply(node: &str, jid: &str, subid: Option<&str>, form: &Form) -> Element {
    let options = el("options", ns::PUBSUB)
        .set("node", node)
        .set("jid", jid)
        .set_opt("subid", subid);
    pubsub(options.child(form.to_element()))
}

/// The options that a new subscription gets (XEP-0060 §6.4.2).
pub fn default_options_reply(node: Option<&str>, form: &Form) -> Element {
    pubsub(el("default", ns::PUBSUB).set_opt("node", node).child(form.to_element()))
}

/// The node that was created; must be sent for an instant node (XEP-0060 §8.1.1).
pub fn create_reply(node: &str) -> Element {
    pubsub(el("create", ns::PUBSUB).set("node", node))
}

/// A node's configuration (XEP-0060 §8.2.2).
pub fn configuration(node: &str, form: &Form) -> Element {
    owner(
        el("configure", ns::PUBSUB_OWNER)
            .set("node", node)
            .child(form.to_element()),
    )
}

/// What a new node's configuration is (XEP-0060 §8.3.2).
pub fn default_configuration(form: &Form) -> Element {
    owner(el("default", ns::PUBSUB_OWNER).child(form.to_element()))
}

/// Who follows a node, as (JID, state), a page of it (XEP-0060 §8.8.1).
pub fn owner_subscriptions_reply(
    node: &str,
    subscriptions: &[(&str, SubscriptionState)],
    rsm: Option<&rsm::Reply>,
) -> Element {
    let one = |(jid, state): &(&str, SubscriptionState)| {
        el("subscription", ns::PUBSUB_OWNER)
            .set("jid", jid)
            .set("subscription", state.as_str())
    };
    let list = el("subscriptions", ns::PUBSUB_OWNER).set("node", node);
    owner(list.children_from(subscriptions.iter().map(one))).children_from(rsm.map(rsm::Reply::to_element))
}

/// Who is what to a node, as (JID, affiliation), without `none` (XEP-0060 §8.9.1).
pub fn owner_affiliations_reply(node: &str, affiliations: &[(&str, Affiliation)], rsm: Option<&rsm::Reply>) -> Element {
    let one = |(jid, affiliation): &(&str, Affiliation)| {
        el("affiliation", ns::PUBSUB_OWNER)
            .set("jid", jid)
            .set("affiliation", affiliation.as_str())
    };
    let list = el("affiliations", ns::PUBSUB_OWNER).set("node", node);
    owner(list.children_from(affiliations.iter().map(one))).children_from(rsm.map(rsm::Reply::to_element))
}

pub(crate) fn subscription(out: &SubscriptionOut<'_>) -> Element {
    el("subscription", ns::PUBSUB)
        .set("node", out.node)
        .set("jid", out.jid)
        .set("subscription", out.state.as_str())
        .set_opt("subid", out.subid)
}

fn pubsub(child: Element) -> Element {
    el("pubsub", ns::PUBSUB).child(child)
}

fn owner(child: Element) -> Element {
    el("pubsub", ns::PUBSUB_OWNER).child(child)
}
