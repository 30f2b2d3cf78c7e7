//! A gateway without phones: a real engine in a temporary folder, a network of names, a route that takes what it is given, and
//! a clock that the test owns.

#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test's own world: what fails ends the test")]

mod house;
pub(crate) mod provider;
pub(crate) mod room;
pub(crate) mod town;

use bytes::Bytes;
use crossbeam::channel::{Receiver, bounded};
use reef_engine::clock::Clock;
use reef_engine::config::NodeConfig;
use reef_engine::error::{Reject, StoreError};
use reef_engine::limits::Limits;
use reef_engine::log::apply::{Apply, ApplyError, Tables};
use reef_engine::log::record::Change as Record;
use reef_engine::model::{NodeId, NodeName, Timestamp};
use reef_engine::store::keys::Family;
use reef_engine::store::rows;
use reef_engine::{Engine, Options};
use reef_sms::config::Settings;
use reef_sms::gateway::commit::Commits;
use reef_sms::gateway::core::{Core, Step};
use reef_sms::gateway::parts::Parts;
use reef_sms::gateway::voids::Voids;
use reef_sms::network::{Action, Done, Network, Said};
use reef_sms::number::{Keys, Phone};
use reef_sms::route::{May, Told, Way};
use reef_sms::schedule::{Outgoing, Status};
use reef_sms::tables::read::Rows;
use reef_sms::tables::rows::{NumberId, RouteId, State};
use reef_sms::tables::{self, Change, Do, FAMILIES, Families, Hear, HearMost, Op, Outcome};
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

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

/// Names and no rights; a payload is the words.
pub(crate) struct Names {
    pub(crate) engine: Arc<Engine>,
    pub(crate) told: Mutex<Vec<(String, String)>>,
    pub(crate) done: Mutex<Vec<(String, Action)>>,
    /// Who is known; nobody is named where everybody is.
    pub(crate) accounts: Mutex<BTreeSet<Arc<str>>>,
    /// Whether nobody hears that something is done, and who would.
    pub(crate) is_mute: AtomicBool,
    pub(crate) unheard: Mutex<Vec<Done>>,
}

impl Names {
    pub(crate) fn new(engine: &Arc<Engine>, accounts: &[&str]) -> Names {
        Names {
            engine: engine.clone(),
            told: Mutex::default(),
            done: Mutex::default(),
            accounts: Mutex::new(accounts.iter().map(|name| Arc::from(*name)).collect()),
            is_mute: AtomicBool::default(),
            unheard: Mutex::default(),
        }
    }

    /// What was done so far.
    pub(crate) fn acts(&self) -> Vec<Action> {
        let done = self.done.lock().unwrap();
        done.iter().map(|(_, action)| action.clone()).collect()
    }

    /// Somebody follows a microblog.
    pub(crate) fn follow(&self, who: &str, whom: &str) {
        let change = Record::Follow {
            node: self.microblog(whom),
            subscriber: who.into(),
            options: None,
            public: false,
        };
        self.engine.admission.submit_and_wait(who, change).unwrap();
    }
}

