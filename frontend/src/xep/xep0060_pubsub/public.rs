//! Subscriptions that everybody may know (XEP-0465): what an account follows, and who follows a node.
//!
//! The lists are nodes to whoever reads or follows them, and nobody changes them but by subscribing. They are read from the
//! rows of subscriptions, so that they end with these. Who has none, who is not there and who blocks the asker answer alike.

use super::super::Answer;
use super::asked::{self, Asked};
use super::lists::{self, Wanted};
use super::pam::{name_of, node_of};
use super::{retrieve, subscribe};
use crate::errors;
use crate::tables;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::config::AccessModel;
use reef_engine::error::{Reject, StoreError};
use reef_engine::limits::LIST_ROWS;
use reef_engine::log::apply::{ApplyError, may_read};
use reef_engine::model::{NodeId, NodeName, SubscriberId};
use reef_engine::query;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::{View, rows};
use reef_stanza::element::{Build, el};
use reef_stanza::pubsub::{ItemOut, Request, items_reply};
use reef_stanza::{StanzaError, ns, rsm, self_contained};

/// One of these lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// What an account follows.
    Subscriptions,
    /// Who follows this node.
    Subscribers(String),
}

impl List {
    fn of(node: &str) -> Option<List> {
        match node.strip_prefix(ns::PUBLIC_SUBSCRIBERS) {
            Some(target) => Some(List::Subscribers(target.to_owned())),
            None => (node == ns::PUBLIC_SUBSCRIPTIONS).then_some(List::Subscriptions),
        }
    }

    fn node(&self) -> String {
        match self {
            List::Subscriptions => ns::PUBLIC_SUBSCRIPTIONS.to_owned(),
            List::Subscribers(target) => format!("{}{target}", ns::PUBLIC_SUBSCRIBERS),
        }
    }
}

/// The list that a request is about.
pub(super) fn list_of(request: &Request) -> Option<List> {
    match request {
        Request::Items { node, .. }
        | Request::Create { node: Some(node), .. }
        | Request::Publish { node, .. }
        | Request::Retract { node, .. }
        | Request::Subscribe { node, .. }
        | Request::Unsubscribe { node, .. }
        | Request::Configuration { node }
        | Request::Configure { node, .. }
        | Request::Delete { node, .. }
        | Request::Purge { node } => List::of(node),
        _ => None,
    }
}

/// §5: they are read and followed, and nothing else.
pub(super) fn perform(asked: Asked, list: List, request: Request) -> Result<Answer, StanzaError> {
    match request {
        Request::Items { max, ids, rsm, .. } => items(asked, list, max, ids, rsm),
        Request::Subscribe {
            jid, options, public, ..
        } => subscribe::subscribe(asked, &list.node(), &jid, options, public),
        Request::Unsubscribe { jid, .. } => subscribe::unsubscribe(&asked, &list.node(), &jid),
        _ => Err(errors::refused(&Reject::Forbidden)),
    }
}

/// An item's id, which is also its name for a page, and its payload.
type Listed = Vec<(String, Element)>;

fn items(
    asked: Asked,
    list: List,
    max: Option<u32>,
    ids: Vec<String>,
    request: Option<rsm::Request>,
) -> Result<Answer, StanzaError> {
    let mut wanted = Wanted::of(request)?;
    wanted.max = max.map_or(wanted.max, |max| wanted.max.min(max as usize));
    Ok(Answer::read_alike(move |engine| {
        let blocks = *asked.by != *asked.service && blocks(engine, &asked.service, &asked.by)?;
        let found = match &list {
            _ if blocks => nothing(&wanted),
            List::Subscriptions => subscriptions(engine, &asked, &wanted, &ids),
            List::Subscribers(target) => subscribers(engine, &asked, target, &wanted, &ids),
        }?;
        let said = wanted.describe(found.iter().map(|(id, _)| id.as_str()));
        let payloads: Vec<(&str, Vec<u8>)> = found
            .iter()
            .map(|(id, payload)| (id.as_str(), self_contained(payload, None)))
            .collect();
        let items: Vec<ItemOut<'_>> = payloads
            .iter()
            .map(|(id, payload)| ItemOut {
                id,
                publisher: None,
                payload,
            })
            .collect();
        Ok(Answer::Bytes(items_reply(&list.node(), &items, said.as_ref())))
    }))
}

/// §4.2, but nodes that the asker may not even know of.
fn subscriptions(engine: &Engine, asked: &Asked, wanted: &Wanted, ids: &[String]) -> Result<Listed, StanzaError> {
    let view = engine.view();
    let Some(id) = rows::subscriber_id(view, &asked.service).map_err(errors::unreadable)? else {
        return nothing(wanted);
    };
    let see = |node: &NodeId| {
        let options = rows::options(view, *node, id).map_err(errors::unreadable)?;
        let subscription = rows::subscription(view, *node, id).map_err(errors::unreadable)?;
        let shown = options.public.0 && subscription.is_some_and(|subscription| subscription.state.is_subscribed());
        let Some(row) = rows::node_row(view, *node)
            .map_err(errors::unreadable)?
            .filter(|_| shown)
        else {
            return Ok(None);
        };
        if matches!(row.config.access, AccessModel::Whitelist | AccessModel::Roster)
            && !reads(engine, *node, &row, &asked.by)?
        {
            return Ok(None);
        }
        let payload = public_subscription(&row.name.service, &row.name.node);
        Ok(Some((name_of(&row.name), payload)))
    };
    if !ids.is_empty() {
        return named(ids, |name| rows::node_id(view, &node_of(name)), see);
    }
    let from = lists::place(wanted, |name| rows::node_id(view, &node_of(name)))?;
    let step = |at: Option<&NodeId>, most| query::nodes_with_options(view, id, at.copied(), wanted.backwards, most);
    lists::walk(wanted, from, step, see)
}

