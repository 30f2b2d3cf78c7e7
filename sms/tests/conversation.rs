//! A whole gateway over a real SMPP session to the bundled SMSC: what phones say, and what they get.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use bytes::Bytes;
use common::{Names, SmsTables};
use reef_engine::clock::{Clock, SystemClock};
use reef_engine::limits::Limits;
use reef_engine::model::Timestamp;
use reef_engine::{Engine, Options};
use reef_smpp::smsc::{Smsc, SmscConfig, Text};
use reef_sms::gateway::{Gateway, Proof, Setup};
use reef_sms::network::Action;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{broadcast, oneshot};

const CODE: &str = "40404";
/// Longer than anything takes: what does not come is told, and nobody waits for the machine's end.
const PATIENCE: Duration = Duration::from_secs(20);

struct Town {
    _dir: TempDir,
    engine: Arc<Engine>,
    names: Arc<Names>,
    gateway: Arc<Gateway>,
    smsc: Smsc,
    texts: broadcast::Receiver<Text>,
    clock: Arc<Later>,
}

/// The machine's clock, and what the test lets pass beside.
#[derive(Default)]
struct Later(AtomicU64);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::SeqCst))
    }
}

impl Town {
    async fn new(more: &str) -> Town {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Later::default());
        let smsc = Smsc::start("127.0.0.1:0".parse().unwrap(), SmscConfig::default())
            .await
            .unwrap();
        let config = format!(
            "quiet = 'off'
            {more}
            [[route]]
            name = 'test'
            address = '{}'
            system_id = 'reef'
            password = 'secret'
            number = '{CODE}'
            rate = 10000
            mo_trust = 'carrier'
            [[country]]
            prefix = '+1'
            price = 0.0",
            smsc.address()
        );
        let setup = Setup {
            domain: "here".into(),
            data_dir: dir.path().into(),
            config: config.parse().unwrap(),
            clock: clock.clone(),
            families: common::FIRST,
            wrap: Bytes::from,
        };
        let gateway = Gateway::new(setup).unwrap().unwrap();
        let options = Options {
            dir: dir.path().join("store"),
            limits: Limits::default(),
            sync: false,
            tables: Arc::new(SmsTables),
            clock: clock.clone(),
            wakers: vec![Arc::new(|| {})],
            applier_starts: || {},
        };
        let (engine, seats) = Engine::open(options).unwrap();
        drop(seats);
        let names = Arc::new(Names {
            engine: engine.clone(),
            told: Mutex::default(),
            done: Mutex::default(),
            accounts: Mutex::new(["alice@here".into(), "bob@here".into()].into()),
        });
        let texts = smsc.texts();
        gateway.start(names.clone(), tokio::runtime::Handle::current()).unwrap();
        Town {
            _dir: dir,
            engine,
            names,
            gateway,
            smsc,
            texts,
            clock,
        }
    }

    fn says(&self, phone: &str, text: &str) {
        self.smsc.send(phone, CODE, text).unwrap();
    }

    /// The next text that any phone gets.
    async fn gets(&mut self) -> (String, String) {
        let text = tokio::time::timeout(PATIENCE, self.texts.recv())
            .await
            .expect("a text")
            .unwrap();
        (text.to, text.text)
    }

    async fn asks(&mut self, phone: &str, text: &str) -> String {
        self.says(phone, text);
        let (to, got) = self.gets().await;
        assert_eq!(to, phone, "{got}");
        got
    }

    fn publisher(&self, name: &str) {
        common::publisher(&self.engine, &self.names, name);
    }

    fn post(&self, name: &str, item: &str, words: &str) {
        common::post(&self.engine, &self.names, name, item, words);
    }

    fn done(&self) -> Vec<(String, Action)> {
        self.names.done.lock().unwrap().clone()
    }

    /// What an account asks of the gateway.
    async fn link(&self, account: &str, number: &str) -> Result<Proof, String> {
        let (answer, waits) = oneshot::channel();
        self.gateway
            .link(account, number, Box::new(move |proof| drop(answer.send(proof))));
        waits.await.unwrap()
    }

    async fn status(&self, account: &str) -> Option<reef_sms::gateway::Linked> {
        let (answer, waits) = oneshot::channel();
        self.gateway
            .status(account, Box::new(move |status| drop(answer.send(status))));
        waits.await.unwrap().unwrap().linked
    }

    async fn leave(self) {
        self.gateway.stop().await;
        self.engine.close();
    }
}

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
    assert_eq!(to, CODE);
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
    assert_eq!(done[0], ("ann@here".into(), Action::Join));
    assert!(
        matches!(&done[1].1, Action::Post { text, .. } if text == "My first post"),
        "{done:?}"
    );
    assert!(matches!(&done[2].1, Action::Retract { .. }), "{done:?}");
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
