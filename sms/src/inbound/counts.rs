//! What was heard, counted for operators: receipts by route and state, and those that matched nothing when they came.
//!
//! Knows no label's meaning. The lock is held for one count, or to copy all. Next: `../gateway/metrics.rs`.

use crate::tables::rows::{Final, RouteId};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Receipts since the start.
#[derive(Debug, Default)]
pub struct Counts(Mutex<BTreeMap<(RouteId, &'static str), Receipts>>);

/// Those of one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipts {
    /// All.
    pub all: u64,
    /// Before their answers, or of nothing that is known.
    pub unmatched: u64,
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(RouteId, &'static str), Receipts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more.
    pub(super) fn receipt(&self, route: RouteId, said: Final, matched: bool) {
        let mut all = self.lock();
        let receipts = all.entry((route, name(said))).or_default();
        receipts.all += 1;
        receipts.unmatched += u64::from(!matched);
    }

    /// All of them, by route and state.
    pub fn receipts(&self) -> Vec<((RouteId, &'static str), Receipts)> {
        self.lock().iter().map(|(of, count)| (*of, *count)).collect()
    }
}

fn name(said: Final) -> &'static str {
    match said {
        Final::Delivered => "delivered",
        Final::Expired => "expired",
        Final::Deleted => "deleted",
        Final::Undeliverable => "undeliverable",
        Final::Rejected => "rejected",
        Final::Unknown => "unknown",
    }
}
