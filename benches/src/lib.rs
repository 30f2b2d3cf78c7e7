//! Bodies of the benches: the stages of the engine, each on as much as it is told. They run small as tests, so that they
//! never rot.
//!
//! Knows the engine's public face, the front end's `memory`, and for `smpp` the session of the gateway. `count.rs` is the list of what is counted in instructions.

pub mod million;
pub mod phones;
pub mod reefs;

use reef_engine::clock::SystemClock;
use reef_engine::config::NodeConfig;
use reef_engine::error::Error;
use reef_engine::fanout::{Batch, Wake};
use reef_engine::index::Index;
use reef_engine::limits::Limits;
use reef_engine::log::apply::{Effect, NoTables};
use reef_engine::log::record::Change;
use reef_engine::metrics::Metrics;
use reef_engine::model::{Audience, Event, NodeId, NodeName, Origin, Post, Seq, Shown, SubscriberId, Timestamp};
use reef_engine::shard::{Key, Shard};
use reef_engine::{Engine, Options, Seat};
use roaring::RoaringBitmap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

pub mod admission;
pub mod catch_up;
pub mod commit;
pub mod count;
pub mod graph;
pub mod import;
pub mod memory;
pub mod publishers;
pub mod session;
pub mod smpp;
pub mod social;

/// The node of microblogs.
const MICROBLOG: &str = "urn:xmpp:microblog:0";

/// An engine on a real RocksDB at `dir`, with two shards that nobody drives.
///
/// # Errors
/// The store cannot be opened.
pub fn engine(dir: &Path) -> Result<(Arc<Engine>, Vec<Seat>), reef_engine::error::StoreError> {
    engine_of(dir, 2)
}

/// The same with as many shards as are asked for.
///
/// # Errors
/// The store cannot be opened.
pub fn engine_of(dir: &Path, shards: usize) -> Result<(Arc<Engine>, Vec<Seat>), reef_engine::error::StoreError> {
    let wake: Wake = Arc::new(|| {});
    Engine::open(Options {
        dir: dir.to_owned(),
        limits: Limits::default(),
        sync: true,
        tables: Arc::new(NoTables),
        clock: Arc::new(SystemClock),
        wakers: vec![wake; shards],
        applier_starts: || (),
    })
}

fn blog(author: &str) -> NodeName {
    NodeName::new(author, MICROBLOG)
}

/// A post of 350 bytes to an author's microblog, which is made if need be.
fn post_item(author: &str, item: &str) -> Change {
    Change::Publish {
        node: blog(author),
        item: item.into(),
        payload: vec![b'x'; 350].into(),
        open_only: None,
        notes: Vec::new(),
        options: Vec::new(),
        create: Some(NodeConfig::microblog(MICROBLOG)),
    }
}

/// Publishes `posts` items as fast as the log takes them, and waits for the last; what `seats` hold is thrown away.
///
/// # Errors
/// A refusal.
pub fn publish(engine: &Engine, seats: &[Seat], author: &str, posts: usize) -> Result<(), Error> {
    for number in 0..posts {
        let change = post_item(author, &format!("p{number}"));
        submit(engine, seats, author, change, number + 1 == posts)?;
    }
    Ok(())
}

/// Publishes one item and waits until it is durable.
///
/// # Errors
/// A refusal.
pub fn publish_one(engine: &Engine, author: &str, item: &str) -> Result<(), Error> {
    engine
        .admission
        .submit_and_wait(author, post_item(author, item))
        .map(|_| ())
}

/// Makes `authors` microblogs with `followers` each.
///
/// # Errors
/// A refusal.
pub fn follow(engine: &Engine, seats: &[Seat], authors: usize, followers: usize) -> Result<(), Error> {
    for author in 0..authors {
        let author = format!("author{author}@bench");
        publish(engine, seats, &author, 1)?;
        for number in 0..followers {
            let follower = format!("follower{number}@bench");
            let change = Change::follow(blog(&author), follower.as_str().into());
            submit(engine, seats, &follower, change, number + 1 == followers)?;
        }
    }
    Ok(())
}

fn submit(engine: &Engine, seats: &[Seat], by: &str, change: Change, wait: bool) -> Result<(), Error> {
    if wait {
        engine.admission.submit_and_wait(by, change)?;
        seats.iter().for_each(|seat| seat.batches.try_iter().for_each(drop));
        return Ok(());
    }
    while let Err(error) = engine.admission.submit(by, change.clone(), Box::new(|_| {})) {
        if error != Error::Busy {
            return Err(error);
        }
        seats.iter().for_each(|seat| seat.batches.try_iter().for_each(drop));
        std::thread::yield_now();
    }
    Ok(())
}

/// A shard's edges: one node with so many followers, who came one after the other.
pub fn followers(count: u32) -> Index {
    let mut index = Index::default();
    for id in 1..=count {
        index.follow(NodeId(1), SubscriberId(id));
    }
    index
}

