//! The store: ordered keys in families, read by anyone, written by the applier alone.
//!
//! Knows bytes only; `keys.rs` and `rows.rs` give them meaning, `tx.rs` shows the applier its own unwritten changes,
//! `rocks.rs` is the one file that names RocksDB. Next: `index/` is rebuilt from it, `outbox/` reads pages from it.

mod formats;
pub mod journal;
pub mod keys;
mod known;
mod open;
mod rocks;
pub mod rows;
mod tx;

pub use open::{FORMAT_VERSION, check_format};
pub use rocks::RocksStore;
pub use tx::Tx;

use crate::error::StoreError;
use keys::Family;
use std::ops::ControlFlow;
use std::path::Path;

/// What a scan calls for each row; `Break` ends it.
pub type Each<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// A range of keys: from `start` (inclusive) to `end` (exclusive; `None` is the family's end).
#[derive(Clone, Debug)]
pub struct Range {
    /// First key.
    pub start: Vec<u8>,
    /// The key behind the last.
    pub end: Option<Vec<u8>>,
    /// From the end to the start.
    pub reverse: bool,
}

impl Range {
    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Range {
        Range {
            start: prefix.to_vec(),
            end: keys::behind(prefix),
            reverse: false,
        }
    }

    /// Keys from `start` up to, without, `end`.
    pub fn between(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Range {
        Range {
            start: start.into(),
            end: Some(end.into()),
            reverse: false,
        }
    }

    /// All of a family.
    pub fn all() -> Range {
        Range {
            start: Vec::new(),
            end: None,
            reverse: false,
        }
    }

    /// The same keys, last first.
    pub fn reversed(self) -> Range {
        Range { reverse: true, ..self }
    }
}

/// What can be read: a store, or the applier's view of it. Threads may share it.
pub trait View: Sync {
    /// One row.
    ///
    /// # Errors
    /// The store's failures, which are fatal.
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Rows of a range, in order, until `each` breaks.
    ///
    /// # Errors
    /// The store's failures, which are fatal.
    fn scan(&self, family: Family, range: &Range, each: Each<'_>) -> Result<(), StoreError>;

    /// The same for rows that are read once and not soon again, as at start: nothing of it is kept in a cache.
    ///
    /// # Errors
    /// The store's failures, which are fatal.
    fn scan_once(&self, family: Family, range: &Range, each: Each<'_>) -> Result<(), StoreError> {
        self.scan(family, range, each)
    }

    /// Many rows by their keys, in the order of the keys; a store may find them faster than one by one. It remembers nothing.
    ///
    /// # Errors
    /// The store's failures, which are fatal.
    fn read_many(&self, family: Family, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        keys.iter().map(|key| self.get(family, key)).collect()
    }

    /// The same for the one thread that writes, and nobody else: a store may remember what it answers here, until that
    /// thread writes it.
    ///
    /// # Errors
    /// The store's failures, which are fatal.
    fn get_many(&self, family: Family, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.read_many(family, keys)
    }
}

/// One change of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The family.
    pub family: Family,
    /// The key.
    pub key: Vec<u8>,
    /// The new value; `None` deletes.
    pub value: Option<Vec<u8>>,
}

/// A store. The engine runs on [`RocksStore`]; the simulation on one that crashes.
pub trait Store: View + Send + Sync + 'static {
    /// Writes all of it or nothing. With `sync` it is on the disk when this returns; without, it is ordered before any
    /// later synced write and survives the process, not the machine.
    ///
    /// # Errors
    /// Fatal, never to be retried: after a failed sync nobody knows what is on the disk.
    fn write(&self, writes: Vec<Write>, sync: bool) -> Result<(), StoreError>;

    /// A consistent copy at `dir`, which must not exist, while the store serves.
    ///
    /// # Errors
    /// The copy failed; the store itself is untouched.
    fn checkpoint(&self, dir: &Path) -> Result<(), StoreError>;

    /// Rewrites what it keeps, so that nothing of rows that were removed before is on the disk any more, while the store serves.
    /// Costs a read and a write of everything. A store that keeps nothing of removed rows has nothing to do.
    ///
    /// # Errors
    /// The store's failures.
    fn compact(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
