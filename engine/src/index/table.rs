//! By node, where its followers are: eight bytes each, in blocks, of which there are only those that have any.
//!
//! One follower lies in the entry itself. Knows neither lists nor bitmaps, only where they are.

use super::arena::Place;

/// Nodes in a block: 4 KiB.
const BLOCK: usize = 512;

/// Where the followers of a node are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// There are none.
    Nowhere,
    /// Here: it is one.
    One(u32),
    /// In the arena, so many.
    Packed(Place, usize),
    /// Among the large ones, by number.
    Large(u32),
}

/// All nodes.
#[derive(Debug, Default)]
pub(super) struct Table {
    blocks: Vec<Option<Box<[u64; BLOCK]>>>,
}

impl Table {
    /// Where a node's followers are.
    pub(super) fn get(&self, node: u32) -> At {
        let block = self.blocks.get(node as usize / BLOCK).and_then(Option::as_deref);
        block
            .and_then(|block| block.get(node as usize % BLOCK))
            .map_or(At::Nowhere, |entry| unpack(*entry))
    }

    /// Notes where they are from now on.
    pub(super) fn set(&mut self, node: u32, at: At) {
        let number = node as usize / BLOCK;
        if number >= self.blocks.len() {
            if at == At::Nowhere {
                return;
            }
            self.blocks.resize_with(number + 1, || None);
        }
        if let Some(block) = self.blocks.get_mut(number) {
            let block = block.get_or_insert_with(|| Box::new([0; BLOCK]));
            if let Some(entry) = block.get_mut(node as usize % BLOCK) {
                *entry = pack(at);
            }
        }
    }

    /// The nodes that have followers, in ascending order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = u32> {
        let blocks = self.blocks.iter().enumerate();
        let entries = blocks.flat_map(|(number, block)| {
            let entries = block.iter().flat_map(|block| block.iter().enumerate());
            entries.map(move |(at, entry)| (number * BLOCK + at, *entry))
        });
        entries.filter(|(_, entry)| *entry != 0).map(|(node, _)| node as u32)
    }
}

/// Two bits say which; then 6 bits of class and 24 of length, or none; then 32 bits of id, slot or number.
fn pack(at: At) -> u64 {
    let word = |kind: u64, low: u64, high: u32| kind | low << 2 | u64::from(high) << 32;
    match at {
        At::Nowhere => 0,
        At::One(id) => word(1, 0, id),
        At::Packed(Place { class, slot }, len) => word(2, u64::from(class) | (len as u64) << 6, slot),
        At::Large(number) => word(3, 0, number),
    }
}

fn unpack(entry: u64) -> At {
    let high = (entry >> 32) as u32;
    match entry & 3 {
        0 => At::Nowhere,
        1 => At::One(high),
        2 => {
            let class = (entry >> 2 & 63) as u8;
            At::Packed(Place { class, slot: high }, (entry >> 8 & 0x00ff_ffff) as usize)
        }
        _ => At::Large(high),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_found() {
        let mut table = Table::default();
        let place = |class, slot| Place { class, slot };
        let entries = [
            (1, At::One(u32::MAX)),
            (5_000, At::Packed(place(36, u32::MAX), 1024)),
            (5_001, At::Packed(place(0, 0), 2)),
            (70_000, At::Large(u32::MAX)),
        ];
        for (node, at) in entries {
            table.set(node, at);
        }
        assert!(entries.iter().all(|(node, at)| table.get(*node) == *at));
        table.set(5_000, At::Nowhere);
        assert_eq!(table.get(5_000), At::Nowhere);
        assert_eq!(table.get(4_000_000_000), At::Nowhere);
        assert_eq!(table.nodes().collect::<Vec<_>>(), [1, 5_001, 70_000]);
    }
}
