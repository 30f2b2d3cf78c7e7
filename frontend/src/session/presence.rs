//! Presence (RFC 6121 §4): who is told, what a session that comes gets, and how that reaches the engine's shard.
//!
//! A user's contacts are in memory with him; their sessions are told by mail, one per contact. Next: `subscription.rs`
//! for the presences that manage subscriptions.

use super::{Hub, wishes};
use crate::limits::{CAPS_ASKED, DIRECTED};
use crate::tables::Kind;
use crate::xep::{last_here, xep0115_caps};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::model::{Seq, fnv1a};
use reef_engine::shard::Parting;
use reef_stanza::element::{Build, el};
use reef_stanza::{StreamNamespace, ns, write_element};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Hub {
    /// A presence of this shard's session.
    pub(super) fn presence(&mut self, slot: u32, to: Option<Jid>, presence: Element) {
        let kind = presence.attr("type").map(str::to_owned);
        match (kind.as_deref(), to) {
            (None, None) => self.come(slot, presence),
            (Some("unavailable"), None) => self.leave(slot, presence),
            (None | Some("unavailable"), Some(to)) => {
                let presence = self.as_shown(slot, presence);
                self.directed(slot, to, presence);
            }
            (Some("subscribe"), Some(to)) => self.manage(slot, &to, Kind::Subscribe, presence),
            (Some("subscribed"), Some(to)) => self.manage(slot, &to, Kind::Subscribed, presence),
            (Some("unsubscribe"), Some(to)) => self.manage(slot, &to, Kind::Unsubscribe, presence),
            (Some("unsubscribed"), Some(to)) => self.manage(slot, &to, Kind::Unsubscribed, presence),
            (Some("error"), Some(to)) => self.route(to, presence),
            // Probes are the server's; the rest means nothing (RFC 6121 §4.3, §4.7.1).
            _ => {}
        }
    }

    fn come(&mut self, slot: u32, presence: Element) {
        let Some(conn) = self.conn_mut(slot) else { return };
        let priority = presence
            .get_child("priority", ns::CLIENT)
            .and_then(|p| p.text().trim().parse().ok())
            .unwrap_or(0);
        let initial = conn.presence.is_none();
        let was_listening = !initial && conn.priority >= 0;
        conn.priority = priority;
        conn.show = wishes::show(&presence);
        conn.presence = Some(encoded(&presence));
        // Where it catches up from is looked at before it begins to.
        let since = last_here(&presence, self.server.engine.clock.now()).filter(|_| initial && priority >= 0);
        let since = since.map(|at| (at, self.cursor_of(slot)));
        self.listen_to_posts(slot, was_listening);
        if let Some((at, upto)) = since {
            self.send_missed(slot, at, upto);
        }
        if priority >= 0 && !was_listening {
            self.send_followed(slot, since.map(|(at, _)| at));
        }
        self.take_caps(slot, &presence);
        let presence = self.as_shown(slot, presence);
        self.broadcast(slot, &presence);
        if initial {
            self.greet(slot);
        }
        if priority >= 0 && !was_listening {
            let user = self.conn(slot).map(|conn| conn.user.clone());
            user.iter().for_each(|user| self.offer_offline(user));
        }
        let wishful = self.conn(slot).filter(|conn| conn.wishes().is_some());
        if let Some(name) = wishful.map(|conn| conn.user.clone()) {
            self.look_for_digests(&name);
        }
    }

    /// Tells the engine's shard, with the cursor to catch up from, which is written first: should all end before the first
    /// checkpoint, the device stands there and not at a newer cursor of another one.
    fn listen_to_posts(&mut self, slot: u32, was_listening: bool) {
        let Some(conn) = self.conn(slot) else { return };
        let (Some(key), listening) = (conn.key, conn.priority >= 0) else {
            return;
        };
        let start = listening.then(|| self.cursor_of(slot));
        let subscriber = self.user_of(slot).and_then(|user| user.subscriber);
        if let (false, Some(seq), Some(subscriber)) = (was_listening, start, subscriber) {
            let device = conn.device().into();
            self.keep_cursor(
                slot,
                Parting {
                    subscriber,
                    device,
                    seq,
                },
            );
        }
        if let Some(parting) = self.shard.available(key, start) {
            self.keep_cursor(slot, parting);
        }
    }

    /// Where the session catches up from: its device's cursor, else the account's highest, of those here or away.
    fn cursor_of(&self, slot: u32) -> Seq {
        let (Some(conn), Some(user)) = (self.conn(slot), self.user_of(slot)) else {
            return Seq(0);
        };
        let device = conn.device();
        let known = !device.is_empty() && user.devices.0.iter().any(|row| *row.device == *device);
        let stored = user.devices.start(Some(device));
        if known {
            return stored;
        }
        let others = user
            .sessions
            .iter()
            .filter_map(|other| self.shard.confirmed(self.conn(*other)?.key?));
        others.fold(stored, Seq::max)
    }

    /// Tells contacts and the user's own sessions (§4.2.2, §4.4.2).
    pub(super) fn broadcast(&mut self, slot: u32, presence: &Element) {
        let Some(conn) = self.conn(slot) else { return };
        let name = conn.user.clone();
        let Some(user) = self.users.get(&name) else { return };
        let contacts: Vec<BareJid> = user
            .roster
            .iter()
            .filter(|(_, row)| row.from)
            .map(|(jid, _)| jid.clone())
            .filter(|jid| !self.blocks(&name, &jid.clone().into()))
            .collect();
        for contact in contacts {
            self.route(contact.clone().into(), presence.clone().set("to", contact.as_str()));
        }
        let own = self.available(&name, i8::MIN);
        self.send_all(&own, &presence.clone().set("to", name.as_str()));
    }

    /// What a session gets when it comes: its contacts' presence, the user's other sessions', and open questions.
    fn greet(&mut self, slot: u32) {
        let Some(conn) = self.conn(slot) else { return };
        let (Some(jid), name) = (conn.jid().cloned(), conn.user.clone()) else {
            return;
        };
        let Some(user) = self.users.get(&name) else { return };
        let probed: Vec<BareJid> = user
            .roster
            .iter()
            .filter(|(_, row)| row.to)
            .map(|(jid, _)| jid.clone())
            .collect();
        let asked: Vec<Vec<u8>> = user.roster.values().filter_map(|row| row.asked.clone()).collect();
        for contact in probed {
            let probe = el("presence", ns::CLIENT)
                .set("type", "probe")
                .set("from", jid.as_str());
            self.route(contact.clone().into(), probe.set("to", contact.as_str()));
        }
        for other in self
            .available(&name, i8::MIN)
            .into_iter()
            .filter(|other| *other != slot)
        {
            if let Some(presence) = self.shown(other) {
                self.send(slot, &presence.set("to", jid.as_str()));
            }
        }
        for stanza in asked {
            self.send_bytes(slot, stanza);
        }
    }

    /// `<presence type='unavailable'/>`: the session stays, and gets nothing more (§4.5).
    pub(super) fn leave(&mut self, slot: u32, presence: Element) {
        let Some(conn) = self.conn_mut(slot) else { return };
        let directed = std::mem::take(&mut conn.directed);
        let was = conn.presence.is_some();
        let key = conn.key;
        if was {
            self.broadcast(slot, &presence);
        }
        if let Some(conn) = self.conn_mut(slot) {
            conn.presence = None;
            conn.priority = 0;
            // What it wants is looked up anew when it comes again, and with it last items.
            conn.caps.seen = 0;
            conn.rare.iter_mut().for_each(|rare| rare.since = None);
        }
        for to in directed.into_iter().flat_map(|directed| *directed) {
            self.route(to.clone(), presence.clone().set("to", to.as_str()));
        }
        if let Some(parting) = key.and_then(|key| self.shard.unavailable(key)) {
            self.keep_cursor(slot, parting);
        }
        let wishful = self.conn(slot).filter(|conn| conn.wishes().is_some());
        if let Some(name) = wishful.map(|conn| conn.user.clone()) {
            self.end_temporary(&name);
        }
        self.purge_behind(slot);
    }

    /// Directed presence (§4.6): remembered, so that they hear when the session leaves.
    fn directed(&mut self, slot: u32, to: Jid, presence: Element) {
        if let Some(conn) = self.conn_mut(slot) {
            let directed = conn.directed.get_or_insert_default();
            match presence.attr("type") {
                None if directed.len() < DIRECTED => drop(directed.insert(to.clone())),
                None => {}
                Some(_) => drop(directed.remove(&to)),
            }
            if directed.is_empty() {
                conn.directed = None;
            }
        }
        self.route(to, presence);
    }

    /// A presence for a user of this shard.
    pub(super) fn deliver_presence(&mut self, to: &Jid, presence: &Element) {
        if presence.attr("type") == Some("probe") {
            return self.probed(&to.to_bare(), presence);
        }
        let sessions = match to.resource() {
            Some(_) => self.session_of(to).into_iter().collect(),
            None => self.available(&to.to_bare(), i8::MIN),
        };
        self.send_all(&sessions, presence);
    }

    /// Answers a probe with what each session last said (§4.3.2).
    fn probed(&mut self, user: &BareJid, probe: &Element) {
        let Some(from) = probe.attr("from").and_then(|from| Jid::new(from).ok()) else {
            return;
        };
        let shared = self
            .users
            .get(user)
            .and_then(|u| u.roster.get(&from.to_bare()))
            .is_some_and(|row| row.from);
        if shared {
            self.show_presence(user, &from);
        }
    }

    /// Sends the last presence of each of a user's sessions to somebody.
    pub(super) fn show_presence(&mut self, user: &BareJid, to: &Jid) {
        for slot in self.available(user, i8::MIN) {
            if let Some(presence) = self.shown(slot) {
                self.route(to.clone(), presence.set("to", to.as_str()));
            }
        }
    }

    /// Learns what the client can do (XEP-0115 §6), from memory or by asking it.
    fn take_caps(&mut self, slot: u32, presence: &Element) {
        let Some(caps) = xep0115_caps::seen(presence) else {
            return;
        };
        let said = name_of(&caps);
        let Some(conn) = self.conn(slot) else { return };
        if conn.caps.seen == said {
            return self.want(slot, None);
        }
        let Some(jid) = conn.jid().cloned() else { return };
        if let Some(wants) = self.server.caps.get(&caps) {
            if let Some(conn) = self.conn_mut(slot) {
                conn.caps.seen = said;
            }
            return self.want(slot, Some(wants));
        }
        if conn.caps.asked.as_ref().is_some_and(|asked| asked.len() >= CAPS_ASKED) {
            return;
        }
        let query = xep0115_caps::query(&jid, &self.server.domain, &caps, self.server.random());
        if let (Some(conn), Some(id)) = (self.conn_mut(slot), query.attr("id")) {
            conn.caps.seen = said;
            conn.caps.asked.get_or_insert_default().push((id.to_owned(), caps));
        }
        self.send(slot, &query);
    }

    /// An answer of the client to a question of the server.
    pub(super) fn answered(&mut self, slot: u32, iq: &Element) {
        let Some(conn) = self.conn_mut(slot) else { return };
        let Some(asked) = &mut conn.caps.asked else { return };
        let Some(at) = asked.iter().position(|(id, _)| Some(id.as_str()) == iq.attr("id")) else {
            return;
        };
        let (_, caps) = asked.swap_remove(at);
        if asked.is_empty() {
            conn.caps.asked = None;
        }
        let result = iq
            .get_child("query", ns::DISCO_INFO)
            .filter(|_| iq.attr("type") == Some("result"));
        let current = conn.caps.seen == name_of(&caps);
        let learnt = result.and_then(|query| self.server.caps.learn(&caps, query.clone()));
        // Answers come in any order, and perhaps behind a presence that says something else.
        if let Some(wants) = learnt.filter(|_| current) {
            self.want(slot, Some(wants));
        }
    }

    /// The session wants these nodes of whom it gets presence from: from now on, and their last items.
    fn want(&mut self, slot: u32, wants: Option<Arc<BTreeSet<Arc<str>>>>) {
        let Some(conn) = self.conn_mut(slot) else { return };
        let fresh = wants.is_some();
        if let Some(wants) = wants {
            conn.caps.wants = Some(wants);
        }
        let (Some(key), Some(wants), true) = (conn.key, conn.caps.wants.clone(), conn.presence.is_some()) else {
            return;
        };
        self.shard.interest(key, (*wants).clone());
        if fresh && !wants.is_empty() {
            self.send_last_items(slot, wants);
        }
    }
}

impl Hub {
    /// What a session last said of its presence.
    pub(super) fn shown(&self, slot: u32) -> Option<Element> {
        let encoded = self.conn(slot)?.presence.as_deref()?;
        let presence = Element::from_reader_with_prefixes(encoded, Some(ns::CLIENT.to_owned())).ok()?;
        Some(self.as_shown(slot, presence))
    }

    fn as_shown(&self, slot: u32, presence: Element) -> Element {
        match self.conn(slot) {
            Some(conn) => self.with_avatar(&conn.user, presence),
            None => presence,
        }
    }
}

/// A presence is asked for rarely and held for long: a tree of it would take a kilobyte.
fn encoded(presence: &Element) -> Box<[u8]> {
    let mut bytes = Vec::new();
    write_element(presence, StreamNamespace::Client, &mut bytes);
    bytes.into()
}

/// By what a session knows the capabilities that it said last; never 0.
fn name_of(caps: &xep0115_caps::CapsRef) -> u64 {
    fnv1a(format!("{}#{}", caps.node, caps.ver).as_bytes()).max(1)
}
