//! Short sorted lists of ids, packed by size into pages: no allocation, no header and little slack for each.
//!
//! A list lies in the smallest class of slots that takes it and moves to another as it grows and shrinks. A slot that is
//! given back holds the number of the next free one, so that free slots cost nothing. Knows no node.

use crate::limits::FOLLOWERS_PACKED_MAX;

/// Ids in a slot of each class: steps of an eighth to a quarter, so that a list wastes about a tenth.
const ROOMS: [usize; 37] = [
    2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256,
    320, 384, 448, 512, 640, 768, 896, 1024,
];
const _: () = assert!(ROOMS[ROOMS.len() - 1] == FOLLOWERS_PACKED_MAX);
const _: () = assert!(ROOMS.len() <= 64, "a class has six bits in an entry");

/// Ids in a page, at least: 16 KiB.
const PAGE_IDS: usize = 4096;

/// Where a list lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The class of slots.
    pub(super) class: u8,
    /// The slot within it.
    pub(super) slot: u32,
}

/// The slots of one size.
#[derive(Debug, Default)]
struct Class {
    pages: Vec<Box<[u32]>>,
    /// Slots that were ever given.
    given: u32,
    /// The last slot that came back, and one more; 0 where none is free.
    free: u32,
}

/// All the lists of an index.
#[derive(Debug)]
pub(super) struct Arena {
    classes: Vec<Class>,
}

impl Default for Arena {
    fn default() -> Arena {
        Arena {
            classes: ROOMS.iter().map(|_| Class::default()).collect(),
        }
    }
}

/// How many ids a slot of a class takes.
pub(super) fn room(class: u8) -> usize {
    ROOMS.get(usize::from(class)).copied().unwrap_or(0)
}

/// The class for so many ids, of which there are at most [`FOLLOWERS_PACKED_MAX`].
pub(super) fn class_for(ids: usize) -> u8 {
    ROOMS.partition_point(|room| *room < ids) as u8
}

/// Slots in a page of a class: a power of two, so that finding one is a shift.
fn page_slots(class: u8) -> usize {
    (PAGE_IDS / room(class).max(1)).next_power_of_two()
}

impl Arena {
    /// A slot of a class, with what the last one left in it.
    pub(super) fn give(&mut self, class: u8) -> Place {
        let (slots, room) = (page_slots(class), room(class));
        let Some(of) = self.classes.get_mut(usize::from(class)) else {
            return Place { class, slot: 0 };
        };
        if let Some(slot) = of.free.checked_sub(1) {
            let next = slot_of(&of.pages, class, slot).and_then(|ids| ids.first()).copied();
            of.free = next.unwrap_or(0);
            return Place { class, slot };
        }
        let slot = of.given;
        if slot as usize >= of.pages.len() * slots {
            of.pages.push(vec![0; slots * room].into());
        }
        of.given += 1;
        Place { class, slot }
    }

    /// A list is no longer there.
    pub(super) fn take_back(&mut self, place: Place) {
        let Some(of) = self.classes.get_mut(usize::from(place.class)) else {
            return;
        };
        let next = std::mem::replace(&mut of.free, place.slot + 1);
        if let Some(first) = self.slot_mut(place).first_mut() {
            *first = next;
        }
    }

    /// The first `len` ids of a slot.
    pub(super) fn list(&self, place: Place, len: usize) -> &[u32] {
        let of = self.classes.get(usize::from(place.class));
        let slot = of.and_then(|of| slot_of(&of.pages, place.class, place.slot));
        slot.and_then(|ids| ids.get(..len)).unwrap_or(&[])
    }

    /// All of a slot.
    pub(super) fn slot_mut(&mut self, place: Place) -> &mut [u32] {
        let (slots, room) = (page_slots(place.class), room(place.class));
        let (page, at) = (place.slot as usize / slots, place.slot as usize % slots * room);
        let of = self.classes.get_mut(usize::from(place.class));
        let page = of.and_then(|of| of.pages.get_mut(page));
        page.and_then(|page| page.get_mut(at..at + room)).unwrap_or(&mut [])
    }

    /// Moves the first `len` ids of a slot to one of another class.
    pub(super) fn transfer(&mut self, from: Place, len: usize, class: u8) -> Place {
        let to = self.give(class);
        let mut carried = [0_u32; FOLLOWERS_PACKED_MAX];
        let kept = self.list(from, len);
        let len = kept.len();
        // Through the stack, since both slots lie in the same arena: at most 4 KiB.
        carried.iter_mut().zip(kept).for_each(|(to, from)| *to = *from);
        self.slot_mut(to)
            .iter_mut()
            .zip(carried.iter().take(len))
            .for_each(|(to, from)| *to = *from);
        self.take_back(from);
        to
    }
}

fn slot_of(pages: &[Box<[u32]>], class: u8, slot: u32) -> Option<&[u32]> {
    let (slots, room) = (page_slots(class), room(class));
    let (page, at) = (slot as usize / slots, slot as usize % slots * room);
    pages.get(page)?.get(at..at + room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_has_the_smallest_class_that_takes_it() {
        for ids in 2..=FOLLOWERS_PACKED_MAX {
            let class = class_for(ids);
            assert!(room(class) >= ids && (class == 0 || room(class - 1) < ids), "{ids}");
        }
    }

    #[test]
    fn slots_come_back_and_are_given_again() {
        let mut arena = Arena::default();
        let class = class_for(5);
        let places: Vec<Place> = (0..3_000).map(|_| arena.give(class)).collect();
        for (number, place) in (0_u32..).zip(&places) {
            arena.slot_mut(*place).fill(number);
        }
        for (number, place) in (0_u32..).zip(&places) {
            assert_eq!(arena.list(*place, 5), [number; 5]);
        }
        arena.take_back(places[7]);
        arena.take_back(places[2_000]);
        assert_eq!([arena.give(class), arena.give(class)], [places[2_000], places[7]]);
        assert_eq!(arena.give(class).slot, 3_000);
        let moved = arena.transfer(places[9], 5, class_for(6));
        assert_eq!(arena.list(moved, 5), [9; 5]);
        assert_eq!(arena.give(class), places[9]);
    }
}
