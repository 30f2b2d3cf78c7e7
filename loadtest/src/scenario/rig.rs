//! What scenarios are built with: a crowd that is logged in and follows, posts, phases that are measured, a report.
//!
//! Knows no scenario. What comes next: `report` shows what `finish` hands out.

use crate::clock::Clock;
use crate::crowd::board::Board;
use crate::crowd::plan::Step;
use crate::crowd::tally::Tally;
use crate::crowd::{Config, Crowd, Shares};
use crate::measure::latency::Latency;
use crate::measure::machine::Machine;
use crate::measure::memory::Memory;
use crate::measure::process::Processes;
use crate::measure::sampler::Sampler;
use crate::progress::Progress;
use crate::report::{Figure, KERNEL_CPU, Phase, Report, ServerInfo};
use crate::scenario::common::{Common, Tls};
use crate::settings;
use crate::wire::mark::Mark;
use crate::wire::pubsub::Place;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A run under way.
pub(crate) struct Rig {
    /// The connections.
    pub(crate) crowd: Arc<Crowd>,
    /// The server's processes.
    pub(crate) server: Processes,
    /// Shown while it runs.
    pub(crate) progress: Progress,
    /// What has been found so far.
    pub(crate) report: Report,
    /// Where authors publish.
    pub(crate) place: Place,
    /// Text of a post.
    pub(crate) body: String,
    pub(super) common: Common,
    clock: Clock,
    mark: Mark,
    sampler: Option<Sampler>,
}

/// How many accounts a scenario needs, and how its posts are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    /// Accounts that publish.
    pub(crate) authors: u32,
    /// Accounts besides.
    pub(crate) others: u32,
    /// Of those, the last so many are driven apart from the rest, as authors are: their latency is looked at.
    pub(crate) watched: u32,
    /// Posts of one author that may be on their way at once.
    pub(crate) under_way: u32,
    /// Bytes of a post's text.
    pub(crate) bytes: usize,
}

impl Needs {
    fn apart(&self) -> Vec<u32> {
        let all = self.authors + self.others;
        match self.others {
            0 => Vec::new(),
            _ => (0..self.authors)
                .chain(all - self.watched.min(self.others)..all)
                .collect(),
        }
    }
}

/// Descriptors that the tool needs besides its connections.
const DESCRIPTORS: u64 = 64;

impl Rig {
    /// Sets a run up; nothing is connected yet.
    pub(crate) fn new(common: &Common, scenario: &str, what: &str, needs: Needs) -> Result<Rig> {
        Rig::in_turns(
            common,
            scenario,
            what,
            needs,
            needs.authors.saturating_add(needs.others),
        )
    }

    /// The same where at most so many of the accounts are connected at a time.
    pub(crate) fn in_turns(common: &Common, scenario: &str, what: &str, needs: Needs, at_once: u32) -> Result<Rig> {
        let accounts = needs.authors.saturating_add(needs.others);
        let limit = rlimit::increase_nofile_limit(u64::MAX)?;
        let wanted = u64::from(at_once) + DESCRIPTORS;
        ensure!(
            limit >= wanted,
            "{at_once} connections need {wanted} descriptors, this process may have {limit}"
        );
        let server = Processes::with_children(&common.pid);
        if let Some(pid) = server.gone() {
            anyhow::bail!("there is no process {pid}");
        }
        let (clock, mark) = (Clock::start(), Mark::fresh()?);
        let config = Config {
            address: common.address()?,
            domain: common.domain.clone(),
            tls: common.tls_config()?,
            mechanism: common.mechanism,
            patience_s: common.patience,
            shares: Shares::new(common.threads, needs.apart()),
            roster: common.roster(scenario, needs.authors, accounts)?,
            mark: mark.clone(),
            clock,
            board: Board::new(needs.authors, needs.under_way),
        };
        let report = Report {
            scenario: scenario.to_owned(),
            what: what.to_owned(),
            server: server_info(common, &server),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: settings::without_password(std::env::args()),
            began: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            machine: Machine::here(),
            ..Report::default()
        };
        let crowd = Arc::new(Crowd::new(config)?);
        let sampler = Sampler::start(crowd.clone(), server.clone())?;
        Ok(Rig {
            crowd,
            server,
            progress: Progress::new(!common.no_progress),
            report,
            place: common.place(mark.text().trim_matches('-')),
            body: "x".repeat(needs.bytes),
            common: common.clone(),
            clock,
            mark,
            sampler: Some(sampler),
        })
    }

