//! How often an address may do what costs or what guesses: a token bucket for each.
//!
//! Knows no socket and no account: what an address does is counted for that address alone, so that nobody is kept out by what
//! others do in his name from elsewhere. The time is an argument. Next: `register` takes a token for each new account, `sasl`
//! for each try.

use super::admission::network;
use crate::limits::RATED_ADDRESSES;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// So many a minute, and at most as many at once, for each address; an IPv6 /64 counts as one.
#[derive(Debug)]
pub(crate) struct AddressRate {
    per_minute: u32,
    /// When each address's bucket is full again. Held for one look-up.
    full_at: Mutex<HashMap<IpAddr, Instant>>,
}

impl AddressRate {
    /// 0 is no limit.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            full_at: Mutex::default(),
        }
    }

    /// Takes a token if there is one. If more addresses come than are remembered, all wait.
    pub(crate) fn take(&self, address: IpAddr, now: Instant) -> bool {
        self.reserve(address, now, Duration::ZERO, false).is_some()
    }

    /// Takes a token that is there within `patience`, and says in what time. If more addresses come than are remembered, all
    /// begin anew: nobody is kept out by their number.
    pub(super) fn reserve_within(&self, address: IpAddr, now: Instant, patience: Duration) -> Option<Duration> {
        self.reserve(address, now, patience, true)
    }

    fn reserve(&self, address: IpAddr, now: Instant, patience: Duration, forgets: bool) -> Option<Duration> {
        let Some(interval) = MINUTE.checked_div(self.per_minute) else {
            return Some(Duration::ZERO);
        };
        let address = network(address);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= RATED_ADDRESSES && !full_at.contains_key(&address) {
            full_at.retain(|_, at| *at > now);
            if full_at.len() >= RATED_ADDRESSES {
                if !forgets {
                    return None;
                }
                full_at.clear();
            }
        }
        let at = full_at.entry(address).or_insert(now);
        let refilled = (*at).max(now) + interval;
        let wait = refilled.saturating_duration_since(now + MINUTE);
        if wait > patience {
            return None;
        }
        *at = refilled;
        Some(wait)
    }

    /// Gives a token back that was not for this.
    pub(super) fn give_back(&self, address: IpAddr) {
        let Some(interval) = MINUTE.checked_div(self.per_minute) else {
            return;
        };
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = full_at.get_mut(&network(address)) {
            *at = at.checked_sub(interval).unwrap_or(*at);
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any instant will do to begin with")]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn tokens_come_in_bursts_and_then_at_their_rate() {
        let rate = AddressRate::new(2);
        let (here, mapped, there) = (address("10.0.0.1"), address("::ffff:10.0.0.1"), address("10.0.0.2"));
        let start = Instant::now();
        assert!(rate.take(here, start));
        assert!(rate.take(mapped, start));
        assert!(!rate.take(here, start));
        assert!(rate.take(there, start));
        assert!(!rate.take(here, start + Duration::from_secs(29)));
        assert!(rate.take(here, start + Duration::from_secs(30)));
        assert!(!rate.take(here, start + Duration::from_secs(31)));
        assert!(AddressRate::new(0).take(here, start));
    }

    #[test]
    fn who_has_patience_waits_for_his_turn_and_what_is_given_back_is_there_again() {
        let rate = AddressRate::new(60);
        let (here, start) = (address("10.0.0.1"), Instant::now());
        let patience = Duration::from_secs(2);
        let reserve = || rate.reserve_within(here, start, patience);
        for _ in 0..60 {
            assert_eq!(reserve(), Some(Duration::ZERO));
        }
        assert_eq!(reserve(), Some(Duration::from_secs(1)));
        assert_eq!(reserve(), Some(Duration::from_secs(2)));
        assert_eq!(reserve(), None);
        rate.give_back(here);
        assert_eq!(reserve(), Some(Duration::from_secs(2)));
        assert_eq!(
            rate.reserve_within(address("10.0.0.2"), start, patience),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_memory_and_keeps_nobody_from_trying() {
        let rate = AddressRate::new(1);
        let start = Instant::now();
        for number in 0..u32::try_from(RATED_ADDRESSES).unwrap() {
            assert!(rate.take(IpAddr::V4(number.into()), start));
        }
        let other = address("250.0.0.1");
        assert!(!rate.take(other, start));
        assert!(rate.take(other, start + MINUTE));
        assert_eq!(rate.full_at.lock().unwrap().len(), 1);
        for number in 0..u32::try_from(RATED_ADDRESSES).unwrap() {
            assert!(rate.reserve_within(IpAddr::V4(number.into()), start, MINUTE).is_some());
        }
        assert!(rate.full_at.lock().unwrap().len() <= RATED_ADDRESSES);
    }
}
