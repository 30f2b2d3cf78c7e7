//! A post to a million live sessions in one process: the real session, index, shard and stream management, over memory
//! instead of sockets. The far end counts and checks every delivery, and acknowledges what it is asked to.
//!
//! Knows the front end's `memory` face. The far end runs on the shards' own threads, and its time is part of what is
//! measured.
#![allow(clippy::disallowed_methods, reason = "it measures the time that passes")]

mod far;
pub(crate) mod prepare;

pub use far::{Far, Lane};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use reef_engine::config::NodeConfig;
use reef_engine::log::record::Change;
use reef_engine::model::NodeName;
use reef_frontend::config::Config;
use reef_frontend::server::Running;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The node of microblogs.
pub(crate) const MICROBLOG: &str = "urn:xmpp:microblog:0";
/// Who has everybody as a follower.
pub(crate) const BIG: &str = "big@localhost";
/// Who has a few.
pub(crate) const SMALL: &str = "small@localhost";
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What was measured.
#[derive(Debug)]
pub struct Report {
    /// Sessions.
    pub sessions: usize,
    /// Seconds that accounts, follows and logins took.
    pub prepared: [f64; 3],
    /// Bytes that the process's resident set grew by for each session, far ends included.
    pub bytes_per_session: u64,
    /// Of those, the far end's.
    pub far_bytes: usize,
    /// Seconds from submitting one post to its last delivery, each time.
    pub one: Vec<f64>,
    /// The same for 16 posts at once, and CPU seconds of the process.
    pub sixteen: f64,
    /// CPU seconds of the process for one post, and for the sixteen.
    pub cpu: [f64; 2],
    /// Milliseconds from a small author's publish to its delivery while 16 posts are queued: median, 99th percentile.
    pub small_ms: [f64; 2],
    /// Stanzas that the far ends acknowledged.
    pub acked: u64,
}

/// A server in this process, with its far ends' lanes.
pub struct Crowd {
    pub(crate) running: Running,
    /// Where it lives.
    pub(crate) domain: String,
    pub(crate) lanes: Vec<Arc<Lane>>,
    sessions: usize,
    followers: usize,
    big: u64,
    small: u64,
}

/// Runs it with `sessions` sessions, of whom `followers` follow the small author, on a store at `dir`.
///
/// # Errors
/// A delivery was lost, doubled or out of order, or took too long.
pub fn run(dir: &std::path::Path, sessions: usize, followers: usize) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut config = Config {
        data_dir: dir.to_owned(),
        ..Config::default()
    };
    config.c2s.listen = Vec::new();
    config.c2s.listen_tls = Vec::new();
    let running = runtime.block_on(Running::start(config))?;
    let report = Crowd::prepare(running, sessions, followers).and_then(|(mut crowd, prepared)| {
        let report = crowd.measure(prepared);
        runtime.block_on(crowd.running.stop());
        report
    });
    runtime.shutdown_background();
    report
}

impl Crowd {
    /// Nobody yet.
    pub(crate) fn new(running: Running, domain: &str, shards: usize, (sessions, followers): (usize, usize)) -> Crowd {
        Crowd {
            running,
            domain: domain.to_owned(),
            lanes: (0..shards).map(|_| Arc::default()).collect(),
            sessions,
            followers,
            big: 0,
            small: 0,
        }
    }

    fn prepare(running: Running, sessions: usize, followers: usize) -> Result<(Crowd, Prepared)> {
        let shards = running.shard_of(&"a@localhost".parse()?).1;
        let mut crowd = Crowd::new(running, "localhost", shards, (sessions, followers));
        let begun = Instant::now();
        prepare::accounts(&crowd, sessions)?;
        let accounts = begun.elapsed().as_secs_f64();
        prepare::follows(&crowd, sessions, followers)?;
        let follows = begun.elapsed().as_secs_f64() - accounts;
        let before = resident();
        prepare::connect(&mut crowd, sessions)?;
        let logins = begun.elapsed().as_secs_f64() - accounts - follows;
        let bytes = resident().saturating_sub(before) / sessions as u64;
        Ok((
            crowd,
            Prepared {
                seconds: [accounts, follows, logins],
                bytes,
            },
        ))
    }

