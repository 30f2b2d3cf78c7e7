//! The applier driven by hand: one commit at a time, on a store in memory (what applying costs) or on RocksDB (what
//! writing and syncing adds).

use crate::{MICROBLOG, blog};
use reef_engine::clock::SystemClock;
use reef_engine::config::NodeConfig;
use reef_engine::fanout::{Batches, Fanout, Wake};
use reef_engine::limits::Limits;
use reef_engine::log::apply::{NoTables, Tables};
use reef_engine::log::record::{Change, Record};
use reef_engine::log::{Applier, NoBus, Work};
use reef_engine::metrics::Metrics;
use reef_engine::model::{RecordId, Seq, Timestamp};
use reef_engine::outbox::Recent;
use reef_engine::store::Store;
use std::sync::Arc;

/// An applier, and what it would have given a shard.
pub struct Bench {
    applier: Applier,
    batches: Batches,
    done: u64,
}

impl Bench {
    /// On a store that is new.
    pub fn new(store: Arc<dyn Store>) -> Bench {
        Bench::with(store, Arc::new(NoTables))
    }

    /// The same with tables of another part.
    ///
    /// # Panics
    /// The store fails.
    pub fn with(store: Arc<dyn Store>, tables: Arc<dyn Tables>) -> Bench {
        let wake: Wake = Arc::new(|| {});
        let (fanout, batches) = Fanout::new(vec![wake]);
        let applier = Applier {
            store,
            tables,
            limits: Arc::new(Limits::default()),
            clock: Arc::new(SystemClock),
            fanout,
            bus: Box::new(NoBus),
            recent: Arc::new(Recent::new(Seq(0))),
            metrics: Arc::new(Metrics::default()),
            peers: Arc::new(|| ()),
            committed: Arc::new(|| ()),
            gauge: Arc::default(),
            last: Seq(0),
            swept: Timestamp(u64::MAX / 2),
            minute: 0,
            sync: true,
        };
        let batches = batches.into_iter().next().expect("there is one for each waker");
        let mut bench = Bench {
            applier,
            batches,
            done: 0,
        };
        let config = NodeConfig::microblog(MICROBLOG);
        let node = blog("author@bench");
        bench.commit(vec![("author@bench".into(), Change::CreateNode { node, config })]);
        bench
    }

    /// Commits these, each asked for by somebody.
    ///
    /// # Panics
    /// The store fails, or a record is refused.
    pub fn commit(&mut self, changes: Vec<(Arc<str>, Change)>) {
        let mut work: Vec<Work> = Vec::with_capacity(changes.len());
        for (by, change) in changes {
            let at = Timestamp(1);
            work.push(Work::Record {
                id: RecordId(0),
                queued: at,
                record: Record { at, by, change },
                ticket: Box::new(|fate| drop(fate.expect("it is accepted"))),
            });
        }
        self.applier.commit(&mut work).expect("the store works");
        self.batches.try_iter().for_each(drop);
    }

    /// The last place in the log.
    pub fn last(&self) -> Seq {
        self.applier.last
    }

    /// So many follows of users who follow nothing yet, each a record.
    pub fn follows(&mut self, count: u64) -> Vec<(Arc<str>, Change)> {
        let first = self.done;
        self.done += count;
        let users = (first..self.done).map(|number| Arc::<str>::from(format!("user{number}@bench.example")));
        let follow = |subscriber: Arc<str>| Change::follow(blog("author@bench"), subscriber);
        users.map(|user| (user.clone(), follow(user))).collect()
    }

    /// The same as one record for each thousand.
    pub fn imports(&mut self, count: u64) -> Vec<(Arc<str>, Change)> {
        let follows = self.follows(count);
        let users: Vec<Arc<str>> = follows.into_iter().map(|(user, _)| user).collect();
        let import = |some: &[Arc<str>]| Change::ImportFollowers {
            node: blog("author@bench"),
            subscribers: some.to_vec(),
        };
        users.chunks(1000).map(|some| ("".into(), import(some))).collect()
    }

    /// So many posts.
    pub fn posts(&mut self, count: u64) -> Vec<(Arc<str>, Change)> {
        let first = self.done;
        self.done += count;
        let post = |number: u64| Change::Publish {
            node: blog("author@bench"),
            item: format!("p{number}").into(),
            payload: vec![b'x'; 350].into(),
            open_only: None,
            notes: Vec::new(),
            options: Vec::new(),
            create: None,
        };
        (first..self.done)
            .map(|number| ("author@bench".into(), post(number)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_accepted_on_a_store_in_memory() {
        let mut bench = Bench::new(Arc::new(reef_sim::disk::Disk::default()));
        for changes in [Bench::follows, Bench::imports, Bench::posts] {
            let changes = changes(&mut bench, 1_500);
            bench.commit(changes);
        }
        assert_eq!(bench.done, 4_500);
    }
}
