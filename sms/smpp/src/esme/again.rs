//! When to dial again: full jitter, doubling, and longer where the SMSC said what no hurry helps against.

use super::config::EsmeConfig;
use super::event::Why;
use crate::pdu::command::{ALREADY_BOUND, BAD_PASSWORD, BAD_SYSTEM_ID, BIND_FAILED};
use std::time::Duration;

/// Losses in a row.
#[derive(Debug, Default)]
pub(super) struct Again {
    losses: u32,
}

impl Again {
    /// How long to wait after a loss; `random` is any number.
    pub(super) fn after(
        &mut self,
        config: &EsmeConfig,
        why: &Why,
        bound_for: Option<Duration>,
        random: u64,
    ) -> Duration {
        if bound_for.is_some_and(|time| time >= config.settled) {
            self.losses = 0;
        }
        let (first, longest) = config.again;
        let most = first
            .saturating_mul(1_u32.checked_shl(self.losses).unwrap_or(u32::MAX))
            .min(longest);
        self.losses = self.losses.saturating_add(1);
        let part =
            Duration::from_millis(random % u64::try_from(most.as_millis()).unwrap_or(u64::MAX).saturating_add(1));
        match why {
            Why::Refused(ALREADY_BOUND) => config.already_bound + part,
            Why::Refused(BIND_FAILED | BAD_PASSWORD | BAD_SYSTEM_ID) => config.refused,
            _ => part,
        }
    }
}

/// A number that nobody foresees; 0 on a system without randomness, which only takes the jitter away.
pub(super) fn random() -> u64 {
    let mut octets = [0; 8];
    // A failure leaves zeros.
    let _ = getrandom::fill(&mut octets);
    u64::from_ne_bytes(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_to_a_minute_and_begin_anew_after_a_minute_bound() {
        let config = EsmeConfig::new("127.0.0.1:1", "reef", "");
        let mut again = Again::default();
        let why = Why::Unbound;
        // The most that each may wait: random numbers that are its last millisecond.
        let most: Vec<u64> = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
            .map(|most| u64::try_from(again.after(&config, &why, None, most).as_millis()).unwrap())
            .to_vec();
        assert_eq!(most, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(again.after(&config, &why, Some(59 * SECOND), 60_000), 60 * SECOND);
        assert_eq!(again.after(&config, &why, Some(60 * SECOND), 1000), SECOND);
        assert_eq!(again.after(&config, &why, None, 2001), Duration::ZERO, "jitter is full");
    }

    #[test]
    fn refusals_wait_longer() {
        let config = EsmeConfig::new("127.0.0.1:1", "reef", "");
        let after = |status| Again::default().after(&config, &Why::Refused(status), None, 0);
        assert_eq!(after(ALREADY_BOUND), 30 * SECOND);
        for status in [BIND_FAILED, BAD_PASSWORD, BAD_SYSTEM_ID] {
            assert_eq!(after(status), 300 * SECOND);
        }
        assert_eq!(after(0x08), Duration::ZERO);
    }
}
