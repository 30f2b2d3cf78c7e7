//! What comes from other servers, on its way to where it is for: answers to senders, events to the mirror, all else to the
//! shard of its account.
//!
//! Called on the streams' tasks; it never waits. Knows no payload but to tell these apart. Next: `mirror.rs`, and
//! `session/arrived.rs`.

use super::outbox::returned;
use super::stream::{Inbox, Receipt};
use crate::errors;
use crate::router::Mail;
use crate::server::Server;
use crate::session::Arrived;
use jid::Jid;
use minidom::Element;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, error_reply, ns};
use std::sync::{Arc, OnceLock, Weak};

/// The way in.
#[derive(Default)]
pub(crate) struct Arrivals {
    /// Streams are made ready before the server is.
    server: OnceLock<Weak<Server>>,
}

impl Arrivals {
    /// From here on what comes has somewhere to go.
    pub(crate) fn open(&self, server: &Arc<Server>) {
        // It is opened once.
        let _ = self.server.set(Arc::downgrade(server));
    }

    fn server(&self) -> Option<Arc<Server>> {
        self.server.get().and_then(Weak::upgrade)
    }
}

impl Inbox for Arrivals {
    fn stanza(&self, from: Jid, to: Jid, stanza: Element, receipt: Receipt) {
        let Some(server) = self.server() else {
            return;
        };
        if !server.is_ours(to.domain().as_str()) {
            return self.onward(&server, &from, &to, &stanza);
        }
        if server.part_at(to.domain().as_str()).is_some() {
            return refuse_for_part(&server, &to, &stanza);
        }
        let remote = from.domain().as_str();
        server.peers.heard(remote);
        let answers = stanza.name() == "iq" && matches!(stanza.attr("type"), Some("result" | "error"));
        if answers && to.node().is_none() && server.peers.answered(remote, &stanza) {
            return;
        }
        let (stanza, receipt) = match stanza.name() {
            "message" => match server.mirror.take(&server, (&from, &to), stanza, receipt) {
                Some(rest) => rest,
                None => return,
            },
            "iq" => match server.agreement.take(&server, (&from, &to), stanza, receipt) {
                Some(rest) => rest,
                None => return,
            },
            _ => (stanza, receipt),
        };
        // What one says to another stays in order: by whom it is for, or for a service by who asks.
        let lives = if to.node().is_some() {
            to.to_bare()
        } else {
            from.to_bare()
        };
        let shard = server.router.shard_of(lives.as_str());
        let arrived = Arrived {
            from,
            to,
            stanza,
            receipt,
        };
        if let Err(Mail::Arrived(arrived)) = server.router.send(shard, Mail::Arrived(Box::new(arrived))) {
            self.turn_away(&server, shard, arrived);
        }
    }

    fn heard(&self, remote: &str) {
        if let Some(server) = self.server() {
            server.peers.heard(remote);
        }
    }

    fn refusal(&self, from: Jid, to: Jid, stanza: Element) {
        if let Some(server) = self.server()
            && let Err(error) = server.peers.send(from.as_str(), &to, &stanza)
        {
            tracing::debug!(%to, %error, "a refusal for another server was dropped");
        }
    }
}

/// The other part is for accounts here alone (XEP-0100 allows that): others are told so, where they wait for something.
fn refuse_for_part(server: &Server, to: &Jid, stanza: &Element) {
    let kind = stanza.attr("type").unwrap_or_default();
    let reply = match (stanza.name(), kind) {
        ("iq", "result" | "error") | ("message", "error" | "headline") => None,
        ("presence", "subscribe") => el("presence", ns::CLIENT)
            .set("type", "unsubscribed")
            .set_opt("from", stanza.attr("to"))
            .set_opt("to", stanza.attr("from"))
            .into(),
        ("presence", _) => None,
        _ => Some(error_reply(stanza, &StanzaError::new(Condition::NotAllowed))),
    };
    let sender = reply.as_ref().and_then(|reply| Jid::new(reply.attr("to")?).ok());
    if let (Some(reply), Some(sender)) = (reply, sender)
        && let Err(error) = server.peers.send(to.as_str(), &sender, &reply)
    {
        tracing::debug!(%error, "a refusal for another server was dropped");
    }
}

impl Arrivals {
    /// For a component, or from one to somebody elsewhere: nothing of it is of the accounts here.
    fn onward(&self, server: &Arc<Server>, from: &Jid, to: &Jid, stanza: &Element) {
        server.peers.heard(from.domain().as_str());
        let Err(error) = server.peers.send(from.as_str(), to, stanza) else {
            return;
        };
        let kind = stanza.attr("type").unwrap_or_default();
        if matches!(kind, "error" | "result" | "headline") || stanza.name() == "presence" {
            return;
        }
        if let Some((to, reply)) = returned(stanza, &error)
            && let Err(error) = server.peers.send(reply.attr("from").unwrap_or_default(), &to, &reply)
        {
            tracing::debug!(%to, %error, "an error for a sender was dropped");
        }
    }

    /// A shard's box is full: the sender hears that, where he waits for something.
    fn turn_away(&self, server: &Arc<Server>, shard: usize, arrived: Box<Arrived>) {
        if arrived.must_arrive() {
            return arrived.again(server.clone(), shard);
        }
        let stanza = &arrived.stanza;
        let waits = match stanza.name() {
            "iq" => matches!(stanza.attr("type"), Some("get" | "set")),
            "message" => !matches!(stanza.attr("type"), Some("error" | "headline")),
            _ => false,
        };
        let reply = waits.then(|| returned(stanza, &errors::busy())).flatten();
        if let Some((to, reply)) = reply
            && let Err(error) = server.peers.send(arrived.to.as_str(), &to, &reply)
        {
            tracing::warn!(%to, %error, "a shard's box is full, and so is the way back");
        }
    }
}