    /// The run's clock.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// The run's mark.
    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Logins at once.
    pub(crate) fn logins(&self) -> u32 {
        self.common.logins
    }

    /// Does steps for accounts, with progress.
    pub(crate) fn run(
        &mut self,
        what: &str,
        accounts: impl ExactSizeIterator<Item = u32>,
        plan: impl Fn(u32) -> Vec<Step> + Send + Sync + 'static,
    ) -> Result<()> {
        self.progress.begin(what, accounts.len() as u64);
        let progress = &self.progress;
        let ran = self
            .crowd
            .run(accounts, self.common.logins, Box::new(plan), |done| progress.set(done));
        ran.with_context(|| what.to_owned())
    }

    /// The same where some may wait in vain: that is noted, and what they lack is counted as lost in the end.
    pub(crate) fn run_to_the_end(
        &mut self,
        what: &str,
        accounts: impl ExactSizeIterator<Item = u32>,
        plan: impl Fn(u32) -> Vec<Step> + Send + Sync + 'static,
    ) {
        if let Err(error) = self.run(what, accounts, plan) {
            self.report.notes.push(format!("{error:#}"));
        }
    }

    /// An error if any request was refused.
    pub(crate) fn check_refused(&mut self, what: &str) -> Result<()> {
        let faults = self.crowd.collect()?.faults;
        let words = faults.words.first().cloned().unwrap_or_default();
        ensure!(
            faults.refused == 0,
            "{what}: {} requests were refused, the first: {words}",
            faults.refused
        );
        self.report.faults.add(&faults);
        Ok(())
    }

    /// Measures what `work` does: CPU, latencies, deliveries. `work` says how many posts and seconds it took.
    pub(crate) fn measure(
        &mut self,
        name: &str,
        round: u32,
        work: impl FnOnce(&mut Rig) -> Result<(u64, f64)>,
    ) -> Result<Phase> {
        let fresh = self.crowd.collect()?;
        self.report.faults.add(&fresh.faults);
        self.progress.begin(name, 0);
        let (own, kernel) = (Processes::own(), Processes::soft_interrupts());
        let begun_s = self.clock.seconds();
        let (cpu, own_cpu, kernel_cpu, bytes) = (
            self.server.cpu_seconds(),
            own.cpu_seconds(),
            kernel.cpu_seconds(),
            self.crowd.shared().bytes(),
        );
        let (posts, seconds) = work(self)?;
        let cpu_seconds = self.server.cpu_seconds() - cpu;
        let own_cpu_seconds = own.cpu_seconds() - own_cpu;
        let kernel_cpu = kernel.cpu_seconds() - kernel_cpu;
        let tally = self.crowd.collect()?;
        let bytes = self.crowd.shared().bytes() - bytes;
        self.report.faults.add(&tally.faults);
        let deliveries = tally.classes.iter().map(|class| class.each.len()).sum();
        Ok(Phase {
            name: name.to_owned(),
            who: "server".to_owned(),
            round,
            begun_s,
            seconds,
            posts,
            deliveries,
            cpu_seconds,
            own_cpu_seconds,
            bytes_per_delivery: bytes as f64 / deliveries.max(1) as f64,
            latencies: latencies(&tally),
            more: BTreeMap::from([(KERNEL_CPU.to_owned(), kernel_cpu)]),
        })
    }

