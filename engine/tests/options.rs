//! Options of subscriptions are kept: who wants nothing at once is no edge, digests are pulled, and what ends by itself ends.

mod world;

use reef_engine::clock::Clock;
use reef_engine::config::{AccessModel, Expire, NodeConfig, SubscribeOptions, SubscriptionState};
use reef_engine::error::{Error, Reject};
use reef_engine::log::record::{Change, Outcome};
use reef_engine::model::{NodeId, SubscriberId, Timestamp};
use reef_engine::query;
use reef_engine::store::rows;
use world::{MICROBLOG, World, blog};

const AUTHOR: &str = "juliet@capulet.lit";
const F: &str = "romeo@montague.lit";

fn mute() -> SubscribeOptions {
    SubscribeOptions {
        deliver: false,
        ..SubscribeOptions::default()
    }
}

fn digest() -> SubscribeOptions {
    SubscribeOptions {
        digest: true,
        digest_frequency_ms: 60_000,
        ..SubscribeOptions::default()
    }
}

fn follow(world: &World, options: SubscribeOptions) -> SubscriptionState {
    let change = Change::Follow {
        node: blog(AUTHOR),
        subscriber: F.into(),
        options: Some(options),
        public: false,
    };
    match world.ask(F, change).expect("an open node may be followed").outcome {
        Outcome::Subscription(state) => state,
        other => panic!("{other:?}"),
    }
}

fn set(world: &World, options: SubscribeOptions) -> Result<(), Error> {
    let change = Change::SetOptions {
        node: blog(AUTHOR),
        subscriber: F.into(),
        options,
    };
    world.ask(F, change).map(drop)
}

fn with_blog() -> World {
    let world = World::new();
    let config = NodeConfig::microblog(MICROBLOG);
    let node = blog(AUTHOR);
    world
        .ask(AUTHOR, Change::CreateNode { node, config })
        .expect("it is his account");
    world
}

/// How many follow the author, and how many edges the shards have.
fn counts(world: &mut World) -> (u64, u64) {
    world.settle(&mut []);
    let (_, node) = ids(world);
    let state = rows::node_state(world.engine.view(), node).expect("the store reads");
    let edges = world.seats.iter().map(|seat| seat.shard.index().edges()).sum();
    (state.followers, edges)
}

fn ids(world: &World) -> (SubscriberId, NodeId) {
    let node = rows::node_id(world.engine.view(), &blog(AUTHOR)).expect("the store reads");
    (world.id(F), node.expect("the node is there"))
}

#[test]
fn who_wants_nothing_is_counted_and_no_edge_also_after_a_restart() {
    let mut world = with_blog();
    assert_eq!(follow(&world, mute()), SubscriptionState::Silent);
    assert_eq!(counts(&mut world), (1, 0));
    let mut world = world.restart();
    assert_eq!(counts(&mut world), (1, 0));
    set(&world, SubscribeOptions::default()).expect("he is subscribed");
    assert_eq!(counts(&mut world), (1, 1));
    set(&world, mute()).expect("he is subscribed");
    assert_eq!(counts(&mut world), (1, 0));
    let gone = Change::Unfollow {
        node: blog(AUTHOR),
        subscriber: F.into(),
    };
    world.ask(F, gone).expect("he is subscribed");
    assert_eq!(counts(&mut world), (0, 0));
    assert_eq!(set(&world, mute()), Err(Error::Rejected(Reject::NotSubscribed)));
}

#[test]
fn a_digest_has_what_was_published_since_the_last_and_comes_no_sooner_than_asked() {
    let world = with_blog();
    follow(&world, digest());
    let (id, node) = ids(&world);
    let first = world.engine.digest(id, node, 60_000).expect("it can be read");
    assert!(first.posts.is_empty());
    world.engine.admission.cursors(vec![first.cursor(id, node)]);
    world.publish(AUTHOR, "a");
    world.publish(AUTHOR, "b");
    world.publish(AUTHOR, "a");
    assert!(
        world
            .engine
            .digest(id, node, 60_000)
            .expect("it can be read")
            .posts
            .is_empty()
    );
    world.pass(60_000);
    let second = world.engine.digest(id, node, 60_000).expect("it can be read");
    let items: Vec<&str> = second.posts.iter().map(|post| &*post.item).collect();
    assert_eq!(items, ["b", "a"]);
    world.engine.admission.cursors(vec![second.cursor(id, node)]);
    world.publish(AUTHOR, "c");
    world.pass(60_000);
    let third = world.engine.digest(id, node, 60_000).expect("it can be read");
    assert_eq!(third.posts.iter().map(|post| &*post.item).collect::<Vec<_>>(), ["c"]);
}

