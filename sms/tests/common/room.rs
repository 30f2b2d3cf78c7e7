//! The hall where texts are understood, over a test's world: two routes, of which the first vouches for its senders.

#![allow(clippy::unwrap_used, reason = "a test's own room: what fails ends the test")]

use super::{NOON, TestClock, World, read, until};
use reef_sms::grammar::Stops;
use reef_sms::inbound::counts::Counts;
use reef_sms::inbound::{Hall, Incoming, Lanes};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::task::JoinSet;

/// The route that vouches for its senders.
pub(crate) const CARRIER: usize = 0;
/// The one that does not.
pub(crate) const ANYBODY: usize = 1;

const SETTINGS: &str = "
    quiet = 'off'
    daily_segments = 200
    burst = 100
    [[route]]
    name = 'carrier'
    kind = 'simulator'
    number = '40404'
    rate = 100
    window = 100
    mo_trust = 'carrier'
    [[route]]
    name = 'anybody'
    kind = 'simulator'
    number = '50505'
    rate = 100
    window = 100
    mo_trust = 'spoofable'
    [[country]]
    prefix = '+1'
    price = 0.01
";

pub(crate) struct Room {
    pub(crate) world: World,
    pub(crate) hall: Arc<Hall>,
    lanes: Lanes,
    tasks: JoinSet<()>,
}

impl Room {
    pub(crate) fn new() -> Room {
        let clock = Arc::new(TestClock(AtomicU64::new(NOON)));
        Room::of(World::open(tempfile::tempdir().unwrap(), clock, SETTINGS))
    }

    pub(crate) fn of(world: World) -> Room {
        let hall = Arc::new(Hall {
            parts: world.parts.clone(),
            routes: world.routes.clone(),
            stops: Stops::default(),
            domain: "here".into(),
            wake: Arc::new(|| {}),
            counts: Counts::default(),
        });
        let mut tasks = JoinSet::new();
        let lanes = Lanes::start(&hall, &mut tasks).unwrap();
        Room {
            world,
            hall,
            lanes,
            tasks,
        }
    }

    /// A text comes, and is kept.
    pub(crate) async fn hears(&self, route: usize, number: u64, text: &str) {
        let incoming = Incoming {
            route: self.world.routes[route],
            from: World::phone(number).e164().to_owned(),
            to: "40404".into(),
            text: text.into(),
            id: None,
        };
        assert!(self.hall.hear(incoming, &self.lanes).await, "{text} is not kept");
    }

    /// Everything that was kept is answered, and the answers are sent.
    pub(crate) async fn answered(&mut self) {
        let rows = self.world.rows();
        until("everything is answered", || read(rows.newest_unanswered()).is_none()).await;
        self.world.core.wake();
        // At the route's pace.
        self.world.pass(100);
    }

    /// What a phone is told when it says something.
    pub(crate) async fn asks(&mut self, route: usize, number: u64, text: &str) -> String {
        let before = self.world.got(number).len();
        self.hears(route, number, text).await;
        self.answered().await;
        self.world.got(number)[before..].join("\n")
    }

    /// Makes an author, whom a phone follows.
    pub(crate) async fn follows(&mut self, number: u64, name: &str) {
        self.world.publisher(name);
        self.asks(CARRIER, number, &format!("follow {name}")).await;
        assert!(self.asks(CARRIER, number, "yes").await.contains("you now get"));
    }

    /// An account of this name, with this phone.
    pub(crate) async fn joins(&mut self, number: u64, name: &str) {
        let known = ["alice@here".into(), "bob@here".into()];
        self.world.names.accounts.lock().unwrap().extend(known);
        self.asks(CARRIER, number, &format!("join {name}")).await;
        assert!(self.asks(CARRIER, number, "yes").await.contains("welcome"));
    }

    /// The process ends as it is, and another one begins: its tables, before anything is heard.
    pub(crate) async fn crash(self) -> World {
        let Room {
            world,
            hall,
            lanes,
            mut tasks,
        } = self;
        tasks.shutdown().await;
        drop((hall, lanes));
        world.again()
    }
}
