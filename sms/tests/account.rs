//! An account that was made by text message: it is not lost to its phone, and gets a password without one being texted to it.

#![allow(clippy::unwrap_used, reason = "tests: what fails ends the test")]

mod common;

use common::room::{ANYBODY, CARRIER, Room};
use common::town::Town;
use reef_sms::inbound::account_says;
use reef_sms::network::Action;
use reef_sms::tables::Change;

const PHONE: &str = "+12025550101";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_is_given_a_password_that_passes_and_takes_none() {
    let mut room = Room::new();
    room.joins(1, "ben").await;
    assert_eq!(
        room.asks(CARRIER, 1, "password hunter2").await,
        "Never text a password. PASSWORD alone gets you one for your account."
    );
    assert!(room.asks(ANYBODY, 1, "Password").await.contains("PIN"));
    let said = room.asks(CARRIER, 1, "Password").await;
    assert!(said.len() <= 160 && said.is_ascii(), "one segment: {said}");
    let (password, rest) = said.split_once(' ').unwrap();
    assert_eq!(password.len(), 14, "{said}");
    assert!(rest.starts_with("logs in ben@here within 60 minutes."), "{said}");
    let acts = room.world.names.acts();
    match &acts[..] {
        [Action::Join { .. }, Action::Password { password: given, .. }] => assert_eq!(given.0, password),
        other => panic!("{other:?}"),
    }
    assert!(!format!("{acts:?}").contains(password), "it is never shown");
    // Words behind it make it a post.
    room.asks(CARRIER, 1, "Password managers are good").await;
    room.asks(CARRIER, 1, "del").await;
    assert!(matches!(room.world.names.acts()[2], Action::Post { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_only_its_phone_reaches_is_not_left() {
    let mut room = Room::new();
    room.joins(1, "ben").await;
    let said = room.asks(CARRIER, 1, "unlink").await;
    assert!(said.contains("text PASSWORD"), "{said}");
    assert!(
        account_says(&room.hall, "ben@here", "unlink")
            .await
            .contains("PASSWORD")
    );
    // It has chosen a password in a client.
    room.world.names.makers.lock().unwrap().clear();
    assert!(room.asks(CARRIER, 1, "password").await.contains("@ben has a password"));
    assert_eq!(room.asks(CARRIER, 1, "unlink").await, "This phone is linked no longer.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_was_made_and_not_linked_when_the_machine_stopped_is_still_had() {
    let mut room = Room::new();
    // It was made for the first number that says anything, and for nobody who comes later.
    let names = room.world.names.clone();
    names.accounts.lock().unwrap().insert("ben@here".into());
    names.makers.lock().unwrap().insert("ben@here".into(), 1);
    let asked = room.asks(CARRIER, 1, "JOIN ben").await;
    assert!(asked.contains("make the account @ben"), "{asked}");
    let taken = room.asks(CARRIER, 2, "JOIN ben").await;
    assert!(taken.contains("@ben is taken"), "{taken}");
    assert!(room.asks(CARRIER, 1, "YES").await.contains("welcome @ben"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_posted_nothing_yet_is_somebody_all_the_same() {
    let mut room = Room::new();
    let known = ["alice@here".into(), "bob@here".into()];
    room.world.names.accounts.lock().unwrap().extend(known);
    let said = room.asks(CARRIER, 1, "FOLLOW alice").await;
    assert!(said.starts_with("@alice has posted nothing yet."), "{said}");
    assert!(
        room.asks(CARRIER, 1, "FOLLOW carol")
            .await
            .starts_with("No user 'carol'")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_a_number_after_its_first_owner_gets_no_password_to_his_account() {
    let mut town = Town::new("").await;
    town.asks(PHONE, "hello?").await;
    town.asks(PHONE, "join ben").await;
    town.asks(PHONE, "yes").await;
    town.change(Change::Doubted(true));
    assert!(town.asks(PHONE, "password").await.contains("prove this phone anew"));
    let given = |done: &(String, Action)| matches!(done.1, Action::Password { .. });
    assert!(!town.done().iter().any(given));
    town.leave().await;
}
