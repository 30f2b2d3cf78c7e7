//! The engine and the route of that measurement, on a clock of its own.
//!
//! Knows no figure. A phone is its number; what it got is counted in a byte each.

use super::people::{self, FIRST, Names, SmsTables, author, follower};
use anyhow::{Result, anyhow};
use bytes::Bytes;
use crossbeam::channel::{Receiver, bounded};
use reef_engine::clock::{Clock, SystemClock};
use reef_engine::limits::Limits;
use reef_engine::model::Timestamp;
use reef_engine::{Engine, Options};
use reef_sms::config::Settings;
use reef_sms::gateway::commit::Commits;
use reef_sms::gateway::core::{Core, Step};
use reef_sms::gateway::parts::Parts;
use reef_sms::number::Keys;
use reef_sms::route::{May, Told, Way};
use reef_sms::schedule::{Outgoing, Status};
use reef_sms::tables::Op;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Noon of a winter's day.
const NOON: u64 = 1_768_046_400_000;
/// Phones of a small author.
const FEW: u64 = 10;

/// What is measured.
pub(super) struct Plan {
    pub(super) phones: u64,
    pub(super) authors: u64,
    pub(super) rate: u32,
}

impl Plan {
    fn settings(&self) -> String {
        format!(
            "quiet = 'off'\npost_expiry = '24h'\ndaily_segments = 200\nburst = 100\n[[route]]\nname = 'route'\n\
             kind = 'simulator'\nnumber = '40404'\nrate = {}\nwindow = 100\n[[country]]\nprefix = '+1'\nprice = 0.0",
            self.rate
        )
    }

    fn all(&self) -> u64 {
        self.phones + self.authors * FEW
    }
}

struct TownClock(AtomicU64);

impl Clock for TownClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// What the phones got.
#[derive(Default)]
struct Line {
    answers: VecDeque<(u64, Status)>,
    /// By phone: how many texts.
    got: Vec<u8>,
    /// Phones of the large author that have one.
    reached: u64,
    unfair: u64,
    texts: u64,
    last_small: u64,
    first_large: u64,
    last_large: u64,
    second: (u64, u32),
    most: u32,
    large: u64,
}

struct Air(Arc<Mutex<Line>>, Arc<TownClock>);

impl Way for Air {
    fn free(&self) -> usize {
        100
    }

    fn submit(&mut self, part: Outgoing, may: May) -> Result<(), u64> {
        let mut line = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let status = if may() { Status::Taken(None) } else { Status::Void };
        line.answers.push_back((part.token, status));
        let now = self.1.now().0;
        let phone = part
            .phone
            .digits()
            .get(1..)
            .and_then(|digits| digits.parse::<u64>().ok())
            .unwrap_or(0);
        line.count(phone, now);
        Ok(())
    }
}

impl Line {
    fn count(&mut self, phone: u64, now: u64) {
        self.texts += 1;
        let second = now / 1_000;
        self.second = if self.second.0 == second {
            (second, self.second.1 + 1)
        } else {
            (second, 1)
        };
        self.most = self.most.max(self.second.1);
        let large = phone < self.large;
        let Some(got) = self.got.get_mut(phone as usize) else {
            return;
        };
        *got = got.saturating_add(1);
        match (large, *got) {
            (false, _) => self.last_small = now,
            (true, 1) => {
                self.reached += 1;
                self.last_large = now;
                if self.first_large == 0 {
                    self.first_large = now;
                }
            }
            (true, _) if self.reached < self.large => self.unfair += 1,
            (true, _) => {}
        }
    }
}

/// All of it.
pub(super) struct Town {
    engine: Arc<Engine>,
    clock: Arc<TownClock>,
    parts: Arc<Parts>,
    core: Core,
    line: Arc<Mutex<Line>>,
    told: Arc<Mutex<Option<String>>>,
    rung: Receiver<()>,
    opened_ms: u64,
}

impl Town {
    pub(super) fn open(dir: &Path, plan: &Plan) -> Result<Town> {
        let mut line = Line {
            large: plan.phones,
            ..Line::default()
        };
        line.got = vec![0; plan.all() as usize];
        Town::over(
            dir,
            plan,
            Arc::new(TownClock(AtomicU64::new(NOON))),
            Arc::new(Mutex::new(line)),
            Arc::default(),
        )
    }

