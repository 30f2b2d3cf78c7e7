//! Which sessions have something to write, and in which order they are written.
//!
//! Those that a small fan-out touched come first, in the order of their touching. Those of large ones come in the order of
//! the slab, which is mostly that of their logins, so that memory and the kernel's sockets are walked and not jumped
//! through. Knows no post.

use std::collections::VecDeque;

/// Slots of sessions. One whose session is gone, or was moved forward, stays until its turn: who asks for the next looks
/// whether its session still is marked.
#[derive(Default)]
pub(super) struct Dirty {
    small: VecDeque<u32>,
    /// A bit for each slot.
    large: Vec<u64>,
    /// How many bits are set.
    waiting: usize,
    /// The slot from which the search goes on, round and round.
    at: usize,
}

/// What a session remembers of its place in [`Dirty`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Marked {
    #[default]
    Clean,
    Small,
    Large,
}

impl Dirty {
    /// Adds a slot, or moves it forward; what it is to remember.
    pub(super) fn mark(&mut self, slot: u32, marked: Marked, small: bool) -> Marked {
        match (marked, small) {
            (Marked::Small, _) | (Marked::Large, false) => marked,
            (Marked::Large, true) => {
                self.take(slot);
                self.small.push_back(slot);
                Marked::Small
            }
            (Marked::Clean, true) => {
                self.small.push_back(slot);
                Marked::Small
            }
            (Marked::Clean, false) => {
                let at = slot as usize / 64;
                if at >= self.large.len() {
                    self.large.resize(at + 1, 0);
                }
                if let Some(word) = self.large.get_mut(at) {
                    // It may be set still, for a session that had the slot before.
                    self.waiting += usize::from(*word & (1 << (slot % 64)) == 0);
                    *word |= 1 << (slot % 64);
                }
                Marked::Large
            }
        }
    }

    /// The next.
    pub(super) fn next(&mut self) -> Option<u32> {
        if let Some(slot) = self.small.pop_front() {
            return Some(slot);
        }
        if self.waiting == 0 {
            return None;
        }
        loop {
            if self.at / 64 >= self.large.len() {
                self.at = 0;
            }
            let word = self.large.get_mut(self.at / 64)?;
            // Behind the last one: who has more, and comes back at once, has his turn after the others.
            let ahead = *word & (u64::MAX << (self.at % 64));
            if ahead != 0 {
                let bit = ahead.trailing_zeros() as usize;
                *word &= !(1 << bit);
                self.waiting -= 1;
                let slot = self.at / 64 * 64 + bit;
                self.at = slot + 1;
                return Some(slot as u32);
            }
            self.at = (self.at / 64 + 1) * 64;
        }
    }

    /// How many, with those that stayed behind.
    pub(super) fn len(&self) -> usize {
        self.small.len() + self.waiting
    }

    fn take(&mut self, slot: u32) {
        if let Some(word) = self.large.get_mut(slot as usize / 64)
            && *word & (1 << (slot % 64)) != 0
        {
            *word &= !(1 << (slot % 64));
            self.waiting -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Index;
    use crate::limits::Limits;
    use crate::metrics::Metrics;
    use crate::model::{Seq, SubscriberId};
    use crate::shard::Shard;
    use std::sync::Arc;

    #[test]
    fn small_ones_come_first_and_large_ones_in_the_order_of_their_slots() {
        let mut dirty = Dirty::default();
        for slot in [200, 3, 64, 130] {
            assert_eq!(dirty.mark(slot, Marked::Clean, false), Marked::Large);
        }
        assert_eq!(dirty.mark(9, Marked::Clean, true), Marked::Small);
        assert_eq!(dirty.mark(130, Marked::Large, true), Marked::Small);
        let order: Vec<u32> = std::iter::from_fn(|| dirty.next()).collect();
        assert_eq!(order, [9, 130, 3, 64, 200]);
        assert_eq!(dirty.mark(2, Marked::Clean, false), Marked::Large);
        assert_eq!((dirty.next(), dirty.next()), (Some(2), None));
    }

    #[test]
    fn one_who_has_more_comes_again_behind_the_others() {
        let mut dirty = Dirty::default();
        for slot in [1, 2, 63, 64, 200] {
            dirty.mark(slot, Marked::Clean, false);
        }
        let mut order = Vec::new();
        while let Some(slot) = dirty.next() {
            order.push(slot);
            if order.len() < 8 && slot != 200 {
                dirty.mark(slot, Marked::Clean, false);
            }
        }
        assert_eq!(order, [1, 2, 63, 64, 200, 1, 2, 63, 64, 1, 2]);
    }

    #[test]
    fn a_slot_that_is_freed_and_used_again_before_its_turn_is_counted_once() {
        let mut dirty = Dirty::default();
        dirty.mark(7, Marked::Clean, false);
        dirty.mark(7, Marked::Clean, false);
        assert_eq!(dirty.len(), 1);
        assert_eq!((dirty.next(), dirty.next(), dirty.len()), (Some(7), None, 0));
    }

    #[test]
    fn who_is_gone_is_skipped_and_who_has_his_slot_now_comes_once() {
        let (limits, metrics) = (Arc::new(Limits::default()), Arc::<Metrics>::default());
        let mut shard = Shard::new(0, 1, limits, metrics, 1, Index::default(), Seq(0));
        for small in [true, false] {
            let gone = shard.attach(SubscriberId(1), None);
            shard.mark_dirty(gone, small);
            shard.detach(gone);
            assert_eq!(shard.next_dirty(), None, "nobody is left");
            let gone = shard.attach(SubscriberId(1), None);
            shard.mark_dirty(gone, small);
            shard.detach(gone);
            let here = shard.attach(SubscriberId(2), None);
            assert_eq!(here.index, gone.index);
            shard.mark_dirty(here, !small);
            shard.mark_dirty(here, small);
            assert_eq!((shard.next_dirty(), shard.next_dirty()), (Some(here), None));
            shard.detach(here);
        }
    }
}
