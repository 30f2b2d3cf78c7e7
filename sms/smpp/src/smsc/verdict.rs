//! What becomes of a submit: by what it says, by rates, by chance.
//!
//! A text that begins with `!` is an order, if that is allowed: `!silent`, `!cut`, `!nack`, `!error`, `!throttle`, `!full`, `!unbind`,
//! `!malformed`, `!late` (the answer comes after two seconds), `!noreceipt`, or the name of a state such as `!undeliv`, `!expired`,
//! `!rejectd`, `!acceptd`, `!unknown`: then the receipt says so.

use super::config::Faults;
use crate::pdu::State;
use crate::pdu::command::{QUEUE_FULL, SYSTEM_ERROR, THROTTLED};
use std::time::Duration;

/// `ESME_RSUBMITFAIL`.
const SUBMIT_FAILED: u32 = 0x45;
/// How late a late answer is.
const LATE: Duration = Duration::from_secs(2);

/// What becomes of a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Taken; the answer comes so much later than usual, and the receipt says so, if there is one.
    Taken(Duration, Option<State>),
    /// Taken, and a message that cannot be read follows.
    TakenThenMalformed,
    /// Taken, and the session is unbound.
    TakenThenUnbind,
    /// Refused by a header only.
    Refused(u32),
    /// Refused by a nack.
    Nacked(u32),
    /// Taken, and nobody is told.
    Silent,
    /// The connection is cut.
    Cut,
}

/// What an order says; `None` if it is none.
pub(super) fn ordered(text: &str) -> Option<Verdict> {
    let word = text
        .strip_prefix('!')?
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()?;
    let state = |state| Some(Verdict::Taken(Duration::ZERO, Some(state)));
    match word.to_ascii_lowercase().as_str() {
        "silent" => Some(Verdict::Silent),
        "cut" => Some(Verdict::Cut),
        "nack" => Some(Verdict::Nacked(SYSTEM_ERROR)),
        "error" => Some(Verdict::Refused(SUBMIT_FAILED)),
        "throttle" => Some(Verdict::Refused(THROTTLED)),
        "full" => Some(Verdict::Refused(QUEUE_FULL)),
        "unbind" => Some(Verdict::TakenThenUnbind),
        "malformed" => Some(Verdict::TakenThenMalformed),
        "late" => Some(Verdict::Taken(LATE, Some(State::Delivered))),
        "noreceipt" => Some(Verdict::Taken(Duration::ZERO, None)),
        "undeliv" => state(State::Undeliverable),
        "expired" => state(State::Expired),
        "rejectd" => state(State::Rejected),
        "acceptd" => state(State::Accepted),
        "unknown" => state(State::Unknown),
        _ => None,
    }
}

/// What chance says, of a number below a thousand.
pub(super) fn by_chance(faults: &Faults, chance: u32) -> Option<Verdict> {
    let kinds = [
        (faults.silent, Verdict::Silent),
        (faults.nack, Verdict::Nacked(SYSTEM_ERROR)),
        (faults.error, Verdict::Refused(SUBMIT_FAILED)),
        (faults.throttle, Verdict::Refused(THROTTLED)),
    ];
    let mut below = 0;
    kinds.into_iter().find_map(|(rate, verdict)| {
        below += rate;
        (chance < below).then_some(verdict)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_words_behind_an_exclamation_mark() {
        assert_eq!(ordered("!nack please"), Some(Verdict::Nacked(SYSTEM_ERROR)));
        assert_eq!(
            ordered("!Undeliv"),
            Some(Verdict::Taken(Duration::ZERO, Some(State::Undeliverable)))
        );
        assert_eq!(ordered("! nack"), None);
        assert_eq!(ordered("nack!"), None);
    }

    #[test]
    fn chances_add_up() {
        let faults = Faults {
            silent: 10,
            nack: 20,
            ..Faults::default()
        };
        assert_eq!(by_chance(&faults, 9), Some(Verdict::Silent));
        assert_eq!(by_chance(&faults, 29), Some(Verdict::Nacked(SYSTEM_ERROR)));
        assert_eq!(by_chance(&faults, 30), None);
    }
}
