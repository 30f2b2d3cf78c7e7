//! XML → `Request`, with the errors that XEP-0060 gives for what is missing. Next: the front end performs it.

use minidom::{Element, Node};

use super::{Affiliation, PublishItem, Request, SubscriptionState};
use crate::element::{attr, parse_bool, same_ns};
use crate::form::Form;
use crate::ns;
use crate::order::Order;
use crate::payload::bad_request;
use crate::rsm;
use crate::stanza_error::{Condition, PubsubCondition, StanzaError};

type Parsed = Result<Request, StanzaError>;

impl Request {
    /// Parses `<pubsub/>` in either namespace; `set` is the iq's type. Elements of other namespaces are ignored. No action
    /// or several are a `bad-request`, an unknown one is `feature-not-implemented` with `unsupported`.
    pub fn parse(el: &Element, set: bool) -> Parsed {
        let action = action(el)?;
        let parsed = match (el.has_ns(ns::PUBSUB_OWNER), set) {
            (false, false) => get(el, action),
            (false, true) => self::set(el, action),
            (true, false) => owner_get(el, action),
            (true, true) => owner_set(action),
        };
        parsed.unwrap_or_else(|| Err(unsupported()))
    }
}

/// The child that says what to do; `configure`, `options` and `publish-options` may accompany one.
fn action(el: &Element) -> Result<&Element, StanzaError> {
    let accompanied = |by: &str| el.children().any(|child| child.name() == by && same_ns(child, el));
    let mut actions = el
        .children()
        .filter(|child| same_ns(child, el))
        .filter(|child| match child.name() {
            "publish-options" => !accompanied("publish"),
            "configure" => !accompanied("create"),
            "options" => !accompanied("subscribe"),
            _ => true,
        });
    match (actions.next(), actions.next()) {
        (Some(action), None) => Ok(action),
        (None, _) => Err(bad_request("nothing is asked")),
        (Some(_), Some(_)) => Err(bad_request("several things are asked at once")),
    }
}

fn get(el: &Element, action: &Element) -> Option<Parsed> {
    let node = || attr(action, "node");
    Some(match action.name() {
        "items" => items(el, action),
        "subscriptions" => rsm::Request::find(el).map(|rsm| Request::Subscriptions { node: node(), rsm }),
        "affiliations" => rsm::Request::find(el).map(|rsm| Request::Affiliations { node: node(), rsm }),
        "default" => Ok(Request::DefaultSubscriptionOptions { node: node() }),
        "options" => options(action),
        _ => return None,
    })
}

fn set(el: &Element, action: &Element) -> Option<Parsed> {
    Some(match action.name() {
        "create" => form_in(el, "configure").map(|config| Request::Create {
            node: attr(action, "node"),
            config,
        }),
        "publish" => publish(el, action),
        "retract" => retract(action),
        "subscribe" => subscribe(el, action),
        "unsubscribe" => unsubscribe(action),
        "options" => set_options(action),
        _ => return None,
    })
}

fn owner_get(el: &Element, action: &Element) -> Option<Parsed> {
    Some(match action.name() {
        "configure" => required_node(action).map(|node| Request::Configuration { node }),
        "default" => Ok(Request::DefaultConfiguration),
        "subscriptions" => required_node(action).and_then(|node| {
            Ok(Request::OwnerSubscriptions {
                node,
                rsm: rsm::Request::find(el)?,
            })
        }),
        "affiliations" => required_node(action).and_then(|node| {
            Ok(Request::OwnerAffiliations {
                node,
                rsm: rsm::Request::find(el)?,
            })
        }),
        _ => return None,
    })
}

fn owner_set(action: &Element) -> Option<Parsed> {
    Some(match action.name() {
        "configure" => configure(action),
        "delete" => required_node(action).map(|node| {
            let redirect = child(action, "redirect").and_then(|redirect| attr(redirect, "uri"));
            Request::Delete { node, redirect }
        }),
        "purge" => required_node(action).map(|node| Request::Purge { node }),
        "subscriptions" => set_subscriptions(action),
        "affiliations" => set_affiliations(action),
        _ => return None,
    })
}

fn items(el: &Element, action: &Element) -> Parsed {
    let max = action
        .attr("max_items")
        .map(|max| max.trim().parse().map_err(|_| bad_request("max_items is no number")));
    Ok(Request::Items {
        node: required_node(action)?,
        max: max.transpose()?,
        ids: item_ids(action)?,
        rsm: rsm::Request::find(el)?,
        order: Order::find(el)?,
        subid: attr(action, "subid"),
    })
}

fn options(action: &Element) -> Parsed {
    let (node, subid) = (required_node(action)?, attr(action, "subid"));
    Ok(Request::Options {
        node,
        jid: required_jid(action)?,
        subid,
    })
}

fn publish(el: &Element, action: &Element) -> Parsed {
    let items = action
        .children()
        .filter(|child| child.name() == "item" && same_ns(child, action));
    Ok(Request::Publish {
        node: required_node(action)?,
        items: items.map(publish_item).collect::<Result<_, _>>()?,
        options: form_in(el, "publish-options")?,
    })
}

