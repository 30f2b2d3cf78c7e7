//! The scenario `fanout`: one author, N live followers, M posts in a closed loop.
//!
//! A post is sent when the one `outstanding` before it has reached everyone, so that what is measured is the server's
//! pace. Memory per session is taken while nothing is sent.

use crate::author::Author;
use crate::count::{DIGITS, Faults};
use crate::follower::{Arrival, Shared, join, watch};
use crate::process::{Cost, cost};
use crate::wire::Wire;
use anyhow::{Context, Result};
use futures::stream::{self, StreamExt};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// One author, N live followers.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Fanout {
    /// Followers, a connection each.
    #[arg(long, default_value_t = 1000)]
    followers: usize,
    /// Posts.
    #[arg(long, default_value_t = 100)]
    posts: u64,
    /// Posts that may be on their way at once.
    #[arg(long, default_value_t = 4)]
    outstanding: u64,
    /// Bytes of a post's text.
    #[arg(long, default_value_t = 280)]
    bytes: usize,
    /// Logins at once.
    #[arg(long, default_value_t = 32)]
    logins: usize,
    /// Where the server accepts clients without TLS.
    #[arg(long, default_value = "127.0.0.1:5222")]
    server: String,
    /// Its domain.
    #[arg(long, default_value = "localhost")]
    domain: String,
    /// What the accounts' names begin with.
    #[arg(long, default_value = "load")]
    prefix: String,
    /// The accounts' password.
    #[arg(long, default_value = "load")]
    password: String,
    /// Registers the accounts first (XEP-0077).
    #[arg(long)]
    register: bool,
    /// The server's process, for its CPU and memory.
    #[arg(long)]
    pid: Option<u32>,
    /// Seconds to wait for the last delivery.
    #[arg(long, default_value_t = 120)]
    patience: u64,
}

/// What a run has measured.
struct Run {
    seconds: f64,
    delivered: u64,
    last: Histogram<u64>,
    each: Histogram<u64>,
}

#[allow(clippy::disallowed_methods, reason = "a load tool measures the time that passes")]
fn now() -> Instant {
    Instant::now()
}

impl Fanout {
    /// Runs it; the report.
    pub(crate) async fn run(self) -> Result<Value> {
        let author = format!("{}author@{}", self.prefix, self.domain);
        let run = now().elapsed().as_nanos() as u64 ^ u64::from(std::process::id());
        let mark = format!("lt{:04x}x{run:x}-", std::process::id());
        let shared = Arc::new(Shared {
            server: self.server.clone(),
            domain: self.domain.clone(),
            prefix: self.prefix.clone(),
            password: self.password.clone(),
            node: "urn:xmpp:microblog:0".into(),
            author: author.clone(),
            mark: mark.clone(),
            register: self.register,
            faults: Faults::default(),
        });
        if self.register {
            let mut wire = Wire::connect(&self.server, &self.domain).await?;
            wire.register(&format!("{}author", self.prefix), &self.password)
                .await
                .context("registering the author")?;
        }
        let client = Author::connect(&self.server, &author, &self.password, &shared.node).await?;
        // The node is there before anyone follows it.
        client.publish("lt-begin", "begin").await?;
        let before = cost(self.pid);
        let (arrivals, arrived) = mpsc::channel(65_536);
        let login = now();
        let joined = self.join_all(&shared, &arrivals).await?;
        let login_seconds = login.elapsed().as_secs_f64();
        let idle = cost(self.pid);
        let own = cost(None);
        let run = self.post_all(&client, &mark, arrived).await?;
        let (after, own_after) = (cost(self.pid), cost(None));
        drop(joined);
        let lost = self.posts * self.followers as u64 - run.delivered;
        let logins = (login_seconds, &before, &idle);
        Ok(self.report(
            &shared.faults,
            &run,
            logins,
            &after,
            own_after.cpu_seconds - own.cpu_seconds,
            lost,
        ))
    }

