//! A real engine on a real RocksDB in a temporary folder, with its shards driven by the test itself.
//!
//! For the tests of this folder: each names a promise. No thread drives a shard here, so that order is the test's.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use reef_engine::clock::Clock;
use reef_engine::config::NodeConfig;
use reef_engine::error::Error;
use reef_engine::fanout::Wake;
use reef_engine::limits::Limits;
use reef_engine::log::apply::{NoTables, Tables};
use reef_engine::log::record::{Applied, Change};
use reef_engine::model::{Event, NodeName, Post, Seq, SubscriberId, Timestamp, VShard};
use reef_engine::shard::{Key, Manner};
use reef_engine::store::rows;
use reef_engine::{Engine, Options, Seat};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

pub const MICROBLOG: &str = "urn:xmpp:microblog:0";

pub struct World {
    pub dir: TempDir,
    pub engine: Arc<Engine>,
    pub seats: Vec<Seat>,
    pub clock: Arc<TestClock>,
    tables: Arc<dyn Tables>,
}

/// Time that moves when the test says so.
#[derive(Default)]
pub struct TestClock(AtomicU64);

impl TestClock {
    /// So much time passes.
    pub fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000 + self.0.load(Ordering::SeqCst))
    }
}

pub struct Client {
    pub seat: usize,
    pub key: Key,
    pub got: Vec<(Seq, String, Manner)>,
}

pub fn options(dir: &Path, limits: Limits, tables: Arc<dyn Tables>, clock: Arc<TestClock>) -> Options {
    let wake: Wake = Arc::new(|| {});
    Options {
        dir: dir.to_owned(),
        limits,
        sync: true,
        tables,
        clock,
        wakers: vec![wake; 2],
        applier_starts: || (),
    }
}

impl World {
    pub fn new() -> World {
        World::with(Limits::default())
    }

    pub fn with(limits: Limits) -> World {
        World::with_tables(limits, Arc::new(NoTables))
    }

    pub fn with_tables(limits: Limits, tables: Arc<dyn Tables>) -> World {
        let dir = TempDir::new().expect("a temporary folder");
        World::at(dir, limits, tables, Arc::default())
    }

    fn at(dir: TempDir, limits: Limits, tables: Arc<dyn Tables>, clock: Arc<TestClock>) -> World {
        let options = options(dir.path(), limits, tables.clone(), clock.clone());
        let (engine, seats) = Engine::open(options).expect("the store opens");
        World {
            dir,
            engine,
            seats,
            clock,
            tables,
        }
    }

    /// Ends the engine and opens it again.
    pub fn restart(self) -> World {
        let World {
            dir,
            engine,
            seats,
            clock,
            tables,
        } = self;
        let limits = (*engine.limits).clone();
        drop(seats);
        drop(engine);
        World::at(dir, limits, tables, clock)
    }

    /// Time passes, and nothing else happens.
    pub fn clock_only(&self, ms: u64) {
        self.clock.pass(ms);
    }

    /// Time passes, and the background does a step.
    pub fn pass(&self, ms: u64) {
        self.clock_only(ms);
        // The step comes behind the tickets of its commit: the second answer says that the first one's step is done.
        for _ in 0..2 {
            let nothing = Change::Purge {
                node: NodeName::new("nobody@reef.test", "none"),
            };
            assert!(self.ask("", nothing).is_err(), "there is no such node");
        }
    }

    pub fn ask(&self, by: &str, change: Change) -> Result<Applied, Error> {
        self.engine.admission.submit_and_wait(by, change)
    }

    pub fn publish(&self, author: &str, item: &str) -> Seq {
        let change = publish(author, item, "<entry/>");
        self.ask(author, change).expect("the author may publish").seq
    }

    pub fn retract(&self, author: &str, item: &str) -> Seq {
        let change = Change::Retract {
            node: blog(author),
            item: item.into(),
            notify: false,
        };
        self.ask(author, change).expect("the author may retract").seq
    }

    pub fn follow(&self, who: &str, author: &str) {
        let change = Change::follow(blog(author), who.into());
        self.ask(who, change).expect("an open node may be followed");
    }

    pub fn unfollow(&self, who: &str, author: &str) {
        let change = Change::Unfollow {
            node: blog(author),
            subscriber: who.into(),
        };
        self.ask(who, change).expect("he follows");
    }

    pub fn id(&self, jid: &str) -> SubscriberId {
        rows::subscriber_id(self.engine.view(), jid)
            .expect("the store reads")
            .expect("he is known")
    }

    /// A session that is attached and not yet available.
    pub fn attach(&mut self, jid: &str, device: &str) -> Client {
        let seat = VShard::of(jid).thread(self.seats.len());
        let id = self.id(jid);
        let key = self.seats[seat].shard.attach(id, Some(device));
        Client {
            seat,
            key,
            got: Vec::new(),
        }
    }

    /// Moves batches and pages until nothing is left to do; then every client has drained.
    pub fn settle(&mut self, clients: &mut [&mut Client]) {
        loop {
            let mut moved = false;
            for seat in &mut self.seats {
                for batch in seat.batches.try_iter() {
                    seat.shard.apply(&batch);
                    moved = true;
                }
                while seat.shard.expand(1000) {}
                while let Some((key, request)) = seat.shard.wanted() {
                    let page = self.engine.page(&request).expect("the store reads");
                    seat.shard.page(key, Some(page));
                    moved = true;
                }
                while seat.shard.next_dirty().is_some() {
                    moved = true;
                }
            }
            for client in clients.iter_mut() {
                moved |= self.drain(client, usize::MAX) > 0;
            }
            if !moved {
                return;
            }
        }
    }

    /// Takes up to `most` posts, as a client that reads.
    pub fn drain(&mut self, client: &mut Client, most: usize) -> usize {
        let (got, mut taken) = (&mut client.got, 0);
        self.seats[client.seat].shard.drain(client.key, |post, manner| {
            if taken == most {
                return false;
            }
            taken += 1;
            got.push((post.seq, said(post), manner));
            true
        });
        taken
    }
}

pub fn said(post: &Post) -> String {
    match &post.event {
        Event::Publish { .. } => post.item.to_string(),
        Event::Retract { .. } => format!("-{}", post.item),
        other => format!("{other:?}"),
    }
}

impl Client {
    pub fn items(&self) -> Vec<&str> {
        self.got.iter().map(|(_, item, _)| item.as_str()).collect()
    }
}

pub fn blog(author: &str) -> NodeName {
    NodeName::new(author, MICROBLOG)
}

pub fn publish(author: &str, item: &str, payload: &str) -> Change {
    Change::Publish {
        node: blog(author),
        item: item.into(),
        payload: payload.as_bytes().to_vec().into(),
        open_only: None,
        notes: Vec::new(),
        options: Vec::new(),
        create: Some(NodeConfig::microblog(MICROBLOG)),
    }
}
