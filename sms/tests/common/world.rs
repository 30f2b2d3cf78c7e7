//! The sending side over a real engine, a route that takes what it is given, and a clock that the test owns. Next: `people.rs`,
//! who is in it.

#![allow(clippy::unwrap_used, reason = "a test's own world: what fails ends the test")]

use super::names::Names;
use super::{FIRST, FakeWay, Gate, Line, NOON, Refuses, SmsTables, TestClock, alone, limits};
use bytes::Bytes;
use crossbeam::channel::{Receiver, bounded};
use reef_engine::clock::Clock;
use reef_engine::model::Timestamp;
use reef_engine::{Engine, Options};
use reef_sms::config::Settings;
use reef_sms::gateway::commit::Commits;
use reef_sms::gateway::core::{Core, Step};
use reef_sms::gateway::parts::Parts;
use reef_sms::gateway::voids::Voids;
use reef_sms::number::Keys;
use reef_sms::route::{Told, Way};
use reef_sms::schedule::Status;
use reef_sms::tables::read::Rows;
use reef_sms::tables::rows::{NumberId, RouteId};
use reef_sms::tables::{Op, Outcome};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

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

    /// A phone that gets Alice's posts: the first.
    pub(crate) fn with_phone() -> (World, NumberId) {
        let world = World::new(OPEN_WORLD);
        let alice = world.publisher("alice");
        let id = world.subscriber(1, &[alice]);
        (world, id)
    }

    /// So many of them, from 0 on.
    pub(crate) fn with_phones(settings: &str, phones: u64) -> (World, Vec<NumberId>) {
        let world = World::new(settings);
        let alice = world.publisher("alice");
        let ids = (0..phones).map(|number| world.subscriber(number, &[alice])).collect();
        (world, ids)
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

    /// One step alone; what it commits is applied, and what it sends is answered, before the next. A moment passes.
    pub(crate) fn step(&mut self) {
        let now = self.now();
        assert!(
            matches!(self.core.step(now).unwrap(), Step::At(_)),
            "the engine is closed"
        );
        let answers = std::mem::take(&mut self.line.lock().unwrap().answers);
        for (route, token, status) in answers {
            self.core.told(route, Told::Said(token, status), now);
        }
        // Behind all of its commits.
        self.commit(&Op::Pause {
            route: RouteId(u16::MAX),
            paused: false,
        });
        self.clock.pass(10);
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

    /// What the next parts are answered; then they are taken.
    pub(crate) fn answers(&self, answers: impl IntoIterator<Item = Option<Status>>) {
        self.line.lock().unwrap().script = answers.into_iter().collect();
    }

    /// The first route tells something.
    pub(crate) fn told(&mut self, told: Told) {
        let now = self.now();
        self.core.told(0, told, now);
    }

    /// It answers a part long after that was sent.
    pub(crate) fn late(&mut self, token: u64, status: Status) {
        self.told(Told::Said(token, status));
    }

    /// How many segments the routes were given, of all.
    pub(crate) fn segments(&self) -> usize {
        self.line.lock().unwrap().segments
    }

    pub(crate) fn commit(&self, op: &Op) -> Outcome {
        self.parts.commits.wait(op).unwrap()
    }
}
