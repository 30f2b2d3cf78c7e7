//! Subscriptions that leave here: each subscribe and unsubscribe that a session sends to a service of another server is
//! remembered until its answer returns, and what the service says is recorded before the session hears it.
//!
//! So that what it publishes is taken for those who follow it, and from nobody else. Knows no outbox. Next: the engine's
//! mirror of the node.

use super::Hub;
use super::arrived::Arrived;
use crate::errors;
use crate::limits::{QUESTION_MS, SUBSCRIBING};
use crate::xep::{mirrored, subscription_in};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::error::Error;
use reef_engine::log::record::Change;
use reef_engine::model::NodeName;
use reef_stanza::{StanzaError, ns};
use std::collections::HashMap;

/// A request whose answer says whether somebody follows.
struct Asked {
    to: Jid,
    node: NodeName,
    subscriber: BareJid,
    follows: bool,
    until: u64,
}

/// The requests of a shard's sessions that wait: by the session's full JID and their id.
#[derive(Default)]
pub(super) struct Subscribing(HashMap<(String, String), Asked>);

impl Hub {
    /// Remembers a request of a session that subscribes it to a node of another server, or ends that.
    ///
    /// # Errors
    /// Too many wait for their answers: it must not be sent, for its answer would not be recorded.
    pub(super) fn watch_subscription(&mut self, to: &Jid, iq: &Element) -> Result<(), StanzaError> {
        let (Some(from), Some(id)) = (iq.attr("from"), iq.attr("id")) else {
            return Ok(());
        };
        let Some(asked) = request(from, to, iq, self.now() + QUESTION_MS) else {
            return Ok(());
        };
        if self.subscribing.0.len() >= SUBSCRIBING {
            return Err(errors::busy());
        }
        self.subscribing.0.insert((from.to_owned(), id.to_owned()), asked);
        Ok(())
    }

    /// An answer for a session: recorded first, where it says who follows.
    pub(super) fn subscription_answered(&mut self, arrived: Arrived) {
        let id = arrived.stanza.attr("id").unwrap_or_default().to_owned();
        let key = (arrived.to.to_string(), id);
        let asked = match self.subscribing.0.get(&key) {
            Some(asked) if asked.to == arrived.from => self.subscribing.0.remove(&key),
            _ => None,
        };
        let Some((asked, change)) =
            asked.and_then(|asked| recorded(&asked, &arrived.stanza).map(|change| (asked, change)))
        else {
            return self.deliver(arrived.to, arrived.stanza);
        };
        let (server, shard) = (self.server.clone(), self.number);
        let (to, stanza, receipt) = (arrived.to.clone(), arrived.stanza.clone(), arrived.receipt.clone());
        let ticket = move |fate: Result<_, Error>| {
            server.s2s.hold_if_closed(fate.as_ref().err());
            if let Err(error) = fate {
                tracing::warn!(%error, "a subscription at another server is not recorded");
            }
            drop(receipt);
            server
                .router
                .answer(shard, Box::new(move |hub: &mut Hub| hub.deliver(to, stanza)));
        };
        let by = arrived.from.domain().to_string();
        let Err(error) = self.server.engine.admission.submit(&by, change, Box::new(ticket)) else {
            return;
        };
        if matches!(error, Error::Busy) {
            let until = self.now() + QUESTION_MS;
            self.subscribing.0.insert(key, Asked { until, ..asked });
            return Box::new(arrived).again(self.server.clone(), self.number);
        }
        self.server.s2s.hold_if_closed(Some(&error));
        tracing::warn!(%error, "a subscription at another server is not recorded");
        self.deliver(arrived.to, arrived.stanza);
    }

    /// Once a second: what will not be answered any more.
    pub(super) fn give_up_subscribing(&mut self) {
        let now = self.now();
        self.subscribing.0.retain(|_, asked| asked.until > now);
    }
}

/// What a request asks for, if that is to follow a node or not to.
fn request(from: &str, to: &Jid, iq: &Element, until: u64) -> Option<Asked> {
    if to.resource().is_some() || iq.attr("type") != Some("set") {
        return None;
    }
    let pubsub = iq.get_child("pubsub", ns::PUBSUB)?;
    let (what, follows) = match pubsub.get_child("subscribe", ns::PUBSUB) {
        Some(subscribe) => (subscribe, true),
        None => (pubsub.get_child("unsubscribe", ns::PUBSUB)?, false),
    };
    let subscriber = Jid::new(from).ok()?.to_bare();
    // A resource that subscribes gets what it asked for by itself.
    (what.attr("jid") == Some(subscriber.as_str())).then_some(())?;
    Some(Asked {
        to: to.clone(),
        node: NodeName::new(to.as_str(), what.attr("node")?),
        subscriber,
        follows,
        until,
    })
}

/// What an answer says of the subscription.
fn recorded(asked: &Asked, answer: &Element) -> Option<Change> {
    let result = answer.attr("type") == Some("result");
    let state = match (asked.follows, result) {
        (true, true) => Some(subscription_in(answer.get_child("pubsub", ns::PUBSUB))),
        (true, false) => return None,
        (false, true) => None,
        // It was not there: then it is not here either.
        (false, false) => answer
            .get_child("error", ns::CLIENT)
            .filter(|error| error.has_child("not-subscribed", ns::PUBSUB_ERRORS))
            .map(|_| None)?,
    };
    Some(mirrored(&asked.node, &asked.subscriber, state))
}
