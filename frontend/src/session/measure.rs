//! A session without a hub, for those who measure what writing to one costs: its flush is the one that a shard's thread
//! runs, with the same splicing and stream management.
//!
//! It has no stream: it counts as bound and available from the beginning. Nothing of the server itself uses it.

use super::conn::{Address, Conn, Phase};
use super::flush::{Room, flush};
use super::sm::Sm;
use super::wire::{FarEnd, Wire};
use super::writer;
use jid::FullJid;
use reef_engine::model::Post;
use reef_engine::shard::{Key, Manner, Shard};
use reef_stanza::{Budget, StreamNamespace, StreamReader};
use std::io;

/// Stanzas that may wait for their acknowledgement.
const UNACKED: usize = 1_000;

/// One session of a shard, and the buffers that sessions share.
pub struct Alone {
    conn: Conn,
    room: Room,
    acknowledged: u32,
}

impl Alone {
    /// The session `key` of a shard, with stream management (XEP-0198) or without.
    pub fn new(jid: &FullJid, key: Key, managed: bool, far: Box<dyn FarEnd>) -> Alone {
        let reader = StreamReader::new(StreamNamespace::Client, Budget::AFTER_AUTH);
        let conn = Conn {
            key: Some(key),
            address: Address::new(jid.clone()),
            phase: Phase::Open,
            sm: managed.then(|| Box::new(Sm::new(None))),
            presence: Some(Box::default()),
            ..Conn::new(Wire::memory(far), reader, jid.to_bare())
        };
        Alone {
            conn,
            room: Room::default(),
            acknowledged: 0,
        }
    }

    /// Writes what the shard has for it, and has it acknowledged.
    ///
    /// # Errors
    /// The far end's.
    pub fn flush(&mut self, shard: &mut Shard) -> io::Result<()> {
        let Alone { conn, room, .. } = self;
        flush(conn, shard, room, UNACKED)?;
        if let Some(sm) = &mut conn.sm {
            self.acknowledged = self.acknowledged.wrapping_add(sm.waiting() as u32);
            // It acknowledges just what waits.
            let last = sm.acknowledge(self.acknowledged).ok().flatten();
            if let (Some(seq), Some(key)) = (last, conn.key) {
                shard.confirm(key, seq);
            }
        }
        Ok(())
    }
}

/// Appends the stanza that brings `post` to `to`, an escaped bare JID: what is done for each delivery.
pub fn splice(post: &Post, to: &[u8], out: &mut Vec<u8>) {
    writer::append(post, Manner::Follower, to, out);
}
