//! Leaving: a connection that is lost, a session that ends, an account that is removed, a server that stops.
//!
//! A session that may be resumed waits without a connection; what it had not acknowledged is sent on or kept when it
//! ends for good. Its device's cursor is written in every case.

use super::carbons::is_copy;
use super::conn::Phase;
use super::sm::Unacked;
use super::{ConnRef, Hub};
use crate::limits::LINGER_MS;
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::outbox::{DeviceRow, device_writes};
use reef_engine::shard::Parting;
use reef_engine::store::rows::CursorRow;
use reef_stanza::element::{Build, el};
use reef_stanza::{StreamCondition, StreamFault, ns};
use std::cmp::Reverse;
use std::num::NonZeroU64;

/// Why a user's sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// His account is removed or suspended.
    Account,
    /// He has another password: who logged in with the old one is to show that he knows the new one.
    Password,
}

impl Over {
    fn fault(self) -> StreamFault {
        match self {
            Over::Account => StreamFault::new(StreamCondition::NotAuthorized),
            Over::Password => StreamFault::new(StreamCondition::Reset).with_text("the password has changed"),
        }
    }
}

impl Hub {
    /// The connection broke, or was closed without a word.
    pub(super) fn lost(&mut self, slot: u32) {
        self.confirm_slot(slot);
        let wait = u64::from(self.server.config.limits.resume_seconds) * 1000;
        let until = self.now() + wait;
        let Some(conn) = self.conn_mut(slot) else { return };
        if conn.closing {
            return self.drop_conn(slot);
        }
        let resumable = conn.sm.as_ref().is_some_and(|sm| sm.id.is_some());
        if !resumable || wait == 0 {
            return self.end(slot, None);
        }
        conn.wire = None;
        conn.out = Vec::new();
        conn.unread = Vec::new();
        conn.blocked = false;
        conn._permit = None;
        self.batch.left(slot);
        self.set_deadline(slot, until);
        self.push_unacked(slot);
    }

    /// Gives a connection a time by which it must have gone on.
    pub(super) fn set_deadline(&mut self, slot: u32, deadline: u64) {
        let conn_ref = self.conn_ref(slot);
        if let Some(conn) = self.conn_mut(slot) {
            conn.deadline = NonZeroU64::new(deadline);
            self.deadlines.push(Reverse((deadline, conn_ref)));
        }
    }

    /// Ends a stream and its session: with a stream error, or as the client asked.
    pub(super) fn end(&mut self, slot: u32, fault: Option<StreamFault>) {
        let Some(conn) = self.conn_mut(slot) else { return };
        if conn.closing {
            return;
        }
        let mut goodbye = Vec::new();
        if conn.phase == Phase::Header && fault.is_some() {
            // RFC 6120 §4.9.1.2: an error needs a stream to be in.
            let id = format!("{:016x}", self.server.random());
            let domain = self.server.domain.clone();
            goodbye = reef_stanza::stream_header(reef_stanza::StreamNamespace::Client, &domain, None, &id, None);
        }
        match fault {
            Some(fault) => goodbye.extend(fault.to_bytes()),
            None => goodbye.extend_from_slice(b"</stream:stream>"),
        }
        self.write_raw(slot, &goodbye);
        // From here on nothing is written to it, not even that it is gone itself.
        if let Some(conn) = self.conn_mut(slot) {
            conn.closing = true;
        }
        self.end_session(slot);
        let Some(conn) = self.conn_mut(slot) else { return };
        match &conn.wire {
            None => self.drop_conn(slot),
            Some(_) => {
                // One who does not read his goodbye is not waited for long.
                let soon = self.now() + 5_000;
                self.set_deadline(slot, soon);
                self.flush(slot);
            }
        }
    }

