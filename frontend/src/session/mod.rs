//! Sessions: what happens to a client after it has logged in, on the thread of its user's shard.
//!
//! A [`Hub`] is one such thread's state: its sockets, its users, and the engine's shard. Everything here runs on that
//! thread, without locks and without waiting. It must not know RocksDB or tokio. In the order of the flow:
#![allow(
    clippy::box_collection,
    reason = "held a million times and nearly always empty: eight bytes, not 24"
)]

mod archive; //    XEP-0313: a message is committed, then delivered
mod archive_rule; // which messages those are
mod arrived; //    what other servers send
mod avatar; //     XEP-0398: its hash in presence
mod batch; //      what is due to many → one call
mod behalf; //     accounts that act without a session
mod behind; //     what does not outlast presence
mod block; //      XEP-0191: whose stanzas are stopped
mod carbons; //    XEP-0280: copies for one's other devices
mod conn; //       a connection: socket, TLS, bytes
mod csi; //        XEP-0352: who looks at nothing
mod devices; //    XEP-0376: what devices hear of subscriptions
mod earlier; //    what was published before a session came
mod elsewhere; //  subscriptions that leave here
mod end; //        leaving, being resumed, being thrown out
mod event_loop; // the thread: mail, batches, sockets, writes
pub(crate) mod everyone; // what an operator asks of all sessions
mod flush; //      what is due → one write
mod inline; //     XEP-0386, XEP-0388: what is asked for with a login
mod interest; //   XEP-0163: what contacts elsewhere want
mod iq; //         requests and their answers
mod managed; //    XEP-0198: its elements, resumption
#[cfg(test)]
mod marks_tests;
mod measure; //    a session without a hub, for benches
mod message; //    RFC 6121 §5, §8
mod notice; //     what is heard of subscriptions
mod open; //       the stream's second header, bind, the user's rows
mod part; //       what is for another part of the server
mod presence; //   RFC 6121 §4
mod push; //       XEP-0357: who hears of what clients miss
mod question; //   what is asked of other servers
mod read; //       bytes → stanzas → where they go
mod ring; //       many sends in one call: io_uring
mod route; //      from a stanza to the sessions that get it
mod sm; //         XEP-0198: the queue
mod subscription; // RFC 6121 §3: what changed rosters mean for sessions
mod tcp; //        what the kernel is told and asked
mod wire; //       a connection's bytes: socket, TLS
mod wishes; //     options of subscriptions, digests
mod writer; //     posts → bytes, encoded once

pub(crate) use arrived::Arrived;
pub(crate) use behalf::Acted;
pub use end::Over;
pub(crate) use event_loop::{Thread, WAKER, start};
pub use measure::{Alone, splice};
pub(crate) use subscription::carry_out;
pub use wire::FarEnd;
pub(crate) use writer::{archived, for_whole_peer, size_for_peer, stamp, write_for_peer};

use crate::router::{Bell, Mail};
use crate::server::Server;
use crate::tables::{Blocked, Blocking, Push, RosterRow};
use conn::Conn;
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::fanout::Batches;
use reef_engine::model::{NodeId, SubscriberId};
use reef_engine::outbox::Devices;
use reef_engine::queue::Receiver;
use reef_engine::shard::{Key, Shard};
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

/// Names a connection for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnRef {
    pub(crate) slot: u32,
    generation: u32,
}

/// Whether a user's kept messages are being read: once at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum OfflineRead {
    #[default]
    Idle,
    Running,
    /// Something came meanwhile: once more.
    Again,
}

/// What changed of a user's rows while they were read.
#[derive(Default)]
struct Meanwhile {
    pushes: Vec<Push>,
    blocks: Vec<Blocking>,
}

/// A user with at least one bound session here, or who had one a moment ago.
#[derive(Default)]
pub(crate) struct User {
    /// The slots of his sessions, those to be resumed included.
    sessions: SmallVec<[u32; 2]>,
    /// His contacts, and those who asked to be.
    roster: BTreeMap<BareJid, RosterRow>,
    roster_version: u64,
    subscriber: Option<SubscriberId>,
    /// What his devices had confirmed when they were last here.
    devices: Devices,
    /// Whether his kept messages are being read.
    offline: OfflineRead,
    /// Connections of his that wait to be bound.
    binding: u32,
    /// Whom he blocks, if anybody.
    blocked: Option<Box<Blocked>>,
    /// Until his rows are read: what changed meanwhile.
    loading: Option<Box<Meanwhile>>,
    /// Reads of his rows that are under way: until they are back he stays, so that none fills a later entry of his with
    /// rows older than what was pushed since.
    loads: u32,
    /// Whether he has published since he came: something of it may go with him.
    published: bool,
    /// What he asks of single subscriptions, if anything.
    wishes: Option<Arc<wishes::Wishes>>,
    /// Whether he may follow something whose last item he gets when he comes.
    greeted: bool,
    /// When his digests are due.
    digests: Option<Box<HashMap<NodeId, u64>>>,
    /// Counts messages that his archive got while he is here.
    archived: u32,
    /// What presence says of his avatar.
    avatar: avatar::Avatar,
    /// When his last session ended, in milliseconds.
    left: Option<u64>,
}

