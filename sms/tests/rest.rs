//! A route that sends nothing, for whatever reason: what is ready waits, nothing is looked at in vain, and nothing is lost.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::{World, read};
use reef_sms::route::Told;
use reef_sms::schedule::Status;
use reef_sms::tables::rows::Progress;
use std::sync::atomic::Ordering;

/// A world in which one phone gets one author's posts.
fn world() -> World {
    let (world, _) = World::with_phone();
    world
}

#[test]
fn a_route_that_is_down_is_not_looked_at_for_what_it_would_try_again() {
    let mut world = world();
    world.answers([Some(Status::Later)]);
    world.post("alice", "1", "hello");
    world.settle();
    world.told(Told::Down("cut".into()));
    // Past the moment at which it is tried again.
    world.pass(6_000);
    let next = world.settle().unwrap();
    assert!(next > world.now(), "it would be looked at for ever: {next:?}");
    world.told(Told::Up);
    world.settle();
    assert_eq!(world.got(1), ["@alice: hello"]);
}

#[test]
fn a_paused_route_sends_nothing_of_what_is_ready() {
    let mut world = world();
    // It is given back, and ready once the route is not too fast any more.
    world.answers([Some(Status::Throttled)]);
    world.post("alice", "1", "hello");
    world.settle();
    let route = world.routes[0];
    world.core.pause(route, true);
    world.pass(20_000);
    assert_eq!(world.got(1), Vec::<String>::new());
    let next = world.settle().unwrap();
    assert!(next > world.now(), "it would be looked at for ever: {next:?}");
    world.core.pause(route, false);
    world.settle();
    assert_eq!(world.got(1), ["@alice: hello"]);
}

#[test]
fn what_became_of_messages_is_kept_though_one_of_them_cannot_be() {
    let mut world = world();
    let alice = world.publisher("bob");
    for number in 2..6 {
        world.subscriber(number, &[alice]);
    }
    world.refuses.fates.store(1, Ordering::SeqCst);
    world.post("bob", "1", "hello");
    world.settle();
    world.pass(2_000);
    let closed = read(world.rows().closed(100));
    let acked = closed.iter().filter(|(_, row)| row.progress == Progress::Acked);
    assert_eq!(acked.count(), 4);
    assert!(read(world.rows().open(None, 100)).is_empty());
}
