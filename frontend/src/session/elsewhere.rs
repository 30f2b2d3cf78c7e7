//! Subscriptions that leave here: each subscribe and unsubscribe that a session sends to a service of another server is
//! remembered until its answer returns, and what the service says is recorded before the session hears it.
//!
//! So that what it publishes is taken for those who follow it, and from nobody else. Knows no outbox. Next: the engine's
//! mirror of the node.

use super::Hub;
use super::arrived::Arrived;
use crate::limits::{QUESTION_MS, SUBSCRIBING};
use crate::xep::{mirrored, subscription_in};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::log::record::Change;
use reef_engine::model::NodeName;
use reef_stanza::ns;
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
    pub(super) fn watch_subscription(&mut self, to: &Jid, iq: &Element) {
        if self.subscribing.0.len() >= SUBSCRIBING || to.resource().is_some() {
            return;
        }
        let (Some(from), Some(id), Some("set")) = (iq.attr("from"), iq.attr("id"), iq.attr("type")) else {
            return;
        };
        let Some(pubsub) = iq.get_child("pubsub", ns::PUBSUB) else {
            return;
        };
        let verb = |name: &str| pubsub.get_child(name, ns::PUBSUB);
        let (Some(what), follows) = (match verb("subscribe") {
            Some(subscribe) => (Some(subscribe), true),
            None => (verb("unsubscribe"), false),
        }) else {
            return;
        };
        let sender = Jid::new(from).map(|from| from.to_bare());
        // A resource that subscribes gets what it asked for by itself.
        let own = |jid: &BareJid| what.attr("jid") == Some(jid.as_str());
        let (Some(node), Some(subscriber)) = (what.attr("node"), sender.ok().filter(own)) else {
            return;
        };
        let asked = Asked {
            to: to.clone(),
            node: NodeName::new(to.as_str(), node),
            subscriber,
            follows,
            until: self.now() + QUESTION_MS,
        };
        self.subscribing.0.insert((from.to_owned(), id.to_owned()), asked);
    }

    /// An answer for a session: recorded first, where it says who follows.
    pub(super) fn subscription_answered(&mut self, arrived: Arrived) {
        let id = arrived.stanza.attr("id").unwrap_or_default().to_owned();
        let key = (arrived.to.to_string(), id);
        let asked = match self.subscribing.0.get(&key) {
            Some(asked) if asked.to == arrived.from => self.subscribing.0.remove(&key),
            _ => None,
        };
        let change = asked.and_then(|asked| recorded(&asked, &arrived.stanza));
        let Some(change) = change else {
            return self.deliver(arrived.to, arrived.stanza);
        };
        let (server, shard) = (self.server.clone(), self.number);
        let Arrived {
            from,
            to,
            stanza,
            receipt,
        } = arrived;
        let by = from.domain().to_string();
        let kept = (to.clone(), stanza.clone());
        let ticket = move |fate: Result<_, reef_engine::error::Error>| {
            if let Err(error) = fate {
                tracing::warn!(%error, "a subscription at another server is not recorded");
            }
            drop(receipt);
            server
                .router
                .answer(shard, Box::new(move |hub: &mut Hub| hub.deliver(to, stanza)));
        };
        if let Err(error) = self.server.engine.admission.submit(&by, change, Box::new(ticket)) {
            tracing::warn!(%error, "a subscription at another server is not recorded");
            self.deliver(kept.0, kept.1);
        }
    }

    /// Once a second: what will not be answered any more.
    pub(super) fn give_up_subscribing(&mut self) {
        let now = self.now();
        self.subscribing.0.retain(|_, asked| asked.until > now);
    }
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
