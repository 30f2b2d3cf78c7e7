//! A whole gateway over a real SMPP session to the bundled SMSC, with phones that text and are texted.

#![allow(clippy::unwrap_used, reason = "a test's own town: what fails ends the test")]

use super::house::House;
use super::{FIRST, Gate, Names};
use reef_engine::Engine;
use reef_engine::clock::{Clock, SystemClock};
use reef_engine::log::record::Change as Record;
use reef_engine::model::{Seq, Timestamp};
use reef_smpp::smsc::{Smsc, SmscConfig, Text};
use reef_sms::gateway::{Gateway, Proof};
use reef_sms::network::Action;
use reef_sms::tables::read::Rows;
use reef_sms::tables::rows::NumberId;
use reef_sms::tables::{Change, Do, Op};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{broadcast, oneshot};

pub(crate) const CODE: &str = "40404";
/// Longer than anything takes: what does not come is told, and nobody waits for the machine's end.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Town {
    dir: TempDir,
    config: String,
    pub(crate) engine: Arc<Engine>,
    pub(crate) names: Arc<Names>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) smsc: Smsc,
    pub(crate) texts: broadcast::Receiver<Text>,
    pub(crate) clock: Arc<Later>,
    pub(crate) gate: Gate,
}

/// The machine's clock, and what the test lets pass beside.
#[derive(Default)]
pub(crate) struct Later(pub(crate) AtomicU64);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::SeqCst))
    }
}

/// It brings again soon what was not taken.
fn quick(smsc: SmscConfig) -> SmscConfig {
    SmscConfig {
        retry: Duration::from_millis(20),
        ..smsc
    }
}

impl Town {
    pub(crate) async fn new(more: &str) -> Town {
        Town::by("carrier", more).await
    }

    /// With a route whose senders are who they say, or not.
    pub(crate) async fn by(trust: &str, more: &str) -> Town {
        Town::with(quick(SmscConfig::default()), more, "rate = 10000", trust).await
    }

    /// At an SMSC of this behaviour, with these settings and those of the route.
    pub(crate) async fn at(smsc: SmscConfig, more: &str, route: &str) -> Town {
        Town::with(quick(smsc), more, route, "carrier").await
    }