    fn over(
        dir: &Path,
        plan: &Plan,
        clock: Arc<TownClock>,
        line: Arc<Mutex<Line>>,
        told: Arc<Mutex<Option<String>>>,
    ) -> Result<Town> {
        let options = Options {
            dir: dir.join("store"),
            limits: Limits::default(),
            sync: false,
            tables: Arc::new(SmsTables),
            clock: clock.clone(),
            wakers: vec![Arc::new(|| {})],
            applier_starts: || {},
        };
        let (engine, seats) = Engine::open(options)?;
        drop(seats);
        // The engine's own start is measured elsewhere.
        let opening = SystemClock.now();
        let (bell, rung) = bounded(1);
        let commits = Commits {
            engine: engine.clone(),
            wrap: Bytes::from,
            ring: Arc::new(move || _ = bell.try_send(())),
        };
        let settings = Settings::read(plan.settings().parse()?)?;
        let keys = Arc::new(Keys::of(&[7; 32]));
        let begin = Op::Begin {
            routes: vec!["route".into()],
            check: keys.tag(b""),
        };
        let routes = commits.wait(&begin)?.routes;
        let parts = Arc::new(Parts {
            settings: Arc::new(settings),
            keys,
            families: FIRST,
            network: Arc::new(Names {
                engine: engine.clone(),
                told: told.clone(),
            }),
            commits,
            voids: Arc::default(),
        });
        let way: Box<dyn Way> = Box::new(Air(line.clone(), clock.clone()));
        let ways = routes.into_iter().zip([way]).collect();
        let mut core = Core::new(parts.clone(), ways, clock.now())?;
        core.told(0, Told::Up, clock.now());
        let Step::At(_) = core.step(clock.now())? else {
            return Err(anyhow!("the engine is closed"));
        };
        let opened_ms = SystemClock.now().0 - opening.0;
        Ok(Town {
            engine,
            clock,
            parts,
            core,
            line,
            told,
            rung,
            opened_ms,
        })
    }

    /// The end of what was queued.
    pub(super) fn close(self) {
        self.engine.close();
    }

    /// How long the gateway's start took.
    pub(super) fn opened_ms(&self) -> u64 {
        self.opened_ms
    }

    /// The process ends, and another one begins; and how long the gateway's start took.
    pub(super) fn again(self, dir: &Path, plan: &Plan) -> Result<(Town, u64)> {
        self.engine.close();
        let Town {
            engine,
            clock,
            parts,
            core,
            line,
            told,
            ..
        } = self;
        drop((core, parts, engine));
        let town = Town::over(dir, plan, clock, line, told)?;
        let took = town.opened_ms;
        Ok((town, took))
    }

    /// Authors, and phones that get their posts.
    pub(super) fn settle_in(&mut self, plan: &Plan) -> Result<()> {
        let large = author(&self.engine, "large")?;
        for phone in 0..plan.phones {
            follower(&self.engine, &self.parts.keys, phone, large)?;
        }
        for author in 0..plan.authors {
            let node = people::author(&self.engine, &format!("small{author}"))?;
            for phone in 0..FEW {
                let number = plan.phones + author * FEW + phone;
                follower(&self.engine, &self.parts.keys, number, node)?;
            }
        }
        // All that was queued before this is committed with it.
        author(&self.engine, "last")?;
        Ok(())
    }

    pub(super) fn post(&self, name: &str, item: &str) -> Result<()> {
        people::post(&self.engine, name, item)
    }

    /// Lets so much simulated time pass.
    pub(super) fn pass(&mut self, milliseconds: u64) -> Result<()> {
        let end = self.now() + milliseconds;
        loop {
            let next = self.settle()?.map_or(end, |next| next.0.max(self.now() + 1));
            if next >= end {
                break;
            }
            self.clock.0.store(next, Ordering::SeqCst);
        }
        self.clock.0.store(end, Ordering::SeqCst);
        self.settle().map(drop)
    }

    fn settle(&mut self) -> Result<Option<Timestamp>> {
        loop {
            let now = self.clock.now();
            let Step::At(next) = self.core.step(now)? else {
                return Err(anyhow!("the engine is closed"));
            };
            let answers = std::mem::take(&mut self.line.lock().unwrap_or_else(|e| e.into_inner()).answers);
            let some = !answers.is_empty();
            for (token, status) in answers {
                self.core.told(0, Told::Said(token, status), now);
            }
            if self.core.is_committing() {
                self.rung.recv()?;
            } else if !some {
                return Ok(next);
            }
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.clock.now().0
    }

    fn line<T>(&self, read: impl FnOnce(&Line) -> T) -> T {
        read(&self.line.lock().unwrap_or_else(|e| e.into_inner()))
    }

    pub(super) fn is_done(&self, plan: &Plan) -> bool {
        self.line(|line| line.reached == plan.phones && line.got.iter().all(|got| *got > 0))
    }

    pub(super) fn texts(&self) -> u64 {
        self.line(|line| line.texts)
    }

    pub(super) fn unfair(&self) -> u64 {
        self.line(|line| line.unfair)
    }

    pub(super) fn last_small(&self) -> u64 {
        self.line(|line| line.last_small)
    }

    pub(super) fn lap_ms(&self) -> u64 {
        self.line(|line| line.last_large - line.first_large)
    }

    pub(super) fn most_a_second(&self) -> u32 {
        self.line(|line| line.most)
    }

    pub(super) fn told(&self) -> Option<String> {
        self.told.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// Bytes of the store's files.
    pub(super) fn store_bytes(&self, dir: &Path) -> Result<u64> {
        let mut bytes = 0;
        for file in std::fs::read_dir(dir.join("store"))? {
            let meta = file?.metadata()?;
            bytes += if meta.is_file() { meta.len() } else { 0 };
        }
        Ok(bytes)
    }
}
