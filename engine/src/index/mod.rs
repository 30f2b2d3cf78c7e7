//! Who follows what, in memory: a shard's slice of the edges, by node.
//!
//! Built at start by `load/`, changed in log order by the shard that owns it. Imports no store and no stage: rows come
//! in as plain numbers. A node's followers are one id within the table, a packed list, or a large set, as many as there
//! are: 100 M edges of a Zipf graph take 3 to 5 bytes each, with all that the allocator adds (`benches/RESULTS.md`). Next:
//! `shard.rs` intersects it with who is online.

mod arena;
mod followers;
mod large;
mod table;
#[cfg(test)]
mod tests;

pub use followers::{Followers, Hits};

use crate::limits::FOLLOWERS_PACKED_MAX;
use crate::model::{NodeId, SubscriberId};
use arena::{Arena, Place, class_for, room};
use large::Large;
use table::{At, Table};

/// The edges of one shard's subscribers. Dense: node ids are never reused and index a table.
#[derive(Debug, Default)]
pub struct Index {
    table: Table,
    arena: Arena,
    large: Vec<Option<Box<Large>>>,
    /// Numbers in `large` that are free.
    free: Vec<u32>,
    edges: u64,
}

impl Index {
    /// Adds an edge; false where it was there. O(log followers), and a move of at most 4 KiB for most nodes.
    pub fn follow(&mut self, node: NodeId, subscriber: SubscriberId) -> bool {
        let id = subscriber.0;
        let added = match self.table.get(node.0) {
            At::Nowhere => {
                self.table.set(node.0, At::One(id));
                true
            }
            At::One(one) if one == id => false,
            At::One(one) => {
                let place = self.arena.give(class_for(2));
                fill(self.arena.slot_mut(place), &[one.min(id), one.max(id)]);
                self.table.set(node.0, At::Packed(place, 2));
                true
            }
            At::Packed(place, len) => self.insert_packed(node.0, place, len, id),
            At::Large(number) => self.large_mut(number).is_some_and(|large| large.insert(id)),
        };
        self.edges += u64::from(added);
        added
    }

    /// Removes an edge; false where there was none.
    pub fn unfollow(&mut self, node: NodeId, subscriber: SubscriberId) -> bool {
        let id = subscriber.0;
        let removed = match self.table.get(node.0) {
            At::One(one) if one == id => {
                self.table.set(node.0, At::Nowhere);
                true
            }
            At::Nowhere | At::One(_) => false,
            At::Packed(place, len) => self.remove_packed(node.0, place, len, id),
            At::Large(number) => self.remove_large(node.0, number, id),
        };
        self.edges -= u64::from(removed);
        removed
    }

    /// Removes all edges of a node.
    pub fn remove_node(&mut self, node: NodeId) {
        self.edges -= self.followers(node).map_or(0, |followers| followers.len());
        match self.table.get(node.0) {
            At::Packed(place, _) => self.arena.take_back(place),
            At::Large(number) => self.forget_large(number),
            At::Nowhere | At::One(_) => {}
        }
        self.table.set(node.0, At::Nowhere);
    }

    /// Adds subscribers in ascending order that all have higher ids than those that follow the node already: what a start
    /// does, which places each list once, without slack.
    pub fn append(&mut self, node: NodeId, ids: &[u32]) {
        let at = self.table.get(node.0);
        if ids.is_empty() {
            return;
        }
        self.edges += ids.len() as u64;
        if let At::Large(number) = at
            && let Some(large) = self.large_mut(number)
        {
            return large.append(ids);
        }
        let mut all = self
            .followers(node)
            .map_or_else(Vec::new, |followers| followers.to_vec());
        if let At::Packed(place, _) = at {
            self.arena.take_back(place);
        }
        let ids = if all.is_empty() {
            ids
        } else {
            all.extend_from_slice(ids);
            &all
        };
        self.place(node.0, ids);
    }

    /// Gives back what building it left over.
    pub fn compact(&mut self) {
        self.large.iter_mut().flatten().for_each(|large| large.compact());
        self.large.shrink_to_fit();
    }

