//! Items leave by `max_items`, expiry, purge and deletion; users and old tombstones leave; counters stay right.

mod world;

use reef_engine::config::{NodeConfig, Setting};
use reef_engine::error::{Error, Reject};
use reef_engine::limits::Limits;
use reef_engine::log::record::{Attachment, Change};
use reef_engine::model::{NodeId, NodeName};
use reef_engine::query::{self, Which};
use reef_engine::store::keys::{self, Family};
use reef_engine::store::{Range, rows};
use std::ops::ControlFlow;
use world::{MICROBLOG, World, blog};

const A: &str = "author@reef.test";
const F: &str = "follower@reef.test";

fn create(world: &World, settings: &[Setting]) -> NodeId {
    let config = NodeConfig::microblog(MICROBLOG).with(settings);
    let change = Change::CreateNode { node: blog(A), config };
    world.ask(A, change).expect("there is no such node yet");
    node(world).expect("it was made")
}

fn node(world: &World) -> Option<NodeId> {
    rows::node_id(world.engine.view(), &blog(A)).expect("the store reads")
}

/// The items, newest first, and how many there are said to be.
fn items(world: &World, node: NodeId) -> (Vec<String>, u64) {
    let view = world.engine.view();
    let row = rows::node_row(view, node)
        .expect("the store reads")
        .expect("the node is there");
    let page = query::items(view, node, &row, &Which::Older(None), 1000, world.engine.clock.now());
    let page = page.expect("the store reads").expect("there is a first page");
    (page.items.iter().map(|item| item.id.to_string()).collect(), page.count)
}

fn rows_of(world: &World, family: Family, prefix: &[u8]) -> usize {
    let mut found = 0;
    let scanned = world.engine.view().scan(family, &Range::prefix(prefix), &mut |_, _| {
        found += 1;
        ControlFlow::Continue(())
    });
    scanned.expect("the store reads");
    found
}

#[test]
fn the_oldest_items_make_room_and_are_not_counted() {
    let world = World::new();
    let node = create(&world, &[Setting::MaxItems(3)]);
    for item in ["a", "b", "c", "a", "d", "e"] {
        world.publish(A, item);
    }
    assert_eq!(items(&world, node), (vec!["e".into(), "d".into(), "a".into()], 3));
    let world = world.restart();
    world.publish(A, "f");
    assert_eq!(items(&world, node), (vec!["f".into(), "e".into(), "d".into()], 3));
}

#[test]
fn an_item_expires_at_its_time_and_not_before() {
    let world = World::new();
    let node = create(&world, &[Setting::ItemExpireSeconds(60)]);
    world.publish(A, "one");
    world.pass(30_000);
    world.publish(A, "two");
    world.pass(29_000);
    assert_eq!(items(&world, node).1, 2);
    world.pass(2_000);
    assert_eq!(items(&world, node), (vec!["two".into()], 1));
    world.pass(60_000);
    assert_eq!(items(&world, node), (vec![], 0));
    assert_eq!(rows_of(&world, Family::ITEM, &node.0.to_be_bytes()), 0);
}

#[test]
fn an_item_that_is_published_again_expires_later() {
    let world = World::new();
    let node = create(&world, &[Setting::ItemExpireSeconds(60)]);
    world.publish(A, "one");
    world.pass(30_000);
    world.publish(A, "one");
    world.pass(45_000);
    assert_eq!(items(&world, node), (vec!["one".into()], 1));
}

#[test]
fn an_item_expires_by_what_the_node_says_when_it_is_time() {
    let world = World::new();
    let node = create(&world, &[Setting::ItemExpireSeconds(60)]);
    let configure = |seconds| Change::Configure {
        node: blog(A),
        settings: vec![Setting::ItemExpireSeconds(seconds)],
    };
    world.publish(A, "one");
    world.ask(A, configure(120)).expect("she owns it");
    world.pass(61_000);
    assert_eq!(items(&world, node), (vec!["one".into()], 1));
    world.pass(60_000);
    assert_eq!(items(&world, node), (vec![], 0));
    world.publish(A, "two");
    world.ask(A, configure(0)).expect("she owns it");
    world.pass(200_000);
    assert_eq!(items(&world, node), (vec!["two".into()], 1));
}

#[test]
fn what_was_purged_is_not_counted_down_again_when_it_expires() {
    let world = World::new();
    let node = create(&world, &[Setting::ItemExpireSeconds(60)]);
    world.publish(A, "old");
    world.clock_only(61_000);
    world.ask(A, Change::Purge { node: blog(A) }).expect("he owns it");
    world.publish(A, "new");
    world.pass(1_000);
    assert_eq!(items(&world, node), (vec!["new".into()], 1));
}

