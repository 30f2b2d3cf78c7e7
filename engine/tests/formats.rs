//! Promise: a store that an older reef wrote opens, and nothing of it is lost.

mod world;

use reef_engine::error::{Error, Reject};
use reef_engine::limits::Limits;
use reef_engine::load::{self, Source};
use reef_engine::log::apply::NoTables;
use reef_engine::log::record::Change;
use reef_engine::model::{NodeId, SubscriberId};
use reef_engine::store::keys::{self, Family};
use reef_engine::store::{FORMAT_VERSION, Range, RocksStore, Store, View, Write, check_format, rows};
use reef_engine::{Engine, Seat};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use world::{World, blog, options};

const A: &str = "author@reef.test";
const B: &str = "editor@reef.test";
const F: &str = "follower@reef.test";

fn limits() -> Limits {
    Limits {
        subscriptions_per_account: 2,
        ..Limits::default()
    }
}

fn rows_of(store: &dyn View, family: Family) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let scanned = store.scan(family, &Range::all(), &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    });
    scanned.expect("the store reads");
    rows
}

/// Makes a store what a reef of format 1 would have written: counts lie among the edges, and there is no journal.
fn to_first_format(dir: &Path) {
    let store = RocksStore::open(dir, &[], &limits()).expect("the store opens");
    let change = |family, key: &[u8], value: Option<Vec<u8>>| Write {
        family,
        key: key.to_vec(),
        value,
    };
    let mut writes = vec![change(Family::META, keys::FORMAT, Some(1_u32.to_be_bytes().to_vec()))];
    for key in [keys::JOURNAL_LAST, keys::JOURNAL_TRIMMED, keys::PACKED] {
        writes.push(change(Family::META, key, None));
    }
    for (key, _) in rows_of(&store, Family::JOURNAL) {
        writes.push(change(Family::JOURNAL, &key, None));
    }
    let counts = rows_of(&store, Family::FOLLOWS);
    assert_eq!(counts.len(), 1, "one follows");
    for (key, count) in counts {
        let id = SubscriberId(u32::from_be_bytes(key.as_slice().try_into().expect("an id")));
        writes.push(change(Family::FOLLOWS, &key, None));
        writes.push(change(Family::FOLLOWING, &keys::following(id, NodeId(0)), Some(count)));
    }
    store.write(writes, true).expect("the disk is fine");
    drop(store);
    // Its folder had no packed copy.
    let packed = load::packed_dir(dir);
    if packed.exists() {
        std::fs::remove_dir_all(packed).expect("it is ours");
    }
}

fn open(dir: &Path) -> (Arc<Engine>, Vec<Seat>) {
    let options = options(dir, limits(), Arc::new(NoTables), Arc::default());
    Engine::open(options).expect("the store opens")
}

fn edges(seats: &[Seat]) -> u64 {
    seats.iter().map(|seat| seat.shard.index().edges()).sum()
}

fn written(dir: &TempDir) -> SubscriberId {
    let world = World::with(limits());
    for author in [A, B] {
        world.publish(author, "item");
        world.follow(F, author);
    }
    let id = world.id(F);
    world
        .engine
        .admission
        .backup(dir.path().join("store"))
        .expect("it is new");
    id
}

#[test]
fn a_store_of_format_1_is_brought_to_format_2_with_its_edges_and_counts() {
    let dir = TempDir::new().expect("a temporary folder");
    let (id, at) = (written(&dir), dir.path().join("store"));
    to_first_format(&at);
    let (engine, seats) = open(&at);
    assert_eq!((edges(&seats), engine.source), (2, Source::Rows));
    let view = engine.view();
    let format = view.get(Family::META, keys::FORMAT).expect("the store reads");
    assert_eq!(format, Some(FORMAT_VERSION.to_be_bytes().to_vec()));
    assert_eq!(rows::follows(view, id).expect("the store reads"), 2);
    let following = rows_of(view, Family::FOLLOWING);
    let nodes: Vec<NodeId> = following
        .iter()
        .filter_map(|(key, _)| keys::read_following(key))
        .map(|(_, node)| node)
        .collect();
    assert!(nodes.len() == 2 && !nodes.contains(&NodeId(0)), "{nodes:?}");
    // The count goes on from there.
    let author = "third@reef.test";
    let submit = |by: &str, change| engine.admission.submit_and_wait(by, change);
    submit(author, world::publish(author, "item", "<entry/>")).expect("the author may publish");
    let follow = || Change::follow(blog(author), F.into());
    let refused = submit(F, follow());
    assert!(
        matches!(refused, Err(Error::Rejected(Reject::TooMany(_)))),
        "{refused:?}"
    );
    let unfollow = Change::Unfollow {
        node: blog(A),
        subscriber: F.into(),
    };
    submit(F, unfollow).expect("he follows");
    submit(F, follow()).expect("there is room");
    drop((engine, seats));
    let (engine, seats) = open(&at);
    let follows = rows::follows(engine.view(), id).expect("the store reads");
    assert_eq!((edges(&seats), follows), (2, 2));
}

#[test]
fn the_journal_leads_to_the_same_edges_after_a_store_of_format_1_was_packed() {
    let dir = TempDir::new().expect("a temporary folder");
    written(&dir);
    let at = dir.path().join("store");
    to_first_format(&at);
    for source in [Source::Rows, Source::Packed] {
        let (engine, seats) = open(&at);
        assert_eq!((edges(&seats), engine.source), (2, source));
    }
    let store = RocksStore::open(&at, &[], &limits()).expect("the store opens");
    check_format(&store, &|_, _| None).expect("it is of this format now");
}
