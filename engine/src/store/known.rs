//! Rows that the applier asks for again and again: who a bare JID is, how many nodes he follows, and what of his is kept.
//!
//! In two generations: what is asked for stays in the younger, and when that is full the older goes. Filled by the one
//! thread that writes, when it reads and when it writes, so that no row in here is ever older than the store's.

use super::Write;
use super::keys::Family;
use crate::limits::ROWS_KNOWN_MAX;
use smallvec::SmallVec;
use std::collections::HashMap;

type Key = SmallVec<[u8; 24]>;
type Value = SmallVec<[u8; 8]>;
type Generation = HashMap<Key, Value>;

/// The rows of one family.
#[derive(Debug)]
struct Rows {
    /// Rows of a generation.
    most: usize,
    young: Generation,
    old: Generation,
}

impl Rows {
    fn new(most: usize) -> Rows {
        Rows {
            most,
            young: Generation::new(),
            old: Generation::new(),
        }
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        if let Some(value) = self.young.get(key) {
            return Some(value.to_vec());
        }
        let (key, value) = self.old.remove_entry(key)?;
        let found = value.to_vec();
        self.put(key, value);
        Some(found)
    }

    fn put(&mut self, key: Key, value: Value) {
        if self.young.len() >= self.most && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    fn remove(&mut self, key: &[u8]) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

/// The rows.
#[derive(Debug)]
pub(super) struct Known {
    names: Rows,
    follows: Rows,
    usage: Rows,
}

impl Default for Known {
    fn default() -> Known {
        Known::new(ROWS_KNOWN_MAX)
    }
}

impl Known {
    /// None yet, and at most so many of all families.
    fn new(most: usize) -> Known {
        Known {
            names: Rows::new(most / 6),
            follows: Rows::new(most / 6),
            usage: Rows::new(most / 6),
        }
    }

    /// Whether rows of a family are remembered.
    pub(super) fn covers(family: Family) -> bool {
        matches!(family, Family::SUBSCRIBER_NAME | Family::FOLLOWS | Family::USAGE)
    }

    fn rows(&mut self, family: Family) -> Option<&mut Rows> {
        match family {
            Family::SUBSCRIBER_NAME => Some(&mut self.names),
            Family::FOLLOWS => Some(&mut self.follows),
            Family::USAGE => Some(&mut self.usage),
            _ => None,
        }
    }

    /// A row; `None` where the store has to be asked.
    pub(super) fn get(&mut self, family: Family, key: &[u8]) -> Option<Vec<u8>> {
        self.rows(family)?.get(key)
    }

    /// Remembers a row that the store has.
    pub(super) fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        if let Some(rows) = self.rows(family) {
            rows.old.remove(key);
            rows.put(Key::from_slice(key), Value::from_slice(value));
        }
    }

    /// What is being written.
    pub(super) fn written(&mut self, writes: &[Write]) {
        for write in writes.iter().filter(|write| Known::covers(write.family)) {
            match &write.value {
                Some(value) => self.put(write.family, &write.key, value),
                None => drop(self.rows(write.family).map(|rows| rows.remove(&write.key))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_outlives_what_is_not_and_nothing_is_stale() {
        let most = 6_000;
        let mut known = Known::new(most);
        let write = |number: usize, value: Option<u8>| Write {
            family: Family::FOLLOWS,
            key: number.to_be_bytes().to_vec(),
            value: value.map(|value| vec![value]),
        };
        let get = |known: &mut Known, number: usize| known.get(Family::FOLLOWS, &number.to_be_bytes());
        for number in 0..most {
            known.written(&[write(number, Some(1))]);
            assert_eq!(get(&mut known, 7), (number >= 7).then(|| vec![1]));
        }
        assert_eq!(get(&mut known, 8), None);
        known.written(&[write(7, Some(2)), write(most - 1, None)]);
        assert_eq!(get(&mut known, 7), Some(vec![2]));
        assert_eq!(get(&mut known, most - 1), None);
        assert!(known.follows.young.len() + known.follows.old.len() <= most / 3);
        assert_eq!(known.get(Family::LOG, b"x"), None);
    }

    #[test]
    fn whatever_is_read_and_written_in_turn_a_row_is_never_older_than_the_stores() {
        let (mut known, mut store) = (Known::new(64), HashMap::new());
        let mut state = 7u64;
        let mut below = |most: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % most
        };
        let mut found = 0;
        for value in 0..200_000u64 {
            let key = below(60).to_be_bytes();
            match below(4) {
                0 => {
                    let value = (below(5) > 0).then(|| value.to_be_bytes().to_vec());
                    known.written(&[Write {
                        family: Family::FOLLOWS,
                        key: key.to_vec(),
                        value: value.clone(),
                    }]);
                    match value {
                        Some(value) => drop(store.insert(key, value)),
                        None => drop(store.remove(&key)),
                    }
                }
                _ => match (known.get(Family::FOLLOWS, &key), store.get(&key)) {
                    (Some(row), here) => {
                        found += 1;
                        assert_eq!(Some(&row), here);
                    }
                    (None, Some(row)) => known.put(Family::FOLLOWS, &key, row),
                    (None, None) => {}
                },
            }
        }
        assert!(found > 10_000, "{found}");
    }
}
