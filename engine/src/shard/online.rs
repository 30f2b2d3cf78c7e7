//! Who is available on a shard: from a dense subscriber id to his first session, without hashing.
//!
//! Knows only the links of sessions. The bitmap of the same ids is what a post's followers are intersected with.

use super::session::{Link, Sessions};
use crate::limits::BLOCK;
use crate::model::SubscriberId;
use roaring::RoaringBitmap;

/// Ids in one part of the table of who is here: small, since a virtual shard's ids fill only the beginning of a block.
const PART: u32 = 64;
const _: () = assert!(BLOCK.is_multiple_of(PART));

/// Who is available here: subscriber → first session.
#[derive(Default)]
pub(super) struct Online {
    /// By part of the ids: the first session.
    parts: Vec<Option<Box<[Link; PART as usize]>>>,
    ids: RoaringBitmap,
}

impl Online {
    /// The subscribers, for intersections.
    pub(super) fn ids(&self) -> &RoaringBitmap {
        &self.ids
    }

    /// The first session of a subscriber.
    pub(super) fn first(&self, id: SubscriberId) -> Option<u32> {
        let part = self.parts.get((id.0 / PART) as usize)?.as_ref()?;
        part.get((id.0 % PART) as usize)?.get()
    }

    fn set(&mut self, id: SubscriberId, first: Option<u32>) {
        let at = (id.0 / PART) as usize;
        if at >= self.parts.len() {
            self.parts.resize_with(at + 1, || None);
        }
        if let Some(part) = self.parts.get_mut(at) {
            let part = part.get_or_insert_with(|| Box::new([Link::default(); PART as usize]));
            if let Some(slot) = part.get_mut((id.0 % PART) as usize) {
                *slot = first.into();
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
            session.next = first.into();
        }
        self.set(id, Some(index));
    }

    /// Takes a session out.
    pub(super) fn unlink(&mut self, sessions: &mut Sessions, index: u32, id: SubscriberId) {
        let after = sessions.at(index).and_then(|s| s.next.get());
        if self.first(id) == Some(index) {
            return self.set(id, after);
        }
        let mut at = self.first(id);
        while let Some(here) = at {
            let next = sessions.at(here).and_then(|s| s.next.get());
            if next == Some(index) {
                if let Some(session) = sessions.at_mut(here) {
                    session.next = after.into();
                }
                return;
            }
            at = next;
        }
    }
}