    /// Adds a figure of values, one per round, if there are any.
    pub(crate) fn figure(&mut self, key: &str, what: &str, unit: &str, values: Vec<f64>) {
        self.report.figures.extend(Figure::of(key, what, unit, values));
    }

    /// Adds the median and the 99th percentile of a phase's latency, one of each a round.
    pub(crate) fn latency(&mut self, key: &str, what: &str, phases: &[&Phase], name: &str) {
        for (at, value) in [
            ("p50", (|latency| latency.p50_ms) as fn(Latency) -> f64),
            ("p99", |latency| latency.p99_ms),
        ] {
            let values = phases.iter().map(|phase| value(phase.latency(name))).collect();
            self.figure(&format!("{key}_{at}_ms"), &format!("{what}, {at}"), "ms", values);
        }
    }

    /// Memory of the server and of the kernel now.
    pub(crate) fn memory(&self) -> Memory {
        Memory::now(&self.server)
    }

    /// Whether the server's processes are known.
    pub(crate) fn sees_server(&self) -> bool {
        !self.server.pids().is_empty()
    }

    /// Measures one phase more; false where it broke off, as with a server that went away: that is a fault, and the report
    /// says what was found until then.
    pub(crate) fn measured(
        &mut self,
        phases: &mut Vec<Phase>,
        name: &str,
        work: impl FnOnce(&mut Rig) -> Result<(u64, f64)>,
    ) -> bool {
        let round = 1 + phases.iter().filter(|phase| phase.name == name).count() as u32;
        match self.measure(name, round, work) {
            // What it took until then nobody knows; that it is gone is said at the end.
            Ok(_) if self.server.gone().is_some() => return false,
            Ok(phase) => phases.push(phase),
            Err(error) => {
                self.broke_off(&format!("{name} {round}"), &error);
                return false;
            }
        }
        true
    }

    /// Notes that something could not be done to its end: a fault.
    pub(crate) fn broke_off(&mut self, what: &str, error: &anyhow::Error) {
        self.report.faults.dropped += 1;
        self.report.faults.words.push(format!("{what}: {error:#}"));
    }

    /// Counts what is lost, lets the server go, and hands the report out.
    pub(crate) fn finish(mut self) -> Result<Report> {
        let tally = self.crowd.collect()?;
        self.report.faults.add(&tally.faults);
        self.report.faults.lost += self.crowd.lost()?.iter().map(|(_, lost)| lost).sum::<u64>();
        if let Some(pid) = self.server.gone() {
            self.report
                .faults
                .words
                .insert(0, format!("the server's process {pid} is gone"));
            self.report.faults.dropped += 1;
        }
        self.report.samples = self.sampler.take().map(Sampler::finish).unwrap_or_default();
        self.progress.end();
        Ok(self.report)
    }
}

fn server_info(common: &Common, server: &Processes) -> ServerInfo {
    let (address, tls) = match common.tls {
        Tls::Off => (&common.server, "off"),
        Tls::Starttls => (&common.server, "starttls"),
        Tls::Direct => (&common.server_tls, "direct"),
    };
    ServerInfo {
        name: common.name.clone(),
        address: address.clone(),
        tls: tls.to_owned(),
        command: server.command(),
    }
}

fn latencies(tally: &Tally) -> BTreeMap<String, Latency> {
    let mut found = BTreeMap::new();
    for (class, prefix) in tally.classes.iter().zip(["", "small_"]) {
        for (histogram, name) in [(&class.first, "first"), (&class.each, "each"), (&class.last, "last")] {
            found.insert(format!("{prefix}{name}"), Latency::of(histogram));
        }
    }
    found.insert("ack".to_owned(), Latency::of(&tally.ack));
    found.insert("job".to_owned(), Latency::of(&tally.job));
    found.insert("return_first".to_owned(), Latency::of(&tally.return_first));
    found.insert("return_last".to_owned(), Latency::of(&tally.return_last));
    found.retain(|_, latency| latency.count > 0);
    found
}
