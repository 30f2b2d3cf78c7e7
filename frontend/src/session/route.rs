//! From a stanza with an address to the sessions that get it: RFC 6121 §8, on the shard where the addressee lives.
//!
//! Knows no payload. What is for another shard goes by mail, what is for another server to its outbox.

use super::Hub;
use super::iq::is_request;
use crate::errors;
use crate::router::Mail;
use jid::{BareJid, Jid};
use minidom::Element;
use reef_stanza::{Condition, StanzaError, StreamNamespace, error_reply, write_element};

impl Hub {
    /// Sends a stanza on its way. It has `from`; its addressee may be anywhere.
    pub(crate) fn route(&mut self, to: Jid, stanza: Element) {
        if let Some((to, stanza)) = self.behind(to, stanza) {
            self.route_now(to, stanza);
        }
    }

    /// The same for what has waited behind its sender's messages.
    pub(super) fn route_now(&mut self, to: Jid, stanza: Element) {
        if !self.server.is_ours(to.domain().as_str()) {
            return self.route_out(&to, &stanza);
        }
        if self.server.part_at(to.domain().as_str()).is_some() {
            return self.for_part(&to, stanza);
        }
        let local = self.server.is_domain(to.domain().as_str()) && to.node().is_some();
        if !local {
            return self.return_to_sender(&stanza, &StanzaError::new(Condition::ServiceUnavailable));
        }
        let shard = self.server.router.shard_of(to.to_bare().as_str());
        if shard == self.number {
            return self.local.push_back((to, stanza));
        }
        if let Err(Mail::Route(refused)) = self.server.router.send(shard, Mail::Route(Box::new((to, stanza)))) {
            self.return_to_sender(&refused.1, &errors::busy());
        }
    }

    /// Handles what this shard's own sessions sent to its own users.
    pub(super) fn route_local(&mut self) {
        while let Some((to, stanza)) = self.local.pop_front() {
            self.guarded(Box::new(move |hub| hub.deliver(to, stanza)));
        }
    }

    /// To another server: what is of the moment. What must arrive was stored with its record.
    fn route_out(&mut self, to: &Jid, stanza: &Element) {
        let watched = match stanza.name() {
            "iq" => self.watch_subscription(to, stanza),
            _ => Ok(()),
        };
        let from = stanza.attr("from").unwrap_or_default();
        if let Err(error) = watched.and_then(|()| self.server.peers.send(from, to, stanza)) {
            self.return_to_sender(stanza, &error);
        }
    }

    /// An error for the sender of a stanza that cannot be delivered; silence where the RFC asks for that.
    pub(super) fn return_to_sender(&mut self, stanza: &Element, error: &StanzaError) {
        let kind = stanza.attr("type").unwrap_or_default();
        let silent = match stanza.name() {
            "iq" => matches!(kind, "result" | "error"),
            "presence" => !matches!(kind, "subscribe"),
            _ => matches!(kind, "error" | "headline"),
        };
        let sender = stanza.attr("from").and_then(|from| Jid::new(from).ok());
        if let (false, Some(sender)) = (silent, sender) {
            self.route(sender, error_reply(stanza, error));
        }
    }

    /// Delivers to a user of this shard.
    pub(super) fn deliver(&mut self, to: Jid, stanza: Element) {
        if self.stopped(&to, &stanza) {
            return;
        }
        match stanza.name() {
            "presence" => self.deliver_presence(&to, &stanza),
            "message" => self.deliver_message(&to, stanza),
            _ => self.deliver_iq(&to, &stanza),
        }
    }

    fn deliver_iq(&mut self, to: &Jid, stanza: &Element) {
        if to.resource().is_none() && !is_request(stanza) {
            // A question of the server's own that came back.
            let from = stanza.attr("from").and_then(|from| Jid::new(from).ok());
            if let Some(from) = from {
                self.was_asked(&from, stanza);
            }
            return;
        }
        match self.session_of(to) {
            Some(slot) => self.send(slot, stanza),
            None => self.return_to_sender(stanza, &StanzaError::new(Condition::ServiceUnavailable)),
        }
    }

    /// The session of a full JID.
    pub(super) fn session_of(&self, to: &Jid) -> Option<u32> {
        let full = to.try_as_full().ok()?;
        let user = self.users.get(&full.to_bare())?;
        user.sessions
            .iter()
            .copied()
            .find(|slot| self.conn(*slot).and_then(|c| c.jid()) == Some(full))
    }

    /// The sessions of a user that are available, with a priority of at least `least`.
    pub(super) fn available(&self, user: &BareJid, least: i8) -> Vec<u32> {
        let sessions = self
            .users
            .get(user)
            .map(|user| user.sessions.as_slice())
            .unwrap_or_default();
        let available = |slot: &u32| {
            self.conn(*slot)
                .is_some_and(|c| c.presence.is_some() && c.priority >= least)
        };
        sessions.iter().copied().filter(available).collect()
    }

    /// Writes one stanza to several sessions of this shard: serialised once.
    pub(super) fn send_all(&mut self, slots: &[u32], stanza: &Element) {
        if slots.is_empty() {
            return;
        }
        let mut bytes = Vec::new();
        write_element(stanza, StreamNamespace::Client, &mut bytes);
        for slot in slots {
            if !self.holds(*slot, stanza, &bytes) {
                self.send_bytes(*slot, bytes.clone());
            }
        }
    }

    /// Writes a stanza to a session of this shard.
    pub(super) fn send(&mut self, slot: u32, stanza: &Element) {
        let mut bytes = Vec::new();
        write_element(stanza, StreamNamespace::Client, &mut bytes);
        if !self.holds(slot, stanza, &bytes) {
            self.send_bytes(slot, bytes);
        }
    }

    /// Delivers an encoded headline to a user's available sessions of non-negative priority, wherever he lives.
    pub(crate) fn route_bytes(&mut self, from: &str, to: BareJid, stanza: Vec<u8>) {
        if !self.server.is_ours(to.domain().as_str()) {
            return self.server.peers.send_bytes(from, to.as_str(), stanza);
        }
        let shard = self.server.router.shard_of(to.as_str());
        let job = move |hub: &mut Hub| {
            for slot in hub.available(&to, 0) {
                hub.send_bytes(slot, stanza.clone());
            }
        };
        self.on_shard(shard, Box::new(job));
    }

    /// Runs a job on a shard. Where its box is full it is dropped, and said: what is sent this way is a courtesy.
    pub(super) fn on_shard(&mut self, shard: usize, job: crate::router::Job) {
        if shard == self.number {
            job(self);
        } else if self.server.router.send(shard, Mail::Job(job)).is_err() {
            tracing::warn!(shard, "a shard's box is full: a notification was dropped");
        }
    }
}
