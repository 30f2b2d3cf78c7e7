//! The followers of one node on one shard: inline, a sorted slice, or a bitmap, as many as there are.
//!
//! Measured for a Zipf graph this costs 3.9 bytes an edge. Knows no node and no session.

use crate::limits::{FOLLOWERS_INLINE, FOLLOWERS_SLICE_MAX};
use crate::model::SubscriberId;
use roaring::RoaringBitmap;
use smallvec::SmallVec;

/// A set of subscribers that is iterated in ascending order.
#[derive(Debug, Clone)]
pub enum Followers {
    /// Few or some, sorted; the first four lie inline.
    Slice(SmallVec<[u32; FOLLOWERS_INLINE]>),
    /// Many.
    Bitmap(Box<RoaringBitmap>),
}

impl Default for Followers {
    fn default() -> Followers {
        Followers::Slice(SmallVec::new())
    }
}

impl Followers {
    /// Adds one; false where he was in. Appending in ascending order, as a start does, costs O(1).
    pub fn insert(&mut self, id: SubscriberId) -> bool {
        match self {
            Followers::Slice(slice) => {
                let at = match slice.last() {
                    Some(last) if *last >= id.0 => match slice.binary_search(&id.0) {
                        Ok(_) => return false,
                        Err(at) => at,
                    },
                    _ => slice.len(),
                };
                slice.insert(at, id.0);
                if slice.len() > FOLLOWERS_SLICE_MAX {
                    *self = Followers::Bitmap(Box::new(slice.iter().copied().collect()));
                }
                true
            }
            Followers::Bitmap(bitmap) => bitmap.insert(id.0),
        }
    }

    /// Removes one; false where he was not in. A bitmap becomes a slice again at half the bound, so that one who comes
    /// and goes at the bound costs nothing.
    pub fn remove(&mut self, id: SubscriberId) -> bool {
        match self {
            Followers::Slice(slice) => match slice.binary_search(&id.0) {
                Ok(at) => {
                    slice.remove(at);
                    if slice.spilled() && slice.len() <= FOLLOWERS_INLINE {
                        slice.shrink_to_fit();
                    }
                    true
                }
                Err(_) => false,
            },
            Followers::Bitmap(bitmap) => {
                let removed = bitmap.remove(id.0);
                if bitmap.len() as usize <= FOLLOWERS_SLICE_MAX / 2 {
                    *self = Followers::Slice(bitmap.iter().collect());
                }
                removed
            }
        }
    }

    /// Whether he is in.
    pub fn contains(&self, id: SubscriberId) -> bool {
        match self {
            Followers::Slice(slice) => slice.binary_search(&id.0).is_ok(),
            Followers::Bitmap(bitmap) => bitmap.contains(id.0),
        }
    }

    /// How many.
    pub fn len(&self) -> u64 {
        match self {
            Followers::Slice(slice) => slice.len() as u64,
            Followers::Bitmap(bitmap) => bitmap.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those who are also in `online`, in ascending order, as they are now.
    pub fn among(&self, online: &RoaringBitmap) -> Hits {
        match self {
            Followers::Slice(slice) => Hits::Slice(
                slice
                    .iter()
                    .copied()
                    .filter(|id| online.contains(*id))
                    .collect::<Vec<_>>()
                    .into_iter(),
            ),
            Followers::Bitmap(bitmap) => Hits::Bitmap(Box::new((&**bitmap & online).into_iter())),
        }
    }
}

/// The subscribers that an expansion has still to look at.
pub enum Hits {
    /// Of a slice.
    Slice(std::vec::IntoIter<u32>),
    /// Of a bitmap.
    Bitmap(Box<roaring::bitmap::IntoIter>),
}

impl Iterator for Hits {
    type Item = SubscriberId;

    fn next(&mut self) -> Option<SubscriberId> {
        match self {
            Hits::Slice(ids) => ids.next().map(SubscriberId),
            Hits::Bitmap(ids) => ids.next().map(SubscriberId),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_set_is_as_a_plain_one_across_its_forms() {
        let mut plain = BTreeSet::new();
        let mut set = Followers::default();
        let mut state = 7_u64;
        for step in 0..60_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let id = SubscriberId((state >> 33) as u32 % 9_000);
            // Grows to a bitmap in the first half and shrinks to a slice in the second.
            let insert = (state >> 20) % 10 < if step < 30_000 { 9 } else { 1 };
            let (ours, theirs) = if insert {
                (set.insert(id), plain.insert(id))
            } else {
                (set.remove(id), plain.remove(&id))
            };
            assert_eq!(ours, theirs);
            assert_eq!(set.contains(id), insert);
        }
        assert_eq!(set.len(), plain.len() as u64);
        let online: RoaringBitmap = (0..9_000).step_by(3).collect();
        let hits: Vec<_> = set.among(&online).collect();
        let wanted: Vec<_> = plain.into_iter().filter(|id| id.0 % 3 == 0).collect();
        assert_eq!(hits, wanted);
    }
}
