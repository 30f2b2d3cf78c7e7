//! What was acknowledged is there after a start; what fails is fatal; copies and formats.

mod world;

use bytes::Bytes;
use crossbeam::channel::{Receiver, bounded};
use reef_engine::Engine;
use reef_engine::error::{Error, Reject, StoreError};
use reef_engine::limits::Limits;
use reef_engine::log::apply::{Apply, ApplyError, NoTables, Tables};
use reef_engine::log::record::{Change, Record};
use reef_engine::model::{Seq, Timestamp, VShard};
use reef_engine::outbox::{cursors_of, device_writes};
use reef_engine::query::{self, Which};
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows::{self, CursorRow};
use reef_engine::store::{Each, FORMAT_VERSION, Range, RocksStore, Store, Tx, View, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tempfile::TempDir;
use world::{World, blog, options, publish};

const A: &str = "author@reef.test";
const F: &str = "follower@reef.test";

/// A RocksDB that can be made to fail, or to wait before each write, and that counts its syncs.
struct Faulty {
    rocks: RocksStore,
    fails: AtomicBool,
    waits: Option<Receiver<()>>,
    syncs: AtomicUsize,
}

impl Faulty {
    fn new(dir: &Path, waits: Option<Receiver<()>>) -> Arc<Faulty> {
        Arc::new(Faulty {
            rocks: rocks(dir),
            fails: AtomicBool::new(false),
            waits,
            syncs: AtomicUsize::new(0),
        })
    }
}

impl View for Faulty {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rocks.get(family, key)
    }

    fn scan(&self, family: Family, range: &Range, each: Each<'_>) -> Result<(), StoreError> {
        self.rocks.scan(family, range, each)
    }
}

impl Store for Faulty {
    fn write(&self, writes: Vec<Write>, sync: bool) -> Result<(), StoreError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Io("no space left".into()));
        }
        if let Some(waits) = self
            .waits
            .as_ref()
            .filter(|_| writes.iter().any(|w| w.family == Family::LOG))
        {
            // A closed channel lets everything through.
            let _ = waits.recv();
        }
        self.syncs.fetch_add(usize::from(sync), Ordering::SeqCst);
        self.rocks.write(writes, sync)
    }

    fn checkpoint(&self, dir: &Path) -> Result<(), StoreError> {
        self.rocks.checkpoint(dir)
    }
}

fn rocks(dir: &Path) -> RocksStore {
    RocksStore::open(dir, &[], &Limits::default()).expect("the store opens")
}

fn items_of(engine: &Engine) -> Vec<(Seq, String)> {
    let view = engine.view();
    let node = rows::node_id(view, &blog(A))
        .expect("the store reads")
        .expect("it is there");
    let row = rows::node_row(view, node)
        .expect("the store reads")
        .expect("it is there");
    let page = query::items(view, node, &row, &Which::Older(None), 1000, engine.clock.now());
    let items = page.expect("the store reads").expect("there is a page").items;
    items.into_iter().map(|item| (item.seq, item.id.to_string())).collect()
}

#[test]
fn what_was_acknowledged_is_there_after_a_start_and_no_seq_comes_twice() {
    let mut world = World::new();
    let mut last = Seq(0);
    for run in 0..3 {
        for n in 0..5 {
            let seq = world.publish(A, &format!("r{run}p{n}"));
            assert!(seq > last);
            last = seq;
        }
        let before = items_of(&world.engine);
        world = world.restart();
        assert_eq!(items_of(&world.engine), before);
    }
}

#[test]
fn a_failed_write_is_told_and_ends_the_engine() {
    let dir = TempDir::new().expect("a temporary folder");
    let store = Faulty::new(dir.path(), None);
    let options = options(dir.path(), Limits::default(), Arc::new(NoTables), Arc::default());
    let (engine, mut seats) = Engine::over(store.clone(), options).expect("it starts");
    let ask = |item: &str| engine.admission.submit_and_wait(A, publish(A, item, "<entry/>"));
    ask("one").expect("nothing fails yet");
    store.fails.store(true, Ordering::SeqCst);
    assert!(matches!(ask("two"), Err(Error::Store(_))));
    store.fails.store(false, Ordering::SeqCst);
    assert!(
        matches!(ask("three"), Err(Error::Closed | Error::Busy)),
        "never tried again"
    );
    engine.close();
    assert!(engine.failed());
    let posts: usize = seats
        .remove(0)
        .batches
        .try_iter()
        .map(|batch| batch.effects.len())
        .sum();
    assert_eq!(posts, 1, "nobody heard of what is not durable");
    assert_eq!(items_of(&engine).len(), 1);
}

