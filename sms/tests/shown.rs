//! What operators are shown of a route, and what publishers are told of it.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::{OPEN_WORLD, World, read};
use reef_sms::route::Told;
use reef_sms::schedule::Status;
use reef_sms::tables::Change;
use reef_sms::tables::rows::Class;

#[test]
fn a_long_post_is_said_to_take_as_long_as_its_segments() {
    let mut world = World::new(&OPEN_WORLD.replace("rate = 100", "rate = 1"));
    let alice = world.publisher("alice");
    for number in 0..400 {
        world.subscriber(number, &[alice]);
    }
    world.post("alice", "1", "short");
    world.settle();
    assert!(world.names.told.lock().unwrap().is_empty());
    world.pass(600_000);
    world.post("alice", "2", &"word ".repeat(50));
    world.settle();
    let told = world.names.told.lock().unwrap().clone();
    assert!(told.len() == 1 && told[0].1.ends_with("in about 14 min."), "{told:?}");
}

#[test]
fn what_a_route_refuses_for_good_is_counted_by_what_it_says_and_is_told_of_where_it_is_most() {
    let mut world = World::new(OPEN_WORLD);
    let alice = world.publisher("alice");
    for number in 0..60 {
        world.subscriber(number, &[alice]);
    }
    let refused = |code| Some(Status::Never(code, false));
    world.line.lock().unwrap().script = (0..50).map(|nth| refused(if nth < 20 { 0x0a } else { 0x45 })).collect();
    world.post("alice", "1", "hello");
    world.pass(5_000);
    let shown = &world.core.shown()[0];
    assert_eq!(shown.refusals, [("0x0a".to_owned(), 20), ("0x45".to_owned(), 30)]);
    assert!(!shown.refuses);
    world.line.lock().unwrap().script = (0..60).map(|_| refused(0x45)).collect();
    world.post("alice", "2", "hello again");
    world.pass(5_000);
    assert!(world.core.shown()[0].refuses);
    for item in ["3", "4"] {
        world.post("alice", item, "hello once more");
        world.pass(5_000);
    }
    assert!(!world.core.shown()[0].refuses);
}

#[test]
fn what_waits_is_counted_and_the_oldest_of_it_is_known_though_it_was_put_off() {
    let mut world = World::new(&OPEN_WORLD.replace("burst = 100", "burst = 1"));
    let ids = [1, 2].map(|number| world.subscriber(number, &[]));
    for (id, account) in ids.iter().zip(["ann@here", "bob@here"]) {
        world.change(*id, "phone", vec![Change::Account(Some(account.into()))]);
    }
    world.missed("ann@here", "DM @bob: are you there?");
    world.pass(60_000);
    // The second within ten minutes is put off.
    let made = world.now();
    world.missed("ann@here", "DM @bob: hello");
    world.pass(60_000);
    world.core.told(0, Told::Down("gone".into()), world.now());
    world.missed("bob@here", "DM @ann: hello");
    let waits = |most| read(world.rows().waiting_count(world.routes[0], Class::Message, most));
    assert_eq!((waits(10).0, waits(1).0), (2, 1));
    let (at, id) = waits(10).1.unwrap();
    assert!(at > made, "it was put off");
    let oldest = read(world.rows().waiting_one(world.routes[0], Class::Message, at, id)).unwrap();
    assert_eq!(&*oldest.text, "DM @bob: hello");
    assert_eq!(oldest.at, made);
}