    /// Takes a session out of everything but its connection.
    fn end_session(&mut self, slot: u32) {
        self.confirm_slot(slot);
        let Some(conn) = self.conn(slot) else { return };
        let (user, jid, key) = (conn.user.clone(), conn.jid().cloned(), conn.key);
        if conn.presence.is_some()
            && let Some(jid) = &jid
        {
            let gone = el("presence", ns::CLIENT)
                .set("type", "unavailable")
                .set("from", jid.as_str());
            self.leave(slot, gone);
        }
        if let Some(parting) = key.and_then(|key| self.shard.detach(key)) {
            if let Some(conn) = self.conn_mut(slot)
                && let Some(seq) = conn.marks.last()
            {
                conn.rare.get_or_insert_default().late = Some(Parting { seq, ..parting.clone() });
            }
            self.keep_cursor(slot, parting);
        }
        let binding = self.conn(slot).is_some_and(|conn| conn.phase == Phase::Binding);
        if let Some(user) = self.users.get_mut(&user) {
            user.sessions.retain(|other| *other != slot);
            user.binding -= u32::from(binding);
        }
        // Of what a session that waited has not got its service has heard.
        let waited = self.conn(slot).is_some_and(|conn| conn.wire.is_none());
        let unacked = self.conn_mut(slot).and_then(|conn| {
            conn.key = None;
            conn.sm.take()
        });
        for stanza in unacked.into_iter().flat_map(|sm| sm.into_unacked()) {
            self.send_on(&user, stanza, waited);
        }
        self.forget_if_gone(&user);
    }

    /// XEP-0198 §8: what was not acknowledged is treated as if it came now: a message goes to other sessions, or is kept.
    /// Posts need nothing: the cursor stands before them.
    fn send_on(&mut self, user: &BareJid, unacked: Unacked, told: bool) {
        let Unacked::Stanza(bytes) = unacked else { return };
        if !bytes.starts_with(b"<message") {
            return;
        }
        let text = String::from_utf8_lossy(&bytes);
        let parsed = Element::from_reader_with_prefixes(text.as_bytes(), Some(ns::CLIENT.to_owned()));
        // What was for this session alone, or is worth nothing later, is not for others.
        let chat = |message: &Element| matches!(message.attr("type"), None | Some("chat" | "normal"));
        // A copy was for this device alone: the others had their own.
        let whole = |message: &Element| chat(message) && !is_copy(message);
        if let Some(message) = parsed.ok().filter(whole) {
            match told {
                true => self.deliver_told(&user.clone().into(), message),
                false => self.deliver_message(&user.clone().into(), message),
            }
        }
    }

    /// Notes that a user has no session left and waits for none. He is forgotten a moment later: the cursor of the session
    /// that ended may still be on its way to the store, where who comes back at once would read an older one.
    pub(super) fn forget_if_gone(&mut self, name: &BareJid) {
        let now = self.now();
        let Some(user) = self.users.get_mut(name).filter(|user| user.gone()) else {
            return;
        };
        if user.loading.is_some() {
            if user.loads == 0 {
                self.users.remove(name);
            }
        } else {
            user.left = Some(now);
            self.leaving.push_back((now, name.clone()));
        }
    }

    /// Once a second: forgets who has not come back.
    pub(super) fn forget(&mut self) {
        let now = self.now();
        while let Some((left, _)) = self.leaving.front()
            && left + LINGER_MS <= now
            && let Some((left, name)) = self.leaving.pop_front()
        {
            // One who came back and left again has a later entry.
            if self
                .users
                .get(&name)
                .is_some_and(|user| user.gone() && user.left == Some(left))
            {
                self.users.remove(&name);
            }
        }
    }

    /// Writes a device's cursor, and remembers it for the user's next session.
    pub(super) fn keep_cursor(&mut self, slot: u32, parting: Parting) {
        let now = self.server.engine.clock.now();
        let Parting {
            subscriber,
            device,
            seq,
        } = parting;
        let Some(name) = self.conn(slot).map(|conn| conn.user.clone()) else {
            return;
        };
        let Some(user) = self.users.get_mut(&name) else { return };
        let row = CursorRow::At { seq, at: now };
        let limits = self.server.engine.limits.clone();
        let writes = device_writes(subscriber, &device, row, &user.devices, &limits, now);
        let known = user.devices.0.iter_mut().find(|known| *known.device == *device);
        match known {
            Some(known) => (known.seq, known.at) = (seq, now),
            None => {
                // Most have one device, and a vector that grows by itself begins with room for four.
                user.devices.0.reserve_exact(1);
                user.devices.0.push(DeviceRow { device, seq, at: now });
            }
        }
        // As the store keeps them: one who takes a new resource each time takes no more memory.
        user.devices.0.sort_by_key(|row| Reverse(row.at));
        user.devices.0.truncate(limits.devices_per_account);
        self.server.engine.admission.cursors(writes);
    }

