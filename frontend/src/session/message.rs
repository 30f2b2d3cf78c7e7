//! Messages (RFC 6121 §5, §8.5): which sessions get one, and what is kept for who has none (XEP-0160).
//!
//! Knows no post: those are written by the shard. A message is kept before its sender could think it lost, or refused.

use super::conn::Conn;
use super::writer::stamp;
use super::{ConnRef, Hub, OfflineRead};
use crate::errors;
use crate::tables::{self, Op};
use crate::xep::approve;
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::error::Error;
use reef_engine::log::record::{Applied, Change};
use reef_stanza::element::{Build, el};
use reef_stanza::pubsub::Approval;
use reef_stanza::{Condition, StanzaError, StreamNamespace, ns, write_element};
use std::sync::Arc;

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
        let place = to.resource().is_none() && (to.to_bare() == user || self.server.is_service(to.domain().as_str()));
        match Approval::find(&message).filter(|_| place) {
            Some(approval) => self.approved(slot, &to.to_bare(), &approval, message),
            None => self.dispatch(slot, to, message),
        }
    }

    /// An owner answers who may subscribe (XEP-0060 §8.6).
    fn approved(&mut self, slot: u32, place: &BareJid, approval: &Approval, message: Element) {
        let change = match approve(place, approval) {
            Ok(Some(change)) => change,
            Ok(None) => return,
            Err(error) => return self.bounce(slot, &message, &error),
        };
        let Some(user) = self.conn(slot).map(|conn| conn.user.clone()) else {
            return;
        };
        let (server, shard, conn) = (self.server.clone(), self.number, self.conn_ref(slot));
        let returned = message.clone();
        let ticket = move |fate: Result<Applied, Error>| {
            let Err(error) = fate else { return };
            let job = move |hub: &mut Hub| {
                if let Some(slot) = hub.alive(conn) {
                    hub.bounce(slot, &returned, &errors::stanza_error(&error));
                }
            };
            server.router.answer(shard, Box::new(job));
        };
        let submitted = self
            .server
            .engine
            .admission
            .submit(user.as_str(), change, Box::new(ticket));
        if let Err(error) = submitted {
            self.bounce(slot, &message, &errors::stanza_error(&error));
        }
    }

    /// A message for a user of this shard.
    pub(super) fn deliver_message(&mut self, to: &Jid, message: Element) {
        self.push_missed(&to.to_bare(), &message);
        self.deliver_told(to, message);
    }

    /// The same of a message of which those are told that hear of what clients miss.
    pub(super) fn deliver_told(&mut self, to: &Jid, message: Element) {
        if let Some(slot) = self.session_of(to) {
            self.send(slot, &message);
            return self.copy_received(&to.to_bare(), &[slot], &message);
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
        self.copy_received(user, &sessions, &message);
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
        let from = message.attr("from").and_then(|from| Jid::new(from).ok());
        let op = Op::PutOffline {
            user: user.as_str().into(),
            from: from.map_or_else(String::new, |from| from.to_bare().to_string()).into(),
            stanza,
            most: limits.offline_messages,
            most_bytes: limits.offline_bytes as u64,
        };
        let change = Change::Table {
            owner: user.as_str().into(),
            op: op.encode(),
        };
        let (server, shard, returned) = (self.server.clone(), self.number, message.clone());
        let name = user.clone();
        let ticket = move |fate: Result<Applied, Error>| {
            let job = move |hub: &mut Hub| match fate {
                // Somebody may have come since: he does not wait for his next login.
                Ok(_) => hub.offer_offline(&name),
                Err(_) => hub.return_to_sender(&returned, &StanzaError::new(Condition::ServiceUnavailable)),
            };
            server.router.answer(shard, Box::new(job));
        };
        if let Err(error) = self.server.engine.admission.submit("", change, Box::new(ticket)) {
            self.return_to_sender(&message, &errors::stanza_error(&error));
        }
    }

    /// A session became available, or something was kept: what there is goes to one of the user's sessions (XEP-0160 §3),
    /// and then is forgotten. One read at a time, so that no message goes to two.
    pub(super) fn offer_offline(&mut self, name: &BareJid) {
        let Some(slot) = self.available(name, 0).first().copied() else {
            return;
        };
        let conn = self.conn_ref(slot);
        let Some(user) = self.users.get_mut(name) else { return };
        if user.offline != OfflineRead::Idle {
            user.offline = OfflineRead::Again;
            return;
        }
        user.offline = OfflineRead::Running;
        let (server, shard, asked) = (self.server.clone(), self.number, name.clone());
        let read = self.server.engine.read(move |engine| {
            let kept = tables::offline(engine.view(), asked.as_str()).map_err(errors::unreadable);
            let job = move |hub: &mut Hub| hub.offline_came(conn, &asked, kept.unwrap_or_default());
            server.router.answer(shard, Box::new(job));
        });
        if read.is_err() {
            tracing::warn!("too many reads: offline messages wait for the next presence");
            self.offline_done(name);
        }
    }

    /// Whether a client reads a kept message in its archive, by what it was told as it bound (XEP-0386 §3.2): what has no name there
    /// is in none.
    fn is_in_its_archive(&self, slot: u32, message: &tables::Offline) -> bool {
        let upto = |conn: &Conn| conn.rare.as_ref().map_or(0, |rare| rare.archive_upto.0);
        let Some(conn) = self.conn(slot).filter(|conn| message.number <= upto(conn)) else {
            return false;
        };
        let kept = Element::from_reader_with_prefixes(&*message.stanza, Some(ns::CLIENT.to_owned()));
        let named = |child: &Element| {
            child.is("stanza-id", ns::SID) && child.attr("by").is_some_and(|by| by == conn.user.as_str())
        };
        kept.is_ok_and(|kept| kept.children().any(named))
    }

    fn offline_came(&mut self, conn: ConnRef, user: &BareJid, kept: Vec<tables::Offline>) {
        let mut last = None;
        for message in kept {
            let Some(slot) = self.listens(conn) else { break };
            if !self.is_in_its_archive(slot, &message) {
                self.send_bytes(slot, message.stanza);
            }
            // One who was cut off by this very message gets it again.
            last = self.listens(conn).map(|_| message.number).or(last);
        }
        if let Some(slot) = self.listens(conn) {
            self.flush(slot);
        }
        let Some(upto) = last.filter(|_| self.listens(conn).is_some()) else {
            return self.offline_done(user);
        };
        let name: Arc<str> = user.as_str().into();
        let op = Op::TakeOffline {
            user: name.clone(),
            upto,
        };
        let change = Change::Table {
            owner: name,
            op: op.encode(),
        };
        let (server, shard, asked) = (self.server.clone(), self.number, user.clone());
        let ticket = move |_| {
            let done = move |hub: &mut Hub| hub.offline_done(&asked);
            server.router.answer(shard, Box::new(done));
        };
        // Where this is refused they come once more, with the same ids.
        if self
            .server
            .engine
            .admission
            .submit("", change, Box::new(ticket))
            .is_err()
        {
            self.offline_done(user);
        }
    }

    /// The session, if it still gets messages.
    fn listens(&self, conn: ConnRef) -> Option<u32> {
        let slot = self.alive(conn)?;
        let conn = self.conn(slot)?;
        (!conn.closing && conn.presence.is_some()).then_some(slot)
    }

    fn offline_done(&mut self, name: &BareJid) {
        let Some(user) = self.users.get_mut(name) else { return };
        let again = std::mem::take(&mut user.offline) == OfflineRead::Again;
        if again {
            self.offer_offline(name);
        }
    }
}
