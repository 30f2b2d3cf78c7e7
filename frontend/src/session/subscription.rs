//! Presence subscriptions (RFC 6121 §3) and roster pushes (§2.1.6): what a changed roster means for sessions.
//!
//! Both rosters are moved by one record (`tables/subscription.rs`); here its outcome is carried out: pushes to the users'
//! sessions, stanzas to those who get them, presence to those who may now see it.

use super::Hub;
use super::iq::Parked;
use crate::errors;
use crate::limits::SUBSCRIBE_BYTES_MAX;
use crate::server::Server;
use crate::tables::{Kind, Op, Outcome, Push, Sent};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::error::Error;
use reef_engine::log::record::{self, Applied, Change};
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, StreamNamespace, ns, write_element};

impl Hub {
    /// A presence that manages a subscription, of this shard's session.
    pub(super) fn manage(&mut self, slot: u32, to: &Jid, kind: Kind, presence: Element) {
        let Some(user) = self.conn(slot).map(|conn| conn.user.clone()) else {
            return;
        };
        let contact = to.to_bare();
        if contact == user {
            return;
        }
        let domain = contact.domain().as_str();
        let here = self.server.is_domain(domain) && contact.node().is_some();
        if self.server.is_ours(domain) && !here && !self.is_part(&contact) {
            return self.bounce(slot, &presence, &StanzaError::new(Condition::ServiceUnavailable));
        }
        let behind = self.is_behind(to, &presence);
        if let Some(conn) = self.conn_mut(slot).filter(|conn| behind && conn.in_flight > 0) {
            conn.parked = Some(Box::new(Parked::Manage(to.clone(), kind, presence)));
            return;
        }
        // RFC 6121 §3.1.2: such stanzas are between bare JIDs.
        let presence = presence.set("from", user.as_str()).set("to", contact.as_str());
        let mut stanza = Vec::new();
        write_element(&presence, StreamNamespace::Client, &mut stanza);
        if stanza.len() > SUBSCRIBE_BYTES_MAX {
            // It is kept until it is answered: without what the sender put into it.
            stanza.clear();
            let bare = el("presence", ns::CLIENT)
                .set_opt("type", kind.as_str())
                .set("from", user.as_str());
            let bare = bare.set_opt("id", presence.attr("id")).set("to", contact.as_str());
            write_element(&bare, StreamNamespace::Client, &mut stanza);
        }
        let op = Op::Subscription {
            from: user.as_str().into(),
            to: contact.as_str().into(),
            kind,
            stanza,
            most: self.server.config.limits.roster_items,
            waiting: self.server.waiting(),
        };
        let change = Change::Table {
            owner: user.as_str().into(),
            op: op.encode(),
        };
        let (server, shard, conn) = (self.server.clone(), self.number, self.conn_ref(slot));
        let refused = presence.clone();
        let ticket = move |fate: Result<Applied, Error>| match fate {
            Ok(applied) => carry_out(&server, &applied),
            Err(error) => {
                let job = move |hub: &mut Hub| {
                    if let Some(slot) = hub.alive(conn) {
                        hub.bounce(slot, &refused, &errors::stanza_error(&error));
                    }
                };
                server.router.answer(shard, Box::new(job));
            }
        };
        if let Err(error) = self
            .server
            .engine
            .admission
            .submit(user.as_str(), change, Box::new(ticket))
        {
            self.bounce(slot, &presence, &errors::stanza_error(&error));
        }
    }

