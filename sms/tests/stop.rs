//! STOP over a real session, while posts go round: honoured in every disguise, and nothing but its confirmation after it.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::town::{CODE, Town};
use common::{OPEN_WORLD, World, jam};
use reef_smpp::smsc::SmscConfig;
use reef_sms::route::Told;
use reef_sms::schedule::Status;
use std::time::Duration;

/// As people write it.
const DISGUISES: &str = "STOP|stop|Stop.|  stop  |\"Stop\"|STOP!!!|s\u{200b}top|ＳＴＯＰ|stop 🛑|🛑 STOP|STOPALL|Stop all|stop all texts|\
    UNSUBSCRIBE|Cancel|END|Quit|revoke|optout|opt out|OPT-OUT|remove|ARRET|arrêt|Alto|stop please|Stop it now|\
    stop sending me messages|STOP texting me|stop this now please|no more texts|No more messages!|remove me|Leave me alone|\
    do not text|Don't text me|don’t text|take me off|Wrong number|unsubscribe me";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_disguise_of_stop_ends_the_posts_that_are_going_round() {
    let mut town = Town::new("burst = 200\ndaily_segments = 200").await;
    town.publisher("alice");
    let phones: Vec<(String, &str)> = DISGUISES
        .split('|')
        .enumerate()
        .map(|(n, text)| (format!("+1202556{n:04}"), text))
        .collect();
    for (phone, _) in &phones {
        town.subscribes(phone, "alice").await;
    }
    town.post("alice", "0", "before");
    phones.iter().for_each(|(phone, text)| town.says(phone, text));
    for item in 1..20 {
        town.post("alice", &item.to_string(), "during");
    }
    // Every phone hears that it is done; what it gets beside was under way before.
    let mut told = 0;
    while told < phones.len() {
        told += usize::from(town.gets().await.1.contains("you are unsubscribed"));
    }
    town.post("alice", "after", "after");
    for (phone, text) in &phones {
        town.says(phone, "HELP");
        let (to, got) = town.gets().await;
        assert_eq!(
            (to.as_str(), got.contains("posts by text")),
            (phone.as_str(), true),
            "{text}: {got}"
        );
        let all = town.smsc.received(phone);
        let stopped = all
            .iter()
            .position(|got| got.text.contains("you are unsubscribed"))
            .unwrap();
        let after: Vec<&str> = all[stopped + 1..].iter().map(|got| got.text.as_str()).collect();
        assert!(
            after.len() == 1 && after[0].contains("posts by text"),
            "{text}: {after:?}"
        );
    }
    town.leave().await;
}

