//! What an owner sees and changes of a node's followers and affiliations (XEP-0060 §8.8, §8.9).
//!
//! The list of followers is paged by JID, since it may be a million long. Several changes of one request are several
//! records, in order; the first that is refused is the answer, and those before it stay.

use super::super::Answer;
use super::asked::{self, Asked, Node};
use super::lists::{self, Wanted};
use crate::errors;
use reef_engine::Engine;
use reef_engine::config;
use reef_engine::log::record::Change;
use reef_engine::query;
use reef_engine::store::rows;
use reef_stanza::pubsub::{Affiliation, SubscriptionState, owner_affiliations_reply, owner_subscriptions_reply};
use reef_stanza::{Condition, StanzaError, rsm};
use std::collections::VecDeque;
use std::sync::Arc;

/// §8.8.1: the followers, in the order of their ids, with their number. Without a page it is the first.
pub(super) fn subscriptions(asked: Asked, node: &str, request: Option<rsm::Request>) -> Result<Answer, StanzaError> {
    let request = request.unwrap_or_default();
    let wanted = Wanted::of(Some(request))?;
    let name = asked.name(node);
    Ok(Answer::read(move |engine| {
        let node = asked::owned(engine, &name, &asked.by)?;
        let view = engine.view();
        // Where he has gone meanwhile is still known: a page goes on from there (XEP-0059 §2.2).
        let from = lists::place(&wanted, |jid| rows::subscriber_id(view, jid))?;
        let page = match wanted.backwards {
            false => query::followers(view, node.id, from, wanted.max),
            true => query::followers_before(view, node.id, from, wanted.max),
        };
        let page = page.map_err(errors::unreadable)?;
        let end = |follower: Option<&(_, Arc<str>, _)>| follower.map(|(_, jid, _)| jid.to_string());
        let from_first = from.is_none() && !wanted.backwards && !page.followers.is_empty();
        let said = rsm::Reply {
            first: end(page.followers.first()),
            first_index: from_first.then_some(0),
            last: end(page.followers.last()),
            count: Some(u32::try_from(page.count).unwrap_or(u32::MAX)),
        };
        // Those who wait for approval are not in the list (§8.8.1.2), but the page ends with them all the same.
        let listed: Vec<(&str, SubscriptionState)> = page
            .followers
            .iter()
            .filter(|(.., state)| state.is_subscribed())
            .map(|(_, jid, of)| (&**jid, state(*of)))
            .collect();
        Ok(Answer::Payload(owner_subscriptions_reply(
            &name.node,
            &listed,
            Some(&said),
        )))
    }))
}

/// §8.8.2.
pub(super) fn set_subscriptions(
    asked: &Asked,
    node: &str,
    changes: Vec<(String, SubscriptionState, Option<String>)>,
) -> Result<Answer, StanzaError> {
    let name = asked.name(node);
    let change = |(jid, state, _): (String, SubscriptionState, Option<String>)| {
        let state = match state {
            SubscriptionState::None => None,
            SubscriptionState::Pending => Some(config::SubscriptionState::Pending),
            SubscriptionState::Subscribed => Some(config::SubscriptionState::Subscribed),
            SubscriptionState::Unconfigured => {
                let error = StanzaError::new(Condition::NotAcceptable);
                return Err(error.with_text("subscriptions need no configuration here"));
            }
        };
        let subscriber = asked::bare(&jid)?.as_str().into();
        Ok(Change::SetSubscription {
            node: name.clone(),
            subscriber,
            state,
        })
    };
    let changes = changes.into_iter().map(change).collect::<Result<_, StanzaError>>()?;
    one_by_one(&asked.by, changes)
}

/// §8.9.1: the first owner, then the others in the order of their ids.
pub(super) fn affiliations(asked: Asked, node: &str, request: Option<rsm::Request>) -> Result<Answer, StanzaError> {
    let wanted = Wanted::of(request)?;
    let name = asked.name(node);
    Ok(Answer::read(move |engine| {
        let node = asked::owned(engine, &name, &asked.by)?;
        let found = affiliated(engine, &node, &wanted)?;
        let reply = wanted.describe(found.iter().map(|(jid, _)| &**jid));
        let found: Vec<(&str, Affiliation)> = found.iter().map(|(jid, is)| (&**jid, said(*is))).collect();
        Ok(Answer::Payload(owner_affiliations_reply(
            &name.node,
            &found,
            reply.as_ref(),
        )))
    }))
}