/// A shard's thread.
pub(crate) struct Hub {
    pub(crate) server: Arc<Server>,
    number: usize,
    shard: Shard,
    batches: Batches,
    mail: Receiver<Mail>,
    bell: Bell,
    registry: mio::Registry,
    conns: Vec<Option<Box<Conn>>>,
    generations: Vec<u32>,
    free: Vec<u32>,
    /// The connection of each session of the shard, by the index of its key.
    slots: Vec<u32>,
    users: HashMap<BareJid, Box<User>>,
    /// Users whose last session ended, and when: forgotten a moment later.
    leaving: VecDeque<(u64, BareJid)>,
    /// Who must have gone on by when; entries that no longer hold are passed over.
    deadlines: BinaryHeap<Reverse<(u64, ConnRef)>>,
    /// Stanzas of this shard for this shard: handled after the one that caused them.
    local: VecDeque<(Jid, Element)>,
    /// Messages that are being committed before they are delivered, and what waits behind them.
    lines: archive::Lines,
    /// Connections that may have more to read.
    readable: VecDeque<ConnRef>,
    /// Connections that have control stanzas to write.
    to_flush: VecDeque<ConnRef>,
    /// Who may have a digest due, and when.
    digests: BinaryHeap<Reverse<(u64, BareJid)>>,
    /// What owners are to hear of those who follow them.
    gathered: notice::Gathered,
    /// What users of other servers ask.
    asking: arrived::Asking,
    /// What accounts without a session do.
    behalf: behalf::Behalf,
    /// What was asked of other servers.
    questions: question::Questions,
    /// Who was told of what clients miss.
    pushes: push::Pushes,
    /// Subscriptions that sessions ask of other servers.
    subscribing: elsewhere::Subscribing,
    /// What devices of other servers want to be notified of.
    interest: interest::Interest,
    /// For composing what is written now, and what is written together: one for all connections.
    room: flush::Room,
    batch: batch::Batch,
    read_buffer: Vec<u8>,
    /// For what TLS opens.
    opened: Vec<u8>,
    stopping: bool,
}

impl User {
    /// Whether he has no session and none that waits to be bound.
    fn gone(&self) -> bool {
        self.sessions.is_empty() && self.binding == 0
    }

    /// Takes a changed contact.
    fn take(&mut self, push: &Push) {
        self.roster_version = self.roster_version.max(push.version);
        let Ok(contact) = BareJid::new(&push.contact) else {
            return;
        };
        match &push.row {
            Some(row) => self.roster.insert(contact, row.clone()),
            None => self.roster.remove(&contact),
        };
    }

    /// Takes a change of whom he blocks.
    fn take_blocking(&mut self, blocking: &Blocking) {
        let blocked = self.blocked.get_or_insert_default();
        match (blocking.on, blocking.jids.is_empty()) {
            (true, _) => blocked.extend(blocking.jids.iter().cloned()),
            (false, true) => blocked.clear(),
            (false, false) => blocked.retain(|jid| !blocking.jids.contains(jid)),
        }
        if blocked.is_empty() {
            self.blocked = None;
        }
    }

    /// Takes what he asks of single subscriptions.
    fn take_wishes(&mut self, wishes: wishes::Wishes) {
        self.wishes = (!wishes.is_empty()).then(|| Arc::new(wishes));
        self.digests = None;
    }

    /// The roster's items, and its version.
    pub(crate) fn contacts(&self) -> (impl Iterator<Item = (&BareJid, &RosterRow)>, u64) {
        (self.roster.iter().filter(|(_, row)| row.listed), self.roster_version)
    }
}

impl Hub {
    /// The user of a session, with his roster.
    pub(crate) fn user(&self, slot: u32) -> Option<&User> {
        self.user_of(slot)
    }

    /// The session asked for the roster: it hears of changes from now on.
    pub(crate) fn interested(&mut self, slot: u32) {
        if let Some(conn) = self.conn_mut(slot) {
            conn.interested = true;
        }
    }

    fn now(&self) -> u64 {
        self.server.engine.clock.now().0
    }

    fn conn(&self, slot: u32) -> Option<&Conn> {
        self.conns.get(slot as usize)?.as_deref()
    }

    fn conn_mut(&mut self, slot: u32) -> Option<&mut Conn> {
        self.conns.get_mut(slot as usize)?.as_deref_mut()
    }

    fn conn_ref(&self, slot: u32) -> ConnRef {
        ConnRef {
            slot,
            generation: self.generations.get(slot as usize).copied().unwrap_or(0),
        }
    }

    /// The slot, if the connection still lives.
    fn alive(&self, conn: ConnRef) -> Option<u32> {
        let same = self.generations.get(conn.slot as usize) == Some(&conn.generation);
        (same && self.conn(conn.slot).is_some()).then_some(conn.slot)
    }

    fn insert(&mut self, conn: Conn) -> u32 {
        let conn = Some(Box::new(conn));
        match self.free.pop() {
            Some(slot) => {
                if let Some(free) = self.conns.get_mut(slot as usize) {
                    *free = conn;
                }
                slot
            }
            None => {
                self.conns.push(conn);
                self.generations.push(0);
                (self.conns.len() - 1) as u32
            }
        }
    }

    fn remove(&mut self, slot: u32) -> Option<Box<Conn>> {
        let conn = self.conns.get_mut(slot as usize)?.take()?;
        self.batch.left(slot);
        if let Some(generation) = self.generations.get_mut(slot as usize) {
            *generation = generation.wrapping_add(1);
        }
        self.free.push(slot);
        Some(conn)
    }

    /// The connection of a session of the shard.
    fn slot_of(&self, key: Key) -> Option<u32> {
        let slot = *self.slots.get(key.index as usize)?;
        self.conn(slot).filter(|conn| conn.key == Some(key)).map(|_| slot)
    }

    fn set_slot(&mut self, key: Key, slot: u32) {
        let at = key.index as usize;
        if at >= self.slots.len() {
            self.slots.resize(at + 1, u32::MAX);
        }
        if let Some(entry) = self.slots.get_mut(at) {
            *entry = slot;
        }
    }

    fn user_of(&self, slot: u32) -> Option<&User> {
        self.users.get(&self.conn(slot)?.user).map(|user| &**user)
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.conns.len() - self.free.len()
    }
}
