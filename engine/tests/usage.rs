//! Promise: what an account published and is kept is counted, wherever it lies and however it leaves; and its quota is held.

mod world;

use bytes::Bytes;
use reef_engine::config::{AccessModel, ITEMS_MAX, NodeConfig, PublishModel, Setting};
use reef_engine::error::{Error, Reject};
use reef_engine::limits::Limits;
use reef_engine::log::apply::NoTables;
use reef_engine::log::record::{Attachment, Change};
use reef_engine::model::NodeName;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows::{Entry, Usage};
use reef_engine::store::{Range, RocksStore, Store, View, Write, check_format, rows};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use tempfile::TempDir;
use world::World;

const A: &str = "author@reef.test";
const B: &str = "second@reef.test";
const ITEMS: u32 = 12;

fn wall() -> NodeName {
    NodeName::new("pubsub.reef.test", "wall")
}

fn create(world: &World, settings: &[Setting]) {
    let config = NodeConfig {
        access: AccessModel::Open,
        publish: PublishModel::Open,
        max_items: ITEMS_MAX,
        ..NodeConfig::pep()
    };
    let change = Change::CreateNode {
        node: wall(),
        config: config.with(settings),
    };
    world.ask(A, change).expect("there is no such node yet");
}

fn post(item: &str, bytes: usize) -> Change {
    Change::Publish {
        node: wall(),
        item: item.into(),
        payload: Bytes::from(vec![b'x'; bytes]),
        open_only: None,
        notes: Vec::new(),
        options: Vec::new(),
        create: None,
    }
}

fn attachment(item: &str) -> Attachment {
    Attachment {
        node: NodeName::new(
            "pubsub.reef.test",
            format!("urn:xmpp:pubsub-attachments:1/xmpp:pubsub.reef.test?;node=wall;item={item}"),
        ),
        target: wall(),
        item: item.into(),
        summary: wall().summary(),
    }
}

/// What the rows say.
fn counted(view: &dyn View) -> BTreeMap<String, Usage> {
    let mut all = BTreeMap::new();
    let scanned = view.scan(Family::USAGE, &Range::all(), &mut |key, value| {
        let usage = rows::decode(Family::USAGE, value).expect("a row that the engine wrote");
        all.insert(String::from_utf8_lossy(key).into_owned(), usage);
        ControlFlow::Continue(())
    });
    scanned.expect("the store reads");
    all
}

/// What lies there.
fn kept(view: &dyn View) -> BTreeMap<String, Usage> {
    let mut all = BTreeMap::<String, Usage>::new();
    let scanned = view.scan(Family::LOG, &Range::all(), &mut |_, value| {
        let entry: Entry = rows::decode(Family::LOG, value).expect("a row that the engine wrote");
        if let Some((publisher, one)) = Usage::of(&entry.event) {
            let has = all.entry(publisher.to_string()).or_default();
            (has.items, has.bytes) = (has.items + one.items, has.bytes + one.bytes);
        }
        ControlFlow::Continue(())
    });
    scanned.expect("the store reads");
    all
}