/// §4.4: nobody's who may not read the node, and of those who do not block the asker.
fn subscribers(
    engine: &Engine,
    asked: &Asked,
    target: &str,
    wanted: &Wanted,
    ids: &[String],
) -> Result<Listed, StanzaError> {
    let view = engine.view();
    let name = asked.name(target);
    let Some(node) = asked::look_up(engine, &name)? else {
        return nothing(wanted);
    };
    if !reads(engine, node.id, &node.row, &asked.by)? {
        return nothing(wanted);
    }
    let see = |id: &SubscriberId| {
        let shown = rows::options(view, node.id, *id).map_err(errors::unreadable)?.public.0;
        let Some(jid) = rows::subscriber_name(view, *id)
            .map_err(errors::unreadable)?
            .filter(|_| shown)
        else {
            return Ok(None);
        };
        let blocks = *jid != *asked.by && blocks(engine, &jid, &asked.by)?;
        let item = || (jid.to_string(), public_subscriber(&jid));
        Ok((!blocks).then(item))
    };
    if !ids.is_empty() {
        return named(ids, |jid| public_follower(view, node.id, jid), see);
    }
    let from = lists::place(wanted, |jid| rows::subscriber_id(view, jid))?;
    let step =
        |at: Option<&SubscriberId>, most| query::public_followers(view, node.id, at.copied(), wanted.backwards, most);
    lists::walk(wanted, from, step, see)
}

/// Entries by their ids, wherever in the list they are; unknown ones are left out.
fn named<K>(
    ids: &[String],
    find: impl Fn(&str) -> Result<Option<K>, StoreError>,
    see: impl Fn(&K) -> Result<Option<(String, Element)>, StanzaError>,
) -> Result<Listed, StanzaError> {
    let mut found = Listed::new();
    for id in ids.iter().take(LIST_ROWS) {
        if let Some(entry) = find(id).map_err(errors::unreadable)? {
            found.extend(see(&entry)?);
        }
    }
    Ok(found)
}

/// The id of a JID, if it is on the list of those who follow the node so that everybody may know.
fn public_follower(view: &dyn View, node: NodeId, jid: &str) -> Result<Option<SubscriberId>, StoreError> {
    let Some(id) = rows::subscriber_id(view, jid)? else {
        return Ok(None);
    };
    let listed = view.get(Family::PUBLIC, &keys::follower(node, id))?;
    Ok(listed.map(|_| id))
}

fn blocks(engine: &Engine, who: &str, whom: &str) -> Result<bool, StanzaError> {
    engine
        .tables
        .blocks(engine.view(), who, whom)
        .map_err(errors::unreadable)
}

/// That somebody follows a node (§4.2).
pub(crate) fn public_subscription(service: &str, node: &str) -> Element {
    el("subscription", ns::PPS).set("node", node).set("jid", service)
}

/// Who follows a node (§4.4).
pub(crate) fn public_subscriber(jid: &str) -> Element {
    el("subscriber", ns::PPS).set("jid", jid)
}

/// Whether `by` may know that there is such a list, also before it is a node: an account's, or of a node that he may read.
///
/// # Errors
/// `item-not-found`, or what is said of an account that is not there.
pub(super) fn there(engine: &Engine, name: &NodeName, by: &str) -> Result<(), StanzaError> {
    let view = engine.view();
    let account = name.service.contains('@');
    if account
        && tables::account(view, &name.service)
            .map_err(errors::unreadable)?
            .is_none()
    {
        return Err(errors::refused(&Reject::Blocked));
    }
    match name.listed_node() {
        Some(target) if !target.is_kept() => {
            let target = asked::find(engine, &target)?;
            retrieve::readable(engine, &target, by)
        }
        None if account => Ok(()),
        _ => Err(errors::refused(&Reject::NodeNotFound)),
    }
}

/// The page of an empty list.
fn nothing(wanted: &Wanted) -> Result<Listed, StanzaError> {
    match wanted.from {
        None => Ok(Listed::new()),
        Some(_) => Err(lists::no_such_page()),
    }
}

fn reads(engine: &Engine, node: NodeId, row: &rows::NodeRow, by: &str) -> Result<bool, StanzaError> {
    match may_read(engine.view(), &*engine.tables, node, row, by) {
        Ok(()) => Ok(true),
        Err(ApplyError::Reject(_)) => Ok(false),
        Err(ApplyError::Store(error)) => Err(errors::unreadable(error)),
    }
}
