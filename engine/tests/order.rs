//! Promise: items are given in the order in which they were first published, whatever was published again, retracted, evicted,
//! purged or expired.

mod world;

use reef_engine::config::{NodeConfig, Setting};
use reef_engine::limits::Limits;
use reef_engine::log::apply::NoTables;
use reef_engine::log::record::Change;
use reef_engine::model::NodeId;
use reef_engine::query::{self, Most, Which};
use reef_engine::store::keys::{self, Family};
use reef_engine::store::{Range, RocksStore, Store, View, Write, check_format, rows};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use world::{MICROBLOG, World, blog};

const A: &str = "author@reef.test";
const EXPIRE_SECONDS: u32 = 600;

/// An item, as it should be.
#[derive(Clone, Debug)]
struct Made {
    id: String,
    first: u64,
    last: u64,
    at_ms: u64,
}

/// A node whose items have these settings, beside what it should hold.
struct Model {
    items: Vec<Made>,
    max: usize,
    now_ms: u64,
    turn: u64,
}

impl Model {
    fn publish(&mut self, id: &str) {
        self.turn += 1;
        let (last, at_ms) = (self.turn, self.now_ms);
        match self.items.iter_mut().find(|item| item.id == id) {
            Some(item) => (item.last, item.at_ms) = (last, at_ms),
            None => self.items.push(Made {
                id: id.to_owned(),
                first: last,
                last,
                at_ms,
            }),
        }
        while self.items.len() > self.max {
            let oldest = self.items.iter().map(|item| item.last).min();
            self.items.retain(|item| Some(item.last) != oldest);
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        let since = self.now_ms.saturating_sub(u64::from(EXPIRE_SECONDS) * 1000);
        self.items.retain(|item| item.at_ms > since);
    }

    fn created(&self) -> Vec<String> {
        let mut items = self.items.clone();
        items.sort_by_key(|item| item.first);
        items.into_iter().map(|item| item.id).collect()
    }
}

fn node(world: &World) -> NodeId {
    let found = rows::node_id(world.engine.view(), &blog(A)).expect("the store reads");
    found.expect("it was made")
}

/// All items by pages of this size, in the direction's own order.
fn paged(engine: &reef_engine::Engine, node: NodeId, newer: bool, most: Most) -> Vec<String> {
    let view = engine.view();
    let row = rows::node_row(view, node)
        .expect("the store reads")
        .expect("the node is there");
    let (mut all, mut from): (Vec<String>, Option<String>) = (Vec::new(), None);
    loop {
        let which = Which::Created {
            from: from.as_deref(),
            newer,
        };
        let page = query::items(view, node, &row, &which, most, engine.clock.now());
        let mut items = page.expect("the store reads").expect("the item is there").items;
        if newer {
            items.reverse();
        }
        let Some(last) = items.last() else { return all };
        from = Some(last.id.to_string());
        all.extend(items.iter().map(|item| item.id.to_string()));
    }
}

fn rows_of(view: &dyn View, family: Family) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    let scanned = view.scan(family, &Range::all(), &mut |key, _| {
        rows.push(key.to_vec());
        ControlFlow::Continue(())
    });
    scanned.expect("the store reads");
    rows
}

