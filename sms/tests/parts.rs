//! Texts of several parts over a real session: what was acknowledged is heard, whatever is full or ends in between.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::town::{CODE, Town};
use common::{FIRST, jam, until};
use reef_smpp::text::{Form, Part, parts};
use reef_sms::network::Action;
use reef_sms::tables::read::Rows;

const ANN: &str = "+12025550101";

fn cut(text: &str) -> Vec<Part> {
    parts(text, Form::default(), 7).unwrap().parts
}

fn long() -> String {
    "Ich weiss nicht, was soll es bedeuten, dass ich so traurig bin; "
        .repeat(4)
        .trim()
        .to_owned()
}

async fn joined() -> Town {
    let mut town = Town::new("").await;
    town.asks(ANN, "join ann").await;
    town.asks(ANN, "yes").await;
    town.all_heard().await;
    town
}

/// What was posted.
fn posts(town: &Town) -> Vec<String> {
    let acts = town.names.acts().into_iter();
    acts.filter_map(|act| match act {
        Action::Post { text, .. } => Some(text),
        _ => None,
    })
    .collect()
}

fn kept(town: &Town) -> usize {
    let rows = Rows {
        view: town.engine.view(),
        families: FIRST,
    };
    rows.parts(None, 100).unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_last_part_that_found_the_log_full_makes_the_text_whole_when_it_comes_again() {
    let town = joined().await;
    let mut parts = cut(&long());
    let last = parts.pop().unwrap();
    let all = parts.len();
    town.smsc.send_parts(ANN, CODE, parts).unwrap();
    until("the first parts are kept", || kept(&town) == all).await;
    let jam = jam(&town.engine, &town.gate).await;
    let said = town.smsc.counts().messages;
    town.smsc.send_parts(ANN, CODE, vec![last]).unwrap();
    until("it came again twice", || town.smsc.counts().messages >= said + 3).await;
    drop(jam);
    until("it is posted", || !posts(&town).is_empty()).await;
    assert_eq!(posts(&town), [long()]);
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_comes_again_is_acknowledged_when_it_is_kept() {
    let town = joined().await;
    let mut parts = cut(&long());
    let last = parts.pop().unwrap();
    let all = parts.len();
    let before = town.smsc.counts();
    let jam = jam(&town.engine, &town.gate).await;
    town.smsc.send_parts(ANN, CODE, parts).unwrap();
    until("it came again twice", || {
        town.smsc.counts().messages >= before.messages + 3 * all as u64
    })
    .await;
    assert_eq!(
        town.smsc.counts().acknowledged,
        before.acknowledged,
        "it is kept nowhere"
    );
    drop(jam);
    until("it is kept", || {
        town.smsc.counts().acknowledged == before.acknowledged + all as u64
    })
    .await;
    let town = town.again().await;
    town.smsc.send_parts(ANN, CODE, vec![last]).unwrap();
    until("it is posted", || !posts(&town).is_empty()).await;
    assert_eq!(posts(&town), [long()]);
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_comes_again_behind_its_text_says_nothing_more() {
    let mut town = joined().await;
    let parts = cut(&long());
    town.smsc.send_parts(ANN, CODE, parts.clone()).unwrap();
    until("it is posted", || !posts(&town).is_empty()).await;
    town.smsc.send_parts(ANN, CODE, parts).unwrap();
    assert_eq!(
        town.asks(ANN, "who").await,
        "You get nobody's posts. FOLLOW name to begin."
    );
    let town = town.again().await;
    assert!(posts(&town).is_empty());
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_phones_are_heard_at_once_and_each_in_its_order() {
    const PHONES: usize = 50;
    const TEXTS: usize = 8;
    let mut town = Town::new("daily_answers = 200").await;
    let phone = |nth: usize| format!("+1202557{nth:04}");
    for text in 0..TEXTS {
        for nth in 0..PHONES {
            // Each is answered with its own words.
            town.says(&phone(nth), &format!("get nobody{text}"));
        }
    }
    let mut told = vec![Vec::new(); PHONES];
    for _ in 0..PHONES * TEXTS {
        let (to, text) = town.gets().await;
        let nth: usize = to.trim_start_matches("+1202557").parse().unwrap();
        told[nth].push(text.split('\'').nth(1).unwrap().to_owned());
    }
    let all: Vec<String> = (0..TEXTS).map(|text| format!("nobody{text}")).collect();
    assert!(told.iter().all(|told| *told == all), "{told:?}");
    town.leave().await;
}
