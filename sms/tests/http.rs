//! A route by HTTP against a provider that listens on a real socket: requests out, webhooks in.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::provider::Office;
use common::until;
use reef_sms::tables::rows::{Progress, State as NumberState};
use serde_json::json;

const ALICE: &str = "+12025550101";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_follows_gets_a_post_and_its_receipt_by_http() {
    let mut office = Office::new("", "").await;
    office.publisher("alice");
    assert_eq!(office.says(ALICE, "follow alice", "m1").await, 200);
    let asked = office.provider.gets().await;
    assert_eq!(asked.body["to"], ALICE);
    assert_eq!(asked.body["from"], "40404");
    assert!(asked.text().contains("reply YES"), "{}", asked.text());
    assert_eq!(asked.authorization, "Bearer secret-token");
    office.says(ALICE, "yes", "m2").await;
    assert!(office.provider.gets().await.text().contains("you now get @alice"));
    office.post("alice", "1", "hello");
    let sent = office.provider.gets().await;
    assert_eq!(sent.text(), "@alice: hello");
    let receipt = json!({"to": ALICE, "id": sent.id, "status": "delivered"});
    assert_eq!(office.webhook(&receipt).await, 200);
    office
        .until(|rows| rows.iter().any(|row| matches!(row, Progress::Final(_))))
        .await;
    let counted = "reef_sms_receipts_total{route=\"web\",state=\"delivered\"} 1\n";
    assert!(office.metrics().contains(counted), "{}", office.metrics());
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_the_provider_tells_twice_is_heard_once() {
    let mut office = Office::new("", "").await;
    office.publisher("alice");
    for _ in 0..2 {
        assert_eq!(office.says(ALICE, "follow alice", "same").await, 200);
    }
    office.says(ALICE, "help", "other").await;
    // Requests go side by side.
    let mut got = [office.provider.gets().await, office.provider.gets().await];
    got.sort_by_key(|sent| sent.text().contains("posts by text"));
    assert!(
        got[0].text().contains("reply YES") && got[1].text().contains("posts by text"),
        "{got:?}"
    );
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_know_the_secret_finds_nothing_there() {
    let office = Office::new("", "").await;
    let text = json!({"from": ALICE, "to": "40404", "text": "follow alice", "id": "1"});
    for path in [
        "/sms/web/wrong-secret-of-it",
        "/sms/other/0123456789abcdef",
        "/sms/web/",
    ] {
        assert_eq!(
            office.told(path, "application/json", text.to_string()).await,
            404,
            "{path}"
        );
    }
    assert_eq!(
        office
            .told(common::provider::PATH, "application/json", "{".into())
            .await,
        400
    );
    assert_eq!(
        office
            .told(common::provider::PATH, "application/json", "{}".into())
            .await,
        400
    );
    let long = "x".repeat(300_000);
    assert_eq!(office.told(common::provider::PATH, "application/json", long).await, 413);
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_is_understood_as_well() {
    let mut office = Office::new(
        "form = 'form'",
        "[route.webhook]\nfrom = 'From'\nto = 'To'\ntext = 'Body'\nid = 'MessageSid'\nstatus = 'MessageStatus'\n\
         [route.fields]\nto = 'To'\nfrom = 'From'\ntext = 'Body'\nid = 'sid'\nfixed = { StatusCallback = 'https://reef.example/sms' }",
    )
    .await;
    let body = "From=%2B12025550101&To=40404&Body=help&MessageSid=SM1";
    let form = "application/x-www-form-urlencoded";
    assert_eq!(office.told(common::provider::PATH, form, body.into()).await, 200);
    let sent = office.provider.gets().await;
    assert_eq!(sent.body["To"], ALICE);
    assert_eq!(sent.body["StatusCallback"], "https://reef.example/sms");
    assert!(sent.body["Body"].as_str().unwrap().contains("posts by text"));
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_too_busy_is_asked_again_and_nothing_is_lost() {
    let mut office = Office::new("", "").await;
    office.subscribes(ALICE, "alice").await;
    office.provider.answers(&[(429, json!({})), (503, json!({}))]);
    office.post("alice", "1", "hello");
    for _ in 0..2 {
        assert_eq!(office.provider.refused().await, "@alice: hello");
    }
    assert_eq!(office.provider.gets().await.text(), "@alice: hello");
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_never_comes_leaves_a_post_in_doubt_and_it_is_not_sent_again() {
    let mut office = Office::new("submit_timeout = '1s'", "").await;
    office.subscribes(ALICE, "alice").await;
    office.provider.answers(&[(0, json!({}))]);
    office.post("alice", "1", "hello");
    assert_eq!(office.provider.refused().await, "@alice: hello");
    office.until(|rows| rows.contains(&Progress::InDoubt)).await;
    office.says(ALICE, "help", "h").await;
    assert!(office.provider.gets().await.text().contains("posts by text"));
    assert_eq!(office.provider.count("@alice: hello"), 1);
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_says_nothing_is_left_alone_for_a_while() {
    let mut office = Office::new("submit_timeout = '1s'", "").await;
    office.subscribes(ALICE, "alice").await;
    office.provider.answers(&[(0, json!({}))]);
    office.post("alice", "1", "hello");
    office.until_down().await;
    office.says(ALICE, "help", "h").await;
    assert!(office.provider.gets().await.text().contains("posts by text"));
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_cannot_be_reached_gets_everything_later() {
    let mut office = Office::new("", "").await;
    office.subscribes(ALICE, "alice").await;
    office.provider.closes().await;
    office.post("alice", "1", "hello");
    office.until_down().await;
    office.provider.opens().await;
    assert_eq!(office.provider.gets().await.text(), "@alice: hello");
    assert_eq!(office.provider.count("@alice: hello"), 1);
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_said_stop_to_the_provider_has_said_it_to_us() {
    let mut office = Office::new("", "").await;
    office.subscribes(ALICE, "alice").await;
    office.provider.answers(&[(400, json!({"code": 21610}))]);
    office.post("alice", "1", "hello");
    assert_eq!(office.provider.refused().await, "@alice: hello");
    office
        .until(|rows| rows.iter().any(|row| matches!(row, Progress::Failed(21610))))
        .await;
    assert_eq!(office.state(ALICE), NumberState::Stopped);
    office.post("alice", "2", "once more");
    office.says(ALICE, "help", "h").await;
    assert!(office.provider.gets().await.text().contains("posts by text"));
    assert_eq!(office.provider.count("@alice: once more"), 0);
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_of_which_the_provider_tells_while_the_store_is_busy_is_kept_when_it_is_not() {
    let mut office = Office::new("", "").await;
    office.subscribes(ALICE, "alice").await;
    office.provider.answers(&[(400, json!({"code": 21610}))]);
    let held = office.provider.holds().await;
    office.post("alice", "1", "hello");
    assert_eq!(office.provider.refused().await, "@alice: hello");
    let jam = office.jam().await;
    let full = office.refusals();
    drop(held);
    until("it is tried again", || office.refusals() >= full + 2).await;
    drop(jam);
    until("she gets nothing more", || office.state(ALICE) == NumberState::Stopped).await;
    let counted = "reef_sms_refusals_total{route=\"web\",code=\"21610\"} 1\n";
    office.until_counted(counted).await;
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_that_finds_the_store_busy_is_told_again_by_the_provider() {
    let mut office = Office::new("", "").await;
    office.subscribes(ALICE, "alice").await;
    let blocked = json!({"to": ALICE, "id": "1", "status": "undelivered", "code": "21610"});
    let jam = office.jam().await;
    assert_eq!(office.says(ALICE, "stop", "s").await, 503);
    assert_eq!(office.webhook(&blocked).await, 503);
    drop(jam);
    assert_eq!(office.state(ALICE), NumberState::Active);
    office.tells_until_taken(&blocked).await;
    assert_eq!(office.state(ALICE), NumberState::Stopped);
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_by_webhook_is_confirmed_and_ends_the_posts() {
    let mut office = Office::new("", "").await;
    office.subscribes(ALICE, "alice").await;
    office.says(ALICE, "STOP", "s").await;
    assert!(office.provider.gets().await.text().contains("you are unsubscribed"));
    office.post("alice", "1", "hello");
    office.says(ALICE, "help", "h").await;
    assert!(office.provider.gets().await.text().contains("posts by text"));
    assert_eq!(office.provider.count("@alice: hello"), 0);
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_beside_an_event_that_nobody_understands_is_stop() {
    let mut office = Office::new("", "[route.webhook]\nlist = 'results'\n").await;
    let stop = json!({"from": ALICE, "to": "40404", "text": "STOP", "id": "s"});
    let odd = json!({"price": 7});
    assert_eq!(office.webhook(&json!({"results": [odd, stop]})).await, 200);
    assert!(office.provider.gets().await.text().contains("you are unsubscribed"));
    assert_eq!(office.state(ALICE), NumberState::Stopped);
    assert_eq!(office.webhook(&json!({"results": [odd]})).await, 400);
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_as_long_as_a_request_may_be_is_heard_to_its_end_and_in_order() {
    let mut office = Office::new("", "[route.webhook]\nlist = 'results'\n").await;
    office.publisher("alice");
    let text = |text: &str| json!({"from": ALICE, "to": "40404", "text": text, "id": text});
    let receipt = |n: usize| json!({"to": format!("+1202556{n:04}"), "id": format!("r{n}"), "status": "delivered"});
    let mut follows = vec![text("follow alice")];
    follows.extend((0..250).map(receipt));
    follows.push(text("yes"));
    assert_eq!(office.webhook(&json!({ "results": follows })).await, 200);
    let said = [office.provider.gets().await, office.provider.gets().await];
    assert!(said.iter().any(|said| said.text().contains("you now get")), "{said:?}");
    let mut stops: Vec<_> = (0..3_000).map(receipt).collect();
    stops.push(text("stop"));
    assert_eq!(office.webhook(&json!({ "results": stops })).await, 200);
    assert_eq!(office.state(ALICE), NumberState::Stopped);
    assert!(office.provider.gets().await.text().contains("you are unsubscribed"));
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_is_asked_by_https_and_has_the_certificate_that_it_must_have() {
    let mut office = Office::https().await;
    office.says(ALICE, "help", "h").await;
    assert!(office.provider.gets().await.text().contains("posts by text"));
    office.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_that_is_told_again_after_start_changes_nothing() {
    let mut office = Office::new("", "").await;
    office.subscribes(ALICE, "alice").await;
    for (text, id) in [("stop", "a3"), ("start", "a4")] {
        office.says(ALICE, text, id).await;
        office.provider.gets().await;
    }
    assert_eq!(office.says(ALICE, "stop", "a3").await, 200);
    office.post("alice", "1", "hello");
    assert_eq!(office.provider.gets().await.text(), "@alice: hello");
    office.leave().await;
}
