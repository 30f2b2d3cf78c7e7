//! Two Reefs in one process: an author at one, all of his followers at the other, live over memory. A post crosses between them
//! over a real stream with TLS; how many stanzas that takes is counted, and that each follower has it once and in order.
#![allow(clippy::disallowed_methods, reason = "it measures the time that passes")]

use crate::million::{BIG, Crowd, MICROBLOG, cpu, prepare, until};
use anyhow::{Result, ensure};
use reef_engine::config::{NodeConfig, SubscriptionState};
use reef_engine::limits::FOLLOWERS_PER_RECORD;
use reef_engine::log::record::{Change, Mirrored};
use reef_engine::model::NodeName;
use reef_frontend::config::Config;
use reef_frontend::memory::account;
use reef_frontend::server::Running;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

const THERE: &str = "there.test";

/// What was measured.
#[derive(Debug)]
pub struct Report {
    /// Followers there.
    pub followers: usize,
    /// Posts.
    pub posts: u64,
    /// Stanzas that crossed for them, with all that the two servers had to say to each other.
    pub stanzas: u64,
    /// Seconds from the first publish to the last delivery.
    pub seconds: f64,
    /// CPU seconds of the process.
    pub cpu: f64,
}

/// Runs it on stores in `dir`.
///
/// # Errors
/// A delivery was lost, doubled or out of order, or took too long.
pub fn run(dir: &Path, followers: usize, posts: u64) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (here_port, there_port) = (free_port()?, free_port()?);
    let here = config(dir, "localhost", here_port, (THERE, there_port));
    let there = config(dir, THERE, there_port, ("localhost", here_port));
    let author = runtime.block_on(Running::start(here))?;
    let readers = runtime.block_on(Running::start(there))?;
    let shards = readers.shard_of(&prepare::user(THERE, 0)?).1;
    let mut crowd = Crowd::new(readers, THERE, shards, (followers, 0));
    let report = prepared(&author, &mut crowd, followers).and_then(|()| measured(&author, &crowd, followers, posts));
    runtime.block_on(crowd.running.stop());
    runtime.block_on(author.stop());
    runtime.shutdown_background();
    report
}

fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn config(dir: &Path, domain: &str, own: SocketAddr, (other, at): (&str, SocketAddr)) -> Config {
    let mut config = Config {
        domain: domain.to_owned(),
        data_dir: dir.join(domain),
        ..Config::default()
    };
    config.c2s.listen = Vec::new();
    config.c2s.listen_tls = Vec::new();
    config.http.listen = Vec::new();
    config.s2s.listen = vec![own];
    config.s2s.resolve = [(other.to_owned(), at), (format!("*.{other}"), at)].into();
    config
}

/// Everybody there follows the author, as both servers know, and is there.
fn prepared(author: &Running, crowd: &mut Crowd, followers: usize) -> Result<()> {
    prepare::submit_all(author, std::iter::once(Ok((String::new(), account(&BIG.parse()?)))))?;
    let node = NodeName::new(BIG, MICROBLOG);
    let create = Change::CreateNode {
        node: node.clone(),
        config: NodeConfig::microblog(MICROBLOG),
    };
    prepare::submit_all(author, std::iter::once(Ok((BIG.to_owned(), create))))?;
    prepare::accounts(crowd, followers)?;
    let names: Vec<Arc<str>> = (0..followers)
        .map(|number| Ok(prepare::user(THERE, number)?.as_str().into()))
        .collect::<Result<_>>()?;
    let import = |part: &[Arc<str>]| {
        let change = Change::ImportFollowers {
            node: node.clone(),
            subscribers: part.to_vec(),
        };
        Ok((String::new(), change))
    };
    prepare::submit_all(author, names.chunks(FOLLOWERS_PER_RECORD).map(import))?;
    let follow = |name: &Arc<str>| {
        let said = Mirrored::Follow {
            subscriber: name.clone(),
            state: Some(SubscriptionState::Subscribed),
            asked: true,
        };
        let node = node.clone();
        Ok(("localhost".to_owned(), Change::Mirror { node, said }))
    };
    prepare::submit_all(&crowd.running, names.iter().map(follow))?;
    prepare::connect(crowd, followers)
}

fn measured(author: &Running, crowd: &Crowd, followers: usize, posts: u64) -> Result<Report> {
    let (before, burnt, begun) = (author.stanzas_to_peers(), cpu(), Instant::now());
    let publish = |number: u64| {
        let change = Change::Publish {
            node: NodeName::new(BIG, MICROBLOG),
            item: format!("zqB{number:08}").into(),
            payload: prepare::entry().into(),
            open_only: None,
            notes: Vec::new(),
            options: Vec::new(),
            create: None,
        };
        Ok((BIG.to_owned(), change))
    };
    prepare::submit_all(author, (0..posts).map(publish))?;
    until(|| crowd.delivered(false) >= posts * followers as u64)?;
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu() - burnt);
    ensure!(crowd.delivered(false) == posts * followers as u64, "doubled deliveries");
    let faults = crowd.total(|lane| lane.faults.load(Ordering::Relaxed));
    ensure!(faults == 0, "{faults} deliveries out of order");
    let stanzas = author.stanzas_to_peers() - before;
    Ok(Report {
        followers,
        posts,
        stanzas,
        seconds,
        cpu,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_post_crosses_as_one_stanza_and_reaches_all() {
        let dir = tempfile::tempdir().unwrap();
        let report = super::run(dir.path(), 2_000, 10).unwrap();
        // Beside the posts: what the peer is, and that both agree who follows.
        assert!((10..=14).contains(&report.stanzas), "{report:?}");
    }
}
