//! The lists of public subscriptions may be followed (XEP-0465): they tell of what becomes public and ends, to those alone who
//! may know it, and are nobody's items.

mod world;

use reef_engine::config::{AccessModel, NodeConfig, Setting};
use reef_engine::error::{Error, Reject};
use reef_engine::log::record::Change;
use reef_engine::model::{Event, NodeName};
use reef_engine::query;
use reef_engine::store::rows::{self, Usage};
use world::{MICROBLOG, World, blog};

const J: &str = "juliet@capulet.lit";
const R: &str = "romeo@montague.lit";
const T: &str = "tybalt@capulet.lit";

fn park() -> NodeName {
    NodeName::new("pubsub.capulet.lit", "park")
}

fn create(world: &World, node: NodeName) {
    let config = NodeConfig {
        access: AccessModel::Open,
        ..NodeConfig::microblog(MICROBLOG)
    };
    world.ask(J, Change::CreateNode { node, config }).expect("she may");
}

fn follow(world: &World, who: &str, node: &NodeName, public: bool) -> Result<(), Error> {
    let change = Change::Follow {
        node: node.clone(),
        subscriber: who.into(),
        options: None,
        public,
    };
    world.ask(who, change).map(drop)
}

fn follows(world: &World, who: &str, node: &NodeName) -> bool {
    let view = world.engine.view();
    let found = rows::node_id(view, node).expect("the store reads");
    found.is_some_and(|node| {
        let subscription = rows::subscription(view, node, world.id(who));
        subscription.expect("the store reads").is_some()
    })
}

/// What is told of on a list, as its node keeps it for those who are away.
fn told(world: &World, list: &NodeName) -> Vec<String> {
    let view = world.engine.view();
    let node = rows::node_id(view, list)
        .expect("the store reads")
        .expect("it is followed");
    let row = rows::node_row(view, node)
        .expect("the store reads")
        .expect("it is there");
    let page = query::items(
        view,
        node,
        &row,
        &query::Which::Older(None),
        10,
        world.engine.clock.now(),
    );
    let items = page.expect("the store reads").expect("there is such a page").items;
    items.iter().map(|item| item.id.to_string()).collect()
}

#[test]
fn a_list_is_made_by_its_first_follower_and_told_in_the_same_commit() {
    let world = World::new();
    create(&world, blog(J));
    follow(&world, T, &blog(J).public_subscribers(), false).expect("who reads the node may");
    follow(&world, R, &blog(J), true).expect("it is open");
    follow(&world, T, &NodeName::public_subscriptions(R), false).expect("everybody may");
    create(&world, park());
    follow(&world, R, &park(), true).expect("it is open");
    assert_eq!(told(&world, &blog(J).public_subscribers()), [R]);
    let subscriptions = told(&world, &NodeName::public_subscriptions(R));
    assert_eq!(subscriptions, ["pubsub.capulet.lit/park"], "what was before is read");
    let usage = rows::usage(world.engine.view(), J).expect("the store reads");
    assert_eq!(usage, Usage::default(), "her followers take no room of hers");
}

#[test]
fn a_list_goes_with_the_rights_of_its_node_and_with_the_node() {
    let world = World::new();
    create(&world, blog(J));
    let list = blog(J).public_subscribers();
    follow(&world, T, &list, false).expect("who reads the node may");
    let closed = Change::Configure {
        node: blog(J),
        settings: vec![Setting::Access(AccessModel::Whitelist)],
    };
    world.ask(J, closed).expect("it is hers");
    assert!(!follows(&world, T, &list));
    let again = follow(&world, T, &list, false);
    assert!(matches!(again, Err(Error::Rejected(Reject::ClosedNode))), "{again:?}");
    let gone = Change::DeleteNode {
        node: blog(J),
        redirect: None,
    };
    world.ask(J, gone).expect("it is hers");
    let view = world.engine.view();
    assert_eq!(rows::node_id(view, &list).expect("the store reads"), None);
    create(&world, blog(J));
    follow(&world, T, &list, false).expect("it is a new node's");
}

#[test]
fn what_ends_with_a_node_or_an_account_ends_on_the_lists() {
    let world = World::new();
    create(&world, blog(J));
    create(&world, park());
    for node in [blog(J), park()] {
        follow(&world, R, &node, true).expect("it is open");
    }
    let (subscriptions, subscribers) = (NodeName::public_subscriptions(R), blog(J).public_subscribers());
    for list in [&subscriptions, &subscribers] {
        follow(&world, T, list, false).expect("everybody may");
    }
    let node = |list| rows::node_id(world.engine.view(), list).expect("the store reads");
    let retracted = |list| {
        let log = query_log(&world, node(list).expect("it is followed"));
        log.iter()
            .filter(|event| matches!(event, Event::Retract { .. }))
            .count()
    };
    let gone = Change::DeleteNode {
        node: park(),
        redirect: None,
    };
    world.ask(J, gone).expect("it is hers");
    (0..3).for_each(|_| world.pass(10_000));
    assert_eq!((retracted(&subscriptions), retracted(&subscribers)), (1, 0));
    world
        .ask("", Change::RemoveUser { user: R.into() })
        .expect("an operator asks");
    (0..3).for_each(|_| world.pass(10_000));
    assert_eq!(node(&subscriptions), None);
    assert_eq!(retracted(&subscribers), 1);
}

fn query_log(world: &World, node: reef_engine::model::NodeId) -> Vec<Event> {
    use reef_engine::store::Range;
    use reef_engine::store::keys::Family;
    let mut events = Vec::new();
    let range = Range::prefix(&node.0.to_be_bytes());
    let scanned = world.engine.view().scan(Family::LOG, &range, &mut |_, value| {
        let entry: rows::Entry = rows::decode(Family::LOG, value).expect("it is an entry");
        events.push(entry.event);
        std::ops::ControlFlow::Continue(())
    });
    scanned.expect("the store reads");
    events
}
