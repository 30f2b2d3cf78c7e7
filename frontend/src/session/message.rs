//! Messages (RFC 6121 §5, §8.5): which sessions get one, and what is kept for who has none (XEP-0160).
//!
//! Knows no post: those are written by the shard. A message is kept before its sender could think it lost, or refused.

use super::Hub;
use super::writer::stamp;
use crate::errors;
use crate::tables::{self, Op};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::log::record::Change;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, StreamNamespace, ns, write_element};

impl Hub {
    /// A message of this shard's session.
    pub(super) fn message(&mut self, slot: u32, to: Option<Jid>, message: Element) {
        let Some(user) = self.conn(slot).map(|conn| conn.user.clone()) else {
            return;
        };
        match message.attr("type") {
            None | Some("chat" | "error" | "groupchat" | "headline" | "normal") => {}
            // RFC 6121 §5.2.2: an unknown type is `normal`.
            Some(_) => {}
        }
        let (to, message) = match to {
            Some(to) => (to, message),
            None => (Jid::from(user.clone()), message.set("to", user.as_str())),
        };
        self.route(to, message);
    }

    /// A message for a user of this shard.
    pub(super) fn deliver_message(&mut self, to: &Jid, message: Element) {
        if let Some(slot) = self.session_of(to) {
            return self.send(slot, &message);
        }
        let kind = message.attr("type").unwrap_or("normal").to_owned();
        let user = to.to_bare();
        let full = to.resource().is_some();
        match kind.as_str() {
            "error" => {}
            "groupchat" => self.return_to_sender(&message, &StanzaError::new(Condition::ServiceUnavailable)),
            "headline" if full => {}
            "headline" => {
                let sessions = self.available(&user, 0);
                self.send_all(&sessions, &message);
            }
            // RFC 6121 §8.5.3.2.1: a chat for a resource that is gone is as one for the bare JID.
            "chat" => self.deliver_or_keep(&user, message),
            _ if full => self.return_to_sender(&message, &StanzaError::new(Condition::ServiceUnavailable)),
            _ => self.deliver_or_keep(&user, message),
        }
    }

    fn deliver_or_keep(&mut self, user: &BareJid, message: Element) {
        let sessions = self.available(user, 0);
        if sessions.is_empty() {
            return self.keep(user, message);
        }
        self.send_all(&sessions, &message);
    }

    /// Keeps a message for a user without a session; its sender hears where that is not possible.
    fn keep(&mut self, user: &BareJid, message: Element) {
        let hinted = message.get_child("no-store", ns::HINTS).is_some();
        let content =
            message.get_child("body", ns::CLIENT).is_some() || message.get_child("store", ns::HINTS).is_some();
        if hinted || !content {
            // Chat states and the like are worth nothing later; the absence of an error says nothing about the account.
            return;
        }
        let now = stamp(self.now());
        let delay = el("delay", ns::DELAY)
            .set("from", &self.server.domain)
            .set("stamp", &now);
        let mut stanza = Vec::new();
        write_element(&message.clone().child(delay), StreamNamespace::Client, &mut stanza);
        let limits = &self.server.config.limits;
        let op = Op::PutOffline {
            user: user.as_str().into(),
            stanza,
            most: limits.offline_messages,
            most_bytes: limits.offline_bytes as u64,
        };
        let change = Change::Table {
            owner: user.as_str().into(),
            op: op.encode(),
        };
        let (server, shard, returned) = (self.server.clone(), self.number, message.clone());
        let ticket = move |fate: Result<_, _>| {
            if fate.is_err() {
                let error = StanzaError::new(Condition::ServiceUnavailable);
                server
                    .router
                    .answer(shard, Box::new(move |hub| hub.return_to_sender(&returned, &error)));
            }
        };
        if let Err(error) = self.server.engine.admission.submit("", change, Box::new(ticket)) {
            self.return_to_sender(&message, &errors::stanza_error(&error));
        }
    }

    /// A session became available: what was kept for the user goes there (XEP-0160 §3), and then is forgotten.
    pub(super) fn send_offline(&mut self, slot: u32) {
        let (server, shard, conn) = (self.server.clone(), self.number, self.conn_ref(slot));
        let Some(user) = self.conn(slot).map(|conn| conn.user.clone()) else {
            return;
        };
        let read = self
            .server
            .engine
            .read(move |engine| match tables::offline(engine.view(), user.as_str()) {
                Ok(kept) if kept.is_empty() => {}
                Ok(kept) => server
                    .router
                    .answer(shard, Box::new(move |hub| hub.offline_came(conn, &user, kept))),
                Err(error) => drop(errors::unreadable(error)),
            });
        if read.is_err() {
            tracing::warn!("too many reads: offline messages wait for the next presence");
        }
    }

    fn offline_came(&mut self, conn: super::ConnRef, user: &BareJid, kept: Vec<tables::Offline>) {
        let Some(slot) = self.alive(conn) else { return };
        let Some(last) = kept.last().map(|kept| kept.number) else {
            return;
        };
        for message in kept {
            self.send_bytes(slot, message.stanza);
        }
        let op = Op::TakeOffline {
            user: user.as_str().into(),
            upto: last,
        };
        let change = Change::Table {
            owner: user.as_str().into(),
            op: op.encode(),
        };
        // Where this is refused they come once more, with the same ids.
        let _ = self.server.engine.admission.submit("", change, Box::new(|_| {}));
    }
}