fn random(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn check(world: &World, model: &Model, seed: u64) {
    let mut wanted = model.created();
    let large = Most {
        bytes: 1,
        ..Most::from(1000)
    };
    let sizes = [1.into(), 3.into(), 1000.into(), large];
    for most in sizes {
        assert_eq!(paged(&world.engine, node(world), true, most), wanted, "seed {seed}");
    }
    wanted.reverse();
    for most in sizes {
        assert_eq!(paged(&world.engine, node(world), false, most), wanted, "seed {seed}");
    }
}

fn play(seed: u64) {
    let world = World::new();
    let settings = [Setting::MaxItems(8), Setting::ItemExpireSeconds(EXPIRE_SECONDS)];
    let config = NodeConfig::microblog(MICROBLOG).with(&settings);
    let change = Change::CreateNode { node: blog(A), config };
    world.ask(A, change).expect("there is no such node yet");
    let mut model = Model {
        items: Vec::new(),
        max: 8,
        now_ms: 1_000_000_000,
        turn: 0,
    };
    let mut state = seed;
    for _ in 0..120 {
        let id = format!("item{}", random(&mut state) % 12);
        match random(&mut state) % 12 {
            0 | 1 if model.items.iter().any(|item| item.id == id) => {
                world.retract(A, &id);
                model.items.retain(|item| item.id != id);
            }
            2 if random(&mut state).is_multiple_of(4) => {
                world.ask(A, Change::Purge { node: blog(A) }).expect("he owns it");
                model.items.clear();
            }
            3 => {
                let ms = random(&mut state) % 200_000;
                world.pass(ms);
                model.pass(ms);
            }
            _ => {
                world.publish(A, &id);
                model.publish(&id);
            }
        }
        check(&world, &model, seed);
    }
    // Nothing is left behind, and the number is right.
    world.pass(1000);
    model.pass(1000);
    world.pass(1000);
    model.pass(1000);
    let edited = model.items.iter().filter(|item| item.first != item.last).count();
    let state = rows::node_state(world.engine.view(), node(&world)).expect("the store reads");
    assert_eq!(state.edited.0, edited as u64, "seed {seed}");
    assert_eq!(
        rows_of(world.engine.view(), Family::CREATED).len(),
        edited,
        "seed {seed}"
    );
}

#[test]
fn the_order_of_creation_outlives_all_that_happens_to_items() {
    for seed in 1..=12 {
        play(seed);
    }
}

#[test]
fn a_deleted_node_leaves_no_places_of_first_versions() {
    let world = World::new();
    for item in ["a", "b", "a", "b", "a"] {
        world.publish(A, item);
    }
    assert_eq!(rows_of(world.engine.view(), Family::CREATED).len(), 2);
    let change = Change::DeleteNode {
        node: blog(A),
        redirect: None,
    };
    world.ask(A, change).expect("he owns it");
    world.pass(1000);
    world.pass(1000);
    assert_eq!(rows_of(world.engine.view(), Family::CREATED).len(), 0);
}

/// Makes a store what a reef of format 3 would have written: nothing is kept of first versions.
fn to_third_format(dir: &Path, node: NodeId) {
    let store = RocksStore::open(dir, &[], &Limits::default()).expect("the store opens");
    let mut state = rows::node_state(&store, node).expect("the store reads");
    assert_eq!(state.edited.0, 2);
    state.edited.0 = 0;
    let mut row = rows::encode(&state);
    row.pop();
    let change = |family, key: Vec<u8>, value| Write { family, key, value };
    let mut writes = vec![
        change(Family::META, keys::FORMAT.to_vec(), Some(3_u32.to_be_bytes().to_vec())),
        change(
            Family::NODE,
            keys::node(node, keys::NodePart::State).to_vec(),
            Some(row),
        ),
    ];
    for key in rows_of(&store, Family::CREATED) {
        writes.push(change(Family::CREATED, key, None));
    }
    store.write(writes, true).expect("the disk is fine");
    check_format(&store, &|_, _| None).expect("it is brought to this format");
}

#[test]
fn a_store_of_format_3_gets_the_places_of_first_versions() {
    let dir = TempDir::new().expect("a temporary folder");
    let at = dir.path().join("store");
    let node = {
        let world = World::new();
        for item in ["a", "b", "c", "b", "d", "a"] {
            world.publish(A, item);
        }
        world.engine.admission.backup(at.clone()).expect("it is new");
        node(&world)
    };
    to_third_format(&at, node);
    let options = world::options(&at, Limits::default(), Arc::new(NoTables), Arc::default());
    let (engine, _seats) = reef_engine::Engine::open(options).expect("the store opens");
    assert_eq!(paged(&engine, node, true, 2.into()), ["a", "b", "c", "d"]);
    let state = rows::node_state(engine.view(), node).expect("the store reads");
    assert_eq!(state.edited.0, 2);
}
