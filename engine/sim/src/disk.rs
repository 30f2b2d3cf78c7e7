//! A store that fails: ordered families in memory, of which a machine's crash keeps what was synced and a part of the rest.
//!
//! A synced write may fail, and then nobody knows whether it is there. Knows no row. The engine runs on it as on RocksDB.

use crate::rng::Rng;
use reef_engine::clock::Clock;
use reef_engine::error::StoreError;
use reef_engine::model::Timestamp;
use reef_engine::store::keys::Family;
use reef_engine::store::{Each, Range, Store, View, Write};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// The families, by number.
#[derive(Clone, Debug, Default)]
struct Families(Vec<Rows>);

impl Families {
    fn apply(&mut self, writes: &[Write]) {
        for write in writes {
            let at = usize::from(write.family.0);
            if at >= self.0.len() {
                self.0.resize_with(at + 1, Rows::new);
            }
            let Some(rows) = self.0.get_mut(at) else { continue };
            match &write.value {
                Some(value) => rows.insert(write.key.clone(), value.clone()),
                None => rows.remove(&write.key),
            };
        }
    }

    fn rows(&self, family: Family) -> Option<&Rows> {
        self.0.get(usize::from(family.0))
    }
}

/// What becomes of a synced write that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is on the disk.
    Kept,
    /// It is not.
    Lost,
}

#[derive(Debug, Default)]
struct Inner {
    now: Families,
    synced: Families,
    /// Writes since the last synced one, in order.
    unsynced: Vec<Vec<Write>>,
    fail: Option<Failure>,
    failed: bool,
}

/// The disk. One thread uses it; the lock is what [`Store`] asks for.
#[derive(Debug, Default)]
pub struct Disk(Mutex<Inner>);

impl Disk {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The next synced write fails, and all after it until [`Disk::mend`].
    pub fn fail_next(&self, failure: Failure) {
        self.inner().fail = Some(failure);
    }

    /// Whether a write failed.
    pub fn failed(&self) -> bool {
        self.inner().failed
    }

    /// The process ended: what was written is there.
    pub fn mend(&self) {
        let mut inner = self.inner();
        (inner.fail, inner.failed) = (None, false);
    }

    /// The machine ended: of what was not synced a part is there, from its beginning.
    pub fn lose_power(&self, rng: &mut Rng) {
        let mut inner = self.inner();
        let kept = rng.below(inner.unsynced.len() + 1);
        let unsynced = std::mem::take(&mut inner.unsynced);
        for writes in unsynced.iter().take(kept) {
            inner.synced.apply(writes);
        }
        inner.now = inner.synced.clone();
        (inner.fail, inner.failed) = (None, false);
    }
}

impl View for Disk {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let inner = self.inner();
        Ok(inner.now.rows(family).and_then(|rows| rows.get(key)).cloned())
    }

    fn scan(&self, family: Family, range: &Range, each: Each<'_>) -> Result<(), StoreError> {
        let inner = self.inner();
        let Some(rows) = inner.now.rows(family) else {
            return Ok(());
        };
        if range.end.as_ref().is_some_and(|end| *end <= range.start) {
            return Ok(());
        }
        let end = range.end.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let mut within = rows.range((Bound::Included(range.start.clone()), end));
        while let Some((key, value)) = if range.reverse {
            within.next_back()
        } else {
            within.next()
        } {
            if each(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Store for Disk {
    fn write(&self, writes: Vec<Write>, sync: bool) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let broken = || Err(StoreError::Io("the disk failed".to_owned()));
        if inner.failed {
            return broken();
        }
        let failure = inner.fail.filter(|_| sync);
        if failure != Some(Failure::Lost) {
            inner.now.apply(&writes);
            inner.unsynced.push(writes);
        }
        if failure.is_some() {
            inner.failed = true;
            return broken();
        }
        if sync {
            for writes in std::mem::take(&mut inner.unsynced) {
                inner.synced.apply(&writes);
            }
        }
        Ok(())
    }

    fn checkpoint(&self, _: &Path) -> Result<(), StoreError> {
        Err(StoreError::Io("a simulated disk makes no copies".to_owned()))
    }
}

/// Time that moves only when the run moves it.
#[derive(Debug, Default)]
pub struct SimClock(AtomicU64);

impl SimClock {
    /// Some milliseconds pass.
    pub fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_000_000 + self.0.load(Ordering::Relaxed))
    }
}
