//! A session as its shard knows it, and the tables in which it is found.
//!
//! Knows no socket and no stanza. Sessions of one subscriber are a list through the slab; the online table maps a dense
//! subscriber id to its head without hashing.

use super::ring::Ring;
use crate::limits::BLOCK;
use crate::model::{Post, Seq, SubscriberId};
use crate::outbox::Run;
use roaring::RoaringBitmap;
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

/// A session.
pub(super) struct Session {
    pub(super) subscriber: SubscriberId,
    pub(super) next: Option<u32>,
    pub(super) generation: u32,
    pub(super) attached: bool,
    pub(super) available: bool,
    pub(super) dirty: bool,
    pub(super) unsettled: bool,
    /// Which node names it wants by presence; 0 is none.
    pub(super) interest: u32,
    /// Up to here it was looked at by expansions.
    pub(super) expanded: Seq,
    /// The last post that was handed to its writer.
    pub(super) handed: Seq,
    /// The last that its client confirmed.
    pub(super) confirmed: Seq,
    /// The last change of what he follows that may concern pending posts: goes live at a watermark at or above it.
    pub(super) edges: Seq,
    /// Up to where it had been handed everything when it last stopped following; `None` before it first followed.
    pub(super) place: Option<Seq>,
    pub(super) ring: Ring,
    pub(super) state: State,
    /// The device whose cursor it moves, and what its row says.
    pub(super) device: Option<Box<str>>,
    pub(super) listed: Option<Seq>,
}

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

/// The slab of sessions.
#[derive(Default)]
pub(super) struct Sessions {
    slots: Vec<Session>,
    free: Vec<u32>,
}

impl Sessions {
    /// A new session.
    pub(super) fn insert(&mut self, subscriber: SubscriberId, device: Option<Box<str>>) -> Key {
        let session = Session {
            subscriber,
            next: None,
            generation: 0,
            attached: true,
            available: false,
            dirty: false,
            unsettled: false,
            interest: 0,
            expanded: Seq(0),
            handed: Seq(0),
            confirmed: Seq(0),
            edges: Seq(0),
            place: None,
            ring: Ring::default(),
            state: State::Quiet,
            device,
            listed: None,
        };
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            let generation = slot.generation;
            *slot = Session { generation, ..session };
            return Key { index, generation };
        }
        self.slots.push(session);
        Key {
            index: (self.slots.len() - 1) as u32,
            generation: 0,
        }
    }

    /// The session of a key.
    pub(super) fn get(&self, key: Key) -> Option<&Session> {
        self.slots
            .get(key.index as usize)
            .filter(|s| s.attached && s.generation == key.generation)
    }

    /// The session of a key.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Session> {
        self.slots
            .get_mut(key.index as usize)
            .filter(|s| s.attached && s.generation == key.generation)
    }

    /// The session in a slot.
    pub(super) fn at(&self, index: u32) -> Option<&Session> {
        self.slots.get(index as usize)
    }

    /// The session in a slot.
    pub(super) fn at_mut(&mut self, index: u32) -> Option<&mut Session> {
        self.slots.get_mut(index as usize)
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
        if let Some(slot) = self.slots.get_mut(index as usize).filter(|s| s.attached) {
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
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, s)| s.attached)
            .map(|(index, _)| index as u32)
    }

    /// How many sessions.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

/// Who is available here: subscriber → first session.
#[derive(Default)]
pub(super) struct Online {
    /// By block of ids: the slot of the first session plus 1, 0 for none.
    blocks: Vec<Option<Box<[u32]>>>,
    ids: RoaringBitmap,
}

impl Online {
    /// The subscribers, for intersections.
    pub(super) fn ids(&self) -> &RoaringBitmap {
        &self.ids
    }

    /// The first session of a subscriber.
    pub(super) fn first(&self, id: SubscriberId) -> Option<u32> {
        let block = self.blocks.get((id.0 / BLOCK) as usize)?.as_ref()?;
        block.get((id.0 % BLOCK) as usize)?.checked_sub(1)
    }

    fn set(&mut self, id: SubscriberId, first: Option<u32>) {
        let at = (id.0 / BLOCK) as usize;
        if at >= self.blocks.len() {
            self.blocks.resize_with(at + 1, || None);
        }
        if let Some(block) = self.blocks.get_mut(at) {
            let block = block.get_or_insert_with(|| vec![0; BLOCK as usize].into_boxed_slice());
            if let Some(slot) = block.get_mut((id.0 % BLOCK) as usize) {
                *slot = first.map_or(0, |index| index + 1);
            }
        }
        if first.is_some() {
            self.ids.insert(id.0)
        } else {
            self.ids.remove(id.0)
        };
    }

    /// Links an available session.
    pub(super) fn link(&mut self, sessions: &mut Sessions, index: u32, id: SubscriberId) {
        let first = self.first(id);
        if let Some(session) = sessions.at_mut(index) {
            session.next = first;
        }
        self.set(id, Some(index));
    }

    /// Takes a session out.
    pub(super) fn unlink(&mut self, sessions: &mut Sessions, index: u32, id: SubscriberId) {
        let after = sessions.at(index).and_then(|s| s.next);
        if self.first(id) == Some(index) {
            return self.set(id, after);
        }
        let mut at = self.first(id);
        while let Some(here) = at {
            let next = sessions.at(here).and_then(|s| s.next);
            if next == Some(index) {
                if let Some(session) = sessions.at_mut(here) {
                    session.next = after;
                }
                return;
            }
            at = next;
        }
    }
}