#[test]
fn a_purge_empties_the_node_at_once_and_its_rows_go_later() {
    let world = World::new();
    let node = create(&world, &[]);
    for n in 0..10 {
        world.publish(A, &format!("p{n}"));
    }
    world.ask(A, Change::Purge { node: blog(A) }).expect("he owns it");
    assert_eq!(items(&world, node), (vec![], 0));
    let first_again = world.publish(A, "p3");
    assert_eq!(items(&world, node), (vec!["p3".into()], 1));
    world.pass(1_000);
    assert_eq!(items(&world, node), (vec!["p3".into()], 1));
    assert_eq!(rows_of(&world, Family::ITEM, &node.0.to_be_bytes()), 1);
    let row: Option<rows::ItemRow> =
        rows::get(world.engine.view(), Family::ITEM, &keys::item(node, "p3")).expect("the store reads");
    assert_eq!(row.map(|row| row.first), Some(first_again), "a new life, not an edit");
}

#[test]
fn a_deleted_node_leaves_no_rows_and_its_name_is_free() {
    let world = World::new();
    let old = create(&world, &[Setting::ItemExpireSeconds(1)]);
    for n in 0..10 {
        world.publish(A, &format!("p{n}"));
    }
    world.follow(F, A);
    let f = world.id(F);
    let delete = Change::DeleteNode {
        node: blog(A),
        redirect: None,
    };
    world.ask(A, delete).expect("he owns it");
    assert_eq!(node(&world), None);
    let new = create(&world, &[]);
    assert_ne!(old, new);
    for _ in 0..3 {
        world.pass(1_000);
    }
    for family in [
        Family::LOG,
        Family::ITEM,
        Family::FOLLOWER,
        Family::NODE,
        Family::AFFILIATION,
    ] {
        assert_eq!(rows_of(&world, family, &old.0.to_be_bytes()), 0, "{family:?}");
    }
    assert_eq!(rows_of(&world, Family::SWEEP, b""), 0);
    let follows: Option<u32> =
        rows::get(world.engine.view(), Family::FOLLOWS, &keys::subscriber(f)).expect("the store reads");
    assert_eq!(follows, Some(0));
}

#[test]
fn a_removed_user_follows_nothing_and_his_name_inherits_nothing() {
    let mut world = World::new();
    let node = create(&world, &[]);
    world.follow(F, A);
    world.publish(F, "his own");
    let old = world.id(F);
    let remove = Change::RemoveUser { user: F.into() };
    world.ask(F, remove).expect("he may remove himself");
    world.pass(1_000);
    world.pass(1_000);
    let state = rows::node_state(world.engine.view(), node).expect("the store reads");
    assert_eq!(state.followers, 0);
    assert_eq!(rows_of(&world, Family::FOLLOWER, &node.0.to_be_bytes()), 0);
    assert_eq!(rows_of(&world, Family::SUBSCRIBER, &old.0.to_be_bytes()), 0);
    let his = rows::node_id(world.engine.view(), &NodeName::new(F, MICROBLOG)).expect("the store reads");
    assert_eq!(his, None);
    world.settle(&mut []);
    let edges: u64 = world.seats.iter().map(|seat| seat.shard.index().edges()).sum();
    assert_eq!(edges, 0);
    world.follow(F, A);
    assert_ne!(world.id(F), old);
}

#[test]
fn a_tombstone_is_kept_for_as_long_as_the_log_is() {
    let world = World::with(Limits {
        log_keep_seconds: 100,
        ..Limits::default()
    });
    let node = create(&world, &[]);
    let stays = world.publish(A, "stays");
    world.publish(A, "goes");
    let retracted = world.retract(A, "goes");
    let there = |world: &World, seq| {
        let row = world.engine.view().get(Family::LOG, &keys::log(node, seq));
        row.expect("the store reads").is_some()
    };
    world.pass(99_000);
    assert!(there(&world, retracted));
    world.pass(2_000);
    assert!(!there(&world, retracted));
    assert!(there(&world, stays), "an item does not grow old");
    assert_eq!(rows_of(&world, Family::TAIL, b""), 0);
}

