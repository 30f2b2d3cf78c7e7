//! Subscribing and unsubscribing (XEP-0060 §6.1, §6.2).
//!
//! A follower is a bare JID, which subscribes once to a node: there are no subscription ids, since Movim keeps none. Who
//! may follow is decided by the engine.

use super::super::Answer;
use super::asked::{self, Asked};
use super::last_item::last_item;
use super::retrieve::readable;
use super::template::Place;
use super::{bad, public, subscription_options};
use crate::errors;
use crate::session::Hub;
use reef_engine::Engine;
use reef_engine::config::{SendLast, SubscribeOptions, SubscriptionState as State};
use reef_engine::error::{Error, Reject};
use reef_engine::log::record::{Applied, Change, Outcome};
use reef_engine::model::NodeName;
use reef_engine::store::rows;
use reef_stanza::form::Form;
use reef_stanza::pubsub::{SubscriptionState, subscription_reply};
use reef_stanza::{Condition, PubsubCondition, StanzaError};

/// §6.1. The last item, where the node sends it, is read before the subscription is committed and goes out after.
pub(super) fn subscribe(
    asked: Asked,
    node: &str,
    jid: &str,
    options: Option<Form>,
    public: bool,
) -> Result<Answer, StanzaError> {
    // §6.1.3.1. Only bare JIDs are kept: a resource would get posts that its user does not follow, and miss those that
    // came while it was away.
    if asked::bare(jid)? != asked.jid || jid.contains('/') {
        return Err(bad(PubsubCondition::InvalidJid).with_text("subscribe your own bare JID"));
    }
    let name = asked.name(node);
    Ok(Answer::read(move |engine| {
        let last = before(engine, &name, &asked)?;
        let now = engine.clock.now();
        let usual = SubscribeOptions::default();
        let options = options.map(|form| subscription_options::read(&form, &usual, now));
        let change = Change::Follow {
            node: name.clone(),
            subscriber: asked.by.clone(),
            options: options.transpose()?,
            public,
        };
        let by = asked.by.clone();
        Ok(Answer::submit(&by, change, move |hub, done| {
            subscribed(hub, &asked, &name, last, done)
        }))
    }))
}

/// What there is to know before: whether he waits already (§6.1.3.7), and the item that a new subscriber gets.
fn before(engine: &Engine, name: &NodeName, asked: &Asked) -> Result<Option<Vec<u8>>, StanzaError> {
    let view = engine.view();
    // To those whom he blocks an account is not there, also by way of their own.
    let blocked = asked.place == Place::Account
        && engine
            .tables
            .blocks(view, &name.service, &asked.by)
            .map_err(errors::unreadable)?;
    if blocked {
        return Err(errors::refused(&Reject::Blocked));
    }
    if name.is_public_list() {
        public::there(engine, name, &asked.by)?;
        return Ok(None);
    }
    let node = asked::find(engine, name)?;
    let subscriber = rows::subscriber_id(view, &asked.by).map_err(errors::unreadable)?;
    let older = match subscriber {
        Some(id) => rows::subscription(view, node.id, id).map_err(errors::unreadable)?,
        None => None,
    };
    match older.map(|older| older.state) {
        // Whom the node takes by now does not wait any more.
        Some(State::Pending) if readable(engine, &node, &asked.by).is_err() => {
            Err(StanzaError::new(Condition::NotAuthorized).pubsub(PubsubCondition::PendingSubscription))
        }
        None | Some(State::Pending)
            if node.row.config.send_last != SendLast::Never && node.row.config.deliver_notifications =>
        {
            last_item(engine, &node, &asked.by).map_err(errors::unreadable)
        }
        _ => Ok(None),
    }
}

fn subscribed(
    hub: &mut Hub,
    asked: &Asked,
    name: &NodeName,
    last: Option<Vec<u8>>,
    done: Result<Applied, Error>,
) -> Result<Answer, StanzaError> {
    let (state, gets) = match done.map(|applied| applied.outcome) {
        Ok(Outcome::Subscription(State::Pending)) => (SubscriptionState::Pending, false),
        Ok(Outcome::Subscription(State::Silent)) => (SubscriptionState::Subscribed, false),
        Ok(_) => (SubscriptionState::Subscribed, true),
        Err(error) => return Err(errors::stanza_error(&error)),
    };
    if let Some(last) = last.filter(|_| gets) {
        hub.route_bytes(&asked.service, asked.jid.clone(), last);
    }
    hub.tell_subscription(&asked.jid, name, state);
    Ok(Answer::Payload(subscription_reply(&name.node, &asked.by, state, None)))
}

/// §6.2.
pub(super) fn unsubscribe(asked: &Asked, node: &str, jid: &str) -> Result<Answer, StanzaError> {
    if asked::bare(jid)? != asked.jid {
        return Err(errors::refused(&Reject::Forbidden));
    }
    let (name, user) = (asked.name(node), asked.jid.clone());
    let change = Change::Unfollow {
        node: name.clone(),
        subscriber: asked.by.clone(),
    };
    Ok(Answer::submit(&asked.by, change, move |hub, done| match done {
        Ok(_) => {
            hub.tell_subscription(&user, &name, SubscriptionState::None);
            Ok(Answer::Empty)
        }
        Err(error) => Err(errors::stanza_error(&error)),
    }))
}
