//! What an owner sees and changes of a node's followers and affiliations (XEP-0060 §8.8, §8.9).
//!
//! The list of followers is paged by JID, since it may be a million long. Several changes of one request are several
//! records, in order; the first that is refused is the answer, and those before it stay.

use super::super::Answer;
use super::asked::{self, Asked};
use crate::errors;
use reef_engine::Engine;
use reef_engine::config;
use reef_engine::limits::LIST_ROWS;
use reef_engine::log::record::Change;
use reef_engine::model::SubscriberId;
use reef_engine::query;
use reef_engine::store::rows;
use reef_stanza::pubsub::{Affiliation, SubscriptionState, owner_affiliations_reply, owner_subscriptions_reply};
use reef_stanza::{Condition, StanzaError, rsm};
use std::collections::VecDeque;
use std::sync::Arc;

/// §8.8.1: the followers, in the order of their ids, with their number. Without a page it is the first.
pub(super) fn subscriptions(asked: Asked, node: &str, request: Option<rsm::Request>) -> Result<Answer, StanzaError> {
    let request = request.unwrap_or_default();
    if request.before.is_some() || request.index.is_some() {
        let error = StanzaError::new(Condition::FeatureNotImplemented);
        return Err(error.with_text("followers are listed forwards, by after"));
    }
    let name = asked.name(node);
    Ok(Answer::read(move |engine| {
        let node = asked::owned(engine, &name, &asked.by)?;
        let after = request
            .after
            .as_deref()
            .map(|jid| subscriber(engine, jid))
            .transpose()?;
        let max = request.max.map_or(LIST_ROWS, |max| max as usize);
        let page = query::followers(engine.view(), node.id, after, max).map_err(errors::unreadable)?;
        let end = |follower: Option<&(_, Arc<str>, _)>| follower.map(|(_, jid, _)| jid.to_string());
        let said = rsm::Reply {
            first: end(page.followers.first()),
            first_index: (after.is_none() && !page.followers.is_empty()).then_some(0),
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

fn subscriber(engine: &Engine, jid: &str) -> Result<SubscriberId, StanzaError> {
    let found = rows::subscriber_id(engine.view(), jid).map_err(errors::unreadable)?;
    found.ok_or_else(|| StanzaError::new(Condition::ItemNotFound).with_text("no such page"))
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

/// §8.9.1.
pub(super) fn affiliations(asked: Asked, node: &str) -> Result<Answer, StanzaError> {
    let name = asked.name(node);
    Ok(Answer::read(move |engine| {
        let node = asked::owned(engine, &name, &asked.by)?;
        let found = query::affiliations(engine.view(), node.id, &node.row).map_err(errors::unreadable)?;
        let found: Vec<(&str, Affiliation)> = found.iter().map(|(jid, is)| (&**jid, said(*is))).collect();
        Ok(Answer::Payload(owner_affiliations_reply(&name.node, &found)))
    }))
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
pub(super) fn said(affiliation: config::Affiliation) -> Affiliation {
    match affiliation {
        config::Affiliation::Owner => Affiliation::Owner,
        config::Affiliation::Publisher => Affiliation::Publisher,
        config::Affiliation::PublishOnly => Affiliation::PublishOnly,
        config::Affiliation::Member => Affiliation::Member,
        config::Affiliation::None => Affiliation::None,
        config::Affiliation::Outcast => Affiliation::Outcast,
    }
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
