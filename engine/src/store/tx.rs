//! The applier's view: the store with the changes of the open commit over it.
//!
//! A record's changes stay apart until it is accepted, so that a refused record leaves nothing. Knows no record.

use super::keys::Family;
use super::{Each, Range, View, Write};
use crate::error::StoreError;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Changes over a store, in two layers: those of accepted records, and those of the record being applied.
pub struct Tx<'s> {
    store: &'s dyn View,
    accepted: BTreeMap<Family, Changes>,
    current: BTreeMap<Family, Changes>,
}

impl<'s> Tx<'s> {
    /// An empty one over `store`.
    pub fn new(store: &'s dyn View) -> Tx<'s> {
        Tx {
            store,
            accepted: BTreeMap::new(),
            current: BTreeMap::new(),
        }
    }

    /// Writes a row.
    pub fn put(&mut self, family: Family, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.current
            .entry(family)
            .or_default()
            .insert(key.into(), Some(value.into()));
    }

    /// Removes a row, which need not exist.
    pub fn delete(&mut self, family: Family, key: impl Into<Vec<u8>>) {
        self.current.entry(family).or_default().insert(key.into(), None);
    }

    /// Keeps what the current record changed.
    pub fn accept(&mut self) {
        for (family, changes) in std::mem::take(&mut self.current) {
            let accepted = self.accepted.entry(family).or_default();
            if accepted.is_empty() {
                *accepted = changes;
            } else {
                accepted.extend(changes);
            }
        }
    }

    /// Forgets what the current record changed.
    pub fn refuse(&mut self) {
        self.current.clear();
    }

    /// All accepted changes, for one write.
    pub fn into_writes(self) -> Vec<Write> {
        let rows = self.accepted.into_iter();
        rows.flat_map(|(family, changes)| {
            changes
                .into_iter()
                .map(move |(key, value)| Write { family, key, value })
        })
        .collect()
    }

    fn overlay(&self, family: Family, range: &Range) -> Changes {
        let mut over = Changes::new();
        if range.end.as_ref().is_some_and(|end| *end <= range.start) {
            return over;
        }
        let end = range.end.clone().map_or(Bound::Unbounded, Bound::Excluded);
        for layer in [&self.accepted, &self.current] {
            let Some(changes) = layer.get(&family) else { continue };
            let rows = changes.range((Bound::Included(range.start.clone()), end.clone()));
            over.extend(rows.map(|(k, v)| (k.clone(), v.clone())));
        }
        over
    }
}

impl View for Tx<'_> {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        for layer in [&self.current, &self.accepted] {
            if let Some(change) = layer.get(&family).and_then(|c| c.get(key)) {
                return Ok(change.clone());
            }
        }
        match family {
            Family::SUBSCRIBER_NAME | Family::FOLLOWS => Ok(self.store.get_many(family, &[key])?.pop().flatten()),
            _ => self.store.get(family, key),
        }
    }

    fn get_many(&self, family: Family, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let ours = |key: &[u8]| {
            let mut layers = [&self.current, &self.accepted].into_iter();
            layers.find_map(|layer| layer.get(&family)?.get(key).cloned())
        };
        let mut found: Vec<_> = keys.iter().map(|key| ours(key)).collect();
        let asked: Vec<&[u8]> = keys
            .iter()
            .zip(&found)
            .filter(|(_, f)| f.is_none())
            .map(|(key, _)| *key)
            .collect();
        let mut stored = self.store.get_many(family, &asked)?.into_iter();
        for row in found.iter_mut().filter(|row| row.is_none()) {
            *row = stored.next();
        }
        Ok(found.into_iter().map(Option::flatten).collect())
    }

    fn scan(&self, family: Family, range: &Range, each: Each<'_>) -> Result<(), StoreError> {
        let mut over = self.overlay(family, range);
        if over.is_empty() {
            return self.store.scan(family, range, each);
        }
        let mut open = true;
        self.store.scan(family, range, &mut |key, value| {
            while let Some(entry) = if range.reverse {
                over.last_entry()
            } else {
                over.first_entry()
            } {
                let ours_first = if range.reverse {
                    entry.key().as_slice() >= key
                } else {
                    entry.key().as_slice() <= key
                };
                if !ours_first {
                    break;
                }
                let same = entry.key().as_slice() == key;
                let (ours, change) = entry.remove_entry();
                if change.is_some_and(|value| each(&ours, &value).is_break()) {
                    open = false;
                    return ControlFlow::Break(());
                }
                if same {
                    return ControlFlow::Continue(());
                }
            }
            let flow = each(key, value);
            open = flow.is_continue();
            flow
        })?;
        while open
            && let Some((key, change)) = if range.reverse {
                over.pop_last()
            } else {
                over.pop_first()
            }
        {
            open = change.is_none_or(|value| each(&key, &value).is_continue());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Changes);

    impl View for Fixed {
        fn get(&self, _: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.0.get(key).cloned().flatten())
        }

        fn scan(&self, _: Family, range: &Range, each: Each<'_>) -> Result<(), StoreError> {
            let within = |k: &[u8]| k >= range.start.as_slice() && range.end.as_ref().is_none_or(|e| k < e.as_slice());
            let mut rows: Vec<_> = self.0.iter().filter(|(k, _)| within(k)).collect();
            if range.reverse {
                rows.reverse();
            }
            let _ = rows
                .into_iter()
                .try_for_each(|(k, v)| each(k, v.as_deref().unwrap_or_default()));
            Ok(())
        }
    }

    fn keys(tx: &Tx<'_>, reverse: bool) -> String {
        let mut seen = String::new();
        let range = Range {
            start: b"a".to_vec(),
            end: Some(b"z".to_vec()),
            reverse,
        };
        tx.scan(Family::LOG, &range, &mut |k, v| {
            seen.push_str(&format!(
                "{}{} ",
                String::from_utf8_lossy(k),
                String::from_utf8_lossy(v)
            ));
            ControlFlow::Continue(())
        })
        .expect("a fixed store cannot fail");
        seen
    }

    #[test]
    fn a_scan_sees_own_changes_in_order_both_ways() {
        let store = Fixed(
            ["b", "d", "f"]
                .iter()
                .map(|k| (k.as_bytes().to_vec(), Some(b"0".to_vec())))
                .collect(),
        );
        let mut tx = Tx::new(&store);
        tx.put(Family::LOG, "a", "1");
        tx.put(Family::LOG, "d", "1");
        tx.accept();
        tx.delete(Family::LOG, "b");
        tx.put(Family::LOG, "g", "2");
        assert_eq!(keys(&tx, false), "a1 d1 f0 g2 ");
        assert_eq!(keys(&tx, true), "g2 f0 d1 a1 ");
        tx.refuse();
        assert_eq!(keys(&tx, false), "a1 b0 d1 f0 ");
        assert_eq!(tx.into_writes().len(), 2);
    }
}