const ANN: &str = "+12025550101";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_in_the_middle_of_three_parts_is_stop_before_the_others_are_there() {
    let mut town = Town::new("").await;
    town.follows(ANN, "alice").await;
    // Each segment of a long text holds 153 letters.
    let text = format!("{}{:<153}{}", "a".repeat(153), "STOP", "b".repeat(20));
    let mut parts = reef_smpp::text::parts(&text, reef_smpp::text::Form::default(), 9)
        .unwrap()
        .parts;
    assert_eq!(parts.len(), 3);
    let last = parts.pop().unwrap();
    town.smsc.send_parts(ANN, CODE, vec![parts.remove(1)]).unwrap();
    assert!(town.gets().await.1.contains("you are unsubscribed"));
    town.post("alice", "1", "not for Ann");
    town.smsc.send_parts(ANN, CODE, vec![parts.remove(0), last]).unwrap();
    assert!(
        town.asks(ANN, "HELP").await.contains("posts by text"),
        "nothing came before it"
    );
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_that_finds_the_store_busy_is_not_acknowledged_and_is_stop_when_it_comes_again() {
    let mut town = Town::new("").await;
    town.follows(ANN, "alice").await;
    town.all_heard().await;
    let before = town.smsc.counts();
    let jam = jam(&town.engine, &town.gate).await;
    town.says(ANN, "STOP");
    town.until("it came again twice", || {
        town.smsc.counts().messages >= before.messages + 3
    })
    .await;
    assert_eq!(
        town.smsc.counts().acknowledged,
        before.acknowledged,
        "it is kept nowhere"
    );
    drop(jam);
    assert!(town.gets().await.1.contains("you are unsubscribed"));
    town.post("alice", "1", "not for Ann");
    assert!(town.asks(ANN, "HELP").await.contains("posts by text"));
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_brings_posts_from_then_on_also_where_the_gateway_was_started_anew_between() {
    let mut town = Town::new("").await;
    town.follows(ANN, "alice").await;
    town.asks(ANN, "STOP").await;
    town.post("alice", "1", "while stopped");
    let mut town = town.again().await;
    town.post("alice", "2", "while stopped, too");
    assert!(
        town.asks(ANN, "yes").await.contains("you get texts again"),
        "YES is START, too"
    );
    town.post("alice", "3", "hello");
    assert_eq!(town.gets().await, (ANN.to_owned(), "@alice: hello".to_owned()));
    assert!(town.asks(ANN, "START").await.contains("you get texts again"));
    town.leave().await;
}

/// A phone says STOP while nothing can be sent; a post is planned for it, and one comes behind.
fn stopped_meanwhile(hold: impl FnOnce(&mut World), go_on: impl FnOnce(&mut World)) {
    let (mut world, _) = World::with_phones(OPEN_WORLD, 2);
    hold(&mut world);
    world.post("alice", "1", "hello");
    world.pass(100);
    assert!(world.got(0).is_empty());
    world.stops(0);
    world.core.wake();
    world.post("alice", "2", "hello again");
    go_on(&mut world);
    world.pass(60_000);
    assert_eq!(world.got(0), ["stopped"]);
    assert!(
        world.got(1).iter().any(|text| text.contains("hello again")),
        "{:?}",
        world.got(1)
    );
}

#[test]
fn stop_while_the_route_is_throttled_is_all_that_is_answered_when_it_goes_on() {
    let throttle = |world: &mut World| {
        let throttled = std::iter::repeat_n(Some(Status::Throttled), 2);
        world.answers(throttled);
    };
    stopped_meanwhile(throttle, |_| {});
}

#[test]
fn stop_while_the_route_is_down_is_all_that_is_answered_when_it_is_up() {
    let down = |world: &mut World| {
        world.told(Told::Down("gone".into()));
    };
    let up = |world: &mut World| {
        world.pass(60_000);
        world.told(Told::Up);
    };
    stopped_meanwhile(down, up);
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_stop_is_taken_at_most_a_window_of_texts_arrives() {
    const PHONE: &str = "+12025560001";
    const WINDOW: usize = 10;
    let smsc = SmscConfig {
        delay: Duration::from_secs(2),
        ..SmscConfig::default()
    };
    let route = format!("rate = 10000\nwindow = {WINDOW}");
    let mut town = Town::at(smsc, "burst = 200\ndaily_segments = 200", &route).await;
    town.follows(PHONE, "alice").await;
    // Two windows of them, each for itself: one is with the SMSC, which takes its time, the other waits behind it.
    for item in 0..2 * WINDOW {
        town.post("alice", &item.to_string(), &item.to_string());
        town.rested().await;
    }
    let before = town.smsc.counts().acknowledged;
    town.says(PHONE, "STOP");
    town.until("STOP is taken", || town.smsc.counts().acknowledged > before)
        .await;
    let taken = town.smsc.received(PHONE).len();
    while !town.gets().await.1.contains("you are unsubscribed") {}
    town.says(PHONE, "HELP");
    while !town.gets().await.1.contains("posts by text") {}
    let texts: Vec<String> = town.smsc.received(PHONE).into_iter().map(|got| got.text).collect();
    let stopped = texts
        .iter()
        .position(|text| text.contains("you are unsubscribed"))
        .unwrap();
    assert!(stopped <= taken + WINDOW, "{taken}, then {texts:?}");
    assert_eq!(
        texts.len(),
        stopped + 2,
        "nothing but HELP's answer after it: {texts:?}"
    );
    town.until("what waited is void", || {
        town.metric("void_total") + stopped as f64 == 2.0 + 2.0 * WINDOW as f64
    })
    .await;
    town.leave().await;
}
