//! What the asker follows at a place, and what he is there (XEP-0060 §5.6, §5.7).
//!
//! On reader threads. At most [`LIST_ROWS`] nodes are looked at.

use super::super::Answer;
use super::asked::{self, Asked};
use super::template::Place;
use crate::errors;
use reef_engine::Engine;
use reef_engine::config;
use reef_engine::limits::LIST_ROWS;
use reef_engine::model::NodeId;
use reef_engine::query;
use reef_engine::store::rows;
use reef_stanza::StanzaError;
use reef_stanza::pubsub::{SubscriptionOut, SubscriptionState, affiliations_reply, subscriptions_reply};
use std::sync::Arc;

/// Nodes by name.
type Nodes = Vec<(Arc<str>, NodeId)>;

/// §5.6: at one node, or at all of the place.
pub(super) fn subscriptions(asked: Asked, node: Option<String>) -> Result<Answer, StanzaError> {
    Ok(Answer::read(move |engine| {
        let nodes = match &node {
            Some(node) => one(engine, &asked, node)?,
            // An account has few nodes, and so those that wait for approval are found as well.
            None if asked.place == Place::Account => all(engine, &asked)?,
            None => followed(engine, &asked)?,
        };
        let states = states(engine, &asked, nodes)?;
        let found: Vec<SubscriptionOut<'_>> = states
            .iter()
            .map(|(node, state)| SubscriptionOut {
                node,
                jid: &asked.by,
                state: *state,
                subid: None,
            })
            .collect();
        Ok(Answer::Payload(subscriptions_reply(node.as_deref(), &found, None)))
    }))
}

/// §5.7: with one node, or with all of the place.
pub(super) fn affiliations(asked: Asked, node: Option<String>) -> Result<Answer, StanzaError> {
    Ok(Answer::read(move |engine| {
        let nodes = match &node {
            Some(node) => one(engine, &asked, node)?,
            None => all(engine, &asked)?,
        };
        let mut found = Vec::new();
        for (name, id) in nodes {
            let Some(row) = rows::node_row(engine.view(), id).map_err(errors::unreadable)? else {
                continue;
            };
            let is = rows::affiliation(engine.view(), id, &row, &asked.by).map_err(errors::unreadable)?;
            if is != config::Affiliation::None {
                found.push((name, super::manage::said(is)));
            }
        }
        let found: Vec<_> = found.iter().map(|(name, is)| (&**name, *is)).collect();
        Ok(Answer::Payload(affiliations_reply(node.as_deref(), &found)))
    }))
}

fn one(engine: &Engine, asked: &Asked, node: &str) -> Result<Nodes, StanzaError> {
    let node = asked::find(engine, &asked.name(node))?;
    Ok(vec![(node.row.name.node, node.id)])
}

fn all(engine: &Engine, asked: &Asked) -> Result<Nodes, StanzaError> {
    rows::nodes_of(engine.view(), &asked.service, LIST_ROWS).map_err(errors::unreadable)
}

/// The nodes of the place among all that he follows: those with options of their own, by which they may be no edges,
/// and the others.
fn followed(engine: &Engine, asked: &Asked) -> Result<Nodes, StanzaError> {
    let (mut nodes, mut after) = (with_options(engine, asked)?, None);
    loop {
        let page = query::following(engine.view(), &asked.by, after).map_err(errors::unreadable)?;
        let Some((last, _)) = page.last() else { return Ok(nodes) };
        after = Some(*last);
        let here = page.iter().filter(|(_, row)| row.name.service == asked.service);
        for (id, row) in here {
            if !nodes.iter().any(|(_, known)| known == id) {
                nodes.push((row.name.node.clone(), *id));
            }
        }
        if nodes.len() >= LIST_ROWS {
            nodes.truncate(LIST_ROWS);
            return Ok(nodes);
        }
    }
}

fn with_options(engine: &Engine, asked: &Asked) -> Result<Nodes, StanzaError> {
    let view = engine.view();
    let Some(id) = rows::subscriber_id(view, &asked.by).map_err(errors::unreadable)? else {
        return Ok(Nodes::new());
    };
    let mut nodes = Nodes::new();
    for (node, _) in rows::options_of(view, id, None).map_err(errors::unreadable)? {
        let row = rows::node_row(view, node).map_err(errors::unreadable)?;
        nodes.extend(
            row.filter(|row| row.name.service == asked.service)
                .map(|row| (row.name.node, node)),
        );
    }
    Ok(nodes)
}

fn states(engine: &Engine, asked: &Asked, nodes: Nodes) -> Result<Vec<(Arc<str>, SubscriptionState)>, StanzaError> {
    let view = engine.view();
    let Some(id) = rows::subscriber_id(view, &asked.by).map_err(errors::unreadable)? else {
        return Ok(Vec::new());
    };
    let mut states = Vec::new();
    for (name, node) in nodes {
        let subscription = rows::subscription(view, node, id).map_err(errors::unreadable)?;
        states.extend(subscription.map(|subscription| (name, super::manage::state(subscription.state))));
    }
    Ok(states)
}
