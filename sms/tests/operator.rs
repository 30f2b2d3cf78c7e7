//! What operators do with numbers while the gateway serves.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::town::Town;
use reef_sms::tables::Change;
use reef_sms::tables::rows::State;
use serde_json::json;

const PHONE: &str = "+12025550101";
const OTHER: &str = "+12025550102";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_with_a_new_owner_gets_nothing_until_he_says_so() {
    let mut town = Town::new("burst = 200").await;
    town.follows(PHONE, "alice").await;
    let list = town.folder().join("reassigned.csv");
    std::fs::write(
        &list,
        format!("# number, date\n\"{PHONE}\",2026-01-01\n12025550199\nnonsense\n\n"),
    )
    .unwrap();
    let words = json!({"number": "reassigned", "file": list});
    let done = town.ask(&words).await.unwrap();
    assert_eq!(done, json!({"read": 3, "unreadable": 1, "known": 1}));
    let shown = town.ask(&json!({"number": "show", "e164": PHONE})).await.unwrap();
    assert!(shown["state"].as_str().unwrap().contains("dormant"), "{shown}");
    town.post("alice", "1", "for the old owner");
    town.rested().await;
    town.asks(PHONE, "start").await;
    town.post("alice", "2", "for the new one");
    assert_eq!(
        town.gets().await,
        (PHONE.to_owned(), "@alice: for the new one".to_owned())
    );
    let all = town.smsc.received(PHONE);
    assert!(all.iter().all(|text| !text.text.contains("old owner")));
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_is_erased_is_unknown_and_its_stop_is_not_forgotten() {
    let mut town = Town::new("burst = 200").await;
    town.publisher("alice");
    for (phone, last) in [(PHONE, "who"), (OTHER, "stop")] {
        town.subscribes(phone, "alice").await;
        town.asks(phone, last).await;
    }
    for phone in [PHONE, OTHER] {
        let erased = town.ask(&json!({"number": "erase", "e164": phone})).await.unwrap();
        assert_eq!(erased["state"], "erased");
        assert!(!erased.to_string().contains(phone), "{erased}");
    }
    assert!(town.ask(&json!({"number": "show", "e164": PHONE})).await.is_err());
    let shown = town.ask(&json!({"number": "show", "e164": OTHER})).await.unwrap();
    assert_eq!(shown["state"], "stopped");
    town.post("alice", "1", "for nobody");
    // Who has said STOP gets nothing for FOLLOW; who has not begins anew.
    town.says(OTHER, "follow alice");
    assert!(town.asks(PHONE, "follow alice").await.contains("reply YES"));
    for phone in [PHONE, OTHER] {
        let all = town.smsc.received(phone);
        assert!(all.iter().all(|text| !text.text.contains("for nobody")), "{phone}");
    }
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_its_network_does_not_know_is_not_started_but_by_itself() {
    let mut town = Town::new("").await;
    town.follows(PHONE, "alice").await;
    town.change(Change::State(State::Bad));
    let start = json!({"number": "start", "e164": PHONE});
    let refused = town.ask(&start).await.unwrap_err();
    assert!(refused.contains("a text from the phone"), "{refused}");
    assert!(town.asks(PHONE, "start").await.contains("you get texts again"));
    assert_eq!(town.ask(&start).await.unwrap()["state"], "on");
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_cannot_be_read_is_said_in_one_line() {
    let town = Town::new("").await;
    let refused = town
        .ask(&json!({"number": "reassigned", "file": "/nowhere/at/all"}))
        .await;
    let line = refused.unwrap_err();
    assert!(line.contains("/nowhere/at/all") && line.lines().count() == 1, "{line}");
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_only_an_erased_phone_reached_is_named_to_the_operator() {
    let mut town = Town::new("").await;
    let phone = "+12025550188";
    town.asks(phone, "hello?").await;
    town.asks(phone, "join dora").await;
    town.asks(phone, "yes").await;
    let erased = town.ask(&json!({"number": "erase", "e164": phone})).await.unwrap();
    let next = "dora@here has no password: `reef user passwd` or `reef user remove`";
    assert_eq!(erased["account"], next);
    town.leave().await;
}
