//! Places in queue and window, counted where they are taken and where they are let go.

use super::event::Submit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The places of one handle.
#[derive(Debug)]
pub(super) struct Places {
    all: usize,
    used: AtomicUsize,
    bound: AtomicBool,
}

/// One place; free when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Places>);

/// A submit in its place.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) submit: Submit,
    pub(super) place: Place,
}

impl Places {
    pub(super) fn new(all: usize) -> Places {
        Places {
            all,
            used: AtomicUsize::new(0),
            bound: AtomicBool::new(false),
        }
    }

    /// A place, if one is free and somebody is there to submit to.
    pub(super) fn take(self: &Arc<Places>) -> Option<Place> {
        if !self.bound.load(Ordering::Acquire) {
            return None;
        }
        let taken = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            (used < self.all).then_some(used + 1)
        });
        taken.is_ok().then(|| Place(self.clone()))
    }

    pub(super) fn free(&self) -> usize {
        let bound = self.bound.load(Ordering::Acquire);
        if bound {
            self.all.saturating_sub(self.used.load(Ordering::Acquire))
        } else {
            0
        }
    }

    pub(super) fn set_bound(&self, bound: bool) {
        self.bound.store(bound, Ordering::Release);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.used.fetch_sub(1, Ordering::AcqRel);
    }
}