    /// All is written to a connection whose session has ended: our side closes, and the client's is waited for.
    pub(super) fn close(&mut self, slot: u32) {
        let conn_ref = self.conn_ref(slot);
        let Some(conn) = self.conn_mut(slot) else { return };
        if !std::mem::replace(&mut conn.closed, true) {
            conn.unread = Vec::new();
            conn.wire.iter_mut().for_each(super::wire::Wire::close);
            self.readable.push_back(conn_ref);
        }
    }

    /// What was on its way when a session ended has arrived meanwhile: its device is not sent that again.
    fn confirm_late(&mut self, slot: u32) {
        let Some(conn) = self.conn_mut(slot) else { return };
        let acknowledged = conn.wire.as_ref().map_or(0, super::wire::Wire::acknowledged);
        let seq = conn.marks.acknowledged(acknowledged);
        let late = conn.rare.as_mut().and_then(|rare| rare.late.take());
        let Some(late) = late.filter(|late| Some(late.seq) == seq) else {
            return;
        };
        let name = conn.user.clone();
        let Some(user) = self.users.get(&name) else { return };
        let back = |slot: &u32| self.conn(*slot).is_some_and(|conn| *conn.device() == *late.device);
        let known = user.devices.0.iter().find(|row| row.device == late.device);
        // One who is back already goes on from where he began.
        if known.is_some_and(|row| row.seq < late.seq) && !user.sessions.iter().any(back) {
            self.keep_cursor(slot, late);
        }
    }

    /// Drops a connection whose session has ended.
    pub(super) fn drop_conn(&mut self, slot: u32) {
        self.confirm_late(slot);
        if let Some(mut conn) = self.remove(slot)
            && let Some(wire) = &mut conn.wire
        {
            // Dropping the socket takes it out of the poll.
            wire.close();
        }
    }

    /// Ends the sessions of a user, wherever he lives, after what was answered is written; all but one, where one stays.
    pub(crate) fn end_user_after_answer(&mut self, user: &BareJid, over: Over, stays: Option<Jid>) {
        let (shard, user) = (self.server.router.shard_of(user.as_str()), user.clone());
        let job = move |hub: &mut Hub| {
            let sessions = hub
                .users
                .get(&user)
                .map(|user| user.sessions.clone())
                .unwrap_or_default();
            let stays = stays.and_then(|jid| hub.session_of(&jid));
            for slot in sessions.into_iter().filter(|slot| Some(*slot) != stays) {
                hub.end(slot, Some(over.fault()));
            }
            // What is remembered of him is no longer true.
            if hub.users.get(&user).is_some_and(|user| user.gone()) {
                hub.users.remove(&user);
            }
        };
        // By mail even to this shard: the answer is written first.
        if self
            .server
            .router
            .send(shard, crate::router::Mail::Job(Box::new(job)))
            .is_err()
        {
            tracing::warn!(
                "a shard's box is full: the sessions of a user who is removed or has another password stay until they end"
            );
        }
    }

    /// Once a second: streams that were never bound, sessions that were not resumed, goodbyes that were not read.
    pub(super) fn expire(&mut self) {
        let now = self.now();
        while let Some(first) = self.deadlines.peek().filter(|first| first.0.0 <= now) {
            let conn_ref = first.0.1;
            self.deadlines.pop();
            let Some(slot) = self.alive(conn_ref) else { continue };
            let late = |conn: &&super::Conn| conn.deadline.is_some_and(|deadline| deadline.get() <= now);
            let Some(conn) = self.conn(slot).filter(late) else {
                continue;
            };
            if conn.closing {
                self.drop_conn(slot);
            } else {
                self.end(slot, Some(StreamFault::new(StreamCondition::ConnectionTimeout)));
            }
        }
    }

    /// The server stops: everyone is told, and every cursor written.
    pub(super) fn end_all(&mut self) {
        for slot in 0..self.conns.len() as u32 {
            let conn = ConnRef {
                slot,
                ..self.conn_ref(slot)
            };
            if self.alive(conn).is_some() {
                self.end(slot, Some(StreamFault::new(StreamCondition::SystemShutdown)));
            }
        }
        self.route_local();
    }
}