#[test]
fn whatever_is_published_and_leaves_the_counts_are_those_of_what_lies_there() {
    let mut dice = Dice(11);
    let mut seen = 0;
    for settings in [&[Setting::MaxItems(5)][..], &[Setting::ItemExpireSeconds(40)], &[]] {
        let mut world = World::new();
        create(&world, settings);
        for turn in 0..400 {
            let by = [A, B][dice.below(2) as usize];
            let item = format!("i{}", dice.below(ITEMS));
            let node = wall();
            let change = match dice.below(16) {
                0..8 => post(&item, dice.below(200) as usize),
                8 | 9 => Change::Retract {
                    node,
                    item: item.as_str().into(),
                    notify: dice.below(2) == 0,
                },
                10 | 11 => Change::Attach {
                    to: attachment(&item),
                    payload: Bytes::from(vec![b'y'; dice.below(50) as usize]),
                },
                12 => Change::Detach {
                    to: attachment(&item),
                    item: by.into(),
                },
                13 => {
                    world.pass(10_000);
                    continue;
                }
                14 if turn % 5 == 0 => Change::Purge { node },
                15 if turn % 7 == 0 => Change::DeleteNode { node, redirect: None },
                _ => {
                    let paused = dice.below(2) == 0;
                    Change::PauseNode { node, paused }
                }
            };
            let deleted = matches!(change, Change::DeleteNode { .. });
            if world.ask(by, change).is_ok() && deleted {
                create(&world, settings);
            }
            assert_eq!(counted(world.engine.view()), kept(world.engine.view()), "turn {turn}");
            seen = seen.max(kept(world.engine.view()).values().map(|usage| usage.items).sum());
            if turn == 200 {
                world = world.restart();
            }
        }
        let remove = |user: &str| Change::RemoveUser { user: user.into() };
        world.ask(A, remove(A)).expect("he may remove himself");
        // One node a step.
        for _ in 0..100 {
            world.pass(1_000);
        }
        assert_eq!(
            counted(world.engine.view()),
            BTreeMap::new(),
            "the node was all there was"
        );
        assert_eq!(kept(world.engine.view()), BTreeMap::new());
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn who_keeps_as_much_as_he_may_publishes_again_once_something_left() {
    let world = World::with(Limits {
        items_per_account: 2,
        bytes_per_account: 100,
        ..Limits::default()
    });
    create(&world, &[]);
    let refused = |fate: Result<_, Error>, what: &'static str| {
        let error = fate.map(drop).expect_err("there is no room");
        assert_eq!(error, Error::Rejected(Reject::NoRoom(what)));
    };
    world.ask(B, post("one", 60)).expect("there is room");
    refused(world.ask(B, post("two", 41)), "bytes");
    world.ask(B, post("two", 40)).expect("there is room for this much");
    refused(world.ask(B, post("three", 0)), "items");
    let like = || Change::Attach {
        to: attachment("one"),
        payload: Bytes::new(),
    };
    refused(world.ask(B, like()), "items");
    world.ask(A, like()).expect("another one's room");
    // Who has reached the limit may still change what he has.
    world
        .ask(B, post("two", 40))
        .expect("it takes the place of the older one");
    refused(world.ask(B, post("two", 41)), "bytes");
    let retract = Change::Retract {
        node: wall(),
        item: "two".into(),
        notify: true,
    };
    world.ask(B, retract).expect("it is his");
    world.ask(B, post("three", 40)).expect("there is room again");
}

#[test]
fn where_each_new_item_makes_an_old_one_leave_the_limit_is_never_reached() {
    let world = World::with(Limits {
        items_per_account: 2,
        ..Limits::default()
    });
    create(&world, &[Setting::MaxItems(2)]);
    for turn in 0..5 {
        world
            .ask(B, post(&format!("i{turn}"), 10))
            .expect("one comes, one goes");
    }
    let has = rows::usage(world.engine.view(), B).expect("the store reads");
    assert_eq!(
        has,
        Usage {
            items: 2,
            bytes: 20,
            ..Usage::default()
        }
    );
}

#[test]
fn a_store_of_format_4_is_counted_once() {
    let dir = TempDir::new().expect("a temporary folder");
    let world = World::new();
    create(&world, &[]);
    for (by, item, bytes) in [(A, "one", 10), (B, "two", 20), (B, "three", 30), (B, "two", 25)] {
        world.ask(by, post(item, bytes)).expect("he may publish");
    }
    let at = dir.path().join("store");
    world.engine.admission.backup(at.clone()).expect("it is new");
    let store = RocksStore::open(&at, &[], &Limits::default()).expect("the store opens");
    let older = |family, key: &[u8], value: Option<Vec<u8>>| Write {
        family,
        key: key.to_vec(),
        value,
    };
    let mut writes = vec![older(Family::META, keys::FORMAT, Some(4_u32.to_be_bytes().to_vec()))];
    writes.extend(
        counted(&store)
            .keys()
            .map(|jid| older(Family::USAGE, jid.as_bytes(), None)),
    );
    store.write(writes, true).expect("the disk is fine");
    drop(store);
    for _ in 0..2 {
        let (limits, tables) = (Limits::default(), Arc::new(NoTables));
        let (engine, seats) =
            reef_engine::Engine::open(world::options(&at, limits, tables, Arc::default())).expect("the store opens");
        let all = counted(engine.view());
        assert_eq!(
            all.get(A),
            Some(&Usage {
                items: 1,
                bytes: 10,
                ..Usage::default()
            })
        );
        assert_eq!(
            all.get(B),
            Some(&Usage {
                items: 2,
                bytes: 55,
                ..Usage::default()
            })
        );
        drop((engine, seats));
    }
    let store = RocksStore::open(&at, &[], &Limits::default()).expect("the store opens");
    check_format(&store, &|_, _| None).expect("it is of this format now");
}

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(most)) as u32
    }
}
