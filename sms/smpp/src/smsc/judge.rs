//! Which verdict a submit gets: its own order, the window, the rate, then chance.
//!
//! Under the lock of `world`, for a moment. What follows from a verdict is `submits`'.

use super::verdict::{Verdict, by_chance, ordered};
use super::world::{State, World};
use crate::pdu::Message;
use crate::pdu::command::THROTTLED;
use crate::text::decode;
use std::time::Duration;
use tokio::time::Instant;

impl World {
    /// What becomes of a submit; `under_way` counts those of its connection that are unanswered.
    pub(super) fn judge(&self, message: &Message, under_way: usize) -> Verdict {
        let mut state = self.state();
        state.counts.submits += 1;
        let order = if self.config.words { self.order(message) } else { None };
        let full = self
            .config
            .window
            .filter(|(window, _)| under_way >= *window)
            .map(|(_, status)| status);
        let full = full.or_else(|| (!self.within_rate(&mut state)).then_some(THROTTLED));
        if let Some(status) = full {
            state.counts.throttled += 1;
            return Verdict::Refused(status);
        }
        // xorshift: the same faults in each run.
        state.chance ^= state.chance << 13 | 1;
        state.chance ^= state.chance >> 7;
        state.chance ^= state.chance << 17;
        let chance = u32::try_from(state.chance % 1000).unwrap_or(0);
        let default = Verdict::Taken(Duration::ZERO, Some(self.config.receipts.state));
        order.or_else(|| by_chance(&state.faults, chance)).unwrap_or(default)
    }

    fn order(&self, message: &Message) -> Option<Verdict> {
        let (_, octets) = message.unwrapped().ok()?;
        let begins = octets.first() == Some(&b'!') || octets.get(1) == Some(&b'!');
        let text = begins.then(|| decode(message.data_coding, octets, self.config.form.convention).ok())??;
        ordered(&text)
    }

    /// A bucket that holds what a second gives.
    fn within_rate(&self, state: &mut State) -> bool {
        let Some(rate) = self.config.rate.map(f64::from) else {
            return true;
        };
        let now = Instant::now();
        let passed = state.filled.map_or(1.0, |filled| (now - filled).as_secs_f64());
        state.tokens = (state.tokens + passed * rate).min(rate);
        state.filled = Some(now);
        let within = state.tokens >= 1.0;
        if within {
            state.tokens -= 1.0;
        }
        within
    }
}
