//! A device: its connection as a wire that holds what was handed out, and a client that reads and acknowledges.
//!
//! What is on the wire when a connection breaks was never received. Knows no shard. Next: `actors.rs` moves it.

use crate::receiver::Receiver;
use reef_engine::shard::Key;
use std::collections::VecDeque;

/// One stanza on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnWire {
    /// Its `Seq`.
    pub(crate) seq: u64,
    /// To the full JID.
    pub(crate) notify: bool,
    /// Handed out while the session followed: only then does acknowledging it move the cursor.
    pub(crate) counts: bool,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Its shard.
    pub(crate) shard: usize,
    /// Its session there.
    pub(crate) key: Key,
    /// From where it catches up when its priority allows.
    pub(crate) start: u64,
    /// Available with non-negative priority.
    pub(crate) follows: bool,
    /// Available at all.
    pub(crate) present: bool,
    /// How much the wire takes.
    pub(crate) room: usize,
    /// Handed out, not received.
    pub(crate) wire: VecDeque<OnWire>,
    /// Received, not acknowledged.
    pub(crate) unacked: VecDeque<OnWire>,
    /// The writer took no more: it is drained again when there is room.
    pub(crate) full: bool,
    /// Acknowledges at once.
    pub(crate) prompt: bool,
}

/// A device.
#[derive(Debug)]
pub(crate) struct Device {
    /// Whose.
    pub(crate) user: usize,
    /// Its name.
    pub(crate) name: String,
    /// Shows interest in the users' nodes by its caps.
    pub(crate) interested: bool,
    /// What the checker knows of it.
    pub(crate) receiver: Receiver,
    /// Its connection.
    pub(crate) connection: Option<Connection>,
    /// What it had acknowledged when each of the last passes of its shard's checkpoints ended, newest first.
    pub(crate) acknowledged: VecDeque<u64>,
    /// What the passes that ended since must cover: when that is committed, and on the disk.
    pub(crate) floor: [u64; 2],
}

impl Device {
    /// A device that was never connected.
    pub(crate) fn new(user: usize, number: usize, interested: bool) -> Device {
        Device {
            user,
            name: format!("device{number}"),
            interested,
            receiver: Receiver::of(user),
            connection: None,
            acknowledged: VecDeque::new(),
            floor: [0; 2],
        }
    }
}