impl TestClock {
    /// Lets so much time pass.
    pub(crate) fn pass(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Network for Names {
    fn engine(&self) -> Arc<Engine> {
        self.engine.clone()
    }
    fn resolve(&self, typed: &str) -> Option<Arc<str>> {
        let jid: Arc<str> = format!("{typed}@here").into();
        let accounts = self.accounts.lock().unwrap();
        (accounts.is_empty() || accounts.contains(&jid)).then_some(jid)
    }
    fn short(&self, jid: &str) -> String {
        jid.split('@').next().unwrap_or_default().to_owned()
    }
    fn microblog(&self, jid: &str) -> NodeName {
        NodeName::new(jid, "urn:xmpp:microblog:0")
    }
    fn said(&self, payload: &[u8]) -> Option<Said> {
        Some(Said {
            text: String::from_utf8(payload.to_vec()).ok()?,
            ..Said::default()
        })
    }
    fn web_link(&self, _: &str, _: &str) -> Option<String> {
        None
    }
    fn is_open(&self) -> bool {
        true
    }
    fn act(&self, account: &str, action: Action, done: Done) {
        if action == Action::Join {
            self.accounts.lock().unwrap().insert(account.into());
        }
        self.done.lock().unwrap().push((account.into(), action));
        match self.is_mute.load(Ordering::SeqCst) {
            true => self.unheard.lock().unwrap().push(done),
            false => done(Ok(())),
        }
    }
    fn tell(&self, account: &str, text: &str) {
        self.told.lock().unwrap().push((account.into(), text.into()));
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

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) names: Arc<Names>,
    pub(crate) line: Arc<Mutex<Line>>,
    pub(crate) parts: Arc<Parts>,
    pub(crate) core: Core,
    pub(crate) routes: Vec<RouteId>,
    /// What is refused from now on.
    pub(crate) refuses: Arc<Refuses>,
    pub(crate) gate: Gate,
    rung: Receiver<()>,
    settings: String,
}

pub(crate) const OPEN_WORLD: &str = "
    quiet = 'off'
    daily_segments = 200
    burst = 100
    [[route]]
    name = 'test'
    kind = 'simulator'
    number = '40404'
    rate = 100
    window = 100
    [[country]]
    prefix = '+1'
    price = 0.01
";

impl World {
    pub(crate) fn new(settings: &str) -> World {
        let dir = tempfile::tempdir().unwrap();
        World::open(dir, Arc::new(TestClock(AtomicU64::new(NOON))), settings)
    }

    pub(crate) fn open(dir: TempDir, clock: Arc<TestClock>, settings: &str) -> World {
        let (refuses, gate) = (Arc::<Refuses>::default(), Gate::default());
        let options = Options {
            dir: dir.path().join("store"),
            limits: limits(),
            sync: false,
            tables: Arc::new(SmsTables(refuses.clone(), gate.clone())),
            clock: clock.clone(),
            wakers: vec![Arc::new(|| {})],
            applier_starts: || {},
        };
        let (engine, seats) = Engine::open(options).unwrap();
        drop(seats);
        let (bell, rung) = bounded(1);
        let names = Arc::new(Names::new(&engine, &[]));
        let commits = Commits {
            engine: engine.clone(),
            wrap: Bytes::from,
            ring: Arc::new(move || _ = bell.try_send(())),
        };
        let keys = Arc::new(Keys::of(&[7; 32]));
        let read = Settings::read(settings.parse().unwrap()).unwrap();
        let begin = Op::Begin {
            routes: read.route.iter().map(|route| route.name.as_str().into()).collect(),
            check: keys.tag(b""),
        };
        let routes = commits.wait(&begin).unwrap().routes;
        let parts = Arc::new(Parts {
            settings: Arc::new(read),
            keys,
            families: FIRST,
            network: names.clone(),
            commits,
            voids: Arc::new(Voids::default()),
        });
        let line = Arc::new(Mutex::new(Line {
            window: 100,
            ..Line::default()
        }));
        let way = |nth| -> Box<dyn Way> { Box::new(FakeWay(line.clone(), clock.clone(), nth)) };
        let ways = routes.iter().enumerate().map(|(nth, id)| (*id, way(nth))).collect();
        let mut core = Core::new(parts.clone(), ways, clock.now()).unwrap();
        (0..routes.len()).for_each(|nth| core.told(nth, Told::Up, clock.now()));
        World {
            dir,
            clock,
            engine,
            names,
            line,
            parts,
            core,
            routes,
            refuses,
            gate,
            rung,
            settings: settings.to_owned(),
        }
    }

    /// The process ends as it is, and another one begins.
    pub(crate) fn again(self) -> World {
        self.engine.close();
        let World {
            dir,
            clock,
            settings,
            engine,
            core,
            parts,
            names,
            ..
        } = self;
        drop((core, parts, names));
        alone(&engine);
        drop(engine);
        World::open(dir, clock, &settings)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn rows(&self) -> Rows<'_> {
        self.parts.rows()
    }

    /// A step, with what its commits and answers lead to, without the clock moving; when the next is due.
    pub(crate) fn settle(&mut self) -> Option<Timestamp> {
        loop {
            let now = self.now();
            let Step::At(next) = self.core.step(now).unwrap() else {
                panic!("the engine is closed");
            };
            let answers = std::mem::take(&mut self.line.lock().unwrap().answers);
            let some = !answers.is_empty();
            for (route, token, status) in answers {
                self.core.told(route, Told::Said(token, status), now);
            }
            if self.core.is_committing() {
                self.rung.recv().unwrap();
            } else if !some {
                return next;
            }
        }
    }

    /// Lets so much time pass.
    pub(crate) fn pass(&mut self, milliseconds: u64) {
        let end = self.now().0 + milliseconds;
        loop {
            let next = self.settle();
            let now = self.now().0;
            let at = next.map_or(end, |next| next.0.max(now + 1));
            if at >= end {
                break;
            }
            self.clock.0.store(at, Ordering::SeqCst);
        }
        self.clock.0.store(end, Ordering::SeqCst);
        self.settle();
    }

    pub(crate) fn commit(&self, op: &Op) -> Outcome {
        self.parts.commits.wait(op).unwrap()
    }

    /// A microblog that is open to everybody.
    pub(crate) fn publisher(&self, name: &str) -> NodeId {
        publisher(&self.engine, &self.names, name)
    }

    pub(crate) fn post(&self, name: &str, item: &str, words: &str) {
        post(&self.engine, &self.names, name, item, words);
    }

    pub(crate) fn retract(&self, name: &str, item: &str) {
        let node = self.names.microblog(&format!("{name}@here"));
        let change = Record::Retract {
            node: node.clone(),
            item: item.into(),
            notify: true,
        };
        self.engine
            .admission
            .submit_and_wait(&node.service.clone(), change)
            .unwrap();
    }

    pub(crate) fn phone(number: u64) -> Phone {
        Phone::of(&format!("+1{number:010}")).unwrap()
    }

    /// What a phone says, kept as the gateway keeps it.
    pub(crate) fn hear(&self, number: u64, words: &str, stop: Option<&str>) -> Outcome {
        let phone = World::phone(number);
        let keys = &self.parts.keys;
        self.commit(&Op::Hear(Hear {
            route: self.routes[0],
            hash: keys.hash(&phone),
            sealed: keys.seal(phone.e164().as_bytes()).unwrap(),
            prefix: "+1".into(),
            key: keys.tag(format!("{number} {words} {}", self.now().0).as_bytes()),
            same_ms: 600_000,
            words: keys.seal(words.as_bytes()).unwrap(),
            stop: stop.map(Into::into),
            always: stop.is_some(),
            most: HearMost {
                hour: 1000,
                day: 1000,
                newcomers: u32::MAX,
                doubt_ms: u64::MAX,
                dormant_ms: u64::MAX,
            },
        }))
    }

    /// A message is kept for an account that is away; nobody tells the gateway.
    pub(crate) fn missed(&self, account: &str, text: &str) {
        let words = postcard::to_stdvec(&(account, text)).unwrap();
        let change = Record::Table {
            owner: "sms".into(),
            op: [MISSED, &words].concat().into(),
        };
        self.engine.admission.submit_and_wait("sms", change).unwrap();
    }

    pub(crate) fn change(&self, number: NumberId, by: &str, changes: Vec<Change>) -> Outcome {
        self.commit(&Op::Do(Do {
            number,
            epoch: None,
            heard: None,
            changes,
            say: Vec::new(),
            by: by.into(),
        }))
    }

    /// A number that gets these publishers' posts.
    pub(crate) fn subscriber(&self, number: u64, nodes: &[NodeId]) -> NumberId {
        let id = self.hear(number, "hello", None).number.unwrap();
        let mut changes = vec![Change::State(State::Active)];
        changes.extend(nodes.iter().map(|node| Change::Get(*node, 500)));
        self.change(id, "phone", changes);
        id
    }

    /// What was sent to a number so far.
    pub(crate) fn got(&self, number: u64) -> Vec<String> {
        let phone = World::phone(number);
        let line = self.line.lock().unwrap();
        let of = line.sent.iter().filter(|(_, to, _)| to == phone.e164());
        of.map(|(.., text)| text.clone()).collect()
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
