//! STOP over a real session, while posts go round: honoured in every disguise, and nothing but its confirmation after it.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::town::Town;

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
        town.asks(phone, "follow alice").await;
        town.asks(phone, "yes").await;
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
