//! A node that is narrowed: who may no longer read leaves, what is too many goes, both in the background.

mod world;

use reef_engine::config::{AccessModel, Affiliation, ITEMS_MAX, Setting, SubscriptionState};
use reef_engine::error::{Error, Reject};
use reef_engine::log::apply::Effect;
use reef_engine::log::record::Change;
use reef_engine::store::rows;
use world::{World, blog};

const A: &str = "author@reef.test";
const F: &str = "follower@reef.test";
const M: &str = "member@reef.test";

fn configure(world: &World, setting: Setting) {
    let settings = vec![setting];
    let change = Change::Configure {
        node: blog(A),
        settings,
    };
    world.ask(A, change).expect("the owner configures");
}

#[test]
fn a_follower_who_may_no_longer_read_loses_his_subscription_and_a_member_keeps_it() {
    let mut world = World::new();
    world.publish(A, "p");
    world.follow(F, A);
    world.follow(M, A);
    let jid = M.into();
    world
        .ask(
            A,
            Change::Affiliate {
                node: blog(A),
                jid,
                affiliation: Affiliation::Member,
            },
        )
        .expect("the owner may");
    world.settle(&mut []);
    configure(&world, Setting::Access(AccessModel::Whitelist));
    world.pass(1000);
    let seats: Vec<_> = world
        .seats
        .iter()
        .map(|seat| seat.batches.try_iter().collect::<Vec<_>>())
        .collect();
    let gone = seats[0]
        .iter()
        .flat_map(|batch| &batch.effects)
        .find_map(|(_, effect)| match effect {
            Effect::Unfollow { subscriber, .. } => Some(*subscriber),
            _ => None,
        });
    assert_eq!(gone, Some(world.id(F)));
    let node = rows::node_id(world.engine.view(), &blog(A))
        .expect("reads")
        .expect("is there");
    assert_eq!(rows::node_state(world.engine.view(), node).expect("reads").followers, 1);
    let refused = world.ask(F, Change::follow(blog(A), F.into()));
    assert_eq!(refused, Err(Error::Rejected(Reject::ClosedNode)));
}

#[test]
fn an_owner_cannot_make_followers_of_those_who_never_asked() {
    let world = World::new();
    world.publish(A, "p");
    let state = Some(SubscriptionState::Subscribed);
    let change = Change::SetSubscription {
        node: blog(A),
        subscriber: F.into(),
        state,
    };
    assert!(matches!(
        world.ask(A, change),
        Err(Error::Rejected(Reject::NotAcceptable(_)))
    ));
}

#[test]
fn one_publish_lets_only_some_items_go_and_the_rest_follows() {
    let mut world = World::new();
    for n in 0..300 {
        world.publish(A, &format!("p{n}"));
        world.settle(&mut []);
    }
    configure(&world, Setting::MaxItems(3));
    let node = rows::node_id(world.engine.view(), &blog(A))
        .expect("reads")
        .expect("is there");
    let items = || rows::node_state(world.engine.view(), node).expect("reads").items;
    let before = items();
    world.publish(A, "q");
    assert!(items() > 3, "one publish does not pay for all {before}");
    for _ in 0..10 {
        world.pass(1000);
    }
    assert_eq!(items(), 3);
}

#[test]
fn what_is_published_behind_a_narrowed_access_reaches_nobody_who_may_not_read() {
    let mut world = World::new();
    world.publish(A, "p");
    world.follow(F, A);
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    world.seats[f.seat]
        .shard
        .available(f.key, Some(reef_engine::model::Seq(0)));
    world.settle(&mut [&mut f]);
    configure(&world, Setting::Access(AccessModel::Whitelist));
    world.publish(A, "secret");
    world.settle(&mut [&mut f]);
    assert!(f.items().is_empty(), "{:?}", f.items());
}

#[test]
fn a_social_feed_is_no_other_than_its_base_profile_says() {
    let world = World::new();
    let feed = Setting::Kind("urn:xmpp:pubsub-social-feed:gallery:1".into());
    let ask = |settings: Vec<Setting>| {
        let node = blog(A);
        world.ask(A, Change::Configure { node, settings })
    };
    world.publish(A, "p");
    for wrong in [
        Setting::PersistItems(false),
        Setting::MaxItems(10),
        Setting::NotifyRetract(false),
    ] {
        let refused = ask(vec![wrong.clone(), feed.clone()]);
        assert!(
            matches!(refused, Err(Error::Rejected(Reject::NotAcceptable(_)))),
            "{wrong:?}: {refused:?}"
        );
        // Of another type it may be so; then it becomes no feed.
        ask(vec![wrong.clone()]).expect("a microblog may");
        assert!(ask(vec![feed.clone()]).is_err(), "{wrong:?}");
        let right = [
            Setting::PersistItems(true),
            Setting::MaxItems(ITEMS_MAX),
            Setting::NotifyRetract(true),
        ];
        ask(right.to_vec()).expect("the base profile");
    }
    ask(vec![feed]).expect("it is as the base profile says");
    assert!(
        ask(vec![Setting::MaxItems(10)]).is_err(),
        "it is a feed, though that is not said again"
    );
}