/// XEP-0060 §7.1.3.6: one payload element at most, and no text beside it.
fn publish_item(item: &Element) -> Result<PublishItem, StanzaError> {
    let text = item
        .nodes()
        .filter_map(Node::as_text)
        .any(|text| !text.trim_ascii().is_empty());
    let mut payloads = item.children();
    match (payloads.next(), payloads.next()) {
        (payload, None) if !text => Ok(PublishItem {
            id: attr(item, "id"),
            payload: payload.cloned(),
        }),
        _ => Err(StanzaError::new(Condition::BadRequest).pubsub(PubsubCondition::InvalidPayload)),
    }
}

fn retract(action: &Element) -> Parsed {
    let node = required_node(action)?;
    let ids = item_ids(action)?;
    if ids.is_empty() {
        return Err(item_required());
    }
    let notify = action.attr("notify").and_then(parse_bool).unwrap_or(false);
    Ok(Request::Retract { node, ids, notify })
}

/// XEP-0060 §6.1.3.1: a JID that does not match the sender is `invalid-jid`, and one that is absent does not match.
fn subscribe(el: &Element, action: &Element) -> Parsed {
    let node = required_node(action)?;
    let invalid_jid = || StanzaError::new(Condition::BadRequest).pubsub(PubsubCondition::InvalidJid);
    let jid = attr(action, "jid").ok_or_else(invalid_jid)?;
    let options = child(el, "options");
    if options.is_some_and(|options| options.attr("node").is_some() || options.attr("jid").is_some()) {
        return Err(bad_request("options of a new subscription take neither node nor jid"));
    }
    Ok(Request::Subscribe {
        node,
        jid,
        options: form_in(el, "options")?,
        public: action.get_child("public", ns::PPS).is_some(),
    })
}

fn unsubscribe(action: &Element) -> Parsed {
    let (node, subid) = (required_node(action)?, attr(action, "subid"));
    Ok(Request::Unsubscribe {
        node,
        jid: required_jid(action)?,
        subid,
    })
}

fn set_options(action: &Element) -> Parsed {
    let (node, subid) = (required_node(action)?, attr(action, "subid"));
    let jid = required_jid(action)?;
    let invalid = || StanzaError::new(Condition::BadRequest).pubsub(PubsubCondition::InvalidOptions);
    Ok(Request::SetOptions {
        node,
        jid,
        subid,
        form: Form::find(action)?.ok_or_else(invalid)?,
    })
}

fn configure(action: &Element) -> Parsed {
    let node = required_node(action)?;
    let form = Form::find(action)?.ok_or_else(|| bad_request("no configuration form"))?;
    Ok(Request::Configure { node, form })
}

fn set_subscriptions(action: &Element) -> Parsed {
    let node = required_node(action)?;
    let change = |el: &Element| {
        let state = el.attr("subscription").and_then(SubscriptionState::from_word);
        let state = state.ok_or_else(|| bad_request("a subscription without a known state"))?;
        Ok((required_jid(el)?, state, attr(el, "subid")))
    };
    let changes = action
        .children()
        .filter(|child| child.is("subscription", ns::PUBSUB_OWNER))
        .map(change);
    Ok(Request::SetSubscriptions {
        node,
        changes: changes.collect::<Result<_, StanzaError>>()?,
    })
}

fn set_affiliations(action: &Element) -> Parsed {
    let node = required_node(action)?;
    let change = |el: &Element| {
        let affiliation = el.attr("affiliation").and_then(Affiliation::from_word);
        let affiliation = affiliation.ok_or_else(|| bad_request("an affiliation that is not known"))?;
        Ok((required_jid(el)?, affiliation))
    };
    let changes = action
        .children()
        .filter(|child| child.is("affiliation", ns::PUBSUB_OWNER))
        .map(change);
    Ok(Request::SetAffiliations {
        node,
        changes: changes.collect::<Result<_, StanzaError>>()?,
    })
}

/// The ids of an action's items; an item without one is `item-required` (XEP-0060 §7.2.3.4).
fn item_ids(action: &Element) -> Result<Vec<String>, StanzaError> {
    let items = action
        .children()
        .filter(|child| child.name() == "item" && same_ns(child, action));
    items.map(|item| attr(item, "id").ok_or_else(item_required)).collect()
}

/// The form within the element of that name beside the action.
fn form_in(el: &Element, name: &str) -> Result<Option<Form>, StanzaError> {
    child(el, name).map_or(Ok(None), Form::find)
}

fn child<'e>(el: &'e Element, name: &str) -> Option<&'e Element> {
    el.children().find(|child| child.name() == name && same_ns(child, el))
}

/// XEP-0060 §7.2.3.3, §8.2.3.3.
fn required_node(action: &Element) -> Result<String, StanzaError> {
    let error = || StanzaError::new(Condition::BadRequest).pubsub(PubsubCondition::NodeIdRequired);
    attr(action, "node").ok_or_else(error)
}

/// XEP-0060 §6.3.4.3.
fn required_jid(action: &Element) -> Result<String, StanzaError> {
    let error = || StanzaError::new(Condition::BadRequest).pubsub(PubsubCondition::JidRequired);
    attr(action, "jid").ok_or_else(error)
}

fn item_required() -> StanzaError {
    StanzaError::new(Condition::BadRequest).pubsub(PubsubCondition::ItemRequired)
}

/// Without `<unsupported/>`, which names a feature: what was asked is not a known one.
fn unsupported() -> StanzaError {
    StanzaError::new(Condition::FeatureNotImplemented).with_text("nothing of XEP-0060 that is known here")
}