    async fn with(smsc: SmscConfig, more: &str, route: &str, trust: &str) -> Town {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Later::default());
        let smsc = Smsc::start("127.0.0.1:0".parse().unwrap(), smsc).await.unwrap();
        let config = format!(
            "quiet = 'off'
            {more}
            [[route]]
            name = 'test'
            address = '{}'
            system_id = 'reef'
            password = 'secret'
            number = '{CODE}'
            {route}
            mo_trust = '{trust}'
            [[country]]
            prefix = '+1'
            price = 0.0",
            smsc.address()
        );
        Town::open(dir, clock, smsc, config).await
    }

    async fn open(dir: TempDir, clock: Arc<Later>, smsc: Smsc, config: String) -> Town {
        let house = House::new(dir.path(), clock.clone(), &config);
        let texts = smsc.texts();
        house.open();
        let House {
            engine,
            names,
            gateway,
            gate,
        } = house;
        Town {
            dir,
            config,
            engine,
            names,
            gateway,
            smsc,
            texts,
            clock,
            gate,
        }
    }

    pub(crate) fn says(&self, phone: &str, text: &str) {
        self.smsc.send(phone, CODE, text).unwrap();
    }

    /// The next text that any phone gets.
    pub(crate) async fn gets(&mut self) -> (String, String) {
        let text = tokio::time::timeout(PATIENCE, self.texts.recv())
            .await
            .expect("a text")
            .unwrap();
        (text.to, text.text)
    }

    /// A text that a phone got and nobody has looked at.
    pub(crate) fn gets_now(&mut self) -> Option<Text> {
        self.texts.try_recv().ok()
    }

    pub(crate) async fn asks(&mut self, phone: &str, text: &str) -> String {
        self.says(phone, text);
        let (to, got) = self.gets().await;
        assert_eq!(to, phone, "{got}");
        got
    }

    /// Makes an author, whom a phone follows.
    pub(crate) async fn follows(&mut self, phone: &str, name: &str) {
        self.publisher(name);
        self.subscribes(phone, name).await;
    }

    /// A phone follows an author.
    pub(crate) async fn subscribes(&mut self, phone: &str, name: &str) {
        self.asks(phone, &format!("follow {name}")).await;
        let told = self.asks(phone, "yes").await;
        assert!(told.contains(&format!("you now get @{name}")), "{told}");
    }

    /// A change of the number that was heard first, by its route.
    pub(crate) fn change(&self, change: Change) {
        let op = Op::Do(Do {
            number: NumberId(1),
            epoch: None,
            heard: None,
            changes: vec![change],
            say: Vec::new(),
            by: "route".into(),
        });
        let change = Record::Table {
            owner: "sms".into(),
            op: op.encode().into(),
        };
        self.engine.admission.submit_and_wait("sms", change).unwrap();
    }

    pub(crate) fn publisher(&self, name: &str) {
        super::publisher(&self.engine, &self.names, name);
    }

    pub(crate) fn post(&self, name: &str, item: &str, words: &str) {
        super::post(&self.engine, &self.names, name, item, words);
    }

    /// Waits until everybody was visited for everything that was posted.
    pub(crate) async fn rested(&self) {
        let rows = self.rows();
        let order = self.engine.order(Seq(0), usize::MAX).unwrap();
        let last = order.last().map_or(Seq(0), |(seq, _)| *seq);
        let rested = || rows.tail().unwrap() >= last && rows.fanouts(None, 1).unwrap().is_empty();
        self.until("all posts went round", rested).await;
    }

    /// Waits until what the SMSC says, receipts too, is taken.
    pub(crate) async fn all_heard(&self) {
        let heard = || {
            let counts = self.smsc.counts();
            counts.receipts == counts.taken && counts.acknowledged == counts.messages + counts.receipts
        };
        self.until("receipts are taken", heard).await;
    }

    /// Waits until that holds.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        super::until(what, holds).await;
    }

    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows {
            view: self.engine.view(),
            families: FIRST,
        }
    }

    /// A number that operators are shown of the route.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let begin = format!("reef_sms_{name}{{route=\"test\"}} ");
        let page = self.gateway.metrics();
        let value = page.lines().find_map(|line| line.strip_prefix(&begin));
        value.unwrap().parse().unwrap()
    }

    pub(crate) fn done(&self) -> Vec<(String, Action)> {
        self.names.done.lock().unwrap().clone()
    }

    /// What an account asks of the gateway.
    pub(crate) async fn link(&self, account: &str, number: &str) -> Result<Proof, String> {
        let (answer, waits) = oneshot::channel();
        self.gateway
            .link(account, number, Box::new(move |proof| drop(answer.send(proof))));
        waits.await.unwrap()
    }

    /// What an operator asks.
    pub(crate) async fn ask(&self, words: &Value) -> Result<Value, String> {
        let (gateway, engine, words) = (self.gateway.clone(), self.engine.clone(), words.clone());
        let asked = tokio::task::spawn_blocking(move || gateway.ask(&engine, &words));
        asked.await.unwrap()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// A code is typed there.
    pub(crate) async fn prove(&self, account: &str, code: &str) -> Result<(), String> {
        let (answer, waits) = oneshot::channel();
        self.gateway
            .prove(account, code, Box::new(move |proved| drop(answer.send(proved))));
        waits.await.unwrap()
    }

    pub(crate) async fn status(&self, account: &str) -> Option<reef_sms::gateway::Linked> {
        let (answer, waits) = oneshot::channel();
        self.gateway
            .status(account, Box::new(move |status| drop(answer.send(status))));
        waits.await.unwrap().unwrap().linked
    }

    /// The process ends as it should, and another one begins at the same SMSC.
    pub(crate) async fn again(self) -> Town {
        self.gateway.stop().await;
        self.engine.close();
        let Town {
            dir,
            clock,
            smsc,
            config,
            engine,
            names,
            gateway,
            ..
        } = self;
        drop((names, gateway));
        super::alone(&engine);
        drop(engine);
        Town::open(dir, clock, smsc, config).await
    }

    pub(crate) async fn leave(self) {
        self.gateway.stop().await;
        self.engine.close();
    }
}
