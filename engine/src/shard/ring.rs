//! A session's queue: post numbers, six inline, more on the heap only while they wait.
//!
//! Knows no post. An entry's highest bit says that it is for the session's full JID (XEP-0163), not for a follower.

use smallvec::SmallVec;

/// Set in entries that are due by presence and caps.
const NOTIFY: u32 = 1 << 31;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    /// The post's number; 31 bits, wrapping.
    pub(super) number: u32,
    /// Due by presence and caps, not by following.
    pub(super) notify: bool,
}

/// First in, first out.
#[derive(Debug, Default)]
pub(super) struct Ring {
    items: SmallVec<[u32; 6]>,
    head: u32,
}

impl Ring {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.items.len() - self.head as usize
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds at the end.
    pub(super) fn push(&mut self, entry: Queued) {
        // What was read is given back before the list grows.
        if self.head > 0 && self.items.len() == self.items.capacity() {
            self.items.drain(..self.head as usize);
            self.head = 0;
        }
        self.items
            .push(entry.number & !NOTIFY | if entry.notify { NOTIFY } else { 0 });
    }

    /// The first.
    pub(super) fn front(&self) -> Option<Queued> {
        self.items.get(self.head as usize).map(|bits| Queued {
            number: bits & !NOTIFY,
            notify: bits & NOTIFY != 0,
        })
    }

    /// Takes the first.
    pub(super) fn pop(&mut self) -> Option<Queued> {
        let front = self.front()?;
        self.head += 1;
        if self.is_empty() {
            *self = Ring::default();
        }
        Some(front)
    }

    /// All that wait.
    pub(super) fn iter(&self) -> impl Iterator<Item = Queued> + '_ {
        let waiting = self.items.iter().skip(self.head as usize);
        waiting.map(|bits| Queued {
            number: bits & !NOTIFY,
            notify: bits & NOTIFY != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_marks_survive_growth() {
        let mut ring = Ring::default();
        let (mut next, mut expected) = (0, 0);
        for round in 0..50 {
            for _ in 0..round % 13 {
                ring.push(Queued {
                    number: next,
                    notify: next % 3 == 0,
                });
                next += 1;
            }
            for _ in 0..round % 7 {
                if let Some(entry) = ring.pop() {
                    assert_eq!(
                        entry,
                        Queued {
                            number: expected,
                            notify: expected % 3 == 0
                        }
                    );
                    expected += 1;
                }
            }
            assert_eq!(ring.len(), (next - expected) as usize);
        }
        assert_eq!(
            ring.iter().map(|e| e.number).collect::<Vec<_>>(),
            (expected..next).collect::<Vec<_>>()
        );
    }
}
