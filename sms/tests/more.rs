//! Posts that are asked for with MORE go with the answer that says them: where it was not sent they may be asked for again.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::read;
use common::room::{CARRIER, Room};
use reef_sms::route::Told;
use reef_sms::schedule::Status;
use reef_sms::tables::rows::NumberId;

/// A room where a phone may ask for one post, whose delivery is in doubt.
async fn held_back() -> (Room, NumberId) {
    let mut room = Room::new();
    room.follows(1, "alice").await;
    let id = room.world.id(1);
    room.world.answers([Some(Status::InDoubt)]);
    room.world.post("alice", "1", "hello");
    room.world.pass(1_000);
    assert_eq!(held(&room, id), 1);
    (room, id)
}

fn held(room: &Room, id: NumberId) -> usize {
    read(room.world.rows().held(id)).posts.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_in_doubt_leaves_its_posts_to_be_asked_for_again() {
    let (mut room, id) = held_back().await;
    room.world.answers([Some(Status::InDoubt), Some(Status::InDoubt)]);
    assert_eq!(room.asks(CARRIER, 1, "more").await, "");
    room.world.pass(60_000);
    assert_eq!(held(&room, id), 1);
    assert_eq!(room.asks(CARRIER, 1, "more").await, "@alice: hello");
    assert_eq!(held(&room, id), 0);
    assert_eq!(room.asks(CARRIER, 1, "more").await, "There is nothing more.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_refused_or_too_old_leaves_its_posts_to_be_asked_for_again() {
    let (mut room, id) = held_back().await;
    room.world.answers([Some(Status::Never(0x45, false))]);
    assert_eq!(room.asks(CARRIER, 1, "more").await, "");
    assert_eq!(held(&room, id), 1, "it was refused");
    // While the route is down, it gets too old where it waits.
    room.world.told(Told::Down("gone".into()));
    room.hears(CARRIER, 1, "more").await;
    room.answered().await;
    assert_eq!(held(&room, id), 0, "it is on its way");
    room.world.pass(3_600_000);
    room.world.told(Told::Up);
    room.world.pass(1_000);
    assert_eq!(held(&room, id), 1, "it was too old");
    assert_eq!(room.asks(CARRIER, 1, "more").await, "@alice: hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_of_the_route_takes_away_what_was_kept_for_it() {
    let (mut room, id) = held_back().await;
    // The post itself, which was the third part that was sent.
    room.world.late(3, Status::Taken(None));
    room.world.settle();
    assert_eq!(held(&room, id), 0);
    let (mut room, id) = held_back().await;
    room.world.answers([Some(Status::InDoubt), Some(Status::InDoubt)]);
    room.asks(CARRIER, 1, "more").await;
    room.world.pass(60_000);
    assert_eq!(held(&room, id), 1);
    // And the answer that said it, the second time that it was sent.
    room.world.late(5, Status::Taken(None));
    room.world.settle();
    assert_eq!(held(&room, id), 0);
    assert_eq!(room.asks(CARRIER, 1, "more").await, "There is nothing more.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_answer_did_not_say_before_stop_is_not_held_behind_it() {
    let (mut room, id) = held_back().await;
    room.world.told(Told::Down("gone".into()));
    room.hears(CARRIER, 1, "more").await;
    room.answered().await;
    room.hears(CARRIER, 1, "STOP").await;
    room.hears(CARRIER, 1, "START").await;
    room.answered().await;
    room.world.told(Told::Up);
    room.world.pass(60_000);
    assert_eq!(held(&room, id), 0);
    assert_eq!(room.asks(CARRIER, 1, "more").await, "There is nothing more.");
}
