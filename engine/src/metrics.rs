//! The metrics registry: plain atomics that every stage bumps, shown in the OpenMetrics text format.
//!
//! Each is declared here with its doc. Nothing is looked up by name or label when it is bumped.

pub use prometheus_client::metrics::counter::Counter;

use crate::fanout::Batch;
use crate::limits::HOT_NODES_SHOWN;
use crate::log::apply::Effect;
use crate::model::NodeName;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

/// Everything that is counted.
pub struct Metrics {
    /// Guards the list of metrics, which is only read to show it.
    registry: Mutex<Registry>,
    /// Records committed.
    pub records: Counter,
    /// Posts given to the shards.
    pub posts: Counter,
    /// Seconds of a commit's write and sync.
    pub sync_seconds: Histogram,
    /// Milliseconds that the oldest record in the commit queue waits.
    pub commit_queue_age_ms: Gauge,
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
    /// Publishes refused since an account, a node or all together were too fast.
    pub too_fast: Counter,
    /// The hottest nodes of each shard, by followers of their posts. Held for a copy of a short list.
    hot: Mutex<Vec<Vec<(NodeName, u64)>>>,
}

/// How a shard is doing; it writes them about once a second.
#[derive(Clone, Debug, Default)]
pub struct ShardMetrics {
    /// `Seq`s committed and not yet expanded.
    pub watermark_lag: Gauge,
    /// Sessions that have something to write.
    pub dirty_sessions: Gauge,
    /// Sessions that catch up.
    pub catch_ups: Gauge,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::with_prefix("reef");
        let registry = &mut registry;
        let metrics = Metrics {
            records: add(registry, "records", "Records committed"),
            posts: add(registry, "posts", "Posts given to the shards"),
            sync_seconds: add_histogram(registry),
            commit_queue_age_ms: add(
                registry,
                "commit_queue_age_milliseconds",
                "How long the oldest record in the commit queue waits",
            ),
            deliveries: add(registry, "deliveries", "Posts handed to session writers"),
            sessions: add(registry, "sessions", "Sessions attached"),
            pages: add(registry, "catch_up_pages", "Catch-up pages read"),
            slow: add(registry, "slow_sessions", "Sessions switched from live to catching up"),
            refused: add(registry, "refused", "Requests refused since the server is busy"),
            too_fast: add(registry, "too_fast", "Publishes refused since they came too fast"),
            hot: Mutex::default(),
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
    let metric = Histogram::new(exponential_buckets(0.000_25, 2.0, 14));
    registry.register("sync_seconds", "Write and sync of a commit", metric.clone());
    metric
}

impl Metrics {
    /// A further metric, of another part.
    pub fn register<M: Metric + Clone + Default>(&self, name: &str, help: &str) -> M {
        add(&mut self.registry.lock().unwrap_or_else(|e| e.into_inner()), name, help)
    }

    /// The metrics of a shard, labelled with its number.
    pub fn shard(&self, number: usize) -> ShardMetrics {
        let mut registry = self.registry.lock().unwrap_or_else(|e| e.into_inner());
        let registry = registry.sub_registry_with_label(("shard".into(), number.to_string().into()));
        ShardMetrics {
            watermark_lag: add(registry, "watermark_lag", "Seqs committed and not yet expanded"),
            dirty_sessions: add(registry, "dirty_sessions", "Sessions that have something to write"),
            catch_ups: add(registry, "catch_ups", "Sessions that catch up"),
        }
    }

    /// The hottest nodes of a shard.
    pub(crate) fn hottest(&self, shard: usize, nodes: Vec<(NodeName, u64)>) {
        let mut hot = self.hot.lock().unwrap_or_else(|e| e.into_inner());
        if hot.len() <= shard {
            hot.resize(shard + 1, Vec::new());
        }
        if let Some(known) = hot.get_mut(shard) {
            *known = nodes;
        }
    }

    /// The hottest nodes of all shards: the sum, over their posts of late, of their followers, who may be away.
    pub fn hot_nodes(&self) -> Vec<(NodeName, u64)> {
        let mut sums: BTreeMap<NodeName, u64> = BTreeMap::new();
        for (name, weight) in self.hot.lock().unwrap_or_else(|e| e.into_inner()).iter().flatten() {
            *sums.entry(name.clone()).or_default() += weight;
        }
        let mut nodes: Vec<(NodeName, u64)> = sums.into_iter().collect();
        nodes.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        nodes.truncate(HOT_NODES_SHOWN);
        nodes
    }

    /// All of them as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry.lock().unwrap_or_else(|e| e.into_inner()));
        // Nodes come and go: theirs is a list of its own, made when it is asked for.
        let mut registry = Registry::with_prefix("reef");
        let family = Family::<Vec<(String, String)>, Gauge>::default();
        registry.register(
            "hot_nodes",
            "Followers, here or away, summed over the posts of late, of the nodes where that is most",
            family.clone(),
        );
        for (name, weight) in self.hot_nodes() {
            let labels = [("service", &name.service), ("node", &name.node)];
            let labels = labels
                .map(|(label, value)| (label.to_owned(), value.to_string()))
                .to_vec();
            family
                .get_or_create(&labels)
                .set(i64::try_from(weight).unwrap_or(i64::MAX));
        }
        text.truncate(text.trim_end_matches("# EOF\n").len());
        let _ = encode(&mut text, &registry);
        text
    }

    /// Begins to time a commit's write.
    #[allow(clippy::disallowed_methods, reason = "what is measured decides nothing")]
    pub(crate) fn timer(&self) -> Instant {
        Instant::now()
    }

    pub(crate) fn commit(&self, records: usize, begun: Instant) {
        self.records.inc_by(records as u64);
        self.sync_seconds.observe(begun.elapsed().as_secs_f64());
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
