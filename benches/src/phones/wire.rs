//! The gateway on the machine's clock, over a real session with the simulated SMSC: how evenly a route sends, and how soon STOP is
//! the end.
//!
//! The SMSC runs on threads of its own in the same process. Times are those at which texts reach it.

use super::people::{FIRST, Names, SmsTables, author, follower, id, phone, post};
use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use reef_engine::clock::SystemClock;
use reef_engine::limits::Limits;
use reef_engine::{Engine, Options};
use reef_smpp::smsc::{Smsc, SmscConfig, Text};
use reef_sms::gateway::{Gateway, Setup};
use reef_sms::number::Keys;
use reef_sms::tables::read::Rows;
use reef_sms::tables::rows::State;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::broadcast;
use tokio::time::Instant;

/// Longer than anything here stands still.
const PATIENCE: Duration = Duration::from_secs(30);
const CODE: &str = "40404";
/// Seconds over which the pace is looked at.
const SECONDS: u64 = 10;

/// Texts of a route, by seconds from the first.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Segments a second, as configured.
    pub rate: u32,
    /// Texts of each second.
    pub seconds: Vec<u32>,
    /// Texts of the whole time.
    pub texts: u32,
    /// Most texts within any second, wherever it begins.
    pub most: u32,
}

/// How soon STOP was the end, of all phones that said it.
#[derive(Clone, Debug)]
pub struct Stops {
    /// Phones.
    pub stops: usize,
    /// Texts that all of them got before.
    pub texts: usize,
    /// Texts that were on their way and not sent.
    pub void: u64,
    /// Phones that got a text after the commit.
    pub late: usize,
    /// Texts after the commit, of one phone at most.
    pub most: usize,
    /// From the commit to the last of them.
    pub last: Duration,
}

/// Sends one post to phones for some seconds at this rate.
///
/// # Errors
/// The engine's, or nothing comes.
pub fn pace(dir: &Path, rate: u32) -> Result<Pace> {
    let wire = Wire::open(dir, &format!("rate = {rate}"))?;
    wire.followers(u64::from(rate) * (SECONDS + 2))?;
    let mut texts = wire.smsc.texts();
    post(&wire.engine, "large", "1")?;
    let first = wire.next(&mut texts)?.at;
    let mut times = vec![first];
    while times
        .last()
        .is_none_or(|last| *last < first + Duration::from_secs(SECONDS))
    {
        times.push(wire.next(&mut texts)?.at);
    }
    times.pop();
    let mut seconds = vec![0; SECONDS as usize];
    for at in &times {
        if let Some(second) = seconds.get_mut((*at - first).as_secs() as usize) {
            *second += 1;
        }
    }
    let within = |(n, begin): (usize, &Duration)| {
        let rest = times.iter().skip(n);
        rest.take_while(|at| **at < *begin + Duration::from_secs(1)).count()
    };
    let most = times.iter().enumerate().map(within).max().unwrap_or(0);
    wire.close();
    Ok(Pace {
        rate,
        texts: times.len() as u32,
        seconds,
        most: most as u32,
    })
}

/// Has phones say STOP, one after another, while post after post goes to all of them.
///
/// # Errors
/// The engine's, or a STOP is not heard.
pub fn stops(dir: &Path, phones: u64) -> Result<Stops> {
    // Each receipt is a commit, and a STOP would wait at the SMSC behind very many of them.
    let wire = Wire::open(dir, "rate = 100000\nreceipts = false")?;
    wire.followers(phones)?;
    let mut texts = wire.smsc.texts();
    post(&wire.engine, "large", "first")?;
    wire.next(&mut texts)?;
    let over = AtomicBool::new(false);
    let committed = std::thread::scope(|scope| {
        let posting = scope.spawn(|| -> Result<()> {
            for item in 0_u64.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                post(&wire.engine, "large", &item.to_string())?;
            }
            Ok(())
        });
        let committed: Result<Vec<Duration>> = (0..phones).map(|number| wire.stop(number)).collect();
        over.store(true, Ordering::Relaxed);
        posting.join().map_err(|_| anyhow!("posting ended"))??;
        committed
    })?;
    for number in 0..phones {
        let told = || {
            wire.got(number)
                .is_some_and(|texts| texts.iter().any(|text| !is_post(text)))
        };
        wire.until("the answer to STOP", told)?;
    }
    let mut found = Stops {
        stops: committed.len(),
        texts: 0,
        void: wire.void()?,
        late: 0,
        most: 0,
        last: Duration::ZERO,
    };
    for (number, at) in (0..phones).zip(committed) {
        let texts = wire.got(number).context("no phone")?;
        let posts: Vec<Duration> = texts.iter().filter(|text| is_post(text)).map(|text| text.at).collect();
        let late = posts.iter().filter(|text| **text > at).count();
        found.texts += posts.len() - late;
        found.late += usize::from(late > 0);
        found.most = found.most.max(late);
        let last = posts.last().map_or(Duration::ZERO, |last| last.saturating_sub(at));
        found.last = found.last.max(last);
    }
    wire.close();
    Ok(found)
}

