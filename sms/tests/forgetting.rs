//! What is too old is forgotten, however much of it there is.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::{OPEN_WORLD, World, read};
use reef_engine::store::Range;
use reef_sms::tables::rows::Final;
use reef_sms::tables::{Change, Op, Receipt, keys};
use std::ops::ControlFlow;

fn count(world: &World, prefix: &[u8]) -> usize {
    let (mut found, range) = (0, Range::prefix(prefix));
    let mut each = |_: &[u8], _: &[u8]| {
        found += 1;
        ControlFlow::Continue(())
    };
    world
        .engine
        .view()
        .scan(common::FIRST.main(), &range, &mut each)
        .unwrap();
    found
}

#[test]
fn what_is_too_old_is_gone_at_once_however_much_it_is() {
    let mut world = World::new(OPEN_WORLD);
    world.hear(1, "hello", None);
    let receipt = Receipt {
        route: world.routes[0],
        hash: world.parts.keys.hash(&World::phone(1)),
        ids: (0..10_000).map(|id| format!("{id}").into()).collect(),
        said: Final::Delivered,
    };
    world.commit(&Op::Receipts(vec![receipt]));
    assert_eq!(count(&world, keys::EARLY), 10_000);
    // More than a sweep takes, and not the time for another.
    world.pass(75_000);
    assert_eq!(count(&world, keys::EARLY), 0);
}

#[test]
fn consent_is_kept_as_long_as_is_configured() {
    const DAY: u64 = 86_400_000;
    let mut world = World::new(&format!("keep_consent = '48h'\n{OPEN_WORLD}"));
    let id = world.subscriber(1, &[]);
    let hash = world.parts.keys.hash(&World::phone(1));
    world.change(id, "phone", vec![Change::Consent(vec![1])]);
    world.pass(DAY);
    world.change(id, "phone", vec![Change::Consent(vec![2])]);
    world.pass(DAY + 60_000);
    let left = read(world.rows().consents(&hash));
    assert_eq!(left.iter().map(|(_, words)| words[0]).collect::<Vec<_>>(), [2]);
    world.pass(DAY);
    assert!(read(world.rows().consents(&hash)).is_empty());
    assert_eq!(count(&world, keys::CONSENT_AGES), 0);
}
