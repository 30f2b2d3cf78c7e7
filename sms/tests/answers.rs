//! What was heard is answered once, in its order, whatever ends or is full in between.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::room::{CARRIER, Room};
use common::{jam, read, until};
use reef_sms::network::Action;
use std::sync::atomic::Ordering;

/// Something is done of which nobody hears; the process ends.
async fn crash_behind(mut room: Room, text: &str) -> (Vec<Action>, Room) {
    let before = room.world.names.acts().len();
    room.world.names.is_mute.store(true, Ordering::SeqCst);
    room.hears(CARRIER, 1, text).await;
    until("it is done", || room.world.names.acts().len() > before).await;
    let done = room.world.names.acts().split_off(before);
    assert!(
        read(room.world.rows().newest_unanswered()).is_some(),
        "it is not answered"
    );
    room = Room::of(room.crash().await);
    (done, room)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_was_not_answered_when_the_process_ended_is_one_post_after_it() {
    let mut room = Room::new();
    room.joins(1, "ann").await;
    let (done, mut room) = crash_behind(room, "Good morning, all").await;
    room.answered().await;
    // The same post by its id: publishing it again changes nothing that is seen.
    assert_eq!((room.world.names.acts(), done.len()), (done, 1));
    let mut room = Room::of(room.crash().await);
    room.answered().await;
    assert!(room.world.names.acts().is_empty(), "it is answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_said_again_after_the_end_has_the_same_id() {
    let mut room = Room::new();
    room.joins(1, "ann").await;
    let (done, mut room) = crash_behind(room, "d alice hello").await;
    room.answered().await;
    assert!(
        matches!(&done[..], [Action::Message { id, .. }] if !id.is_empty()),
        "{done:?}"
    );
    assert_eq!(room.world.names.acts(), done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_last_run_left_is_done_once_and_before_what_comes_now() {
    const TEXTS: usize = 18;
    const NAMES: [&str; 4] = ["ann", "ben", "cat", "dan"];
    let mut room = Room::new();
    for (phone, name) in (1..).zip(NAMES) {
        room.joins(phone, name).await;
    }
    room.world.names.is_mute.store(true, Ordering::SeqCst);
    for nth in 0..TEXTS {
        room.world.clock.pass(3_600_000);
        for phone in 1..=4 {
            room.hears(CARRIER, phone, &format!("old {nth}")).await;
        }
    }
    let mut room = Room::of(room.crash().await);
    room.world.clock.pass(3_600_000);
    for phone in 1..=4 {
        room.hears(CARRIER, phone, "new").await;
    }
    room.answered().await;
    let done = room.world.names.done.lock().unwrap().clone();
    let all: Vec<String> = (0..TEXTS)
        .map(|nth| format!("old {nth}"))
        .chain(["new".to_owned()])
        .collect();
    for name in NAMES {
        let own = done.iter().filter(|(account, _)| *account == format!("{name}@here"));
        let said: Vec<&str> = own
            .map(|(_, action)| match action {
                Action::Post { text, .. } => text.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(said, all, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_whose_answer_finds_the_log_full_is_answered_when_it_is_not() {
    let mut room = Room::new();
    room.joins(1, "ann").await;
    room.world.names.is_mute.store(true, Ordering::SeqCst);
    room.hears(CARRIER, 1, "Good morning, all").await;
    until("it is done", || !room.world.names.unheard.lock().unwrap().is_empty()).await;
    let refused = room.world.engine.metrics.refused.get();
    let jam = jam(&room.world.engine, &room.world.gate).await;
    let full = room.world.engine.metrics.refused.get();
    assert!(full > refused);
    let dones = std::mem::take(&mut *room.world.names.unheard.lock().unwrap());
    dones.into_iter().for_each(|done| done(Ok(())));
    // Twice there was no room for it: it is tried again.
    until("it is tried again", || {
        room.world.engine.metrics.refused.get() >= full + 2
    })
    .await;
    drop(jam);
    room.answered().await;
    assert_eq!(room.world.names.acts().len(), 2, "it was joined, and posted once");
}
