//! Approval of subscriptions: an owner's answer by message (XEP-0060 §8.6), and what waits for one (§8.7).
//!
//! The question goes out where the engine says that somebody asks (`session/notice.rs`). Knows no session.

use super::super::{Answer, Ctx, Target, kept_node};
use super::asked;
use crate::errors;
use jid::BareJid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::config::{Affiliation, SubscriptionState};
use reef_engine::limits::LIST_ROWS;
use reef_engine::log::record::Change;
use reef_engine::model::{NodeId, NodeName, fnv1a};
use reef_engine::query;
use reef_engine::store::rows;
use reef_stanza::element::Build;
use reef_stanza::pubsub::{Approval, approval_request};
use reef_stanza::{StanzaError, StreamNamespace, write_element};
use std::sync::Arc;

/// The change that an owner's answer asks for; `None` where he called it off.
///
/// # Errors
/// The subscriber is no JID.
pub(crate) fn approve(service: &BareJid, approval: &Approval) -> Result<Option<Change>, StanzaError> {
    let Some(allow) = approval.allow else { return Ok(None) };
    Ok(Some(Change::SetSubscription {
        node: kept_node(service.as_str(), &approval.node),
        subscriber: asked::bare(&approval.subscriber)?.as_str().into(),
        state: allow.then_some(SubscriptionState::Subscribed),
    }))
}

/// The question to an owner, without its `to`. Its id is the same each time it is asked.
pub(crate) fn question(node: &NodeName, subscriber: &str) -> Element {
    let about = format!("{}\0{}\0{subscriber}", node.service, node.node);
    let id = format!("approve-{:016x}", fnv1a(about.as_bytes()));
    approval_request(&node.service, &node.node, subscriber, &id)
}

/// The nodes of a place that `by` owns and where somebody waits.
pub(crate) fn nodes_with_pending(engine: &Engine, service: &str, by: &str) -> Result<Vec<Arc<str>>, StanzaError> {
    let view = engine.view();
    let mut nodes = Vec::new();
    for (name, id) in rows::nodes_of(view, service, LIST_ROWS).map_err(errors::unreadable)? {
        let Some(row) = rows::node_row(view, id).map_err(errors::unreadable)? else {
            continue;
        };
        let is = rows::affiliation(view, id, &row, by).map_err(errors::unreadable)?;
        if is == Affiliation::Owner && !pending(engine, id, 1)?.is_empty() {
            nodes.push(name);
        }
    }
    Ok(nodes)
}

/// Answers, and then asks its owner about all who wait at a node (§8.7.4).
pub(crate) fn ask_again(ctx: &Ctx<'_>, node: &str, answer: Answer) -> Result<Answer, StanzaError> {
    let (Target::Account(place) | Target::Service(place)) = &ctx.target else {
        return Ok(answer);
    };
    let (name, by) = (kept_node(place.as_str(), node), ctx.from.to_bare());
    let to = ctx.from.clone();
    Ok(Answer::read(move |engine| {
        let node = asked::owned(engine, &name, by.as_str())?;
        let waiting = pending(engine, node.id, LIST_ROWS)?;
        let asks = |jid: &Arc<str>| {
            let mut stanza = Vec::new();
            let message = question(&name, jid).set("to", to.as_str());
            write_element(&message, StreamNamespace::Client, &mut stanza);
            stanza
        };
        Ok(Answer::Followed {
            answer: Box::new(answer),
            by: waiting.iter().map(asks).collect(),
        })
    }))
}

fn pending(engine: &Engine, node: NodeId, most: usize) -> Result<Vec<Arc<str>>, StanzaError> {
    query::pending(engine.view(), node, most).map_err(errors::unreadable)
}
