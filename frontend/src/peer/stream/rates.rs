//! What one domain of peers may cost: streams at a time, and stanzas and bytes a second over all of them.
//!
//! Must not know streams; the time is an argument. What comes next: a stream that has taken more than its domain's share
//! is not read until the time that it is told; other domains are not touched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Limits;
use crate::limits::PEER_RATES;

/// The shares of all domains.
#[derive(Debug)]
pub(super) struct Rates {
    streams_max: u32,
    stanzas: Bucket,
    bytes: Bucket,
    /// Held for one look-up for each stanza, and now and then to forget domains that have all they may have.
    domains: Mutex<HashMap<String, Share>>,
}

/// A token bucket: so many a second, so many at once. 0 a second is no limit.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    per_second: u64,
    burst: u64,
}

#[derive(Debug)]
struct Share {
    streams: u32,
    /// When the buckets are full again.
    stanzas_full: Instant,
    bytes_full: Instant,
}

/// One stream of a domain, for as long as it lives.
#[derive(Debug)]
pub(super) struct Member {
    rates: Arc<Rates>,
    domain: String,
    /// Whether the peer opened it, so that it counts.
    comes: bool,
}

impl Rates {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            streams_max: limits.peer_streams,
            stanzas: Bucket {
                per_second: u64::from(limits.peer_stanzas_per_second),
                burst: u64::from(limits.peer_stanza_burst),
            },
            bytes: Bucket {
                per_second: limits.peer_bytes_per_second,
                burst: limits.peer_bytes_burst,
            },
            domains: Mutex::default(),
        })
    }

    /// A stream with a domain; `None` if as many come from it as may. One that we opened is not counted.
    pub(super) fn join(self: &Arc<Self>, domain: &str, comes: bool, now: Instant) -> Option<Member> {
        let mut domains = self.domains();
        if domains.len() >= PEER_RATES && !domains.contains_key(domain) {
            domains.retain(|_, share| share.streams > 0 || share.stanzas_full > now || share.bytes_full > now);
            if domains.len() >= PEER_RATES {
                return None;
            }
        }
        let share = domains.entry(domain.to_owned()).or_insert(Share {
            streams: 0,
            stanzas_full: now,
            bytes_full: now,
        });
        if comes && share.streams >= self.streams_max {
            return None;
        }
        share.streams += u32::from(comes);
        Some(Member {
            rates: Arc::clone(self),
            domain: domain.to_owned(),
            comes,
        })
    }

    fn domains(&self) -> MutexGuard<'_, HashMap<String, Share>> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Counts what came; the time until which nothing more is to be read, if that is not now.
    pub(super) fn take(&self, stanzas: u64, bytes: u64, now: Instant) -> Option<Instant> {
        let mut domains = self.rates.domains();
        let share = domains.get_mut(&self.domain)?;
        let stanzas = self.rates.stanzas.take(&mut share.stanzas_full, stanzas, now);
        let bytes = self.rates.bytes.take(&mut share.bytes_full, bytes, now);
        stanzas.max(bytes)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(share) = self.rates.domains().get_mut(&self.domain) {
            share.streams -= u32::from(self.comes);
        }
    }
}

impl Bucket {
    fn take(self, full: &mut Instant, cost: u64, now: Instant) -> Option<Instant> {
        if self.per_second == 0 {
            return None;
        }
        let time = |count: u64| Duration::from_nanos(count.saturating_mul(1_000_000_000) / self.per_second);
        *full = (*full).max(now) + time(cost);
        let until = full.checked_sub(time(self.burst))?;
        (until > now).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(streams: u32, stanzas: u32) -> Arc<Rates> {
        Rates::new(&Limits {
            peer_streams: streams,
            peer_stanzas_per_second: stanzas,
            peer_stanza_burst: 2 * stanzas,
            peer_bytes_per_second: 0,
            ..Limits::default()
        })
    }

    #[test]
    fn a_domain_has_so_many_streams_and_others_have_theirs() {
        let rates = rates(2, 0);
        let now = Instant::now();
        let first = rates.join("a.example", true, now).unwrap();
        let _second = rates.join("a.example", true, now).unwrap();
        assert!(rates.join("a.example", true, now).is_none());
        assert!(rates.join("b.example", true, now).is_some());
        drop(first);
        assert!(rates.join("a.example", true, now).is_some());
    }

    #[test]
    fn who_sends_too_much_waits_over_all_of_his_streams() {
        let rates = rates(2, 10);
        let now = Instant::now();
        let one = rates.join("a.example", true, now).unwrap();
        let two = rates.join("a.example", true, now).unwrap();
        let other = rates.join("b.example", true, now).unwrap();
        assert_eq!(one.take(20, 1, now), None);
        assert_eq!(two.take(5, 1, now), Some(now + Duration::from_millis(500)));
        assert_eq!(other.take(20, u64::MAX, now), None);
        assert_eq!(two.take(0, 1, now + Duration::from_millis(500)), None);
    }
}
