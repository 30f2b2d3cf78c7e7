//! Numbers that have said STOP: asked right before each part is written, so that nothing leaves after that commit.
//!
//! The store has the truth; this is its shadow for those with something under way. Knows no route. The lock is held for one
//! look-up.

use crate::limits::{HOUR_MS, VOIDS_MAX};
use crate::tables::rows::NumberId;
use reef_engine::model::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The newest epochs of those who changed theirs of late, and who is saying STOP.
#[derive(Debug, Default)]
pub struct Voids(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    epochs: HashMap<NumberId, (u32, Timestamp)>,
    /// How many texts of theirs are being committed, and up to which epoch nothing is sent meanwhile.
    barred: BTreeMap<NumberId, (usize, u32)>,
}

/// Nothing that was made before is sent to a number while this is held.
#[derive(Debug)]
pub struct Bar(Arc<Voids>, NumberId);

impl Drop for Bar {
    fn drop(&mut self) {
        let mut known = self.0.lock();
        if let Some((texts, _)) = known.barred.get_mut(&self.1) {
            *texts -= 1;
            if *texts == 0 {
                known.barred.remove(&self.1);
            }
        }
    }
}

impl Voids {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number says STOP: nothing of this epoch leaves until it is known whether that is new; what confirms it may.
    pub fn bar(self: &Arc<Voids>, number: NumberId, epoch: u32) -> Bar {
        let mut known = self.lock();
        let (texts, barred) = known.barred.entry(number).or_default();
        (*texts, *barred) = (*texts + 1, epoch.max(*barred));
        Bar(self.clone(), number)
    }

    /// What was made for an older epoch is void from now on.
    pub fn set(&self, number: NumberId, epoch: u32, now: Timestamp) {
        let epochs = &mut self.lock().epochs;
        if epochs.len() >= VOIDS_MAX {
            epochs.retain(|_, (_, at)| at.0 + HOUR_MS > now.0);
        }
        let known = epochs.entry(number).or_insert((epoch, now));
        *known = (known.0.max(epoch), now);
    }

    /// Whether something of that epoch may still be sent.
    pub fn may(&self, number: NumberId, epoch: u32) -> bool {
        let known = self.lock();
        let newest = known.epochs.get(&number);
        let barred = known.barred.get(&number);
        barred.is_none_or(|(_, barred)| epoch > *barred) && newest.is_none_or(|(newest, _)| epoch >= *newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_stop_is_sent_nothing_until_that_is_settled() {
        let voids = Arc::new(Voids::default());
        let number = NumberId(7);
        let (first, second) = (voids.bar(number, 1), voids.bar(number, 1));
        drop(first);
        assert!(!voids.may(number, 1) && voids.may(number, 2) && voids.may(NumberId(8), 1));
        drop(second);
        assert!(voids.may(number, 1));
    }

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
