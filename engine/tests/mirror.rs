//! Nodes of other servers that accounts here follow: an item is appended once, reaches those whom its service addressed,
//! live and on their return, and goes when the service takes it back.

mod world;

use reef_engine::config::SubscriptionState;
use reef_engine::error::Reject;
use reef_engine::limits::Limits;
use reef_engine::log::record::{Change, Mirrored};
use reef_engine::model::{NodeName, Seq};
use reef_engine::outbox::{Of, Wanted};
use reef_engine::store::keys::Family;
use reef_engine::store::{Range, rows};
use std::ops::ControlFlow;
use world::{Client, MICROBLOG, World};

const AUTHOR: &str = "author@away.test";
const ROMEO: &str = "romeo@reef.test";
const NURSE: &str = "nurse@reef.test";

fn node() -> NodeName {
    NodeName::new(AUTHOR, MICROBLOG)
}

fn mirror(world: &World, said: Mirrored) -> Result<Seq, reef_engine::error::Error> {
    let change = Change::Mirror { node: node(), said };
    world.ask("away.test", change).map(|applied| applied.seq)
}

fn follow(world: &World, who: &str, state: Option<SubscriptionState>) {
    let subscriber = who.into();
    let asked = true;
    mirror(
        world,
        Mirrored::Follow {
            subscriber,
            state,
            asked,
        },
    )
    .expect("the service says so");
}

fn said(item: &str, payload: &str, to: &[&str]) -> Mirrored {
    Mirrored::Publish {
        item: item.into(),
        payload: payload.as_bytes().to_vec().into(),
        publisher: AUTHOR.into(),
        to: to.iter().map(|to| (*to).into()).collect(),
        notes: Vec::new(),
    }
}

fn publish(world: &World, item: &str, to: &[&str]) -> Seq {
    mirror(world, said(item, "<entry/>", to)).expect("somebody follows")
}

fn online(world: &mut World, who: &str) -> Client {
    let client = world.attach(who, "phone");
    world.seats[client.seat].shard.available(client.key, Some(Seq(0)));
    client
}

fn timeline(world: &World, who: &str) -> Vec<String> {
    let wanted = Wanted {
        most: 100,
        most_bytes: 1 << 20,
        most_read: 1000,
        ..Wanted::default()
    };
    let archive = world.engine.archive(Of::Followed(world.id(who)), &wanted);
    let archive = archive.expect("the store reads").expect("no id was asked for");
    archive.posts.iter().map(|post| post.item.to_string()).collect()
}

fn entries(world: &World) -> usize {
    let mut count = 0;
    let each = &mut |_: &[u8], value: &[u8]| {
        count += usize::from(value.windows(8).any(|window| window == b"<entry/>"));
        ControlFlow::Continue(())
    };
    let view = world.engine.view();
    view.scan(Family::LOG, &Range::all(), each).expect("the store reads");
    count
}

#[test]
fn an_item_reaches_those_who_were_addressed_once_and_lies_here_once() {
    let mut world = World::new();
    for who in [ROMEO, NURSE] {
        follow(&world, who, Some(SubscriptionState::Subscribed));
    }
    world.settle(&mut []);
    let (mut romeo, mut nurse) = (online(&mut world, ROMEO), online(&mut world, NURSE));
    world.settle(&mut [&mut romeo, &mut nurse]);
    publish(&world, "1", &[ROMEO]);
    world.settle(&mut [&mut romeo, &mut nurse]);
    assert_eq!((romeo.items(), nurse.items()), (vec!["1"], vec![]));
    publish(&world, "1", &[NURSE]);
    // Sent again, since its server did not hear that it came.
    publish(&world, "1", &[ROMEO]);
    world.settle(&mut [&mut romeo, &mut nurse]);
    assert_eq!((romeo.items(), nurse.items()), (vec!["1"], vec!["1"]));
    assert_eq!(entries(&world), 1);
    assert_eq!(
        (timeline(&world, ROMEO), timeline(&world, NURSE)),
        (vec!["1".into()], vec!["1".into()])
    );
    publish(&world, "2", &[]);
    world.settle(&mut [&mut romeo, &mut nurse]);
    assert_eq!((romeo.items(), nurse.items()), (vec!["1", "2"], vec!["1", "2"]));
}

#[test]
fn who_was_away_catches_up_with_what_was_addressed_to_him() {
    let mut world = World::new();
    for who in [ROMEO, NURSE] {
        follow(&world, who, Some(SubscriptionState::Subscribed));
    }
    publish(&world, "both", &[ROMEO, NURSE]);
    publish(&world, "his", &[ROMEO]);
    publish(&world, "late", &[ROMEO]);
    publish(&world, "hers", &[NURSE]);
    publish(&world, "late", &[NURSE]);
    world.settle(&mut []);
    let (mut romeo, mut nurse) = (online(&mut world, ROMEO), online(&mut world, NURSE));
    world.settle(&mut [&mut romeo, &mut nurse]);
    assert_eq!(romeo.items(), ["both", "his", "late"]);
    assert_eq!(nurse.items(), ["both", "hers", "late"]);
    // The same when all is read anew.
    let mut world = world.restart();
    let mut nurse = online(&mut world, NURSE);
    world.settle(&mut [&mut nurse]);
    assert_eq!(nurse.items(), ["both", "hers", "late"]);
    assert_eq!(timeline(&world, NURSE), ["both", "hers", "late"]);
}

