//! Token buckets for publishing: of each account, of each node, and of the host.
//!
//! They keep one publisher from filling the commit queue for all; whether the queue itself is too old is asked in `mod.rs`.
//! Knows no clock of the log's: what is refused here never was a record. Keys are hashes, eight bytes each, forgotten
//! once their bucket is full again.

use crate::limits::{Limits, RATE_KEYS};
use crate::model::{NodeName, fnv1a};
use governor::clock::DefaultClock;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

type Keyed = RateLimiter<u64, DefaultKeyedStateStore<u64>, DefaultClock>;

/// The buckets; a missing one is no limit.
pub(crate) struct Rates {
    account: Option<Keyed>,
    node: Option<Keyed>,
    host: Option<DefaultDirectRateLimiter>,
    /// Publishes since buckets were last forgotten.
    since: AtomicU32,
}

/// A rate and how much may come at once; 0 a second is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Posts a second, in the long run.
    pub per_second: u32,
    /// Posts at once.
    pub burst: u32,
}

impl Rate {
    fn quota(self) -> Option<Quota> {
        let per_second = NonZeroU32::new(self.per_second)?;
        let burst = NonZeroU32::new(self.burst).unwrap_or(per_second);
        Some(Quota::per_second(per_second).allow_burst(burst))
    }
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Rates {
        Rates {
            account: limits.account_rate.quota().map(RateLimiter::dashmap),
            node: limits.node_rate.quota().map(RateLimiter::dashmap),
            host: limits.host_rate.quota().map(RateLimiter::direct),
            since: AtomicU32::new(0),
        }
    }

    /// Takes a token of each bucket for a publish; otherwise, whose bucket is empty. What the others gave is gone then:
    /// one who is over his own limit is asked first, so that he takes nothing of others'.
    pub(super) fn take(&self, by: &str, node: &NodeName) -> Result<(), &'static str> {
        self.forget();
        let account = self
            .account
            .as_ref()
            .map(|rates| rates.check_key(&fnv1a(by.as_bytes())));
        if matches!(account, Some(Err(_))) {
            return Err("this account publishes too fast");
        }
        let key = fnv1a(node.service.as_bytes()) ^ fnv1a(node.node.as_bytes()).rotate_left(1);
        if matches!(self.node.as_ref().map(|rates| rates.check_key(&key)), Some(Err(_))) {
            return Err("this node is published to too fast");
        }
        if matches!(self.host.as_ref().map(|rates| rates.check()), Some(Err(_))) {
            return Err("this server is published to too fast");
        }
        Ok(())
    }

    /// Now and then, the buckets that are full again.
    fn forget(&self) {
        if self.since.fetch_add(1, Ordering::Relaxed) < RATE_KEYS {
            return;
        }
        self.since.store(0, Ordering::Relaxed);
        for rates in [&self.account, &self.node].into_iter().flatten() {
            rates.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_is_its_own() {
        let limits = Limits {
            account_rate: Rate {
                per_second: 1,
                burst: 3,
            },
            node_rate: Rate {
                per_second: 1,
                burst: 4,
            },
            host_rate: Rate {
                per_second: 1,
                burst: 5,
            },
            ..Limits::default()
        };
        let rates = Rates::new(&limits);
        let node = |name: &str| NodeName::new("pubsub.capulet.lit", name);
        for _ in 0..3 {
            assert_eq!(rates.take("juliet@capulet.lit", &node("princely")), Ok(()));
        }
        assert!(
            rates
                .take("juliet@capulet.lit", &node("other"))
                .is_err_and(|e| e.contains("account"))
        );
        assert_eq!(rates.take("romeo@montague.lit", &node("princely")), Ok(()));
        assert!(
            rates
                .take("romeo@montague.lit", &node("princely"))
                .is_err_and(|e| e.contains("node"))
        );
        assert_eq!(rates.take("nurse@capulet.lit", &node("other")), Ok(()));
        assert!(
            rates
                .take("paris@verona.lit", &node("other"))
                .is_err_and(|e| e.contains("server"))
        );
    }

    #[test]
    fn no_rate_is_no_limit() {
        let rates = Rates::new(&Limits {
            account_rate: Rate::default(),
            node_rate: Rate::default(),
            host_rate: Rate::default(),
            ..Limits::default()
        });
        assert!((0..10_000).all(|_| rates.take("a@b", &NodeName::new("c", "d")).is_ok()));
    }
}
