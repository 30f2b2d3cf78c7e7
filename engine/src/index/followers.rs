//! The followers of one node on one shard, as they are read: one, a sorted list, or a bitmap, as many as there are.
//!
//! Knows no node and no session. Next: `shard/expand.rs` intersects them with who is online.

use crate::model::SubscriberId;
use roaring::RoaringBitmap;

/// A set of subscribers that is iterated in ascending order.
#[derive(Clone, Copy, Debug)]
pub enum Followers<'i> {
    /// One alone.
    One(u32),
    /// Some, in ascending order.
    List(&'i [u32]),
    /// Many, with their number.
    Bitmap(&'i RoaringBitmap, u32),
}

impl Followers<'_> {
    /// Whether he is in.
    pub fn contains(&self, id: SubscriberId) -> bool {
        match self {
            Followers::One(one) => *one == id.0,
            Followers::List(list) => list.binary_search(&id.0).is_ok(),
            Followers::Bitmap(bitmap, _) => bitmap.contains(id.0),
        }
    }

    /// How many; costs nothing.
    pub fn len(&self) -> u64 {
        match self {
            Followers::One(_) => 1,
            Followers::List(list) => list.len() as u64,
            Followers::Bitmap(_, len) => u64::from(*len),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those who are also in `online`, in ascending order, as they are now.
    pub fn among(&self, online: &RoaringBitmap) -> Hits {
        match self {
            Followers::One(one) => Hits::Slice(Vec::from_iter(online.contains(*one).then_some(*one)).into_iter()),
            Followers::List(_) if online.is_empty() => Hits::Slice(Vec::new().into_iter()),
            Followers::List(list) => Hits::Slice(
                list.iter()
                    .copied()
                    .filter(|id| online.contains(*id))
                    .collect::<Vec<_>>()
                    .into_iter(),
            ),
            Followers::Bitmap(bitmap, _) => Hits::Bitmap(Box::new((*bitmap & online).into_iter())),
        }
    }

    /// All of them, in ascending order.
    pub fn to_vec(&self) -> Vec<u32> {
        match self {
            Followers::One(one) => vec![*one],
            Followers::List(list) => list.to_vec(),
            Followers::Bitmap(bitmap, _) => bitmap.iter().collect(),
        }
    }
}

/// The subscribers that an expansion has still to look at.
pub enum Hits {
    /// Of a list.
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