/// The same without them, who left one after the other.
pub fn unfollowed(mut index: Index, count: u32) -> Index {
    for id in 1..=count {
        index.unfollow(NodeId(1), SubscriberId(id));
    }
    index
}

/// Submits `posts` items and waits for nothing.
///
/// # Errors
/// A refusal that needs no state: there is room for 65,536.
pub fn admit(engine: &Engine, author: &str, posts: usize) -> Result<(), Error> {
    for number in 0..posts {
        let change = post_item(author, &format!("p{number}"));
        engine.admission.submit(author, change, Box::new(|_| {}))?;
    }
    Ok(())
}

/// How many of a node's followers are online.
pub fn among(index: &Index, online: &RoaringBitmap) -> usize {
    index
        .followers(NodeId(1))
        .map_or(0, |followers| followers.among(online).count())
}

/// Every `step`-th subscriber up to `count` is online.
pub fn online(count: u32, step: usize) -> RoaringBitmap {
    (1..=count).step_by(step).collect()
}

/// A shard with `sessions` live sessions that all follow one node.
pub fn shard(sessions: u32) -> (Shard, Vec<Key>) {
    let mut index = Index::default();
    for id in 1..=sessions {
        index.follow(NodeId(1), SubscriberId(id));
    }
    let (limits, metrics) = (Arc::new(Limits::default()), Arc::new(Metrics::default()));
    let mut shard = Shard::new(0, 1, limits, metrics, 1, index, Seq(1));
    let keys = (1..=sessions).map(|id| {
        let key = shard.attach(SubscriberId(id), Some("bench"));
        shard.available(key, Some(Seq(1)));
        key
    });
    let keys = keys.collect();
    flush(&mut shard);
    (shard, keys)
}

/// A shard where a node has so many followers, of whom every `step`th is here and live.
pub fn shard_with(followers: u32, step: usize) -> Shard {
    let mut index = Index::default();
    let ids: Vec<u32> = (1..=followers).collect();
    index.append(NodeId(1), &ids);
    let (limits, metrics) = (Arc::new(Limits::default()), Arc::new(Metrics::default()));
    let mut shard = Shard::new(0, 1, limits, metrics, 1, index, Seq(1));
    for id in ids.iter().step_by(step) {
        let key = shard.attach(SubscriberId(*id), Some("bench"));
        shard.available(key, Some(Seq(1)));
    }
    flush(&mut shard);
    shard
}

/// Brings a post to the shard and expands it: puts it on the queue of everyone who must get it, and writes nothing.
pub fn expand(shard: &mut Shard, seq: u64) {
    shard.apply(&Batch {
        upto: Seq(seq),
        effects: vec![(Seq(seq), Effect::Post(post(seq)))],
        notices: Vec::new(),
    });
    while shard.expand(usize::MAX) {}
}

/// Brings a post to the shard, expands it and writes it to nowhere; how many got it.
pub fn deliver(shard: &mut Shard, seq: u64) -> u64 {
    expand(shard, seq);
    flush(shard)
}

/// A post of the node that everybody follows.
pub(crate) fn post(seq: u64) -> Arc<Post> {
    Arc::new(Post {
        seq: Seq(seq),
        origin: Origin::default(),
        node: NodeId(1),
        name: blog("author@bench"),
        item: format!("p{seq}").into(),
        at: Timestamp(seq),
        event: Event::Publish {
            payload: vec![b'x'; 350].into(),
            publisher: "author@bench".into(),
        },
        audience: Audience::None,
        shown: Shown {
            payload: true,
            publisher: true,
            body: false,
            kind: reef_engine::config::NotificationType::Headline,
        },
        remote: false,
        only: None,
        live: OnceLock::new(),
        delayed: OnceLock::new(),
    })
}

/// Writes all that is due to nowhere; how much it was.
pub fn flush(shard: &mut Shard) -> u64 {
    let mut written = 0;
    while let Some(key) = shard.next_dirty() {
        shard.drain(key, |_, _| {
            written += 1;
            true
        });
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_runs_small() {
        let dir = tempfile::TempDir::new().unwrap();
        let (running, seats) = engine(dir.path()).unwrap();
        follow(&running, &seats, 2, 10).unwrap();
        publish(&running, &seats, "author0@bench", 20).unwrap();
        admit(&running, "author0@bench", 20).unwrap();
        drop((running, seats));
        let (_, seats) = engine(dir.path()).unwrap();
        assert_eq!(seats.iter().map(|seat| seat.shard.index().edges()).sum::<u64>(), 20);
        assert_eq!(unfollowed(followers(10_000), 10_000).edges(), 0);
        assert_eq!(among(&followers(10_000), &online(10_000, 10)), 1_000);
        let (mut shard, keys) = shard(100);
        assert_eq!((deliver(&mut shard, 2), keys.len()), (100, 100));
        let mut shard = shard_with(50_000, 100);
        expand(&mut shard, 2);
        assert_eq!(flush(&mut shard), 500);
    }
}