#[test]
fn a_digest_takes_back_what_an_earlier_one_brought_and_leaves_out_what_came_and_went() {
    let world = with_blog();
    follow(&world, digest());
    let (id, node) = ids(&world);
    let next = || {
        world.pass(60_000);
        let digest = world.engine.digest(id, node, 60_000).expect("it can be read");
        world.engine.admission.cursors(vec![digest.cursor(id, node)]);
        digest.posts.iter().map(|post| world::said(post)).collect::<Vec<_>>()
    };
    assert!(next().is_empty());
    for item in ["a", "b", "c"] {
        world.publish(AUTHOR, item);
    }
    assert_eq!(next(), ["a", "b", "c"]);
    world.publish(AUTHOR, "a");
    for item in ["a", "b"] {
        world.retract(AUTHOR, item);
    }
    for item in ["d", "b", "e"] {
        world.publish(AUTHOR, item);
    }
    world.retract(AUTHOR, "e");
    assert_eq!(next(), ["-a", "-b", "d", "b"]);
    assert!(next().is_empty());
    let change = Change::Purge { node: blog(AUTHOR) };
    world.ask(AUTHOR, change).expect("he owns it");
    world.publish(AUTHOR, "f");
    assert_eq!(next(), ["Purge", "f"]);
}

#[test]
fn a_subscription_ends_at_its_time_unless_it_was_given_more() {
    let mut world = with_blog();
    let until = |world: &World, ms| SubscribeOptions {
        expire: Some(Expire::At(Timestamp(world.clock.now().0 + ms))),
        ..SubscribeOptions::default()
    };
    let soon = until(&world, 10_000);
    follow(&world, soon);
    let later = until(&world, 30_000);
    set(&world, later).expect("he is subscribed");
    world.pass(10_001);
    assert_eq!(counts(&mut world), (1, 1));
    world.pass(20_000);
    assert_eq!(counts(&mut world), (0, 0));
    let (id, node) = ids(&world);
    assert_eq!(
        rows::subscription(world.engine.view(), node, id).expect("it can be read"),
        None
    );
}

/// Who follows the author so that everybody may know.
fn public(world: &World) -> Vec<SubscriberId> {
    let (_, node) = ids(world);
    query::public_followers(world.engine.view(), node, None, false, 10).expect("the store reads")
}

fn follow_publicly(world: &World, public: bool) {
    let change = Change::Follow {
        node: blog(AUTHOR),
        subscriber: F.into(),
        options: None,
        public,
    };
    world.ask(F, change).expect("an open node may be followed");
}

#[test]
fn a_public_subscription_is_so_until_it_is_made_again_without_or_ends() {
    let mut world = with_blog();
    follow_publicly(&world, true);
    let (f, node) = ids(&world);
    assert_eq!((public(&world), counts(&mut world)), (vec![f], (1, 1)));
    // Other options change nothing of it, and it changes nothing of them.
    let here = |world: &World| rows::options(world.engine.view(), node, f).expect("the store reads");
    let muted = SubscribeOptions {
        deliver: false,
        ..here(&world)
    };
    set(&world, muted).expect("he follows");
    assert_eq!((public(&world), counts(&mut world)), (vec![f], (1, 0)));
    follow_publicly(&world, false);
    assert_eq!((public(&world), here(&world)), (vec![], mute()));
    follow_publicly(&world, true);
    assert_eq!((public(&world), here(&world)), (vec![f], muted));
    world.unfollow(F, AUTHOR);
    assert_eq!(public(&world), []);
    world.follow(F, AUTHOR);
    assert_eq!(public(&world), []);
}

#[test]
fn who_is_removed_or_whose_node_is_deleted_is_shown_no_more() {
    let world = with_blog();
    follow_publicly(&world, true);
    let (_, node) = ids(&world);
    let user = F.into();
    world.ask("", Change::RemoveUser { user }).expect("an operator may");
    world.pass(1000);
    let shown = || query::public_followers(world.engine.view(), node, None, false, 10).expect("the store reads");
    assert_eq!(shown(), []);
    follow_publicly(&world, true);
    let change = Change::DeleteNode {
        node: blog(AUTHOR),
        redirect: None,
    };
    world.ask(AUTHOR, change).expect("he owns it");
    assert_eq!(shown().len(), 1);
    world.pass(1000);
    assert_eq!(shown(), []);
}

#[test]
fn who_waits_for_approval_is_found_from_his_side_and_not_shown() {
    let world = World::new();
    let config = NodeConfig {
        access: AccessModel::Authorize,
        ..NodeConfig::microblog(MICROBLOG)
    };
    let node = blog(AUTHOR);
    world
        .ask(AUTHOR, Change::CreateNode { node, config })
        .expect("it is his account");
    follow_publicly(&world, true);
    let (f, node) = ids(&world);
    let mine = |world: &World| {
        let found = query::subscribed_nodes(world.engine.view(), f, None, false, 10);
        found.expect("the store reads")
    };
    assert_eq!((public(&world), mine(&world)), (vec![], vec![node]));
    let change = Change::SetSubscription {
        node: blog(AUTHOR),
        subscriber: F.into(),
        state: Some(SubscriptionState::Subscribed),
    };
    world.ask(AUTHOR, change).expect("he asked");
    assert_eq!((public(&world), mine(&world)), (vec![f], vec![node]));
}