/// A page of them: the owner stands before the first row.
fn affiliated(
    engine: &Engine,
    node: &Node,
    wanted: &Wanted,
) -> Result<Vec<(Arc<str>, config::Affiliation)>, StanzaError> {
    let view = engine.view();
    let owner = (node.row.owner.clone(), config::Affiliation::Owner);
    let of_owner = wanted.from.as_deref() == Some(&*owner.0);
    let from = match of_owner {
        true => None,
        false => lists::place(wanted, |jid| rows::subscriber_id(view, jid))?,
    };
    let mut page = Vec::new();
    if !wanted.backwards && wanted.from.is_none() && wanted.max > 0 {
        page.push(owner.clone());
    }
    if !(wanted.backwards && of_owner) {
        let most = wanted.max - page.len();
        let others = query::affiliations_from(view, node.id, from, wanted.backwards, most);
        let others = others.map_err(errors::unreadable)?.into_iter();
        page.extend(others.map(|(_, jid, is)| (jid, is)));
        if wanted.backwards && page.len() < wanted.max {
            page.push(owner);
        }
    }
    if wanted.backwards {
        page.reverse();
    }
    Ok(page)
}

/// §8.9.2.
pub(super) fn set_affiliations(
    asked: &Asked,
    node: &str,
    changes: Vec<(String, Affiliation)>,
) -> Result<Answer, StanzaError> {
    let name = asked.name(node);
    let change = |(jid, affiliation): (String, Affiliation)| {
        let jid = asked::bare(&jid)?.as_str().into();
        Ok(Change::Affiliate {
            node: name.clone(),
            jid,
            affiliation: meant(affiliation),
        })
    };
    let changes = changes.into_iter().map(change).collect::<Result<_, StanzaError>>()?;
    one_by_one(&asked.by, changes)
}

/// Commits one after the other, up to the first that is refused. Their number is bounded by the stanza's size.
fn one_by_one(by: &Arc<str>, mut changes: VecDeque<Change>) -> Result<Answer, StanzaError> {
    let Some(change) = changes.pop_front() else {
        return Ok(Answer::Empty);
    };
    let again = by.clone();
    Ok(Answer::submit(by, change, move |_, done| match done {
        Ok(_) => one_by_one(&again, changes),
        Err(error) => Err(errors::stanza_error(&error)),
    }))
}

/// The state of a subscription as it is said.
pub(super) fn state(state: config::SubscriptionState) -> SubscriptionState {
    match state {
        config::SubscriptionState::Pending => SubscriptionState::Pending,
        config::SubscriptionState::Subscribed | config::SubscriptionState::Silent => SubscriptionState::Subscribed,
    }
}

/// An affiliation as it is said.
pub(crate) fn said(affiliation: config::Affiliation) -> Affiliation {
    match affiliation {
        config::Affiliation::Owner => Affiliation::Owner,
        config::Affiliation::Publisher => Affiliation::Publisher,
        config::Affiliation::PublishOnly => Affiliation::PublishOnly,
        config::Affiliation::Member => Affiliation::Member,
        config::Affiliation::None => Affiliation::None,
        config::Affiliation::Outcast => Affiliation::Outcast,
    }
}

/// An affiliation by its word, as it is meant.
pub(crate) fn affiliation_meant(word: &str) -> Option<config::Affiliation> {
    Affiliation::from_word(word).map(meant)
}

/// An affiliation as it is meant.
fn meant(affiliation: Affiliation) -> config::Affiliation {
    match affiliation {
        Affiliation::Owner => config::Affiliation::Owner,
        Affiliation::Publisher => config::Affiliation::Publisher,
        Affiliation::PublishOnly => config::Affiliation::PublishOnly,
        Affiliation::Member => config::Affiliation::Member,
        Affiliation::None => config::Affiliation::None,
        Affiliation::Outcast => config::Affiliation::Outcast,
    }
}