#[test]
fn who_was_away_for_longer_than_the_log_is_kept_still_gets_the_items() {
    let world = World::with(Limits {
        log_keep_seconds: 100,
        ..Limits::default()
    });
    world.publish(A, "before");
    world.follow(F, A);
    let cursor = world.publish(A, "one");
    for n in 0..100 {
        world.publish(A, &format!("p{n}"));
    }
    world.pass(101_000);
    world.pass(1_000);
    world.publish(A, "recent");
    let mut world = world.restart();
    let mut f = world.attach(F, "phone");
    world.seats[f.seat].shard.available(f.key, Some(cursor));
    world.settle(&mut [&mut f]);
    let mut wanted: Vec<String> = (0..100).map(|n| format!("p{n}")).collect();
    wanted.push("recent".into());
    assert_eq!(f.items(), wanted);
}

#[test]
fn what_was_kept_is_not_shown_once_nothing_is_kept_and_is_there_when_it_is_again() {
    let mut world = World::new();
    let node = create(&world, &[]);
    world.follow(F, A);
    let cursor = world.publish(A, "one");
    world.publish(A, "two");
    let keep = |keeps| Change::Configure {
        node: blog(A),
        settings: vec![Setting::PersistItems(keeps)],
    };
    world.ask(A, keep(false)).expect("he owns it");
    assert_eq!(items(&world, node), (vec![], 0));
    let came = |world: &mut World| {
        let mut f = world.attach(F, "phone");
        world.seats[f.seat].shard.available(f.key, Some(cursor));
        world.settle(&mut [&mut f]);
        let items = f.items().into_iter().filter(|said| !said.starts_with("Configure"));
        items.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(came(&mut world).is_empty());
    world.ask(A, keep(true)).expect("he owns it");
    assert_eq!(items(&world, node), (vec!["two".into(), "one".into()], 2));
    assert_eq!(came(&mut world), ["two"]);
}

#[test]
fn items_that_were_there_expire_when_the_node_is_told_so_later() {
    let world = World::new();
    let node = create(&world, &[]);
    for n in 0..3 {
        world.publish(A, &format!("p{n}"));
    }
    world.pass(30_000);
    world.publish(A, "new");
    let expire = |seconds| Change::Configure {
        node: blog(A),
        settings: vec![Setting::ItemExpireSeconds(seconds)],
    };
    world.ask(A, expire(60)).expect("he owns it");
    for _ in 0..2 {
        world.pass(1_000);
    }
    assert_eq!(items(&world, node).1, 4);
    world.pass(30_000);
    assert_eq!(items(&world, node), (vec!["new".into()], 1));
    world.ask(A, expire(10)).expect("he owns it");
    for _ in 0..2 {
        world.pass(1_000);
    }
    assert_eq!(items(&world, node), (vec![], 0));
    // What was noted for later is forgotten then.
    world.pass(60_000);
    assert_eq!(rows_of(&world, Family::SWEEP, b""), 0);
}

#[test]
fn an_account_that_is_removed_leaves_none_of_its_nodes_also_those_with_counts() {
    let world = World::with(Limits {
        nodes_per_account: 3,
        ..Limits::default()
    });
    let name = |n: usize| NodeName::new(A, format!("n{n}"));
    let summary = |n: usize| name(n).summary();
    for n in 0..3 {
        let config = NodeConfig::microblog(MICROBLOG);
        world
            .ask(A, Change::CreateNode { node: name(n), config })
            .expect("there is room");
        let change = Change::Publish {
            node: name(n),
            item: "item".into(),
            payload: "<entry/>".into(),
            open_only: None,
            notes: Vec::new(),
            options: Vec::new(),
            create: None,
        };
        world.ask(A, change).expect("he owns it");
        let to = Attachment {
            node: NodeName::new(A, format!("urn:xmpp:pubsub-attachments:1/{n}")),
            target: name(n),
            item: "item".into(),
            summary: summary(n),
        };
        let payload = "<x/>".into();
        world
            .ask(F, Change::Attach { to, payload })
            .expect("who may read may like");
    }
    let more = Change::CreateNode {
        node: name(3),
        config: NodeConfig::pep(),
    };
    let refused = world.ask(A, more).expect_err("as many as it may have");
    assert_eq!(refused, Error::Rejected(Reject::TooMany("nodes")));
    let listed = rows::nodes_of(world.engine.view(), A, 100).expect("the store reads");
    assert_eq!(listed.len(), 6);
    world
        .ask(A, Change::RemoveUser { user: A.into() })
        .expect("he may remove himself");
    let listed = rows::nodes_of(world.engine.view(), A, 100).expect("the store reads");
    assert_eq!(listed, []);
}