    fn measure(&mut self, prepared: Prepared) -> Result<Report> {
        let mut one = Vec::new();
        let before = cpu();
        for _ in 0..5 {
            let begun = Instant::now();
            self.publish_big()?;
            self.wait()?;
            one.push(begun.elapsed().as_secs_f64());
        }
        let cpu_one = (cpu() - before) / 5.0;
        let (before, begun) = (cpu(), Instant::now());
        for _ in 0..16 {
            self.publish_big()?;
        }
        self.wait()?;
        let sixteen = begun.elapsed().as_secs_f64();
        let cpu_sixteen = cpu() - before;
        let small_ms = self.small_beside_big()?;
        Ok(Report {
            sessions: self.sessions,
            prepared: prepared.seconds,
            bytes_per_session: prepared.bytes,
            far_bytes: size_of::<Far>(),
            one,
            sixteen,
            cpu: [cpu_one, cpu_sixteen],
            small_ms,
            acked: self.total(|lane| lane.acked.load(Ordering::Relaxed)),
        })
    }

    /// Publishes by the small author, one after the other, while 16 posts to everybody are on their way, time and again.
    fn small_beside_big(&mut self) -> Result<[f64; 2]> {
        let mut latencies = Histogram::<u64>::new_with_max(600_000_000, 3)?;
        for _ in 0..5 {
            for _ in 0..16 {
                self.publish_big()?;
            }
            let mut rounds = 0;
            while rounds < 20 || self.delivered(false) < self.big * self.sessions as u64 {
                let begun = Instant::now();
                self.small += 1;
                self.publish(SMALL, &format!("zqS{:08}", self.small - 1))?;
                let wanted = self.small * self.followers as u64;
                until(|| self.delivered(true) >= wanted)?;
                latencies.record(begun.elapsed().as_micros() as u64)?;
                rounds += 1;
                if rounds > 10_000 {
                    break;
                }
            }
            self.wait()?;
        }
        Ok([0.5, 0.99].map(|q| latencies.value_at_quantile(q) as f64 / 1000.0))
    }

    fn publish_big(&mut self) -> Result<()> {
        self.big += 1;
        self.publish(BIG, &format!("zqB{:08}", self.big - 1))
    }

    fn publish(&self, author: &str, item: &str) -> Result<()> {
        let change = Change::Publish {
            node: NodeName::new(author, MICROBLOG),
            item: item.into(),
            payload: prepare::entry().into(),
            open_only: None,
            notes: Vec::new(),
            options: Vec::new(),
            create: Some(NodeConfig::microblog(MICROBLOG)),
        };
        let engine = self.running.engine();
        engine
            .admission
            .submit(author, change, Box::new(|_| ()))
            .context("publishing")
    }

    /// Until everything that was published is everywhere, and nothing is wrong.
    fn wait(&self) -> Result<()> {
        let (big, small) = (self.big * self.sessions as u64, self.small * self.followers as u64);
        until(|| self.delivered(false) >= big && self.delivered(true) >= small)?;
        ensure!(self.delivered(false) == big, "doubled deliveries");
        let faults = self.total(|lane| lane.faults.load(Ordering::Relaxed));
        ensure!(faults == 0, "{faults} deliveries out of order");
        Ok(())
    }

    pub(crate) fn delivered(&self, small: bool) -> u64 {
        self.total(|lane| {
            let count = if small { &lane.small } else { &lane.big };
            count.load(Ordering::Relaxed)
        })
    }

    pub(crate) fn total(&self, of: impl Fn(&Lane) -> u64) -> u64 {
        self.lanes.iter().map(|lane| of(lane)).sum()
    }
}

struct Prepared {
    seconds: [f64; 3],
    bytes: u64,
}

/// Looks every tenth of a millisecond.
pub(crate) fn until(done: impl Fn() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !done() {
        ensure!(begun.elapsed() < PATIENCE, "deliveries were lost");
        std::thread::sleep(Duration::from_micros(100));
    }
    Ok(())
}

/// Bytes of the process in memory.
fn resident() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// CPU seconds of the process.
pub(crate) fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_session_gets_every_post_once_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let report = super::run(dir.path(), 2_000, 20).unwrap();
        // Each post was asked to be acknowledged by each session, at least once for the sixteen.
        assert!(report.acked >= 2_000 * 6, "{report:?}");
    }
}