/// Tables of which one operation panics, and another one's background step.
struct Panicking(AtomicBool);

impl Tables for Panicking {
    fn apply(&self, apply: &mut Apply<'_, '_>, _: &[u8]) -> Result<Bytes, ApplyError> {
        let at = keys::node_name(&blog("nobody@reef.test"));
        apply.tx.put(Family::NODE_NAME, at, rows::encode(&77_u32));
        panic!("as a fault would");
    }

    fn sweep(&self, _: &mut Tx<'_>, _: Timestamp, _: usize, _: &mut Vec<Record>) -> Result<(), StoreError> {
        assert!(!self.0.load(Ordering::SeqCst), "as a fault would");
        Ok(())
    }
}

#[test]
fn a_record_whose_apply_panics_is_refused_alone_and_a_panic_elsewhere_ends_the_engine() {
    let tables = Arc::new(Panicking(AtomicBool::new(false)));
    let world = World::with_tables(Limits::default(), tables.clone());
    let before = world.publish(A, "one");
    let change = Change::Table {
        owner: A.into(),
        op: Bytes::new(),
    };
    assert_eq!(world.ask(A, change).err(), Some(Error::Rejected(Reject::Fault)));
    let nobody = rows::node_id(world.engine.view(), &blog("nobody@reef.test"));
    assert_eq!(nobody.expect("the store reads"), None, "nothing of it is kept");
    assert_eq!(world.publish(A, "two"), before.next());
    assert!(!world.engine.failed());
    tables.0.store(true, Ordering::SeqCst);
    world.clock_only(60_000);
    // The step comes behind the answer.
    world.publish(A, "three");
    world.engine.close();
    assert!(world.engine.failed());
}

#[test]
fn one_publisher_alone_costs_one_sync_a_post() {
    let dir = TempDir::new().expect("a temporary folder");
    let store = Faulty::new(dir.path(), None);
    let options = options(dir.path(), Limits::default(), Arc::new(NoTables), Arc::default());
    let (engine, _seats) = Engine::over(store.clone(), options).expect("it starts");
    let publish = |item: &str| {
        engine
            .admission
            .submit_and_wait(A, publish(A, item, "<entry/>"))
            .expect("it is taken")
    };
    publish("the first makes the node");
    let before = store.syncs.load(Ordering::SeqCst);
    (0..20).for_each(|n| drop(publish(&format!("p{n}"))));
    assert_eq!(store.syncs.load(Ordering::SeqCst) - before, 20);
}

#[test]
fn a_backup_opens_as_a_store_with_the_same_posts() {
    let world = World::new();
    for n in 0..20 {
        world.publish(A, &format!("p{n}"));
    }
    world.follow(F, A);
    let to = TempDir::new().expect("a temporary folder");
    let copy = to.path().join("copy");
    world.engine.admission.backup(copy.clone()).expect("the folder is free");
    let before = items_of(&world.engine);
    world.publish(A, "after");
    let options = options(&copy, Limits::default(), Arc::new(NoTables), Arc::default());
    let (restored, seats) = Engine::open(options).expect("the copy opens");
    assert_eq!(items_of(&restored), before);
    assert_eq!(seats.iter().map(|seat| seat.shard.index().edges()).sum::<u64>(), 1);
    assert!(
        world.engine.admission.backup(copy).is_err(),
        "a copy is never overwritten"
    );
}

#[test]
fn a_newer_format_is_refused_with_what_to_do() {
    let dir = TempDir::new().expect("a temporary folder");
    let newer = FORMAT_VERSION + 1;
    let write = Write {
        family: Family::META,
        key: keys::FORMAT.to_vec(),
        value: Some(newer.to_be_bytes().to_vec()),
    };
    rocks(dir.path()).write(vec![write], true).expect("the disk is fine");
    let options = options(dir.path(), Limits::default(), Arc::new(NoTables), Arc::default());
    let refused = Engine::open(options).err().expect("it is refused");
    let wanted = format!(
        "the store has format {newer}, this reef reads up to {FORMAT_VERSION}: \
         start a newer reef, or restore an older backup"
    );
    assert_eq!(refused.to_string(), wanted);
}

