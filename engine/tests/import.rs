//! Promise: an import has the same followers as single follows would, once, and only those who may read the node.

mod world;

use reef_engine::config::{Affiliation, NodeConfig, SubscriptionState};
use reef_engine::error::{Error, Reject};
use reef_engine::limits::{FOLLOWERS_PER_RECORD, Limits};
use reef_engine::log::record::{Change, Imported, Outcome};
use reef_engine::model::{NodeName, SubscriberId};
use reef_engine::query;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows;
use std::sync::Arc;
use world::{World, blog};

const A: &str = "author@reef.test";

fn import(world: &World, node: NodeName, jids: &[&str]) -> Imported {
    let subscribers: Vec<Arc<str>> = jids.iter().map(|jid| (*jid).into()).collect();
    let change = Change::ImportFollowers { node, subscribers };
    match world.ask("", change).expect("it is taken").outcome {
        Outcome::Imported(done) => done,
        other => panic!("{other:?}"),
    }
}

fn counts(imported: u64, already: u64, refused: u64) -> Imported {
    Imported {
        imported,
        already,
        refused,
    }
}

fn followers(world: &World) -> (Vec<String>, u64) {
    let view = world.engine.view();
    let node = rows::node_id(view, &blog(A))
        .expect("the store reads")
        .expect("it is made");
    let page = query::followers(view, node, None, 1000).expect("the store reads");
    let mut names: Vec<String> = page.followers.iter().map(|(_, jid, _)| jid.to_string()).collect();
    names.sort();
    (names, page.count)
}

fn follows(world: &World, jid: &str) -> u32 {
    rows::follows(world.engine.view(), world.id(jid)).expect("the store reads")
}

#[test]
fn whoever_is_imported_gets_what_is_published_from_then_on() {
    let mut world = World::new();
    world.publish(A, "before");
    world.follow("old@reef.test", A);
    let done = import(&world, blog(A), &["new@reef.test", "old@reef.test", "new@reef.test"]);
    assert_eq!(done, counts(1, 2, 0));
    assert_eq!(import(&world, blog(A), &["new@reef.test"]), counts(0, 1, 0));
    let mut new = world.attach("new@reef.test", "phone");
    world.seats[new.seat].shard.available(new.key, Some(Default::default()));
    world.settle(&mut [&mut new]);
    world.publish(A, "after");
    world.settle(&mut [&mut new]);
    assert_eq!(new.items(), ["after"]);
    assert_eq!(
        followers(&world),
        (vec!["new@reef.test".into(), "old@reef.test".into()], 2)
    );
    assert_eq!(
        (follows(&world, "new@reef.test"), follows(&world, "old@reef.test")),
        (1, 1)
    );
    let world = world.restart();
    let edges = world.seats.iter().map(|seat| seat.shard.index().edges());
    assert_eq!(edges.sum::<u64>(), 2);
    world.unfollow("new@reef.test", A);
    assert_eq!(follows(&world, "new@reef.test"), 0);
}

#[test]
fn one_who_is_online_is_imported_between_two_posts() {
    let mut world = World::new();
    world.publish(A, "1");
    world.publish("other@reef.test", "1");
    world.follow("b@reef.test", "other@reef.test");
    let mut b = world.attach("b@reef.test", "phone");
    world.seats[b.seat].shard.available(b.key, Some(Default::default()));
    world.settle(&mut [&mut b]);
    world.publish(A, "2");
    import(&world, blog(A), &["b@reef.test"]);
    world.publish(A, "3");
    world.settle(&mut [&mut b]);
    assert_eq!(b.items(), ["3"]);
}

#[test]
fn ids_are_the_same_as_those_of_single_follows() {
    let world = World::new();
    world.publish(A, "1");
    let jids: Vec<String> = (0..FOLLOWERS_PER_RECORD)
        .map(|n| format!("u{n:04}@reef.test"))
        .collect();
    let jids: Vec<&str> = jids.iter().map(String::as_str).collect();
    assert_eq!(import(&world, blog(A), &jids), counts(jids.len() as u64, 0, 0));
    let mut single = World::new();
    single.publish(A, "1");
    for jid in &jids {
        single.follow(jid, A);
        single.settle(&mut []);
    }
    assert!(jids.iter().all(|jid| world.id(jid) == single.id(jid)));
    assert_eq!(followers(&world), followers(&single));
    let rows_of = |world: &World| {
        let mut all = Vec::new();
        for family in [
            Family::META,
            Family::SUBSCRIBER,
            Family::SUBSCRIBER_NAME,
            Family::FOLLOWS,
        ] {
            let range = reef_engine::store::Range::all();
            let mut each = |key: &[u8], value: &[u8]| {
                // Numbers that count records or rows of the journal differ, as do the records.
                if ![keys::SEQ, keys::JOURNAL_LAST].contains(&key) && !key.starts_with(b"s") {
                    all.push((family, key.to_vec(), value.to_vec()));
                }
                std::ops::ControlFlow::Continue(())
            };
            world.engine.view().scan(family, &range, &mut each).unwrap();
        }
        all
    };
    assert_eq!(rows_of(&world), rows_of(&single));
    assert_ne!(world.id(jids[0]), SubscriberId(0));
}

#[test]
fn who_may_not_read_the_node_or_follows_too_many_is_refused() {
    let world = World::with(Limits {
        subscriptions_per_account: 1,
        ..Limits::default()
    });
    world.publish(A, "1");
    world.publish("other@reef.test", "1");
    world.follow("full@reef.test", "other@reef.test");
    let outcast = Change::Affiliate {
        node: blog(A),
        jid: "bad@reef.test".into(),
        affiliation: Affiliation::Outcast,
    };
    world.ask(A, outcast).unwrap();
    let done = import(&world, blog(A), &["bad@reef.test", "full@reef.test", "good@reef.test"]);
    assert_eq!(done, counts(1, 0, 2));
    assert_eq!(followers(&world).0, ["good@reef.test"]);
    let change = |by: &str, count: usize| {
        let change = Change::ImportFollowers {
            node: blog(A),
            subscribers: vec!["x@reef.test".into(); count],
        };
        world.ask(by, change).unwrap_err()
    };
    assert_eq!(change(A, 1), Error::Rejected(Reject::Forbidden));
    assert!(matches!(
        change("", FOLLOWERS_PER_RECORD + 1),
        Error::Rejected(Reject::NotAcceptable(_))
    ));
}

#[test]
fn an_operator_approves_who_waits_and_those_he_brings() {
    let world = World::new();
    let config = NodeConfig {
        access: reef_engine::config::AccessModel::Authorize,
        ..NodeConfig::microblog(world::MICROBLOG)
    };
    world.ask(A, Change::CreateNode { node: blog(A), config }).unwrap();
    world.follow("waits@reef.test", A);
    assert_eq!(followers(&world).1, 0);
    let done = import(&world, blog(A), &["waits@reef.test", "comes@reef.test"]);
    assert_eq!(done, counts(2, 0, 0));
    assert_eq!(followers(&world).1, 2);
    let view = world.engine.view();
    let node = rows::node_id(view, &blog(A)).unwrap().unwrap();
    let row = rows::subscription(view, node, world.id("waits@reef.test"))
        .unwrap()
        .unwrap();
    assert_eq!(row.state, SubscriptionState::Subscribed);
}
