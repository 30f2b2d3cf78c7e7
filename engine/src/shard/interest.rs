//! Which node names sessions want by presence (`node+notify` in their caps): a small table of distinct sets.
//!
//! Clients of one kind share a set, so that a post asks once per set, not once per session.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Sets of node names, by number; 0 is the empty one.
#[derive(Default)]
pub(super) struct Interests {
    sets: Vec<Arc<BTreeSet<Arc<str>>>>,
    numbers: HashMap<Arc<BTreeSet<Arc<str>>>, u32>,
}

/// Distinct sets that are told apart; a client beyond them gets nothing by presence.
const SETS_MAX: usize = 65_536;

impl Interests {
    /// The number of a set.
    pub(super) fn number(&mut self, names: BTreeSet<Arc<str>>) -> u32 {
        if names.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(&names) {
            return *number;
        }
        if self.sets.len() >= SETS_MAX {
            return 0;
        }
        let names = Arc::new(names);
        self.sets.push(names.clone());
        let number = self.sets.len() as u32;
        self.numbers.insert(names, number);
        number
    }

    /// Whether the set of this number has the name.
    pub(super) fn wants(&self, number: u32, node: &str) -> bool {
        let set = (number as usize).checked_sub(1).and_then(|at| self.sets.get(at));
        set.is_some_and(|names| names.contains(node))
    }
}
