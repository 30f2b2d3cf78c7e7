//! The metrics registry: plain atomics that every stage bumps, shown in the OpenMetrics text format.
//!
//! Each is declared here with its doc. Nothing is looked up by name or label when it is bumped.

use crate::fanout::Batch;
use crate::log::apply::Effect;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};
use std::sync::Mutex;

/// Everything that is counted.
pub struct Metrics {
    /// Guards the list of metrics, which is only read to show it.
    registry: Mutex<Registry>,
    /// Records committed.
    pub records: Counter,
    /// Posts given to the shards.
    pub posts: Counter,
    /// Milliseconds of a commit's write and sync.
    pub commit_ms: Histogram,
    /// Posts handed to session writers.
    pub deliveries: Counter,
    /// Sessions attached.
    pub sessions: Gauge,
    /// Catch-up pages read.
    pub pages: Counter,
    /// Sessions switched from live to catching up since they were slow.
    pub slow: Counter,
    /// Requests refused since the server is busy.
    pub refused: Counter,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::with_prefix("reef");
        let registry = &mut registry;
        let metrics = Metrics {
            records: add(registry, "records", "Records committed"),
            posts: add(registry, "posts", "Posts given to the shards"),
            commit_ms: add_histogram(registry),
            deliveries: add(registry, "deliveries", "Posts handed to session writers"),
            sessions: add(registry, "sessions", "Sessions attached"),
            pages: add(registry, "catch_up_pages", "Catch-up pages read"),
            slow: add(registry, "slow_sessions", "Sessions switched from live to catching up"),
            refused: add(registry, "refused", "Requests refused since the server is busy"),
            registry: Mutex::default(),
        };
        *metrics.registry.lock().unwrap_or_else(|e| e.into_inner()) = std::mem::take(registry);
        metrics
    }
}

fn add<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

fn add_histogram(registry: &mut Registry) -> Histogram {
    let metric = Histogram::new(exponential_buckets(1.0, 2.0, 12));
    registry.register("commit_milliseconds", "Write and sync of a commit", metric.clone());
    metric
}

impl Metrics {
    /// A further metric, of another part.
    pub fn register<M: Metric + Clone + Default>(&self, name: &str, help: &str) -> M {
        add(&mut self.registry.lock().unwrap_or_else(|e| e.into_inner()), name, help)
    }

    /// All of them as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry.lock().unwrap_or_else(|e| e.into_inner()));
        text
    }

    pub(crate) fn commit(&self, records: usize, ms: u64) {
        self.records.inc_by(records as u64);
        self.commit_ms.observe(ms as f64);
    }

    pub(crate) fn posts(&self, batch: &Batch) {
        let posts = batch
            .effects
            .iter()
            .filter(|(_, effect)| matches!(effect, Effect::Post(_)))
            .count();
        self.posts.inc_by(posts as u64);
    }
}
