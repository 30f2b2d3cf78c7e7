//! A whole gateway over a real SMPP session whose SMSC fails in the ways that real ones do: nothing is lost silently, nothing is
//! sent twice that must not be, and the route goes on.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::town::Town;
use reef_smpp::smsc::{Faults, Ids, ReceiptForm, Receipts, SmscConfig};
use reef_sms::tables::rows::{Final, Progress};
use std::sync::atomic::Ordering;
use std::time::Duration;

const PHONES: usize = 8;
const POST: &str = "@alice: hello";
const NO_FAULT: Faults = Faults {
    silent: 0,
    nack: 0,
    error: 0,
    throttle: 0,
    cut_after: None,
    enquire_silence: false,
};

fn phones() -> Vec<String> {
    (0..PHONES).map(|n| format!("+1202556{n:04}")).collect()
}

/// Phones that get Alice's posts.
async fn followers(smsc: SmscConfig, route: &str) -> Town {
    let mut town = Town::at(smsc, "burst = 200\ndaily_segments = 200", route).await;
    town.publisher("alice");
    for phone in phones() {
        town.subscribes(&phone, "alice").await;
    }
    settled(&town).await;
    town
}

/// Waits until every post went round, and the end of every text is known.
async fn settled(town: &Town) {
    town.rested().await;
    let rows = town.rows();
    town.until("the end of each text", || rows.open(None, 1_000).unwrap().is_empty())
        .await;
}

/// How often the SMSC took the post, by phone.
fn copies(town: &Town) -> Vec<usize> {
    let got = |phone: &String| town.smsc.received(phone).iter().filter(|got| got.text == POST).count();
    phones().iter().map(got).collect()
}

