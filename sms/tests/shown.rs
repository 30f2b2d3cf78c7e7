//! What operators are shown of a route, and what publishers are told of it.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::{OPEN_WORLD, World, read};
use reef_sms::route::Told;
use reef_sms::tables::Change;
use reef_sms::tables::rows::Class;

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