fn is_post(text: &Text) -> bool {
    text.text.starts_with("@large: ")
}

/// A gateway and its SMSC.
struct Wire {
    here: Runtime,
    _there: Runtime,
    engine: Arc<Engine>,
    gateway: Arc<Gateway>,
    keys: Keys,
    smsc: Smsc,
    /// What the SMSC's times count from.
    began: Instant,
}

impl Wire {
    fn open(dir: &Path, route: &str) -> Result<Wire> {
        let runtime = || {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
        };
        let (here, there) = (runtime()?, runtime()?);
        let config = SmscConfig {
            words: false,
            keep: 1_000_000,
            ..SmscConfig::default()
        };
        let began = Instant::now();
        let smsc = there.block_on(Smsc::start("127.0.0.1:0".parse()?, config))?;
        let setup = Setup {
            domain: "here".into(),
            data_dir: dir.into(),
            config: settings(&smsc, route).parse()?,
            clock: Arc::new(SystemClock),
            families: FIRST,
            wrap: Bytes::from,
        };
        let gateway = Gateway::new(setup).map_err(|why| anyhow!(why))?.context("no route")?;
        let options = Options {
            dir: dir.join("store"),
            limits: Limits::default(),
            sync: true,
            tables: Arc::new(SmsTables),
            clock: Arc::new(SystemClock),
            wakers: vec![Arc::new(|| {})],
            applier_starts: || {},
        };
        let (engine, seats) = Engine::open(options)?;
        drop(seats);
        let names = Arc::new(Names {
            engine: engine.clone(),
            told: Arc::default(),
        });
        gateway
            .start(names, here.handle().clone())
            .map_err(|why| anyhow!(why))?;
        let keys = Keys::load(&dir.join("sms-key"))?;
        let wire = Wire {
            here,
            _there: there,
            engine,
            gateway,
            keys,
            smsc,
            began,
        };
        wire.until("a bind", || wire.smsc.counts().binds > 0)?;
        Ok(wire)
    }

    fn followers(&self, phones: u64) -> Result<()> {
        let large = author(&self.engine, "large")?;
        (0..phones).try_for_each(|number| follower(&self.engine, &self.keys, number, large))?;
        author(&self.engine, "last").map(drop)
    }

    fn next(&self, texts: &mut broadcast::Receiver<Text>) -> Result<Text> {
        let next = async { tokio::time::timeout(PATIENCE, texts.recv()).await };
        Ok(self.here.block_on(next).context("no text comes")??)
    }

    fn got(&self, number: u64) -> Option<Vec<Text>> {
        Some(self.smsc.received(phone(number).ok()?.e164()))
    }

    /// A phone says STOP; when that is seen to be committed, on the SMSC's clock.
    fn stop(&self, number: u64) -> Result<Duration> {
        self.smsc.send(phone(number)?.e164(), CODE, "STOP")?;
        let rows = Rows {
            view: self.engine.view(),
            families: FIRST,
        };
        let stopped = || {
            let row = rows.number(id(number)).ok().flatten();
            row.is_some_and(|row| row.state == State::Stopped)
        };
        self.until("STOP is heard", stopped)?;
        Ok(self.began.elapsed())
    }

    /// Texts that were not sent after a STOP, as operators are shown.
    fn void(&self) -> Result<u64> {
        let page = self.gateway.metrics();
        let mut lines = page.lines().filter(|line| line.starts_with("reef_sms_void_total{"));
        let value = lines.next().and_then(|line| line.rsplit(' ').next());
        Ok(value.context("no such metric")?.parse()?)
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) -> Result<()> {
        let began = Instant::now();
        while !holds() {
            ensure!(began.elapsed() < PATIENCE, "{what} does not come");
            std::thread::yield_now();
        }
        Ok(())
    }

    fn close(self) {
        self.here.block_on(self.gateway.stop());
        self.engine.close();
    }
}

fn settings(smsc: &Smsc, route: &str) -> String {
    format!(
        "quiet = 'off'\ndaily_segments = 60000\nburst = 60000\n[[route]]\nname = 'route'\naddress = '{}'\nsystem_id = 'reef'\n\
         password = 'secret'\nnumber = '{CODE}'\nmo_trust = 'carrier'\n{route}\nwindow = 100\n[[country]]\n\
         prefix = '+1'\nprice = 0.0",
        smsc.address()
    )
}
