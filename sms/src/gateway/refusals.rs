//! What a route refuses for good, by what it says; and whether that is most of what it is asked.
//!
//! Knows no message. Next: `metrics.rs` shows it.

use crate::config::Kind;
use crate::limits::{ANSWERS_LOOKED_AT, REFUSAL_CODES};
use std::collections::{BTreeMap, VecDeque};

/// Of the last answers, in hundredths: from above the first on an operator is told, and once more when they were below the second
/// meanwhile.
const MOST: (usize, usize) = (50, 25);

/// What one route has refused.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Times, by code: the first codes that came.
    codes: BTreeMap<u32, u64>,
    /// Times with further codes.
    others: u64,
    /// The last answers, oldest first: whether they were refusals.
    last: VecDeque<bool>,
    /// Refusals among them.
    refused: usize,
    /// Whether they were most, and have not become few.
    most: bool,
}

impl Refusals {
    /// An answer, with the code of a refusal; whether an operator is to be told.
    pub(super) fn answered(&mut self, refused: Option<u32>) -> bool {
        if let Some(code) = refused {
            let known = self.codes.len();
            match self.codes.get_mut(&code) {
                Some(times) => *times += 1,
                None if known < REFUSAL_CODES => _ = self.codes.insert(code, 1),
                None => self.others += 1,
            }
        }
        self.last.push_back(refused.is_some());
        self.refused += usize::from(refused.is_some());
        if self.last.len() > ANSWERS_LOOKED_AT {
            self.refused -= usize::from(self.last.pop_front() == Some(true));
        }
        let before = self.most;
        self.most = match self.refused * 100 / ANSWERS_LOOKED_AT {
            hundredths if hundredths > MOST.0 => true,
            hundredths if hundredths < MOST.1 => false,
            _ => before,
        };
        self.most && !before
    }

    /// Whether most of what the route is asked is refused.
    pub(super) fn are_most(&self) -> bool {
        self.most
    }

    /// How often, by code, as the protocol's people write it.
    pub(super) fn shown(&self, kind: Kind) -> Vec<(String, u64)> {
        let codes = self.codes.iter().map(|(code, times)| (name(*code, kind), *times));
        let others = (self.others > 0).then(|| ("other".to_owned(), self.others));
        codes.chain(others).collect()
    }
}

/// A code as it is looked up: a status of SMPP in hex.
pub(super) fn name(code: u32, kind: Kind) -> String {
    match kind {
        Kind::Http => code.to_string(),
        Kind::Smpp | Kind::Simulator => format!("0x{code:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_codes_are_told_apart_and_no_more() {
        let mut refusals = Refusals::default();
        for code in (0..100).chain([1]) {
            refusals.answered(Some(code));
        }
        let shown = refusals.shown(Kind::Http);
        assert_eq!(shown.len(), REFUSAL_CODES + 1);
        assert_eq!(shown[1], ("1".to_owned(), 2));
        assert_eq!(shown[REFUSAL_CODES], ("other".to_owned(), 68));
    }

    #[test]
    fn it_is_told_once_until_refusals_are_few_again() {
        let mut refusals = Refusals::default();
        let mut told = |answers: &[Option<u32>]| answers.iter().filter(|code| refusals.answered(**code)).count();
        assert_eq!(told(&[Some(1); 50]), 0);
        assert_eq!(told(&[Some(1); 60]), 1);
        // Half of them.
        assert_eq!(told(&[None; 50]), 0);
        assert_eq!(told(&[Some(1); 100]), 0);
        assert_eq!(told(&[None; 100]), 0);
        assert_eq!(told(&[Some(1); 100]), 1);
    }
}