#[test]
fn a_store_that_is_open_is_not_opened_again() {
    let world = World::new();
    let options = options(world.dir.path(), Limits::default(), Arc::new(NoTables), Arc::default());
    assert!(matches!(Engine::open(options), Err(StoreError::InUse(_))));
}

#[test]
fn cursors_that_find_the_queue_full_are_written_with_the_next() {
    let dir = TempDir::new().expect("a temporary folder");
    let (go, waits) = bounded(64);
    let store = Faulty::new(dir.path(), Some(waits));
    let limits = Limits {
        commit_queue: 1,
        ..Limits::default()
    };
    let options = options(dir.path(), limits.clone(), Arc::new(NoTables), Arc::default());
    let (engine, _seats) = Engine::over(store, options).expect("it starts");
    go.send(()).expect("the store waits");
    engine
        .admission
        .submit_and_wait(A, publish(A, "one", "<entry/>"))
        .expect("a node");
    let follow = Change::follow(blog(A), F.into());
    engine.admission.submit_and_wait(F, follow).expect("it is open");
    let id = rows::subscriber_id(engine.view(), F)
        .expect("the store reads")
        .expect("he is known");
    // The applier waits in a write, and the queue fills behind it.
    let (told, fates) = bounded(64);
    let mut asked = 0;
    loop {
        let told = told.clone();
        let ticket = Box::new(move |fate| drop(told.send(fate)));
        match engine
            .admission
            .submit(A, publish(A, &format!("p{asked}"), "<entry/>"), ticket)
        {
            Ok(()) => asked += 1,
            Err(error) => break assert_eq!(error, Error::Busy),
        }
    }
    let row = |seq| CursorRow::At {
        seq: Seq(seq),
        at: Timestamp(1),
    };
    let writes = |device, seq| device_writes(id, device, row(seq), &Default::default(), &limits, Timestamp(1));
    engine.admission.cursors(writes("phone", 7));
    engine.admission.cursors(writes("tv", 8));
    engine.admission.cursors(writes("phone", 9));
    drop(go);
    for _ in 0..asked {
        fates.recv().expect("the ticket is called").expect("nothing fails");
    }
    engine.admission.cursors(Vec::new());
    engine.close();
    let known = cursors_of(engine.view(), id, VShard::of(F)).expect("the store reads");
    assert_eq!((known.start(Some("phone")), known.start(Some("tv"))), (Seq(9), Seq(8)));
}

#[test]
fn rows_of_format_1_read_as_they_were_written() {
    #[track_caller]
    fn check<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(row: T, golden: &str) {
        let bytes = rows::encode(&row);
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, golden, "{row:?}");
        assert_eq!(rows::decode::<T>(Family::META, &bytes).expect("it reads"), row);
    }
    use reef_engine::config::{Affiliation, SubscriptionState};
    use reef_engine::model::{Event, Origin, Slot};
    check(
        rows::ItemRow {
            seq: Seq(300),
            first: Seq(5),
        },
        "ac0205",
    );
    let since = Seq(7);
    check(
        rows::Subscription {
            state: SubscriptionState::Subscribed,
            since,
        },
        "0107",
    );
    check(Affiliation::Member, "03");
    check(
        CursorRow::Live {
            epoch: 2,
            at: Timestamp(3),
        },
        "000203",
    );
    check(row_at(9, 3), "010903");
    let state = rows::NodeState {
        items: 1,
        followers: 2,
        oldest: Seq(3),
        last: Seq(4),
        purged: Seq(5),
        ..rows::NodeState::default()
    };
    check(state, "010203040500000000");
    let entry = |event| rows::Entry {
        origin: Origin {
            slot: Slot(1),
            number: 2,
        },
        at: Timestamp(3),
        item: "i".into(),
        event,
        only: reef_engine::config::Later::default(),
    };
    let published = Event::Publish {
        payload: b"<e/>".to_vec().into(),
        publisher: "a@b".into(),
    };
    check(entry(published), "010203016900043c652f3e0361406200");
    check(entry(Event::Retract { first: Seq(4) }), "0102030169010400");
    check(entry(Event::Purge), "01020301690200");
    // As they were before items could be for some alone.
    let older = [1, 2, 3, 1, 0x69, 2];
    assert_eq!(
        rows::decode::<rows::Entry>(Family::LOG, &older).expect("it reads"),
        entry(Event::Purge)
    );
}

fn row_at(seq: u64, at: u64) -> CursorRow {
    CursorRow::At {
        seq: Seq(seq),
        at: Timestamp(at),
    }
}
