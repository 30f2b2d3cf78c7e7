//! The followers of a node that has many on one shard: a sorted list, or a bitmap where that is smaller.
//!
//! Ids lie dense where a node is followed by many, and there a bitmap takes two bytes an id or less; a node whose followers
//! are spread thin over a large id space is kept as a list, since each 65,536 ids that have any cost a bitmap 48 bytes.

use crate::limits::FOLLOWERS_LIST_MAX;
use roaring::RoaringBitmap;

/// Bytes of a bitmap's container without its ids, with what the allocator adds.
const CONTAINER: usize = 48;

/// Many followers.
#[derive(Debug)]
pub(super) enum Large {
    /// Sorted.
    List(Vec<u32>),
    /// With its length, which a bitmap has to count.
    Bitmap(RoaringBitmap, u32),
}

impl Large {
    /// Of ids in ascending order.
    pub(super) fn new(ids: &[u32]) -> Large {
        if ids.len() > FOLLOWERS_LIST_MAX || denser_as_bitmap(ids) {
            let mut bitmap = RoaringBitmap::new();
            // Ascending, so all of them are taken.
            let _ = bitmap.append(ids.iter().copied());
            // A clone has no slack.
            Large::Bitmap(bitmap.clone(), ids.len() as u32)
        } else {
            Large::List(ids.to_vec())
        }
    }

    /// Adds one; false where he was in.
    pub(super) fn insert(&mut self, id: u32) -> bool {
        match self {
            Large::List(list) => {
                let Err(at) = list.binary_search(&id) else { return false };
                if list.len() == list.capacity() {
                    list.reserve_exact(list.len() / 8);
                    list.insert(at, id);
                    if list.len() > FOLLOWERS_LIST_MAX || denser_as_bitmap(list) {
                        *self = Large::new(&std::mem::take(list));
                    }
                } else {
                    list.insert(at, id);
                }
                true
            }
            Large::Bitmap(bitmap, len) => {
                let added = bitmap.insert(id);
                *len += u32::from(added);
                added
            }
        }
    }

    /// Removes one; false where he was not in.
    pub(super) fn remove(&mut self, id: u32) -> bool {
        match self {
            Large::List(list) => {
                let Ok(at) = list.binary_search(&id) else { return false };
                list.remove(at);
                if list.len() < list.capacity() / 2 {
                    list.shrink_to_fit();
                }
                true
            }
            Large::Bitmap(bitmap, len) => {
                let removed = bitmap.remove(id);
                *len -= u32::from(removed);
                removed
            }
        }
    }

    /// Adds ids in ascending order that all lie above those that are in.
    pub(super) fn append(&mut self, ids: &[u32]) {
        match self {
            Large::List(list) => {
                let mut all = std::mem::take(list);
                all.extend_from_slice(ids);
                *self = Large::new(&all);
            }
            Large::Bitmap(bitmap, len) => {
                *len += bitmap.append(ids.iter().copied()).unwrap_or(0) as u32;
            }
        }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        match self {
            Large::List(list) => list.len(),
            Large::Bitmap(_, len) => *len as usize,
        }
    }

    /// All of them, in ascending order.
    pub(super) fn to_vec(&self) -> Vec<u32> {
        match self {
            Large::List(list) => list.clone(),
            Large::Bitmap(bitmap, _) => bitmap.iter().collect(),
        }
    }

    /// Gives back what growing left over.
    pub(super) fn compact(&mut self) {
        match self {
            Large::List(list) => list.shrink_to_fit(),
            Large::Bitmap(bitmap, _) => *bitmap = bitmap.clone(),
        }
    }
}

/// Whether a bitmap of these takes clearly less than four bytes each.
fn denser_as_bitmap(ids: &[u32]) -> bool {
    let mut bytes = 0;
    for group in ids.chunk_by(|a, b| a >> 16 == b >> 16) {
        bytes += CONTAINER + (2 * group.len()).min(8192);
    }
    bytes * 5 / 4 < ids.len() * 4
}