    async fn join_all(
        &self,
        shared: &Arc<Shared>,
        arrivals: &mpsc::Sender<Arrival>,
    ) -> Result<Vec<tokio::task::JoinHandle<()>>> {
        let wires = stream::iter(0..self.followers).map(|number| {
            let shared = shared.clone();
            async move {
                join(&shared, number)
                    .await
                    .with_context(|| format!("follower {number}"))
            }
        });
        let mut wires = wires.buffer_unordered(self.logins.max(1));
        let mut watching = Vec::with_capacity(self.followers);
        while let Some(wire) = wires.next().await {
            watching.push(tokio::spawn(watch(wire?, shared.clone(), arrivals.clone())));
        }
        Ok(watching)
    }

    async fn post_all(&self, author: &Author, mark: &str, mut arrived: mpsc::Receiver<Arrival>) -> Result<Run> {
        let begun = now();
        let body = "x".repeat(self.bytes);
        let mut sent: Vec<Instant> = Vec::new();
        let mut reached: Vec<usize> = Vec::new();
        let mut run = Run {
            seconds: 0.0,
            delivered: 0,
            last: Histogram::new_with_max(3_600_000_000, 3)?,
            each: Histogram::new_with_max(3_600_000_000, 3)?,
        };
        let mut complete = 0;
        while complete < self.posts {
            while (sent.len() as u64) < self.posts.min(complete + self.outstanding.max(1)) {
                sent.push(now());
                reached.push(0);
                let id = format!("{mark}{:0width$}", sent.len() - 1, width = DIGITS);
                author.publish(&id, &body).await?;
            }
            let next = tokio::time::timeout(Duration::from_secs(self.patience), arrived.recv()).await;
            let Ok(Some(arrival)) = next else { break };
            let at = usize::try_from(arrival.number)?;
            let (Some(since), Some(count)) = (sent.get(at), reached.get_mut(at)) else {
                continue;
            };
            let micros = arrival.at.duration_since(*since).as_micros() as u64;
            run.each.saturating_record(micros);
            run.delivered += 1;
            *count += 1;
            if *count == self.followers {
                run.last.saturating_record(micros);
                complete += 1;
            }
        }
        run.seconds = begun.elapsed().as_secs_f64();
        Ok(run)
    }

    fn report(
        &self,
        faults: &Faults,
        run: &Run,
        (login_seconds, before, idle): (f64, &Cost, &Cost),
        after: &Cost,
        own_cpu: f64,
        lost: u64,
    ) -> Value {
        let cpu = after.cpu_seconds - idle.cpu_seconds;
        let millions = run.delivered as f64 / 1e6;
        let milliseconds = |histogram: &Histogram<u64>, q: f64| histogram.value_at_quantile(q) as f64 / 1000.0;
        json!({
            "followers": self.followers,
            "posts": self.posts,
            "outstanding": self.outstanding,
            "delivered": run.delivered,
            "faults": {
                "lost": lost,
                "doubled": faults.doubled.load(Ordering::Relaxed),
                "out_of_order": faults.out_of_order.load(Ordering::Relaxed),
            },
            "deliveries_per_second": run.delivered as f64 / run.seconds,
            "server_cpu_seconds_per_million": cpu / millions,
            "own_cpu_seconds_per_million": own_cpu / millions,
            "each_ms": { "p50": milliseconds(&run.each, 0.5), "p99": milliseconds(&run.each, 0.99) },
            "last_ms": { "p50": milliseconds(&run.last, 0.5), "p99": milliseconds(&run.last, 0.99) },
            "logins_per_second": self.followers as f64 / login_seconds,
            "server_cpu_seconds_of_logins": idle.cpu_seconds - before.cpu_seconds,
            "kib_per_session": idle.resident_kib.saturating_sub(before.resident_kib) as f64 / self.followers as f64,
            "server_resident_kib": after.resident_kib,
        })
    }
}
