//! Writes to many sessions at once: each is composed, and one system call sends them all.
//!
//! Between composing and sending nothing else happens on the shard. What a full or broken socket means for its session is
//! dealt with once all are sent, since that may write to others of them. Without a ring each is sent as it is composed.
//! Next: `ring.rs`, or the wire itself.

use super::Hub;
use super::flush::{Composed, Room, compose, finish};
use super::ring::{Ring, Send};
use super::wire::Wire;
use crate::limits::{BATCH_BYTES, BATCH_SENDS, FLUSH_TURN};
use reef_engine::shard::Drained;
use std::io;

/// What is composed and not sent yet.
#[derive(Default)]
pub(super) struct Batch {
    room: Room,
    staged: Vec<(u32, Composed)>,
    taken: Vec<usize>,
    /// Sessions with which something is to be done behind it.
    after: Vec<(u32, io::Result<Drained>)>,
    ring: Option<Ring>,
}

impl Batch {
    /// From the thread that sends.
    pub(super) fn open(&mut self) {
        match Ring::new() {
            Ok(ring) => self.ring = Some(ring),
            Err(error) => tracing::warn!(%error, "no io_uring here: each send is a call of its own"),
        }
    }

    /// A connection has this wire from now on.
    pub(super) fn joined(&mut self, slot: u32, wire: &Wire) {
        if let (Some(ring), Some(socket)) = (&mut self.ring, wire.descriptor()) {
            ring.register(slot, socket);
        }
    }

    /// A connection has no wire any more.
    pub(super) fn left(&mut self, slot: u32) {
        if let Some(ring) = &mut self.ring {
            ring.forget(slot);
        }
    }

    fn takes(&self, slot: u32, wire: &Wire) -> bool {
        let ring = self.ring.as_ref().zip(wire.descriptor());
        ring.is_some_and(|(ring, socket)| ring.has(slot, socket))
    }

    /// How many are written between two looks at the sockets.
    pub(super) fn turn(&self) -> usize {
        if self.ring.is_some() { BATCH_SENDS } else { FLUSH_TURN }
    }

    fn full(&self) -> bool {
        self.staged.len() >= BATCH_SENDS || self.room.bytes.len() >= BATCH_BYTES
    }

    /// Sends what is staged, as far as one call does it.
    fn send(&mut self) {
        self.taken.clear();
        let Some(ring) = &mut self.ring else { return };
        let bytes = &self.room.bytes;
        let sends = self.staged.iter().map(|(slot, composed)| Send {
            slot: *slot,
            bytes: composed.of(bytes),
        });
        if let Err(error) = ring.send(sends, &mut self.taken) {
            tracing::error!(%error, "io_uring has failed: each send is a call of its own from now on");
            self.ring = None;
        }
    }
}

impl Hub {
    /// A connection has another wire than before, or its first.
    pub(super) fn wired(&mut self, slot: u32) {
        let Hub { conns, batch, .. } = self;
        let conn = conns.get(slot as usize).and_then(Option::as_deref);
        if let Some(wire) = conn.and_then(|conn| conn.wire.as_ref()) {
            batch.joined(slot, wire);
        }
    }

    /// Writes what a session has, up to its turn: with others, or now.
    pub(super) fn flush_soon(&mut self, slot: u32) {
        if self.conn(slot).is_some_and(|conn| conn.staged) {
            // Of two sends to one socket in one call the second may overtake what the first could not send.
            self.send_batch();
        }
        // One that waits to be resumed has nowhere to be written to.
        let Some(wire) = self.conn(slot).and_then(|conn| conn.wire.as_ref()) else {
            return;
        };
        if !self.batch.takes(slot, wire) {
            // What this one leads to may write to those that are composed.
            self.send_batch();
            return self.flush(slot);
        }
        let most = self.server.config.limits.sm_unacked as usize;
        let Hub {
            conns, shard, batch, ..
        } = self;
        let Some(conn) = conns.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        match compose(conn, shard, &mut batch.room, most) {
            Ok(Some(composed)) => {
                conn.staged = true;
                batch.staged.push((slot, composed));
            }
            Ok(None) => {}
            Err(error) => batch.after.push((slot, Err(error))),
        }
        if self.batch.full() {
            self.send_batch();
        }
    }

    /// Sends what was composed, and goes on with whom that leaves something to do.
    pub(super) fn send_batch(&mut self) {
        let most = self.server.config.limits.sm_unacked as usize;
        let Hub { conns, batch, .. } = self;
        if batch.staged.is_empty() && batch.after.is_empty() {
            return;
        }
        batch.send();
        let taken = batch.taken.iter().copied().chain(std::iter::repeat(0));
        for ((slot, composed), taken) in batch.staged.drain(..).zip(taken) {
            let Some(conn) = conns.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
                continue;
            };
            conn.staged = false;
            let bytes = composed.of(&batch.room.bytes);
            let done = finish(conn, bytes, taken, &composed, most);
            if conn.closing || !matches!(done, Ok(Drained::Empty)) {
                batch.after.push((slot, done));
            }
        }
        batch.room.clear();
        let mut after = std::mem::take(&mut batch.after);
        after.drain(..).for_each(|(slot, done)| self.flushed(slot, done));
        // Nothing that was done then has staged anything.
        self.batch.after = after;
    }

    /// Writes what a session has, up to its turn, now.
    pub(super) fn flush(&mut self, slot: u32) {
        let most = self.server.config.limits.sm_unacked as usize;
        let Hub { conns, shard, room, .. } = self;
        let Some(conn) = conns.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let done = super::flush::flush(conn, shard, room, most);
        self.flushed(slot, done);
    }
}
