//! What phones and accounts write, and that nothing of it is published or promised that they did not mean.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::room::{CARRIER, Room};
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
    assert_eq!(room.world.names.acts(), [Action::Join]);
}