/// Texts of which nobody knows whether they were sent.
fn doubts(town: &Town) -> usize {
    let closed = town.rows().closed(1_000).unwrap();
    closed
        .iter()
        .filter(|(_, row)| row.progress == Progress::InDoubt)
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_between_submit_and_answer_leaves_doubts_which_phones_may_ask_for() {
    let smsc = SmscConfig {
        delay: Duration::from_millis(100),
        ..SmscConfig::default()
    };
    let mut town = followers(smsc, "rate = 10000\nwindow = 3").await;
    // Each phone was answered twice; of the post's submits the fifth cuts the connection.
    let cut_after = Some(2 * PHONES as u64 + 5);
    town.smsc.set_faults(Faults { cut_after, ..NO_FAULT });
    town.post("alice", "1", "hello");
    settled(&town).await;
    assert_eq!(town.smsc.counts().binds, 2);
    let (copies, doubts) = (copies(&town), doubts(&town));
    assert!(copies.iter().all(|copies| *copies <= 1), "sent again: {copies:?}");
    assert!((1..=3).contains(&doubts), "{doubts} in doubt");
    let mut asked = 0;
    for (phone, copies) in phones().iter().zip(&copies) {
        while town.gets_now().is_some() {}
        let more = town.asks(phone, "more").await;
        assert!(*copies == 1 || more == POST, "silently lost: {more}");
        asked += usize::from(more == POST);
    }
    assert_eq!(asked, doubts, "what is in doubt can be asked for");
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_are_understood_before_the_answer_and_in_another_base_than_it() {
    for ids in [Ids::Hexadecimal, Ids::Decimal, Ids::HexThenDecimal, Ids::DecimalThenHex] {
        for early in [false, true] {
            let smsc = SmscConfig {
                delay: Duration::from_millis(if early { 50 } else { 0 }),
                ids,
                receipts: Receipts {
                    early,
                    form: ReceiptForm::Text,
                    ..SmscConfig::default().receipts
                },
                ..SmscConfig::default()
            };
            let mut town = Town::at(smsc, "", "rate = 10000").await;
            town.follows("+12025560001", "alice").await;
            town.post("alice", "1", "hello");
            assert_eq!(town.gets().await.1, POST);
            let rows = town.rows();
            let all = || {
                let closed = rows.closed(10).unwrap();
                let delivered = |progress| progress == Progress::Final(Final::Delivered);
                closed.len() == 3 && closed.iter().all(|(_, row)| delivered(row.progress))
            };
            town.until(&format!("receipts with {ids:?}, early: {early}"), all).await;
            town.leave().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_which_only_the_last_part_has_an_id_is_delivered_with_it() {
    let smsc = SmscConfig {
        last_id_only: true,
        ..SmscConfig::default()
    };
    let mut town = Town::at(smsc, "", "rate = 10000").await;
    town.follows("+12025560001", "alice").await;
    town.post("alice", "1", &"hello ".repeat(40));
    let rows = town.rows();
    let all = || {
        let closed = rows.closed(10).unwrap();
        let delivered = |progress| progress == Progress::Final(Final::Delivered);
        let long = closed.iter().any(|(_, row)| row.segments == 2);
        long && closed
            .iter()
            .all(|(_, row)| delivered(row.progress) && row.ids.is_empty())
    };
    town.until("the receipt of the last part", all).await;
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_message_in_the_middle_ends_nothing() {
    let town = followers(SmscConfig::default(), "rate = 10000").await;
    town.post("alice", "1", "hello");
    town.smsc.send_malformed();
    town.says("+12025560000", "who");
    town.smsc.send_malformed();
    settled(&town).await;
    assert_eq!(copies(&town), [1; PHONES]);
    let who = || {
        let got = town.smsc.received("+12025560000");
        got.iter().any(|got| got.text == "You get @alice.")
    };
    town.until("what came behind it is answered", who).await;
    assert_eq!((town.smsc.counts().binds, doubts(&town)), (1, 0));
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_that_are_never_answered_are_in_doubt_and_the_route_goes_on() {
    let mut town = followers(SmscConfig::default(), "rate = 10000\nwindow = 4\nsubmit_timeout = '1s'").await;
    town.smsc.set_faults(Faults {
        silent: 1_000,
        ..NO_FAULT
    });
    town.post("alice", "1", "hello");
    town.until("doubts", || town.metric("ambiguous_total") > 0.0).await;
    town.smsc.set_faults(NO_FAULT);
    settled(&town).await;
    assert_eq!(copies(&town), [1; PHONES], "the SMSC took all of them, and none twice");
    assert!(doubts(&town) >= 3, "more than half of a window: {}", doubts(&town));
    assert_eq!(town.smsc.counts().binds, 2, "such a session is given up");
    while town.gets_now().is_some() {}
    assert_eq!(town.asks("+12025560000", "who").await, "You get @alice.");
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_never_answered_is_sent_once_more() {
    let mut town = Town::at(SmscConfig::default(), "", "rate = 10000\nsubmit_timeout = '1s'").await;
    town.smsc.set_faults(Faults {
        silent: 1_000,
        ..NO_FAULT
    });
    let phone = "+12025560000";
    let first = town.asks(phone, "who").await;
    assert_eq!(town.gets().await, (phone.to_owned(), first.clone()));
    town.until("it is given up", || doubts(&town) == 1).await;
    town.smsc.set_faults(NO_FAULT);
    assert!(town.asks(phone, "follow nobody").await.starts_with("No user 'nobody'"));
    assert_eq!(town.smsc.received(phone).len(), 3);
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling_lowers_the_rate_for_a_while_and_loses_and_turns_round_nothing() {
    let town = followers(SmscConfig::default(), "rate = 1000").await;
    town.smsc.set_faults(Faults {
        throttle: 1_000,
        ..NO_FAULT
    });
    for item in ["1", "2", "3"] {
        town.says("+12025560000", &format!("follow nobody{item}"));
    }
    town.post("alice", "1", "hello");
    town.until("half of the rate, twice", || town.metric("rate") <= 250.0)
        .await;
    assert!(town.metric("throttles_total") >= 2.0);
    town.smsc.set_faults(NO_FAULT);
    settled(&town).await;
    assert_eq!((copies(&town), doubts(&town)), (vec![1; PHONES], 0));
    let got = town.smsc.received("+12025560000").into_iter();
    let answers: Vec<String> = got
        .map(|got| got.text)
        .filter(|text| text.starts_with("No user"))
        .collect();
    let wanted = ["1", "2", "3"].map(|item| format!("No user 'nobody{item}'. To post this send: POST <text>"));
    assert_eq!(answers, wanted);
    // A twentieth of the full rate each ten seconds.
    town.clock.0.fetch_add(200_000, Ordering::SeqCst);
    town.says("+12025560000", "who");
    town.until("the full rate", || town.metric("rate") == 1_000.0).await;
    assert_eq!(town.smsc.counts().binds, 1);
    town.leave().await;
}