#[test]
fn what_its_service_takes_back_is_taken_back_here() {
    let mut world = World::new();
    for who in [ROMEO, NURSE] {
        follow(&world, who, Some(SubscriptionState::Subscribed));
    }
    publish(&world, "1", &[ROMEO]);
    publish(&world, "1", &[NURSE]);
    publish(&world, "2", &[]);
    world.settle(&mut []);
    let mut nurse = online(&mut world, NURSE);
    world.settle(&mut [&mut nurse]);
    let retract = || Mirrored::Retract { item: "1".into() };
    mirror(&world, retract()).expect("it is there");
    assert_eq!(mirror(&world, retract()).err(), Some(Reject::ItemNotFound.into()));
    world.settle(&mut [&mut nurse]);
    assert_eq!(nurse.items(), ["1", "2", "-1"]);
    assert_eq!(timeline(&world, NURSE), ["2"]);
    // Edited, it is another version for all who are addressed.
    mirror(&world, said("2", "<entry>new</entry>", &[])).expect("somebody follows");
    mirror(&world, Mirrored::Purge).expect("it is there");
    world.settle(&mut [&mut nurse]);
    assert_eq!(nurse.items(), ["1", "2", "-1", "2", "Purge"]);
    assert_eq!(timeline(&world, NURSE), [""; 0]);
    mirror(&world, Mirrored::Delete).expect("it is there");
    assert_eq!(mirror(&world, retract()).err(), Some(Reject::NodeNotFound.into()));
}

#[test]
fn nobody_is_sent_what_he_does_not_follow_and_a_node_goes_with_its_last_follower() {
    let world = World::new();
    let refused = mirror(&world, said("1", "<entry/>", &[ROMEO]));
    assert_eq!(refused.err(), Some(Reject::NodeNotFound.into()));
    follow(&world, ROMEO, Some(SubscriptionState::Pending));
    let refused = mirror(&world, said("1", "<entry/>", &[ROMEO]));
    assert_eq!(refused.err(), Some(Reject::NotSubscribed.into()));
    follow(&world, ROMEO, Some(SubscriptionState::Subscribed));
    let refused = mirror(&world, said("1", "<entry/>", &[NURSE]));
    assert_eq!(refused.err(), Some(Reject::NotSubscribed.into()));
    follow(&world, ROMEO, None);
    follow(&world, ROMEO, None);
    let id = rows::node_id(world.engine.view(), &node()).expect("the store reads");
    assert_eq!(id, None);
}

#[test]
fn no_more_is_kept_of_a_node_than_its_limit_and_nothing_is_left_of_what_goes() {
    let world = World::with(Limits {
        mirror_items: 2,
        ..Limits::default()
    });
    for who in [ROMEO, NURSE] {
        follow(&world, who, Some(SubscriptionState::Subscribed));
    }
    for item in ["1", "2", "3", "4"] {
        publish(&world, item, &[ROMEO]);
        publish(&world, item, &[NURSE]);
    }
    assert_eq!(timeline(&world, NURSE), ["3", "4"]);
    assert_eq!(entries(&world), 2);
    let mut rows = 0;
    let each = &mut |_: &[u8], _: &[u8]| {
        rows += 1;
        ControlFlow::Continue(())
    };
    world
        .engine
        .view()
        .scan(Family::LOG, &Range::all(), each)
        .expect("the store reads");
    assert_eq!(rows, 4, "an entry for each of two items and two readers");
}

#[test]
fn nobody_is_made_to_follow_by_what_a_service_says_unasked() {
    let world = World::new();
    let told = |state| {
        let (subscriber, asked) = (ROMEO.into(), false);
        mirror(
            &world,
            Mirrored::Follow {
                subscriber,
                state,
                asked,
            },
        )
    };
    let subscribed = Some(SubscriptionState::Subscribed);
    assert_eq!(told(subscribed).err(), Some(Reject::NotSubscribed.into()));
    let known = rows::subscriber_id(world.engine.view(), ROMEO).expect("the store reads");
    assert_eq!(known, None);
    follow(&world, ROMEO, Some(SubscriptionState::Pending));
    told(subscribed).expect("he waited for it");
    publish(&world, "1", &[ROMEO]);
    told(None).expect("it ends");
    assert_eq!(told(subscribed).err(), Some(Reject::NotSubscribed.into()));
}