    /// A changed contact: to memory, and to the sessions that asked for the roster.
    fn pushed(&mut self, push: &Push) {
        if push.row.as_ref().is_none_or(|row| !row.to && !row.from) {
            self.lost_interest(&push.user, &push.contact);
        }
        let Ok(name) = BareJid::new(&push.user) else { return };
        let Some(user) = self.users.get_mut(&name) else { return };
        if let Some(waiting) = &mut user.loading {
            return waiting.pushes.push(push.clone());
        }
        user.take(push);
        if !push.shown {
            return;
        }
        let sessions = user.sessions.clone();
        // Who only asked is not in the roster.
        let row = push.row.as_ref().filter(|row| row.listed);
        let item = crate::xep::roster_item(&push.contact, row);
        let query = el("query", ns::ROSTER)
            .set("ver", &push.version.to_string())
            .child(item);
        for slot in sessions {
            let Some(conn) = self.conn(slot).filter(|conn| conn.interested) else {
                continue;
            };
            let Some(jid) = conn.jid() else { continue };
            let id = format!("push{:x}", push.version);
            let iq = el("iq", ns::CLIENT)
                .set("type", "set")
                .set("id", &id)
                .set("to", jid.as_str());
            self.send(slot, &iq.child(query.clone()));
        }
    }

    fn sent(&mut self, sent: &Sent) {
        let (Ok(from), Ok(to)) = (BareJid::new(&sent.from), BareJid::new(&sent.to)) else {
            return;
        };
        match sent.kind {
            Kind::Available if self.is_part(&from) => self.probe_part(&from, &to),
            Kind::Available => self.show_presence(&from, &to.into()),
            Kind::Unavailable => self.hide_presence(&from, &to),
            Kind::Subscribe => {
                let sessions = self.available(&to, i8::MIN);
                sessions
                    .into_iter()
                    .for_each(|slot| self.send_bytes(slot, sent.stanza.clone()));
            }
            Kind::Subscribed | Kind::Unsubscribe | Kind::Unsubscribed => {
                let stanza = sent.stanza();
                let sessions = self.available(&to, i8::MIN);
                sessions
                    .into_iter()
                    .for_each(|slot| self.send_bytes(slot, stanza.clone()));
            }
        }
    }

    /// Says that each of a user's sessions is gone, to somebody who may no longer see it.
    pub(super) fn hide_presence(&mut self, user: &BareJid, to: &BareJid) {
        for slot in self.available(user, i8::MIN) {
            let Some(jid) = self.conn(slot).and_then(|c| c.jid()).map(ToString::to_string) else {
                continue;
            };
            let gone = el("presence", ns::CLIENT).set("type", "unavailable").set("from", &jid);
            self.route(to.clone().into(), gone.set("to", to.as_str()));
        }
        self.route_local();
    }
}

/// Carries out what a record of the tables changed, on whatever shards its users live. For the applier's thread, so that
/// each user hears of changes in the order of the log; it waits while a box is full.
pub(crate) fn carry_out(server: &Server, applied: &Applied) {
    let record::Outcome::Table(bytes) = &applied.outcome else {
        return;
    };
    let Outcome {
        pushes,
        sent,
        blocks,
        peers,
        files,
        ..
    } = Outcome::decode(bytes);
    if !files.is_empty() {
        let uploads = server.uploads.clone();
        server.runtime.spawn_blocking(move || uploads.forget(files));
    }
    let router = &server.router;
    peers.iter().for_each(|name| server.peers.stored(name));
    // A request goes before the push that tells its sender of it: who comes once that is known gets it from his roster alone,
    // and not again from here.
    let (requests, sent): (Vec<_>, Vec<_>) = sent.into_iter().partition(|sent| sent.kind == Kind::Subscribe);
    for sent in requests {
        let shard = router.shard_of(&sent.to);
        router.answer(shard, Box::new(move |hub| hub.sent(&sent)));
    }
    for push in pushes {
        let shard = router.shard_of(&push.user);
        router.answer(shard, Box::new(move |hub| hub.pushed(&push)));
    }
    for blocking in blocks {
        let shard = router.shard_of(&blocking.user);
        router.answer(shard, Box::new(move |hub| hub.blocking(&blocking)));
    }
    for sent in sent {
        // Presence itself is with its sender; a stanza goes to its receiver.
        let lives = if sent.kind.as_str().is_none() {
            &sent.from
        } else {
            &sent.to
        };
        let shard = router.shard_of(lives);
        router.answer(shard, Box::new(move |hub| hub.sent(&sent)));
    }
}
