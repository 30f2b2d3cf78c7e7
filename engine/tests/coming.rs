//! Whoever follows a node that sends its last item on presence has a row of it, as long as both are so: nobody walks what he
//! follows when he comes.

mod world;

use reef_engine::config::{NodeConfig, SendLast, Setting, SubscribeOptions};
use reef_engine::limits::Limits;
use reef_engine::log::record::Change;
use reef_engine::model::Seq;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::{RocksStore, Store, View, Write, check_format, rows};
use std::sync::Arc;
use tempfile::TempDir;
use world::{MICROBLOG, World, blog};

const AUTHOR: &str = "juliet@capulet.lit";
const F: &str = "romeo@montague.lit";

fn with_node(last: SendLast) -> World {
    let world = World::new();
    let config = NodeConfig {
        send_last: last,
        ..NodeConfig::microblog(MICROBLOG)
    };
    let node = blog(AUTHOR);
    let made = world.ask(AUTHOR, Change::CreateNode { node, config });
    made.expect("it is his account");
    world
}

fn configure(world: &World, last: SendLast) {
    let change = Change::Configure {
        node: blog(AUTHOR),
        settings: vec![Setting::SendLast(last)],
    };
    world.ask(AUTHOR, change).expect("it is his");
}

fn set(world: &World, deliver: bool) {
    let change = Change::SetOptions {
        node: blog(AUTHOR),
        subscriber: F.into(),
        options: SubscribeOptions {
            deliver,
            ..SubscribeOptions::default()
        },
    };
    world.ask(F, change).expect("he follows");
}

fn greeted(world: &World, who: &str) -> bool {
    let found = rows::coming(world.engine.view(), world.id(who), 10).expect("the store reads");
    assert!(found.len() <= 1, "there is one node: {found:?}");
    !found.is_empty()
}

#[test]
fn a_row_of_it_begins_and_ends_with_the_subscription() {
    let world = with_node(SendLast::OnSubAndPresence);
    world.follow(F, AUTHOR);
    assert!(greeted(&world, F));
    set(&world, false);
    assert!(!greeted(&world, F), "he wants nothing at once");
    set(&world, true);
    assert!(greeted(&world, F));
    world.unfollow(F, AUTHOR);
    assert!(!greeted(&world, F));
    let quiet = with_node(SendLast::OnSub);
    quiet.follow(F, AUTHOR);
    assert!(!greeted(&quiet, F));
}

#[test]
fn rows_of_it_end_with_the_node_and_with_the_account() {
    for gone in [
        Change::DeleteNode {
            node: blog(AUTHOR),
            redirect: None,
        },
        Change::RemoveUser { user: F.into() },
    ] {
        let world = with_node(SendLast::OnSubAndPresence);
        world.follow(F, AUTHOR);
        let id = world.id(F);
        let by = if matches!(gone, Change::RemoveUser { .. }) {
            ""
        } else {
            AUTHOR
        };
        world.ask(by, gone).expect("it may be done");
        (0..4).for_each(|_| world.pass(10_000));
        let left = rows::coming(world.engine.view(), id, 10).expect("the store reads");
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_new_configuration_is_noted_of_all_who_follow_in_steps_where_they_are_many() {
    let world = with_node(SendLast::Never);
    let many: Vec<Arc<str>> = (0..3000).map(|n| format!("r{n}@montague.lit").into()).collect();
    for some in many.chunks(1000) {
        let change = Change::ImportFollowers {
            node: blog(AUTHOR),
            subscribers: some.to_vec(),
        };
        world.ask("", change).expect("an operator asks");
    }
    let noted = || many.iter().filter(|who| greeted(&world, who)).count();
    assert_eq!(noted(), 0);
    configure(&world, SendLast::OnSubAndPresence);
    assert_eq!(noted(), 1024);
    (0..20).for_each(|_| world.pass(10_000));
    assert_eq!(noted(), 3000);
    configure(&world, SendLast::OnSub);
    (0..20).for_each(|_| world.pass(10_000));
    assert_eq!(noted(), 0);
}

#[test]
fn whoever_is_imported_to_such_a_node_is_noted() {
    let world = with_node(SendLast::OnSubAndPresence);
    let change = Change::ImportFollowers {
        node: blog(AUTHOR),
        subscribers: vec![F.into()],
    };
    world.ask("", change).expect("an operator asks");
    assert!(greeted(&world, F));
}

#[test]
fn a_store_of_format_5_gets_the_rows_when_it_is_opened() {
    let world = with_node(SendLast::OnSubAndPresence);
    world.follow(F, AUTHOR);
    let (id, dir) = (world.id(F), TempDir::new().expect("a temporary folder"));
    let at = dir.path().join("store");
    world.engine.admission.backup(at.clone()).expect("it is new");
    let store = RocksStore::open(&at, &[], &world.engine.limits).expect("the store opens");
    let node = rows::coming(&store, id, 1).expect("the store reads");
    let older = |family, key: Vec<u8>, value| Write { family, key, value };
    let coming = keys::following(id, node[0]).to_vec();
    let format = Some(5_u32.to_be_bytes().to_vec());
    let writes = vec![
        older(Family::COMING, coming, None),
        older(Family::META, keys::FORMAT.to_vec(), format),
    ];
    store.write(writes, true).expect("the disk is fine");
    assert!(rows::coming(&store, id, 1).expect("the store reads").is_empty());
    check_format(&store, &|_, _| None).expect("it is brought to this format");
    assert_eq!(rows::coming(&store, id, 1).expect("the store reads"), node);
    assert!(store.get(Family::META, keys::FORMAT).expect("the store reads") > Some(5_u32.to_be_bytes().to_vec()));
}

#[test]
fn what_catching_up_leaves_out_is_known() {
    let world = World::with(Limits {
        catch_up_posts: 2,
        ..Limits::default()
    });
    let other = "nurse@capulet.lit";
    for author in [AUTHOR, other] {
        world.publish(author, "first");
        world.follow(F, author);
    }
    let before = world.publish(other, "second");
    let [older, newer, last] = ["a", "b", "c"].map(|item| world.publish(AUTHOR, item));
    let left_out = |upto| {
        let found = world.engine.left_out(world.id(F), Seq(before.0 - 1), upto);
        found.expect("the store reads")
    };
    assert_eq!(left_out(newer), before);
    assert_eq!(left_out(last), older);
    assert!(left_out(older) < before, "both are brought");
}
