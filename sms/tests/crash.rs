//! The process ends at each point of a delivery: nothing is lost silently, nothing in doubt is sent again, answers at most once
//! more.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::{OPEN_WORLD, World, read};
use reef_sms::schedule::Status;
use reef_sms::tables::rows::{Class, Progress, What};
use reef_sms::tables::{Op, Receipt};

/// What is closed in doubt.
fn doubts(world: &World) -> Vec<What> {
    let rows = read(world.rows().closed(1_000)).into_iter();
    let doubted = rows.filter(|(_, row)| row.progress == Progress::InDoubt);
    doubted.map(|(_, row)| row.what).collect()
}

#[test]
fn a_post_that_was_committed_and_not_planned_goes_out_after_the_next_start() {
    let (world, _) = World::with_phone();
    world.post("alice", "1", "hello");
    let mut world = world.again();
    world.pass(2_000);
    assert_eq!(world.got(1), ["@alice: hello"]);
    let mut world = world.again();
    world.pass(60_000);
    assert!(world.line.lock().unwrap().sent.is_empty(), "once is enough");
}

#[test]
fn at_every_end_of_a_lap_each_phone_has_the_post_or_may_ask_for_it() {
    const PHONES: u64 = 30;
    for answered in [0, 1, 7, 29] {
        let (mut world, ids) = World::with_phones(OPEN_WORLD, PHONES);
        // So many are answered, and the others written; then the process ends.
        let taken = (0..answered).map(|n| Some(Status::Taken(Some(format!("{n:x}")))));
        let silent = (answered..PHONES).map(|_| None);
        world.answers(taken.chain(silent));
        world.post("alice", "1", "hello");
        world.pass(1_000);
        assert_eq!(world.segments(), PHONES as usize);
        let mut world = world.again();
        world.pass(60_000);
        assert_eq!(world.segments(), 0, "nothing is sent again");
        assert!(read(world.rows().open(None, 100)).is_empty());
        let doubted = (PHONES - answered) as usize;
        assert_eq!(doubts(&world).len(), doubted);
        let held = ids.iter().filter(|id| read(world.rows().held(**id)).posts.len() == 1);
        assert_eq!(held.count(), doubted);
    }
}

#[test]
fn an_answer_of_which_nobody_knows_is_sent_once_more_and_never_a_third_time() {
    for class in [Class::First, Class::Answer] {
        let mut world = World::new(OPEN_WORLD);
        let id = world.hear(1, "hello", None).number.unwrap();
        world.say(id, class, "an answer");
        world.answers([None]);
        world.pass(1_000);
        assert_eq!(world.segments(), 1);
        let mut world = world.again();
        world.answers([None, None, None]);
        world.pass(60_000);
        assert_eq!(world.segments(), 1, "once more");
        assert!(doubts(&world).is_empty(), "it is not over yet");
        let mut world = world.again();
        world.pass(60_000);
        assert_eq!(world.segments(), 0, "and no more");
        assert_eq!(doubts(&world), [What::Text("an answer".into())]);
    }
}

#[test]
fn an_answer_that_was_sent_once_more_before_the_end_is_not_sent_a_third_time() {
    let mut world = World::new(OPEN_WORLD);
    let id = world.hear(1, "hello", None).number.unwrap();
    world.say(id, Class::Answer, "an answer");
    world.answers([Some(Status::InDoubt), None]);
    world.pass(1_000);
    assert_eq!(world.segments(), 2);
    let mut world = world.again();
    world.pass(60_000);
    assert_eq!(world.segments(), 0);
    assert_eq!(doubts(&world), [What::Text("an answer".into())]);
}

#[test]
fn an_answer_that_is_too_old_after_the_next_start_is_not_sent() {
    let mut world = World::new(OPEN_WORLD);
    let id = world.hear(1, "hello", None).number.unwrap();
    world.say(id, Class::Answer, "an answer");
    world.answers([None]);
    world.pass(1_000);
    world.clock.pass(3_600_000);
    let mut world = world.again();
    world.pass(60_000);
    assert_eq!(world.segments(), 0);
}

#[test]
fn a_direct_message_in_doubt_is_not_sent_again_and_is_shown() {
    let mut world = World::new(OPEN_WORLD);
    let id = world.subscriber(1, &[]);
    world.say(id, Class::Message, "DM @bob: hello");
    world.answers([None]);
    world.pass(1_000);
    let mut world = world.again();
    world.pass(60_000);
    assert_eq!(world.segments(), 0);
    assert_eq!(doubts(&world), [What::Text("DM @bob: hello".into())]);
}

#[test]
fn an_answer_of_the_route_that_was_not_committed_leaves_a_doubt_and_no_second_text() {
    let (mut world, id) = World::with_phone();
    world.answers([None]);
    world.post("alice", "1", "hello");
    world.pass(1_000);
    // Heard, and the process ends before that is in the log.
    let taken = Status::Taken(Some("0a".into()));
    world.late(1, taken);
    let mut world = world.again();
    world.pass(60_000);
    assert_eq!(world.segments(), 0);
    assert_eq!(doubts(&world).len(), 1);
    assert_eq!(read(world.rows().held(id)).posts.len(), 1);
}

#[test]
fn a_fate_that_is_committed_stays_after_the_next_start_and_its_receipt_finds_it() {
    for early in [false, true] {
        let (mut world, _) = World::with_phone();
        let receipt = Op::Receipts(vec![Receipt {
            route: world.routes[0],
            hash: world.parts.keys.hash(&World::phone(1)),
            ids: vec!["a".into(), "10".into()],
            said: reef_sms::tables::rows::Final::Delivered,
        }]);
        world.answers([None]);
        world.post("alice", "1", "hello");
        world.pass(1_000);
        if early {
            world.commit(&receipt);
        }
        let taken = Status::Taken(Some("A".into()));
        world.late(1, taken);
        world.pass(1_000);
        let world = world.again();
        if !early {
            assert_eq!(world.commit(&receipt).matched, 1);
        }
        let closed = read(world.rows().closed(10));
        let said = Progress::Final(reef_sms::tables::rows::Final::Delivered);
        assert_eq!((closed.len(), closed[0].1.progress), (1, said), "early: {early}");
    }
}
