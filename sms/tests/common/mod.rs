//! A gateway without phones: a real engine in a temporary folder, a network of names, a route that takes what it is given, and
//! a clock that the test owns.

#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test's own world: what fails ends the test")]

mod house;
mod names;
mod people;
pub(crate) mod provider;
pub(crate) mod room;
pub(crate) mod town;
mod world;

pub(crate) use names::Names;
#[allow(unused_imports, reason = "each test file uses some of it")]
pub(crate) use world::{OPEN_WORLD, World};

use bytes::Bytes;
use reef_engine::Engine;
use reef_engine::clock::Clock;
use reef_engine::config::NodeConfig;
use reef_engine::error::{Reject, StoreError};
use reef_engine::limits::Limits;
use reef_engine::log::apply::{Apply, ApplyError, Tables};
use reef_engine::log::record::Change as Record;
use reef_engine::model::{NodeId, Timestamp};
use reef_engine::store::keys::Family;
use reef_engine::store::rows;
use reef_sms::network::Network;
use reef_sms::route::{May, Way};
use reef_sms::schedule::{Outgoing, Status};
use reef_sms::tables::rows::RouteId;
use reef_sms::tables::{self, FAMILIES, Families, Op};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) const FIRST: Families = Families(Family::TABLES);
/// Noon of a winter's day, in milliseconds.
pub(crate) const NOON: u64 = 1_768_046_400_000;

pub(crate) struct TestClock(pub(crate) AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Begins what `World::missed` commits.
const MISSED: &[u8] = b"missed ";

/// How many plans, and how many commits of what became of messages, the tables refuse from now on.
#[derive(Default)]
pub(crate) struct Refuses {
    pub(crate) plans: AtomicU64,
    pub(crate) fates: AtomicU64,
}

/// The gateway's tables, what they refuse, and what has them wait.
#[derive(Default)]
pub(crate) struct SmsTables(pub(crate) Arc<Refuses>, pub(crate) Gate);

/// Nothing is applied while somebody holds it for writing; and how often somebody came to it.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<tokio::sync::RwLock<()>>, Arc<AtomicU64>);

impl Gate {
    fn pass(&self) {
        self.1.fetch_add(1, Ordering::SeqCst);
        drop(self.0.blocking_read());
    }
}

impl Tables for SmsTables {
    fn names(&self) -> Vec<&'static str> {
        FAMILIES.to_vec()
    }

    fn apply(&self, apply: &mut Apply<'_, '_>, op: &[u8]) -> Result<Bytes, ApplyError> {
        self.1.pass();
        if let Some((account, text)) = op
            .strip_prefix(MISSED)
            .map(|rest| postcard::from_bytes::<(&str, &str)>(rest).unwrap())
        {
            let expires = Timestamp(apply.at.0 + 900_000);
            tables::missed(FIRST, apply, account, &text.into(), expires)?;
            return Ok(Bytes::new());
        }
        let refuses = match postcard::from_bytes(op) {
            Ok(Op::Plan(_)) => Some(&self.0.plans),
            Ok(Op::Fates(_)) => Some(&self.0.fates),
            _ => None,
        };
        let refuse = |left: u64| left.checked_sub(1);
        let left = refuses.map(|left| left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuse));
        if left.is_some_and(|left| left.is_ok()) {
            return Err(Reject::Fault.into());
        }
        Ok(tables::apply(FIRST, apply, op)?.into())
    }
}

