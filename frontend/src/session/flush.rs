//! Flush: what is due to a session, control stanzas and posts, in one write.
//!
//! Posts are spliced into one buffer that all connections share; what the kernel does not take stays with the connection,
//! and the session is left alone until its socket can take more. Knows no stanza's meaning.

use super::conn::{Conn, Phase};
use super::sm::Unacked;
use super::wire::Wire;
use super::{ConnRef, Hub, writer};
use crate::limits::{CONFIRM_TURN, ROOM_MAX, UNACKED_BYTES_MAX, UNWRITTEN_MAX, WRITE_TURN};
use reef_engine::model::Seq;
use reef_engine::shard::{Drained, Manner, Shard};
use reef_stanza::{StreamCondition, StreamFault};
use std::io;
use std::ops::Range;
use std::sync::Arc;

const ASK: &[u8] = b"<r xmlns='urn:xmpp:sm:3'/>";

impl Hub {
    /// Queues bytes that are no stanza: headers, features, stream management's own elements.
    pub(super) fn write_raw(&mut self, slot: u32, bytes: &[u8]) {
        if let Some(conn) = self.conn_mut(slot).filter(|conn| conn.wire.is_some()) {
            conn.out.extend_from_slice(bytes);
        }
        self.mark_to_flush(slot);
    }

    /// Queues a stanza. One who does not read is cut off before he takes the memory of others.
    pub(super) fn send_bytes(&mut self, slot: u32, stanza: Vec<u8>) {
        let most = self.server.config.limits.sm_unacked as usize;
        if self.conn(slot).is_some_and(|conn| conn.inactive) {
            self.release(slot);
        }
        let Some(conn) = self.conn_mut(slot).filter(|conn| !conn.closing) else {
            return;
        };
        if conn.wire.is_some() {
            conn.out.extend_from_slice(&stanza);
        }
        let mut deaf = conn.blocked && conn.out.len() > UNWRITTEN_MAX;
        if let Some(sm) = conn.sm.as_mut().filter(|_| conn.phase == Phase::Open) {
            sm.sent(Unacked::Stanza(stanza.into()));
            deaf |= sm.waiting() > most * 2 || sm.bytes() > UNACKED_BYTES_MAX;
        }
        if deaf {
            let fault = StreamFault::new(StreamCondition::PolicyViolation);
            return self.end(slot, Some(fault.with_text("too much is unread")));
        }
        // Much that comes at once is written as it comes: only what a client does not read may pile up.
        if self
            .conn(slot)
            .is_some_and(|conn| conn.out.len() > WRITE_TURN && !conn.blocked)
        {
            return self.flush(slot);
        }
        self.mark_to_flush(slot);
    }

    fn mark_to_flush(&mut self, slot: u32) {
        let conn_ref = self.conn_ref(slot);
        if let Some(conn) = self.conn_mut(slot)
            && !std::mem::replace(&mut conn.to_flush, true)
        {
            self.to_flush.push_back(conn_ref);
        }
    }

    /// Writes to those who have control stanzas.
    pub(super) fn flush_queued(&mut self) {
        while let Some(conn) = self.to_flush.pop_front() {
            let Some(slot) = self.alive(conn) else { continue };
            if let Some(conn) = self.conn_mut(slot) {
                conn.to_flush = false;
            }
            self.flush(slot);
        }
    }

    /// A session was written to: what is to be done with it now.
    pub(super) fn flushed(&mut self, slot: u32, done: io::Result<Drained>) {
        let Some(conn) = self.conn(slot) else { return };
        let closes = conn.closing && !conn.blocked;
        let key = conn.key;
        let readable = conn.wire.as_ref().is_some_and(Wire::readable);
        match done {
            Err(_) => self.lost(slot),
            Ok(_) if closes => self.close(slot),
            Ok(Drained::Full) => {
                if let Some(key) = key {
                    self.shard.more(key);
                }
            }
            Ok(Drained::Empty) => {}
        }
        if readable {
            let conn = self.conn_ref(slot);
            self.readable.push_back(conn);
        }
    }

    /// The socket takes more.
    pub(super) fn writable(&mut self, conn_ref: ConnRef) {
        let Some(slot) = self.alive(conn_ref) else { return };
        if let Some(conn) = self.conn_mut(slot).filter(|conn| conn.blocked) {
            conn.blocked = false;
            self.flush(slot);
            // It may have waited for this.
            self.readable.push_back(conn_ref);
        }
    }

    /// Asks sockets how far their clients are, where no stream management says it.
    pub(super) fn confirm_written(&mut self) {
        for key in self.shard.unconfirmed(CONFIRM_TURN) {
            if let Some(slot) = self.slot_of(key) {
                self.confirm_slot(slot);
            }
        }
    }

    /// The same for one session.
    pub(super) fn confirm_slot(&mut self, slot: u32) {
        let Hub { conns, shard, .. } = self;
        let Some(conn) = conns.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let (Some(wire), Some(key)) = (&conn.wire, conn.key) else {
            return;
        };
        if conn.marks.waits()
            && let Some(seq) = conn.marks.acknowledged(wire.acknowledged())
        {
            shard.confirm(key, seq);
        }
    }
}

