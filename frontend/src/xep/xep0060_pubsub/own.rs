//! What the asker follows at a place, and what he is there (XEP-0060 §5.6, §5.7).
//!
//! On reader threads, by pages. At an account its nodes are walked over, of which there are few; at a service what the asker
//! follows, there and elsewhere.

use super::super::Answer;
use super::asked::{self, Asked};
use super::lists::{self, Wanted};
use super::template::Place;
use crate::errors;
use reef_engine::Engine;
use reef_engine::config;
use reef_engine::model::{NodeId, NodeName};
use reef_engine::query;
use reef_engine::store::rows;
use reef_stanza::pubsub::{Affiliation, SubscriptionOut, SubscriptionState, affiliations_reply, subscriptions_reply};
use reef_stanza::{StanzaError, ns, rsm};
use std::sync::Arc;

/// Whether an account asks for its bookmarks, of which some may still lie in private storage.
pub(super) fn is_for_bookmarks(asked: &Asked, node: &str) -> bool {
    node == ns::BOOKMARKS && asked.by == asked.service
}

type Subscriptions = Vec<(NodeName, SubscriptionState)>;

/// §5.6: at one node, or at all of the place.
pub(super) fn subscriptions(
    asked: Asked,
    node: Option<String>,
    request: Option<rsm::Request>,
) -> Result<Answer, StanzaError> {
    let wanted = Wanted::of(request)?;
    Ok(Answer::read(move |engine| {
        let (found, said) = match &node {
            Some(node) => {
                let node = asked::find(engine, &asked.name(node))?;
                let state = state(engine, &asked.by, node.id)?;
                (state.map(|state| (node.row.name, state)).into_iter().collect(), None)
            }
            None => {
                let found = at(engine, &asked, &wanted)?;
                let said = wanted.describe(found.iter().map(|(name, _)| &*name.node));
                (found, said)
            }
        };
        let out = |(name, state): &(NodeName, SubscriptionState)| (name.node.clone(), *state);
        let found: Vec<_> = found.iter().map(out).collect();
        let found: Vec<SubscriptionOut<'_>> = found
            .iter()
            .map(|(node, state)| SubscriptionOut {
                node,
                jid: &asked.by,
                state: *state,
                subid: None,
            })
            .collect();
        let reply = subscriptions_reply(node.as_deref(), &found, said.as_ref());
        Ok(Answer::Payload(reply))
    }))
}

fn at(engine: &Engine, asked: &Asked, wanted: &Wanted) -> Result<Subscriptions, StanzaError> {
    if asked.place == Place::Account {
        return lists::walk_nodes(engine, &asked.service, wanted, |(name, id)| {
            let state = state(engine, &asked.by, *id)?;
            Ok(state.map(|state| (asked.name(name), state)))
        });
    }
    let here = |name: &NodeName| name.service == asked.service;
    let find = |node: &str| asked.name(node);
    followed(engine, &asked.by, wanted, find, here)
}

/// What somebody subscribes to, of what `shown` says, in the order of the nodes' ids; `find` reads the names by which a page is
/// asked for. Cost: what he follows beside that is passed over.
///
/// # Errors
/// The store's, or that there is no such page.
pub(super) fn followed(
    engine: &Engine,
    by: &str,
    wanted: &Wanted,
    find: impl Fn(&str) -> NodeName,
    shown: impl Fn(&NodeName) -> bool,
) -> Result<Subscriptions, StanzaError> {
    let view = engine.view();
    let Some(id) = rows::subscriber_id(view, by).map_err(errors::unreadable)? else {
        return wanted
            .from
            .as_ref()
            .map_or(Ok(Vec::new()), |_| Err(lists::no_such_page()));
    };
    let from = lists::place(wanted, |name| rows::node_id(view, &find(name)))?;
    let step = |at: Option<&NodeId>, most| query::subscribed_nodes(view, id, at.copied(), wanted.backwards, most);
    lists::walk(wanted, from, step, |node| {
        let row = rows::node_row(view, *node).map_err(errors::unreadable)?;
        let Some(row) = row.filter(|row| !row.name.is_presence() && shown(&row.name)) else {
            return Ok(None);
        };
        let state = state(engine, by, *node)?;
        Ok(state.map(|state| (row.name, state)))
    })
}

fn state(engine: &Engine, by: &str, node: NodeId) -> Result<Option<SubscriptionState>, StanzaError> {
    let view = engine.view();
    let Some(id) = rows::subscriber_id(view, by).map_err(errors::unreadable)? else {
        return Ok(None);
    };
    let subscription = rows::subscription(view, node, id).map_err(errors::unreadable)?;
    Ok(subscription.map(|subscription| super::manage::state(subscription.state)))
}

/// §5.7: with one node, or with all of the place.
pub(super) fn affiliations(
    asked: Asked,
    node: Option<String>,
    request: Option<rsm::Request>,
) -> Result<Answer, StanzaError> {
    let wanted = Wanted::of(request)?;
    Ok(Answer::read(move |engine| {
        let see = |(name, id): &(Arc<str>, NodeId)| {
            let is = affiliation(engine, &asked.by, *id)?;
            Ok(is.map(|is| (name.clone(), is)))
        };
        let (found, said) = match &node {
            Some(node) => {
                let node = asked::find(engine, &asked.name(node))?;
                (see(&(node.row.name.node, node.id))?.into_iter().collect(), None)
            }
            None => {
                let found = lists::walk_nodes(engine, &asked.service, &wanted, see)?;
                let said = wanted.describe(found.iter().map(|(name, _)| &**name));
                (found, said)
            }
        };
        let found: Vec<_> = found.iter().map(|(name, is)| (&**name, *is)).collect();
        let reply = affiliations_reply(node.as_deref(), &found, said.as_ref());
        Ok(Answer::Payload(reply))
    }))
}

fn affiliation(engine: &Engine, by: &str, node: NodeId) -> Result<Option<Affiliation>, StanzaError> {
    let view = engine.view();
    let Some(row) = rows::node_row(view, node).map_err(errors::unreadable)? else {
        return Ok(None);
    };
    let is = rows::affiliation(view, node, &row, by).map_err(errors::unreadable)?;
    Ok((is != config::Affiliation::None).then(|| super::manage::said(is)))
}
