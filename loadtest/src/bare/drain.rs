//! The bare drain: N sockets that receive as followers do, and say when a post has reached all of them.

use crate::bare::sender::say;
use crate::clock::Clock;
use crate::crowd::board::Board;
use crate::crowd::plan::Step;
use crate::crowd::tally::Tally;
use crate::crowd::{Config, Crowd, Roster, Shares};
use crate::measure::latency::Latency;
use crate::wire::mark::Mark;
use crate::wire::session::Mechanism;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The hidden subcommand's flags.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Drain {
    /// Where the sender listens.
    #[arg(long)]
    port: u16,
    /// Sockets.
    #[arg(long)]
    sockets: u32,
    /// The run's mark.
    #[arg(long)]
    mark: String,
    /// The run's clock's origin.
    #[arg(long)]
    origin: u64,
    /// Threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// What the drain says of a phase.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Drained {
    pub(super) deliveries: u64,
    pub(super) bytes: u64,
    pub(super) first: Latency,
    pub(super) each: Latency,
    pub(super) last: Latency,
    /// Doubled, out of order or unasked: the ruler itself would be broken.
    pub(super) faults: u64,
}

/// Posts that may be under way.
const UNDER_WAY: u32 = 4096;
/// Sockets that connect at once: a listener's backlog bears it.
const PARALLEL: u32 = 64;

impl Drain {
    /// Receives until standard input ends.
    #[allow(clippy::disallowed_methods, reason = "orders must be read while posts are counted")]
    pub(crate) fn run(&self) -> Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut control = TcpStream::connect(address)?;
        control.set_nodelay(true)?;
        let crowd = Crowd::new(self.config(address))?;
        crowd.shared().board().set_audience(0, self.sockets);
        let steps = |_| vec![Step::Expect(vec![(0, 0)]), Step::Counts(true), Step::ConnectRaw];
        crowd.run(0..self.sockets, PARALLEL, Box::new(steps), |_| {})?;
        say("ready")?;
        let crowd = Arc::new(crowd);
        let (orders, ring) = (Arc::new(AtomicU64::new(0)), crowd.clone());
        let given = orders.clone();
        std::thread::Builder::new().name("orders".into()).spawn(move || {
            for _ in std::io::stdin().lock().lines() {
                given.fetch_add(1, Ordering::Release);
                ring.shared().bell.ring();
            }
            std::process::exit(0);
        })?;
        let (mut told, mut obeyed, mut bytes) = (0, 0, 0);
        loop {
            let board = crowd.shared().board();
            let changed = || board.completed(0) > told || orders.load(Ordering::Acquire) > obeyed;
            crowd.shared().bell.wait(None, changed);
            let completed = board.completed(0);
            control.write_all(&vec![b'.'; usize::try_from(completed - told)?])?;
            told = completed;
            if orders.load(Ordering::Acquire) > obeyed {
                obeyed += 1;
                let now = crowd.shared().bytes();
                say(&serde_json::to_string(&drained(&crowd.collect()?, now - bytes))?)?;
                bytes = now;
            }
        }
    }

    fn config(&self, address: SocketAddr) -> Config {
        Config {
            address,
            domain: "bare".into(),
            tls: None,
            mechanism: Mechanism::Plain,
            patience_s: 60,
            shares: Shares::new(self.threads, Vec::new()),
            roster: Roster {
                authors: 0,
                prefix: "bare".into(),
                password: String::new(),
                prepared: Vec::new(),
            },
            mark: Mark::new(&self.mark),
            clock: Clock::with_origin(self.origin),
            board: Board::new(1, UNDER_WAY),
        }
    }
}

fn drained(tally: &Tally, bytes: u64) -> Drained {
    let [latencies, _] = &tally.classes;
    Drained {
        deliveries: latencies.each.len(),
        bytes,
        first: Latency::of(&latencies.first),
        each: Latency::of(&latencies.each),
        last: Latency::of(&latencies.last),
        faults: tally.faults.doubled + tally.faults.out_of_order + tally.faults.unasked,
    }
}