impl TestClock {
    /// Lets so much time pass.
    pub(crate) fn pass(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

/// What the route was given, and how it answers.
#[derive(Default)]
pub(crate) struct Line {
    /// When, to whom, and what.
    pub(crate) sent: Vec<(u64, String, String)>,
    /// Segments, of all.
    pub(crate) segments: usize,
    /// Answers to be given, by route and token.
    pub(crate) answers: VecDeque<(usize, u64, Status)>,
    /// What the next parts are answered; then they are taken.
    pub(crate) script: VecDeque<Option<Status>>,
    /// Only so many without an answer.
    pub(crate) window: usize,
    /// Remembers only how many.
    pub(crate) forgetful: bool,
}

/// The way of the nth route.
pub(crate) struct FakeWay(pub(crate) Arc<Mutex<Line>>, pub(crate) Arc<TestClock>, pub(crate) usize);

impl Way for FakeWay {
    fn free(&self) -> usize {
        let line = self.0.lock().unwrap();
        line.window - line.answers.len()
    }

    fn submit(&mut self, part: Outgoing, may: May) -> Result<(), u64> {
        let mut line = self.0.lock().unwrap();
        if !may() {
            line.answers.push_back((self.2, part.token, Status::Void));
            return Ok(());
        }
        line.segments += part.part.segments;
        let status = match line.script.pop_front() {
            Some(Some(status)) => status,
            // Never answered.
            Some(None) => return Ok(()),
            None => {
                let id = format!("{:x}", part.token);
                if !line.forgetful {
                    let now = self.1.now().0;
                    line.sent.push((now, part.phone.e164().to_owned(), part.text.clone()));
                }
                Status::Taken(Some(id))
            }
        };
        line.answers.push_back((self.2, part.token, status));
        Ok(())
    }
}

/// A queue that is soon full.
pub(crate) fn limits() -> Limits {
    Limits {
        commit_queue: 256,
        ..Limits::default()
    }
}

/// Waits until nobody else holds the engine: a reader lets it go a moment after its answer.
pub(crate) fn alone(engine: &Arc<Engine>) {
    let mut looks = 0;
    while Arc::strong_count(engine) > 1 {
        looks += 1;
        assert!(looks < 10_000_000, "somebody holds the engine");
        std::thread::yield_now();
    }
}

/// Holds what is applied from now on, and fills the queue; until what this returns is dropped.
pub(crate) async fn jam(engine: &Engine, gate: &Gate) -> tokio::sync::OwnedRwLockWriteGuard<()> {
    let held = gate.0.clone().write_owned().await;
    let before = gate.1.load(Ordering::SeqCst);
    let submit = || {
        let op = Op::Pause {
            route: RouteId(u16::MAX),
            paused: false,
        };
        let change = Record::Table {
            owner: "sms".into(),
            op: op.encode().into(),
        };
        engine.admission.submit("sms", change, Box::new(drop))
    };
    submit().unwrap();
    // Nothing is taken from the queue any more: only then it is filled.
    until("somebody stands before the gate", || {
        gate.1.load(Ordering::SeqCst) > before
    })
    .await;
    while submit().is_ok() {}
    held
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is: impl Fn() -> bool) {
    let seen = async {
        while !is() {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    assert!(tokio::time::timeout(patience, seen).await.is_ok(), "never: {what}");
}

/// Reads fail only where the store does.
pub(crate) fn read<T>(found: Result<T, StoreError>) -> T {
    found.unwrap()
}

/// A microblog that is open to everybody.
pub(crate) fn publisher(engine: &Engine, names: &Names, name: &str) -> NodeId {
    let node = names.microblog(&format!("{name}@here"));
    let change = Record::CreateNode {
        node: node.clone(),
        config: NodeConfig::microblog("urn:xmpp:microblog:0"),
    };
    engine.admission.submit_and_wait(&node.service.clone(), change).unwrap();
    rows::node_id(engine.view(), &node).unwrap().unwrap()
}

/// Something that is published there.
pub(crate) fn post(engine: &Engine, names: &Names, name: &str, item: &str, words: &str) {
    let node = names.microblog(&format!("{name}@here"));
    let change = Record::Publish {
        node: node.clone(),
        item: item.into(),
        payload: Bytes::from(words.to_owned()),
        open_only: None,
        notes: Vec::new(),
        options: Vec::new(),
        create: None,
    };
    engine.admission.submit_and_wait(&node.service.clone(), change).unwrap();
}
