//! A whole gateway over a real SMPP session to the bundled SMSC: what phones say, and what they get.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::town::Town;
use reef_sms::gateway::Proof;
use reef_sms::network::Action;
use std::sync::atomic::Ordering;

const ANN: &str = "+12025550101";
const BEN: &str = "+12025550102";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_without_an_account_follows_gets_posts_and_says_stop() {
    let mut town = Town::new("").await;
    town.publisher("alice");
    let asked = town.asks(ANN, "follow alice").await;
    assert!(
        asked.starts_with("Reef: reply YES to get @alice by text, up to 40 msgs/day."),
        "{asked}"
    );
    town.post("alice", "0", "nobody gets this yet");
    let begun = town.asks(ANN, "Yes!").await;
    assert!(begun.starts_with("Reef: you now get @alice"), "{begun}");
    town.post("alice", "1", "hello");
    assert_eq!(town.gets().await, (ANN.into(), "@alice: hello".into()));
    assert_eq!(town.asks(ANN, "who").await, "You get @alice.");
    assert_eq!(
        town.asks(ANN, "stop please").await,
        "Reef: you are unsubscribed, no more texts. START to resume. HELP for help."
    );
    town.post("alice", "2", "not for Ann");
    // HELP is answered in any state, and nothing was sent before it.
    assert!(town.asks(ANN, "HELP").await.starts_with("Reef: posts by text."));
    assert!(town.asks(ANN, "start").await.starts_with("Reef: you get texts again"));
    town.post("alice", "3", "again");
    assert_eq!(town.gets().await, (ANN.into(), "@alice: again".into()));
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_links_its_phone_by_a_code_that_the_phone_texts_and_posts_by_text() {
    let mut town = Town::new("").await;
    town.publisher("alice");
    town.publisher("bob");
    let Proof::FromPhone { code, to } = town.link("bob@here", "+1 202 555 0102").await.unwrap() else {
        panic!("a carrier vouches for its numbers");
    };
    assert_eq!(to, common::town::CODE);
    let wrong = if code == "000000" { "111111" } else { "000000" };
    assert_eq!(town.asks(BEN, wrong).await, "That code is not right, or too old.");
    assert!(
        town.asks(BEN, &code)
            .await
            .starts_with("Reef: this phone is linked with @bob.")
    );
    let linked = town.status("bob@here").await.unwrap();
    assert_eq!((linked.number.as_str(), linked.state.as_str()), ("+1202•••••02", "on"));
    assert!(
        town.asks(BEN, "follow alice")
            .await
            .starts_with("Reef: you now get @alice")
    );
    town.names.follow("bob@here", "alice@here");
    town.post("alice", "1", "hello");
    assert_eq!(town.gets().await, (BEN.into(), "@alice: hello".into()));
    town.says(BEN, "r hello yourself");
    town.says(BEN, "Good morning, all");
    assert_eq!(town.asks(BEN, "like alice").await, "Liked: @alice.");
    let done: Vec<Action> = town.done().into_iter().map(|(_, action)| action).collect();
    let Action::Post { text, reply, .. } = &done[1] else {
        panic!("{done:?}")
    };
    assert_eq!(
        (text.as_str(), reply.as_ref().map(|(_, item)| &**item)),
        ("hello yourself", Some("1"))
    );
    assert!(
        matches!(&done[2], Action::Post { text, reply: None, .. } if text == "Good morning, all"),
        "{done:?}"
    );
    assert_eq!(
        town.asks(BEN, "Stop the war!").await,
        "Reply STOP to end all texts, or POST <text> to publish."
    );
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_joins_and_its_texts_are_posts() {
    let mut town = Town::new("").await;
    assert!(town.asks(ANN, "hello?").await.contains("FOLLOW name"));
    assert_eq!(
        town.asks(ANN, "JOIN alice").await,
        "@alice is taken. Try another name: JOIN name"
    );
    assert!(
        town.asks(ANN, "join ann")
            .await
            .contains("reply YES to make the account @ann")
    );
    assert!(town.asks(ANN, "yes").await.starts_with("Reef: welcome @ann."));
    town.says(ANN, "My first post");
    assert_eq!(town.asks(ANN, "del").await, "Your post is taken back.");
    let done = town.done();
    assert_eq!(done[0], ("ann@here".into(), Action::Join { maker: 1 }));
    assert!(
        matches!(&done[1].1, Action::Post { text, .. } if text == "My first post"),
        "{done:?}"
    );
    assert!(matches!(&done[2].1, Action::Retract { .. }), "{done:?}");
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_joins_by_a_name_that_is_no_number_no_host_and_not_reserved() {
    let mut town = Town::new("").await;
    town.asks(ANN, "hello?").await;
    for name in [".", "..", "491712345678", "7", "-ann", "ann.b", "ann@here"] {
        let told = town.asks(ANN, &format!("join {name}")).await;
        assert!(
            told.starts_with("JOIN needs a name of letters and digits"),
            "{name}: {told}"
        );
    }
    for name in ["pubsub", "Comments", "stop", "post"] {
        let told = town.asks(ANN, &format!("join {name}")).await;
        assert!(told.contains("is taken"), "{name}: {told}");
    }
    assert!(town.asks(ANN, "join Ann_b-2").await.contains("the account @ann_b-2"));
    assert!(town.done().is_empty());
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_text_of_several_parts_is_one_post_and_stop_in_any_part_is_stop() {
    let mut town = Town::new("").await;
    town.asks(ANN, "join ann").await;
    town.asks(ANN, "yes").await;
    let long = "Ich weiß nicht, was soll es bedeuten, dass ich so traurig bin; ".repeat(5);
    town.says(ANN, &long);
    assert!(town.asks(ANN, "who").await.starts_with("You get nobody's posts"));
    let done = town.done();
    assert!(
        matches!(&done[1].1, Action::Post { text, .. } if *text == long.trim()),
        "{done:?}"
    );
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_held_back_comes_with_more() {
    let mut town = Town::new("burst = 1").await;
    town.publisher("alice");
    town.asks(ANN, "f alice").await;
    town.asks(ANN, "yes").await;
    town.post("alice", "1", "one");
    assert_eq!(town.gets().await.1, "@alice: one");
    for words in ["two", "three", "four"] {
        town.post("alice", words, words);
    }
    town.rested().await;
    // The burst is over after ten minutes: one text says what came meanwhile.
    town.clock.0.fetch_add(11 * 60_000, Ordering::SeqCst);
    town.says(ANN, "more");
    let (mut digest, mut more) = (String::new(), String::new());
    for _ in 0..2 {
        let (_, text) = town.gets().await;
        match text.starts_with("3 posts") {
            true => digest = text,
            false => more = text,
        }
    }
    assert!(
        digest.starts_with("3 posts: @alice 3. Reply MORE. Latest @alice: four"),
        "{digest}"
    );
    let held = match more.as_str() {
        // It came before the digest.
        "There is nothing more." => town.asks(ANN, "more").await,
        _ => more,
    };
    assert_eq!(held, "@alice: four\n@alice: three\n@alice: two");
    assert_eq!(town.asks(ANN, "MORE").await, "There is nothing more.");
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_the_smsc_took_is_not_sent_again_after_a_stop() {
    let mut town = Town::new("").await;
    for _ in 0..5 {
        assert!(town.asks(ANN, "who").await.starts_with("You get nobody's posts"));
        town = town.again().await;
    }
    assert!(town.asks(ANN, "START").await.contains("FOLLOW name"));
    town.leave().await;
}