/// For composing: one for all connections of a shard.
#[derive(Default)]
pub(super) struct Room {
    /// What is sent, one after the other.
    pub(super) bytes: Vec<u8>,
    /// What is to be sealed.
    plain: Vec<u8>,
}

impl Room {
    /// Forgets what was sent. One large stanza does not keep its memory for ever.
    pub(super) fn clear(&mut self) {
        for room in [&mut self.bytes, &mut self.plain] {
            room.clear();
            if room.capacity() > ROOM_MAX {
                room.shrink_to(WRITE_TURN * 2);
            }
        }
    }
}

/// What was composed for a session, and is to be sent.
pub(super) struct Composed {
    /// Where it lies.
    lies: Range<usize>,
    /// The last post in it that moves a cursor.
    last: Option<Seq>,
    drained: Drained,
}

impl Composed {
    /// Its bytes.
    pub(super) fn of<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.get(self.lies.clone()).unwrap_or_default()
    }
}

/// Composes and writes until nothing is due, the kernel takes no more, or the turn is over (`Full`).
pub(super) fn flush(conn: &mut Conn, shard: &mut Shard, room: &mut Room, most: usize) -> io::Result<Drained> {
    let done = match compose(conn, shard, room, most) {
        Ok(Some(composed)) => finish(conn, composed.of(&room.bytes), 0, &composed, most),
        Ok(None) => Ok(Drained::Empty),
        Err(error) => Err(error),
    };
    room.clear();
    done
}

/// Composes what is due to a session, behind what `room` holds; `None` where nothing is to be sent.
pub(super) fn compose(
    conn: &mut Conn,
    shard: &mut Shard,
    room: &mut Room,
    most: usize,
) -> io::Result<Option<Composed>> {
    let Some(wire) = conn.wire.as_mut().filter(|_| !conn.blocked) else {
        return Ok(None);
    };
    let begun = room.bytes.len();
    let plain = if wire.seals() { &mut room.plain } else { &mut room.bytes };
    let from = plain.len();
    // The connection's own buffer is given back: an idle session holds none.
    plain.extend_from_slice(&std::mem::take(&mut conn.out));
    let (mut last, mut drained) = (None, Drained::Empty);
    // What a session of negative priority is handed moves no cursor.
    let follows = conn.priority >= 0;
    // Posts alone wake nobody who does not look: they wait in the shard's queue for what does.
    let looked_at = !conn.inactive || plain.len() > from;
    if let Some(key) = conn
        .key
        .filter(|_| looked_at && !conn.closing && conn.presence.is_some())
    {
        let (sm, address) = (&mut conn.sm, &conn.address);
        let wishes = conn.rare.as_ref().and_then(|rare| rare.wishes.as_deref());
        let show = conn.show;
        drained = shard.drain(key, |post, manner| {
            let windowed = sm.as_ref().is_some_and(|sm| sm.waiting() >= most);
            let begun = plain.len();
            if windowed || begun - from >= WRITE_TURN {
                return false;
            }
            let (wanted, body) = match wishes.filter(|_| manner != Manner::Notify) {
                Some(wishes) => wishes.of(post.node, show),
                None => (true, false),
            };
            if !wanted {
                return true;
            }
            writer::append(post, manner, address.to(manner), plain);
            if body {
                writer::add_body(post, begun, plain);
            }
            match sm {
                Some(sm) if follows => sm.sent(Unacked::Post(Arc::clone(post), manner)),
                Some(sm) => sm.sent(Unacked::Stanza(plain.get(begun..).unwrap_or_default().into())),
                None => {}
            }
            last = Some(post.seq).filter(|_| follows);
            true
        });
    }
    if conn.sm.as_mut().is_some_and(|sm| sm.ask()) {
        plain.extend_from_slice(ASK);
    }
    if plain.len() == from && !wire.wants_write() {
        return Ok(None);
    }
    if wire.seals() {
        let Room { bytes, plain } = room;
        let sealed = wire.seal(plain, bytes);
        plain.clear();
        sealed?;
    }
    let lies = begun..room.bytes.len();
    Ok(Some(Composed { lies, last, drained }))
}

/// Sends the rest of what was composed, of which `taken` bytes are with the kernel; what it does not take stays.
pub(super) fn finish(
    conn: &mut Conn,
    bytes: &[u8],
    taken: usize,
    composed: &Composed,
    most: usize,
) -> io::Result<Drained> {
    let Some(wire) = conn.wire.as_mut() else {
        return Ok(Drained::Empty);
    };
    conn.blocked = wire.write(bytes, taken, &mut conn.out)?;
    let written = wire.written;
    mark(conn, composed.last, written);
    // A window that is full opens with an ack, a blocked socket with its event; only a spent turn asks for another.
    let full = composed.drained == Drained::Full;
    let again = full && !conn.blocked && conn.sm.as_ref().is_none_or(|sm| sm.waiting() < most);
    Ok(if again { Drained::Full } else { Drained::Empty })
}

/// Notes after which byte which post is with the client, once all is with the kernel.
fn mark(conn: &mut Conn, last: Option<Seq>, written: u64) {
    if conn.sm.is_some() {
        return;
    }
    last.iter().for_each(|seq| conn.marks.handed(*seq));
    if !conn.blocked {
        conn.marks.written(written);
    }
}
