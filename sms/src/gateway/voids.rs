//! Numbers that have said STOP: asked right before each part is written, so that nothing leaves after that commit.
//!
//! The store has the truth; this is its shadow for those with something under way. Knows no route. The lock is held for one
//! look-up.

use crate::limits::{HOUR_MS, VOIDS_MAX};
use crate::tables::rows::NumberId;
use reef_engine::model::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The newest epochs of those who changed theirs of late.
#[derive(Debug, Default)]
pub struct Voids(Mutex<HashMap<NumberId, (u32, Timestamp)>>);

impl Voids {
    fn lock(&self) -> MutexGuard<'_, HashMap<NumberId, (u32, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was made for an older epoch is void from now on.
    pub fn set(&self, number: NumberId, epoch: u32, now: Timestamp) {
        let mut epochs = self.lock();
        if epochs.len() >= VOIDS_MAX {
            epochs.retain(|_, (_, at)| at.0 + HOUR_MS > now.0);
        }
        let known = epochs.entry(number).or_insert((epoch, now));
        *known = (known.0.max(epoch), now);
    }

    /// Whether something of that epoch may still be sent.
    pub fn may(&self, number: NumberId, epoch: u32) -> bool {
        self.lock().get(&number).is_none_or(|(newest, _)| epoch >= *newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_a_stop_is_void() {
        let voids = Voids::default();
        let (number, now) = (NumberId(7), Timestamp(0));
        assert!(voids.may(number, 1));
        voids.set(number, 2, now);
        assert!(!voids.may(number, 1));
        assert!(voids.may(number, 2));
        voids.set(number, 1, now);
        assert!(!voids.may(number, 1));
    }
}
