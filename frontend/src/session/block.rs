//! Blocked addresses and the stanzas of sessions (XEP-0191 §3.3): what comes from them is stopped where its receiver lives,
//! what goes to them where its sender does, and presence is taken back and shown again.
//!
//! What a user blocks is in memory with him. Who has no session here is protected by the tables (offline messages,
//! requests) and by the engine (posts).

use super::Hub;
use crate::tables::{Blocking, block_forms};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_stanza::blocking::list;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, ns};

impl Hub {
    /// The session asked for the list: it hears of changes from now on.
    pub(crate) fn hears_of_blocks(&mut self, slot: u32) {
        if let Some(conn) = self.conn_mut(slot) {
            conn.hears_of_blocks = true;
        }
    }

    /// Whether a user of this shard blocks an address.
    pub(super) fn blocks(&self, user: &BareJid, other: &Jid) -> bool {
        let Some(blocked) = self.users.get(user).and_then(|user| user.blocked.as_ref()) else {
            return false;
        };
        // Not from one of his resources to another, and not his own server, whatever he wrote.
        let server = other.node().is_none() && self.server.is_domain(other.domain().as_str());
        !server && other.to_bare() != *user && block_forms(other).any(|form| blocked.contains(form.as_str()))
    }

    /// Stops what somebody blocked sends to a user of this shard, as if he were offline; true where it was stopped.
    pub(super) fn stopped(&mut self, to: &Jid, stanza: &Element) -> bool {
        let Some(from) = stanza.attr("from").and_then(|from| Jid::new(from).ok()) else {
            return false;
        };
        if !self.blocks(&to.to_bare(), &from) {
            return false;
        }
        if stanza.name() != "presence" {
            self.return_to_sender(stanza, &StanzaError::new(Condition::ServiceUnavailable));
        }
        true
    }

    /// Refuses what a session sends to somebody whom its user blocks; true where it was refused.
    pub(super) fn refused_to_blocked(&mut self, slot: u32, to: &Jid, stanza: &Element) -> bool {
        let blocks = self.conn(slot).is_some_and(|conn| self.blocks(&conn.user, to));
        let request = !matches!(stanza.attr("type"), Some("error" | "result"));
        if blocks && request {
            let error = StanzaError::new(Condition::NotAcceptable).with_app(el("blocked", ns::BLOCKING_ERRORS));
            self.bounce(slot, stanza, &error);
        }
        blocks
    }

    /// A user blocked or unblocked: his sessions hear it, and presence follows.
    pub(super) fn blocking(&mut self, blocking: &Blocking) {
        if blocking.on {
            let jids = blocking.jids.iter();
            jids.for_each(|jid| self.lost_interest(&blocking.user, jid));
        }
        let Ok(name) = BareJid::new(&blocking.user) else { return };
        let Some(user) = self.users.get_mut(&name) else { return };
        if let Some(meanwhile) = &mut user.loading {
            return meanwhile.blocks.push(blocking.clone());
        }
        // Presence is taken back while it may still be sent, and shown again once it may.
        let shared: Vec<BareJid> = match blocking.jids.is_empty() {
            true => user.roster.keys().cloned().collect(),
            false => user
                .roster
                .iter()
                .filter(|(jid, row)| row.from && names(blocking, jid))
                .map(|(jid, _)| jid.clone())
                .collect(),
        };
        let before = user.blocked.clone().unwrap_or_default();
        user.take_blocking(blocking);
        for contact in shared {
            let was = block_forms(&contact.clone().into()).any(|form| before.contains(form.as_str()));
            let is = self.blocks(&name, &contact.clone().into());
            let from = self
                .users
                .get(&name)
                .and_then(|user| user.roster.get(&contact))
                .is_some_and(|row| row.from);
            match (was, is) {
                _ if !from => {}
                (false, true) => self.hide_presence(&name, &contact),
                (true, false) => self.show_presence(&name, &contact.into()),
                _ => {}
            }
        }
        self.push_blocking(&name, blocking);
    }

    /// §3.3, §3.4: to all sessions that have asked for the list.
    fn push_blocking(&mut self, name: &BareJid, blocking: &Blocking) {
        let payload = list(
            if blocking.on { "block" } else { "unblock" },
            blocking.jids.iter().map(|jid| &**jid),
        );
        let sessions = self
            .users
            .get(name)
            .map(|user| user.sessions.clone())
            .unwrap_or_default();
        for slot in sessions {
            let Some(conn) = self.conn(slot).filter(|conn| conn.hears_of_blocks) else {
                continue;
            };
            let Some(jid) = conn.jid().map(ToString::to_string) else {
                continue;
            };
            let id = format!("block{:x}", self.server.random());
            let iq = el("iq", ns::CLIENT).set("type", "set").set("id", &id).set("to", &jid);
            self.send(slot, &iq.child(payload.clone()));
        }
    }
}

fn names(blocking: &Blocking, contact: &BareJid) -> bool {
    block_forms(&contact.clone().into()).any(|form| blocking.jids.iter().any(|jid| **jid == *form))
}
