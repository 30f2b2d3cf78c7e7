//! Follows in bulk: a graph brought into a real store, with shards that take their part on threads of their own.

use crate::blog;
use crate::graph::Graph;
use reef_engine::Seat;
use reef_engine::config::NodeConfig;
use reef_engine::error::Error;
use reef_engine::limits::FOLLOWERS_PER_RECORD;
use reef_engine::log::record::{Applied, Change, Outcome};
use reef_engine::{Engine, shard::Shard};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A thread for each shard that applies what commits bring, until the engine is closed. They give the shard back.
///
/// # Panics
/// The system has no thread to give.
#[allow(clippy::disallowed_methods, reason = "it stands for the server's shards")]
pub fn drive(seats: Vec<Seat>) -> Vec<JoinHandle<Shard>> {
    let shard = |mut seat: Seat| {
        std::thread::Builder::new().spawn(move || {
            for batch in &seat.batches {
                seat.shard.apply(&batch);
            }
            seat.shard
        })
    };
    let threads = seats
        .into_iter()
        .map(|seat| shard(seat).expect("the system gives a thread"));
    threads.collect()
}

/// A user's bare JID.
pub fn user(number: u32) -> Arc<str> {
    format!("user{number}@bench.example").into()
}

/// An author's bare JID.
pub fn author(number: u32) -> String {
    format!("author{number}@bench.example")
}

/// Follows that were imported, and that were refused or there before.
#[derive(Debug, Default)]
pub struct Counts {
    /// Imported.
    pub imported: AtomicU64,
    /// All others.
    pub others: AtomicU64,
    /// Records that are not committed yet.
    waiting: AtomicU64,
}

/// Records that wait at most: enough that the applier never does.
const WAITING_MAX: u64 = 512;

/// Submits, and waits for room in the queue.
///
/// # Errors
/// A refusal that needs no state, or the end of the store.
pub fn submit(engine: &Engine, by: &str, change: Change, counts: &Arc<Counts>) -> Result<(), Error> {
    while counts.waiting.load(Ordering::Relaxed) >= WAITING_MAX {
        // As long as a commit takes, or less.
        std::thread::park_timeout(Duration::from_millis(1));
    }
    counts.waiting.fetch_add(1, Ordering::Relaxed);
    let counts = counts.clone();
    let ticket = Box::new(move |fate: Result<Applied, Error>| {
        counts.waiting.fetch_sub(1, Ordering::Relaxed);
        match fate.map(|applied| applied.outcome) {
            Ok(Outcome::Imported(done)) => {
                counts.imported.fetch_add(done.imported, Ordering::Relaxed);
                counts.others.fetch_add(done.already + done.refused, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(_) => drop(counts.others.fetch_add(1, Ordering::Relaxed)),
        }
    });
    engine.admission.submit(by, change, ticket)
}

/// Makes an author's node and has these users follow it.
///
/// # Errors
/// As [`submit`].
pub fn node(engine: &Engine, number: u32, followers: &[u32], counts: &Arc<Counts>) -> Result<(), Error> {
    let owner = author(number);
    let config = NodeConfig::microblog(crate::MICROBLOG);
    let node = blog(&owner);
    submit(engine, &owner, Change::CreateNode { node, config }, counts)?;
    for some in followers.chunks(FOLLOWERS_PER_RECORD) {
        let change = Change::ImportFollowers {
            node: blog(&owner),
            subscribers: some.iter().map(|number| user(*number)).collect(),
        };
        submit(engine, "", change, counts)?;
    }
    Ok(())
}

/// Imports a graph; the counts are those of what is committed when this returns.
///
/// # Errors
/// As [`submit`].
pub fn graph(engine: &Engine, graph: &Graph, counts: &Arc<Counts>) -> Result<(), Error> {
    let mut failed = None;
    graph.each_node(|number, followers| {
        if failed.is_none() {
            failed = node(engine, number, followers, counts).err();
        }
    });
    settle(engine);
    failed.map_or(Ok(()), Err)
}

/// Waits until all that was submitted is committed.
pub fn settle(engine: &Engine) {
    let nothing = Change::Purge {
        node: blog("nobody@bench.example"),
    };
    // It is refused, behind all the others.
    while engine.admission.submit_and_wait("", nothing.clone()) == Err(Error::Busy) {
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_is_in_the_store_once_however_often_it_is_imported() {
        let dir = tempfile::TempDir::new().unwrap();
        let small = Graph {
            nodes: 20,
            users: 3_000,
            edges: 20_000,
        };
        let (engine, seats) = crate::engine(dir.path()).unwrap();
        let shards = drive(seats);
        let counts = Arc::new(Counts::default());
        graph(&engine, &small, &counts).unwrap();
        let imported = counts.imported.load(Ordering::Relaxed);
        assert!(
            imported > 10_000 && counts.others.load(Ordering::Relaxed) == 0,
            "{counts:?}"
        );
        graph(&engine, &small, &counts).unwrap();
        assert_eq!(counts.imported.load(Ordering::Relaxed), imported);
        // Those who followed, and twenty nodes that are there.
        assert_eq!(counts.others.load(Ordering::Relaxed), imported + 20);
        drop(engine);
        let edges = shards.into_iter().map(|shard| shard.join().unwrap().index().edges());
        assert_eq!(edges.sum::<u64>(), imported);
        let (_, seats) = crate::engine(dir.path()).unwrap();
        assert_eq!(
            seats.iter().map(|seat| seat.shard.index().edges()).sum::<u64>(),
            imported
        );
    }
}
