//! A session as its shard knows it, and the slab of all of them.
//!
//! Knows no socket and no stanza. Sessions of one subscriber are a list through the slab, which `online.rs` begins.

use super::dirty::Marked;
use super::ring::Ring;
use crate::model::{Post, Seq, SubscriberId};
use crate::outbox::Run;
use std::collections::VecDeque;
use std::sync::Arc;

/// Names a session for as long as it lives: a late use of an older key finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Its slot.
    pub index: u32,
    /// Which session of that slot.
    pub generation: u32,
}

/// Where a session stands.
#[derive(Debug)]
pub(super) enum State {
    /// Gets nothing that it follows: not available, or of negative priority.
    Quiet,
    /// Everything up to the watermark is in its queue or was handed out.
    Live,
    /// Reads pages from its cursor.
    CatchingUp(Box<CatchUp>),
}

/// Catching up.
#[derive(Debug)]
pub(super) struct CatchUp {
    /// Everything up to here was handed out.
    pub(super) cursor: Seq,
    /// When `buffer` is empty, the cursor is this.
    pub(super) next: Seq,
    /// The rest of the last page.
    pub(super) buffer: VecDeque<Arc<Post>>,
    /// What the pages share.
    pub(super) run: Run,
    /// The last change of an edge when a page was last asked for.
    pub(super) edges: Seq,
    /// A page is asked for.
    pub(super) asked: bool,
    /// It is being read.
    pub(super) reading: bool,
    /// More was pending above an earlier watermark than a queue takes: goes live at or above this one.
    pub(super) wait: Seq,
}

impl CatchUp {
    /// Nothing that is due and was not handed out lies at or before this.
    pub(super) fn reached(&self) -> Seq {
        let next = self.cursor.max(self.next);
        self.buffer.front().map_or(next, |post| Seq(post.seq.0 - 1))
    }
}

/// A slot in the slab, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link(u32);

impl Link {
    /// The slot.
    pub(super) fn get(self) -> Option<u32> {
        self.0.checked_sub(1)
    }
}

impl From<Option<u32>> for Link {
    fn from(slot: Option<u32>) -> Link {
        Link(slot.map_or(0, |slot| slot + 1))
    }
}

/// An `Option<Seq>` in eight bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Noted(u64);

impl Noted {
    /// What was noted.
    pub(super) fn get(self) -> Option<Seq> {
        self.0.checked_sub(1).map(Seq)
    }
}

impl From<Option<Seq>> for Noted {
    fn from(seq: Option<Seq>) -> Noted {
        Noted(seq.map_or(0, |seq| seq.next().0))
    }
}

/// A session. What an expansion reads and writes comes first, in one cache line.
#[repr(C)]
pub(super) struct Session {
    /// Up to here it was looked at by expansions.
    pub(super) expanded: Seq,
    pub(super) subscriber: SubscriberId,
    pub(super) next: Link,
    pub(super) generation: u32,
    pub(super) attached: bool,
    pub(super) available: bool,
    pub(super) dirty: Marked,
    pub(super) unsettled: bool,
    pub(super) ring: Ring,
    /// Which node names it wants by presence; 0 is none.
    pub(super) interest: u32,
    pub(super) state: State,
    /// The last post that was handed to its writer.
    pub(super) handed: Seq,
    /// The last that its client confirmed.
    pub(super) confirmed: Seq,
    /// The last change of what he follows that may concern pending posts: goes live at a watermark at or above it.
    pub(super) edges: Seq,
    /// Up to where it had been handed everything when it last stopped following; none before it first followed.
    pub(super) place: Noted,
    /// What its device's row says.
    pub(super) listed: Noted,
    /// The device whose cursor it moves.
    pub(super) device: Option<Box<str>>,
}

// A million of these are held at once: what is added here is added a million times.
const _: () = assert!(size_of::<Session>() <= 144);

impl Session {
    /// Whether posts of a page wait.
    pub(super) fn has_page(&self) -> bool {
        matches!(&self.state, State::CatchingUp(catch_up) if !catch_up.buffer.is_empty())
    }

    /// Notes that a post was handed to the writer. Where nothing was outstanding, all before it is confirmed.
    pub(super) fn hand(&mut self, seq: Seq) {
        if self.handed <= self.confirmed {
            self.confirmed = self.confirmed.max(Seq(seq.0 - 1));
        }
        self.handed = self.handed.max(seq);
    }
}

/// Sessions in one chunk of the slab.
const CHUNK: usize = 1024;

/// The slab of sessions: in chunks, so that it grows without being copied and without spare room.
#[derive(Default)]
pub(super) struct Sessions {
    chunks: Vec<Vec<Session>>,
    used: usize,
    free: Vec<u32>,
}

impl Sessions {
    /// A new session.
    pub(super) fn insert(&mut self, subscriber: SubscriberId, device: Option<Box<str>>) -> Key {
        let session = Session {
            expanded: Seq(0),
            subscriber,
            next: Link::default(),
            generation: 0,
            attached: true,
            available: false,
            dirty: Marked::Clean,
            unsettled: false,
            ring: Ring::default(),
            interest: 0,
            state: State::Quiet,
            handed: Seq(0),
            confirmed: Seq(0),
            edges: Seq(0),
            place: Noted::default(),
            listed: Noted::default(),
            device,
        };
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.at_mut(index)
        {
            let generation = slot.generation;
            *slot = Session { generation, ..session };
            return Key { index, generation };
        }
        let index = self.used as u32;
        self.used += 1;
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(session),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(session);
                self.chunks.push(chunk);
            }
        }
        Key { index, generation: 0 }
    }

    /// The session of a key.
    pub(super) fn get(&self, key: Key) -> Option<&Session> {
        self.at(key.index)
            .filter(|s| s.attached && s.generation == key.generation)
    }

    /// The session of a key.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Session> {
        self.at_mut(key.index)
            .filter(|s| s.attached && s.generation == key.generation)
    }

    /// The session in a slot.
    pub(super) fn at(&self, index: u32) -> Option<&Session> {
        self.chunks.get(index as usize / CHUNK)?.get(index as usize % CHUNK)
    }

    /// The session in a slot.
    pub(super) fn at_mut(&mut self, index: u32) -> Option<&mut Session> {
        self.chunks
            .get_mut(index as usize / CHUNK)?
            .get_mut(index as usize % CHUNK)
    }

    /// The key of a slot.
    pub(super) fn key(&self, index: u32) -> Key {
        Key {
            index,
            generation: self.at(index).map_or(0, |s| s.generation),
        }
    }

    /// Frees a slot; its key is stale from now on.
    pub(super) fn remove(&mut self, index: u32) {
        if let Some(slot) = self.at_mut(index).filter(|s| s.attached) {
            slot.attached = false;
            slot.generation = slot.generation.wrapping_add(1);
            slot.ring = Ring::default();
            slot.state = State::Quiet;
            slot.device = None;
            self.free.push(index);
        }
    }

    /// The slots in use.
    pub(super) fn indices(&self) -> impl Iterator<Item = u32> + '_ {
        let all = self.chunks.iter().flatten();
        (0..).zip(all).filter(|(_, s)| s.attached).map(|(index, _)| index)
    }

    /// How many sessions.
    pub(super) fn len(&self) -> usize {
        self.used - self.free.len()
    }
}
