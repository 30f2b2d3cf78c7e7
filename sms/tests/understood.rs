//! What phones and accounts write, and that nothing of it is published or promised that they did not mean.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::room::{CARRIER, Room};
use reef_sms::inbound::account_says;
use reef_sms::network::Action;

const UNCLEAR: &str = "Reply STOP to end all texts, or POST <text> to publish.";

/// A phone with an account.
async fn linked() -> Room {
    let mut room = Room::new();
    room.joins(1, "ben").await;
    room
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_begins_as_stop_does_is_asked_back_and_not_published() {
    let mut room = linked().await;
    for text in ["Quit texting me so much", "Cancel my dentist"] {
        assert_eq!(room.asks(CARRIER, 1, text).await, UNCLEAR, "{text}");
    }
    assert_eq!(room.world.names.acts(), [Action::Join { maker: 1 }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_that_is_written_wrongly_is_explained_and_not_published() {
    let mut room = linked().await;
    for text in ["SET PIN 12", "SET LIMIT 500", "set pin", "SET", "SET FOO bar"] {
        let said = room.asks(CARRIER, 1, text).await;
        assert!(said.starts_with("SET is written so: "), "{text}: {said}");
        assert!(said.len() <= 160 && said.is_ascii(), "one segment: {said}");
    }
    let said = account_says(&room.hall, "nobody@here", "SET LIMIT 500").await;
    assert!(said.starts_with("SET is written so: "), "{said}");
    assert_eq!(room.world.names.acts(), [Action::Join { maker: 1 }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_in_place_of_a_user_is_neither_published_nor_repeated() {
    let mut room = linked().await;
    for text in [
        "FOLLOW +49171234567",
        "UNFOLLOW +49171234567",
        "f +49-171-234567",
        "off +49171234567",
        "like +49171234567",
        "get +49171234567",
        "d +49171234567 hello",
    ] {
        let said = room.asks(CARRIER, 1, text).await;
        assert!(said.starts_with("There is no such user."), "{text}: {said}");
    }
    let said = room.asks(CARRIER, 2, "join +49171234567").await;
    assert_eq!(
        said,
        "JOIN needs a name of letters and digits that begins with a letter."
    );
    assert_eq!(room.world.names.acts(), [Action::Join { maker: 1 }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_digits_that_nobody_asked_for_are_explained_to_an_accounts_phone() {
    let mut room = linked().await;
    for _ in 0..2 {
        let said = room.asks(CARRIER, 1, "123456").await;
        assert_eq!(said, "That code is not right, or too old.");
    }
    assert!(room.asks(CARRIER, 2, "123456").await.contains("FOLLOW name"));
    assert_eq!(
        room.asks(CARRIER, 2, "123456").await,
        "",
        "a stranger is told once a day"
    );
    assert_eq!(room.world.names.acts(), [Action::Join { maker: 1 }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_told_what_stop_and_start_do_there() {
    let mut room = linked().await;
    let off = "No posts and messages to your phone until you write ON here. STOP, texted by the phone, ends all texts.";
    assert_eq!(account_says(&room.hall, "ben@here", "STOP").await, off);
    let on = account_says(&room.hall, "ben@here", "START").await;
    assert_eq!(on, "Posts come to your phone again.");
    assert_eq!(account_says(&room.hall, "bob@here", "ON").await, "No phone is linked.");
    assert!(room.asks(CARRIER, 1, "STOP").await.contains("unsubscribed"));
    for text in ["START", "ON", "OFF"] {
        let said = account_says(&room.hall, "ben@here", text).await;
        assert_eq!(said, "This phone gets no texts until it texts START itself.", "{text}");
    }
    for text in ["123456", "Stop the war!"] {
        let said = account_says(&room.hall, "ben@here", text).await;
        assert!(said.starts_with("That is no command here."), "{text}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_of_a_phone_that_gets_nothing_is_told_how_to_begin() {
    let mut room = Room::new();
    let said = room.asks(CARRIER, 1, "ON").await;
    assert!(said.contains("FOLLOW name gets somebody's posts by text."), "{said}");
}
