//! The stages whose instructions are counted: each one's body on a fixed input, with the same numbers each time.
//!
//! What comes before a body is not counted. Knows no valgrind; `bin/count.rs` runs one stage, `scripts/bench-check.sh` counts
//! and compares.

use crate::admission::Held;
use crate::catch_up::{Away, followed, load_edges};
use crate::commit::Bench;
use crate::session::{Sealing, Sessions, Splicing};
use crate::{among, expand, followers, online, shard, unfollowed};
use reef_sim::disk::Disk;
use std::hint::black_box;
use std::sync::Arc;
use tempfile::TempDir;

/// A stage.
pub struct Stage {
    /// Its name in the baseline.
    pub name: &'static str,
    /// How many units the body does: deliveries, records, edges, posts.
    pub units: u64,
    /// The body works on threads of its own: the whole process is counted, with one round and with more.
    pub threads: bool,
    /// Makes what the body works on, and the body. Only one of `threads` can be run again.
    pub prepare: fn(u64) -> Body,
}

/// The part that is counted.
pub type Body = Box<dyn FnMut()>;

const fn stage(name: &'static str, units: u64, prepare: fn(u64) -> Body) -> Stage {
    Stage {
        name,
        units,
        threads: false,
        prepare,
    }
}

const fn threads(name: &'static str, units: u64, prepare: fn(u64) -> Body) -> Stage {
    Stage {
        threads: true,
        ..stage(name, units, prepare)
    }
}

/// In the order of the flow.
pub const STAGES: [Stage; 17] = [
    stage("admission", 1_000, admission),
    stage("commit", 200, commit),
    stage("apply-post", 1_000, |posts| applied(Bench::posts, posts)),
    stage("apply-follow", 1_000, |follows| applied(Bench::follows, follows)),
    stage("apply-import", 5_000, |edges| applied(Bench::imports, edges)),
    stage("index-insert", 50_000, |edges| {
        Box::new(move || drop(black_box(followers(edges as u32))))
    }),
    stage("index-remove", 50_000, index_remove),
    stage("index-intersect", 10_000, index_intersect),
    stage("expand", 20_000, expansion),
    stage("splice", 10_000, |deliveries| {
        let mut splicing = Splicing::default();
        Box::new(move || assert!(splicing.splice(deliveries) > 0))
    }),
    stage("tls-record", 2_000, tls_record),
    stage("session-write", 4_000, |sessions| session_write(sessions, false)),
    stage("session-write-managed", 4_000, |sessions| session_write(sessions, true)),
    stage("catch-up-recent", 1_000, |posts| catch_up(posts, true)),
    stage("catch-up-merge", 1_000, |posts| catch_up(posts, false)),
    threads("load-rows", 20_000, |edges| load(edges, false)),
    threads("load-packed", 20_000, |edges| load(edges, true)),
];

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

fn bench() -> Bench {
    Bench::new(Arc::new(Disk::default()))
}

fn admission(posts: u64) -> Body {
    let dir = folder();
    let held = Held::new(dir.path()).expect("there are threads");
    Box::new(move || {
        held.admit(posts as usize).expect("there is room");
        black_box(&dir);
    })
}

/// Commits of one post each: what a commit adds to what applying costs.
fn commit(commits: u64) -> Body {
    let mut bench = bench();
    let posts = bench.posts(commits);
    let mut posts = posts.into_iter();
    Box::new(move || {
        for post in posts.by_ref() {
            bench.commit(vec![post]);
        }
    })
}

/// One commit of all.
fn applied(kind: impl Fn(&mut Bench, u64) -> Changes, count: u64) -> Body {
    let mut bench = bench();
    // The first ones are not like those that come later.
    let first = kind(&mut bench, count);
    bench.commit(first);
    let mut changes = kind(&mut bench, count);
    Box::new(move || bench.commit(std::mem::take(&mut changes)))
}

type Changes = Vec<(Arc<str>, reef_engine::log::record::Change)>;

fn index_remove(edges: u64) -> Body {
    let mut index = Some(followers(edges as u32));
    Box::new(move || drop(black_box(index.take().map(|index| unfollowed(index, edges as u32)))))
}

/// One in a hundred followers is here; each that is found is a unit.
fn index_intersect(found: u64) -> Body {
    let (set, online) = (followers(100_000), online(100_000, 100));
    Box::new(move || {
        let all: usize = (0..found / 1_000).map(|_| among(&set, &online)).sum();
        assert_eq!(all as u64, found);
    })
}

fn expansion(sessions: u64) -> Body {
    let (mut shard, _) = shard(sessions as u32);
    Box::new(move || expand(&mut shard, 2))
}

fn tls_record(records: u64) -> Body {
    let dir = folder();
    let mut sealing = Sealing::new(dir.path()).expect("a certificate can be made");
    sealing.seal(1);
    Box::new(move || assert!(sealing.seal(records) > 0))
}

fn session_write(count: u64, managed: bool) -> Body {
    let mut sessions = Sessions::new(count as u32, managed);
    sessions.post();
    sessions.write();
    sessions.post();
    Box::new(move || assert_eq!(sessions.write() as u64, count))
}

/// Twenty posts of each node.
fn catch_up(posts: u64, recent: bool) -> Body {
    let away = Away::new(posts as usize / 20, 20);
    let known = if recent { away.recent() } else { away.forgotten() };
    Box::new(move || assert_eq!(away.read(&known) as u64, posts))
}

fn load(edges: u64, packed: bool) -> Body {
    let (disk, dir) = (followed(edges), folder());
    load_edges(&disk, dir.path(), packed);
    Box::new(move || assert_eq!(load_edges(&disk, dir.path(), packed).0, edges))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_does_what_it_counts() {
        for stage in STAGES {
            // The body asserts how much it did.
            let mut body = (stage.prepare)(stage.units);
            body();
            if stage.threads {
                body();
            }
        }
    }
}