    /// The followers of a node here.
    pub fn followers(&self, node: NodeId) -> Option<Followers<'_>> {
        match self.table.get(node.0) {
            At::Nowhere => None,
            At::One(one) => Some(Followers::One(one)),
            At::Packed(place, len) => Some(Followers::List(self.arena.list(place, len))),
            At::Large(number) => match self.large.get(number as usize)?.as_deref()? {
                Large::List(list) => Some(Followers::List(list)),
                Large::Bitmap(bitmap, len) => Some(Followers::Bitmap(bitmap, *len)),
            },
        }
    }

    /// Whether the edge is there.
    pub fn follows(&self, node: NodeId, subscriber: SubscriberId) -> bool {
        self.followers(node).is_some_and(|f| f.contains(subscriber))
    }

    /// How many edges.
    pub fn edges(&self) -> u64 {
        self.edges
    }

    /// The nodes that have followers here, in ascending order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.table.nodes().map(NodeId)
    }

    /// Puts ids, in ascending order and not empty, where so many belong.
    fn place(&mut self, node: u32, ids: &[u32]) {
        let at = match ids {
            [] => At::Nowhere,
            [one] => At::One(*one),
            ids if ids.len() <= FOLLOWERS_PACKED_MAX => {
                let place = self.arena.give(class_for(ids.len()));
                fill(self.arena.slot_mut(place), ids);
                At::Packed(place, ids.len())
            }
            ids => {
                let large = Some(Box::new(Large::new(ids)));
                match self.free.pop() {
                    Some(number) => {
                        if let Some(slot) = self.large.get_mut(number as usize) {
                            *slot = large;
                        }
                        At::Large(number)
                    }
                    None => {
                        self.large.push(large);
                        At::Large(self.large.len() as u32 - 1)
                    }
                }
            }
        };
        self.table.set(node, at);
    }

    fn insert_packed(&mut self, node: u32, place: Place, len: usize, id: u32) -> bool {
        let Err(at) = self.arena.list(place, len).binary_search(&id) else {
            return false;
        };
        if len == FOLLOWERS_PACKED_MAX {
            let mut ids = self.arena.list(place, len).to_vec();
            ids.insert(at, id);
            self.arena.take_back(place);
            self.place(node, &ids);
            return true;
        }
        let place = if len == room(place.class) {
            self.arena.transfer(place, len, place.class + 1)
        } else {
            place
        };
        let slot = self.arena.slot_mut(place);
        slot.copy_within(at..len, at + 1);
        if let Some(slot) = slot.get_mut(at) {
            *slot = id;
        }
        self.table.set(node, At::Packed(place, len + 1));
        true
    }

    fn remove_packed(&mut self, node: u32, place: Place, len: usize, id: u32) -> bool {
        let Ok(at) = self.arena.list(place, len).binary_search(&id) else {
            return false;
        };
        self.arena.slot_mut(place).copy_within(at + 1..len, at);
        let len = len - 1;
        if let [one] = *self.arena.list(place, len) {
            self.arena.take_back(place);
            self.table.set(node, At::One(one));
            return true;
        }
        // Two classes down, so that one who comes and goes at a bound moves nothing.
        let smaller = place.class.checked_sub(2).filter(|class| len <= room(*class));
        let place = smaller.map_or(place, |class| self.arena.transfer(place, len, class));
        self.table.set(node, At::Packed(place, len));
        true
    }

    fn remove_large(&mut self, node: u32, number: u32, id: u32) -> bool {
        let Some(large) = self.large_mut(number) else {
            return false;
        };
        let removed = large.remove(id);
        // Half the bound, for the same reason.
        if large.len() <= FOLLOWERS_PACKED_MAX / 2 {
            let ids = large.to_vec();
            self.forget_large(number);
            self.place(node, &ids);
        }
        removed
    }

    fn large_mut(&mut self, number: u32) -> Option<&mut Large> {
        self.large.get_mut(number as usize)?.as_deref_mut()
    }

    fn forget_large(&mut self, number: u32) {
        if let Some(slot) = self.large.get_mut(number as usize) {
            *slot = None;
            self.free.push(number);
        }
    }
}

/// Copies ids to the beginning of a slot that takes them.
fn fill(slot: &mut [u32], ids: &[u32]) {
    slot.iter_mut().zip(ids).for_each(|(to, id)| *to = *id);
}
