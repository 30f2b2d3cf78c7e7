//! One author, N live followers: every post must reach each of them once, in order.
//!
//! Closed loop (so many posts outstanding), bursts, or a pace; with the bare loop of as many bytes to as many sockets
//! in turn with the server, round by round.

use crate::bare::{Bare, Load};
use crate::report::{Phase, Report};
use crate::scenario::common::Common;
use crate::scenario::rig::{Needs, Rig};
use anyhow::Result;

/// Flags of `fanout`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Fanout {
    /// Followers, a connection each.
    #[arg(long, default_value_t = 1000)]
    followers: u32,
    /// Posts of each round, unless --seconds is given.
    #[arg(long, default_value_t = 100)]
    posts: u64,
    /// Seconds of each round.
    #[arg(long, default_value_t = 0.0)]
    seconds: f64,
    /// Rounds; with --with-bare the server and the bare loop take turns.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Posts that may be on their way at once.
    #[arg(long, default_value_t = 4)]
    outstanding: u32,
    /// Posts that are sent in one go; the next burst when all have this one.
    #[arg(long, default_value_t = 0)]
    burst: u32,
    /// Posts a second, whether or not the others have arrived.
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    /// Paces posts at half of what the bare loop reaches in a closed loop.
    #[arg(long, requires = "with_bare")]
    half_rate: bool,
    /// Measures a bare loop of `send` beside the server.
    #[arg(long)]
    with_bare: bool,
    /// Posts that the merging bare loop puts into one `send`; by default as many as are outstanding or in a burst.
    #[arg(long, default_value_t = 0)]
    bare_merge: u32,
    /// Bytes of a post's text.
    #[arg(long, default_value_t = 280)]
    bytes: usize,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Fanout {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        let what = format!("one author, {} live followers, {}", self.followers, self.manner());
        let needs = Needs {
            authors: 1,
            others: self.followers,
            watched: 0,
            under_way: self.outstanding.max(self.burst).max(1024),
            bytes: self.bytes,
        };
        let mut rig = Rig::new(&self.common, "fanout", &what, needs)?;
        rig.bring_authors(1)?;
        let (memory, cpu, begun) = (rig.memory(), rig.server.cpu_seconds(), rig.clock().seconds());
        rig.bring_followers(1..1 + self.followers, |_| vec![0])?;
        let login_seconds = rig.clock().seconds() - begun;
        let login_cpu = rig.server.cpu_seconds() - cpu;
        // The first post also says how many bytes a delivery has, and that nothing old is still to come.
        let first = rig.measure("first post", 0, |rig| {
            rig.post(
                0,
                &Load {
                    posts: 1,
                    ..Load::default()
                },
            )
        })?;
        let growth = rig.memory().since(&memory);
        let phases = self.rounds_of(&mut rig, &first)?;
        self.figures(&mut rig, &phases);
        let followers = f64::from(self.followers);
        rig.figure(
            "logins_per_second",
            "logins and follows",
            "1/s",
            vec![followers / login_seconds],
        );
        if rig.sees_server() {
            rig.figure(
                "login_cpu_ms",
                "server CPU per login and follow",
                "ms",
                vec![login_cpu * 1000.0 / followers],
            );
            rig.figure(
                "kib_per_session",
                "server memory per session (Pss)",
                "KiB",
                vec![growth.pss_kib / followers],
            );
            let kernel = growth.kernel_kib / followers;
            rig.figure(
                "kernel_kib_per_session",
                "kernel memory per session, both ends",
                "KiB",
                vec![kernel],
            );
        }
        rig.report.phases = phases;
        rig.finish()
    }

    fn manner(&self) -> String {
        match (self.half_rate, self.rate > 0.0, self.burst > 1) {
            (true, _, _) => "paced at half of the bare loop's rate".to_owned(),
            (_, true, _) => format!("paced at {} posts/s", self.rate),
            (_, _, true) => format!("bursts of {}", self.burst),
            _ => format!("closed loop with {} outstanding", self.outstanding),
        }
    }

    fn load(&self) -> Load {
        Load {
            outstanding: self.outstanding,
            burst: self.burst,
            merge: 1,
            rate: self.rate,
            seconds: self.seconds,
            posts: if self.seconds > 0.0 { 0 } else { self.posts },
        }
    }

    fn rounds_of(&self, rig: &mut Rig, first: &Phase) -> Result<Vec<Phase>> {
        let mut load = self.load();
        let mut phases = Vec::new();
        let bytes = first.bytes_per_delivery.round() as usize;
        let mut bare = match self.with_bare {
            true => Some(Bare::start(self.followers, bytes, rig.clock(), self.common.threads)?),
            false => None,
        };
        if let (true, Some(bare)) = (self.half_rate, bare.as_mut()) {
            let closed = Load {
                seconds: 5.0,
                posts: 0,
                rate: 0.0,
                ..load
            };
            let full = bare.run("bare, to find its rate", 0, &closed)?;
            load.rate = full.posts as f64 / full.seconds / 2.0;
            rig.report.notes.push(format!(
                "paced at {:.2} posts/s, half of the bare loop's {:.2}",
                load.rate,
                load.rate * 2.0
            ));
            phases.push(full);
        }
        let merge = match self.bare_merge {
            0 => self.burst.max(self.outstanding),
            merge => merge,
        };
        for round in 1..=self.rounds {
            phases.push(rig.measure("posts", round, |rig| rig.post(0, &load))?);
            let Some(bare) = bare.as_mut() else { continue };
            rig.progress.begin("bare loop", 0);
            phases.push(bare.run("bare, one message a send", round, &load)?);
            if merge > 1 && load.rate == 0.0 {
                let merged = Load {
                    merge,
                    outstanding: merge,
                    burst: 0,
                    ..load
                };
                phases.push(bare.run("bare, merged", round, &merged)?);
            }
        }
        Ok(phases)
    }

    fn figures(&self, rig: &mut Rig, phases: &[Phase]) {
        let server: Vec<&Phase> = phases.iter().filter(|phase| phase.who == "server").collect();
        let of = |f: &dyn Fn(&Phase) -> f64| server.iter().map(|phase| f(phase)).collect::<Vec<f64>>();
        let paced = self.half_rate || self.rate > 0.0;
        if !paced {
            rig.figure("deliveries_per_second", "deliveries", "1/s", of(&Phase::per_second));
        }
        if rig.sees_server() {
            rig.figure(
                "cpu_per_million",
                "server CPU per million deliveries",
                "s",
                of(&Phase::cpu_per_million),
            );
        }
        rig.figure(
            "own_cpu_per_million",
            "the tool's own CPU per million",
            "s",
            of(&Phase::own_cpu_per_million),
        );
        for (name, what) in [
            ("first", "publish to the first follower"),
            ("each", "to each"),
            ("last", "to the last"),
        ] {
            rig.figure(
                &format!("{name}_p50_ms"),
                &format!("{what}, p50"),
                "ms",
                of(&|p| p.latency(name).p50_ms),
            );
            rig.figure(
                &format!("{name}_p99_ms"),
                &format!("{what}, p99"),
                "ms",
                of(&|p| p.latency(name).p99_ms),
            );
        }
        for (name, key) in [("bare, one message a send", "bare"), ("bare, merged", "merged")] {
            let pairs: Vec<(&Phase, &Phase)> = phases
                .iter()
                .filter(|phase| phase.name == name && phase.round > 0)
                .filter_map(|bare| Some((*server.iter().find(|phase| phase.round == bare.round)?, bare)))
                .collect();
            beside(rig, key, name, &pairs, paced);
        }
    }
}

/// Figures of the bare loop, and the server's beside them round by round.
fn beside(rig: &mut Rig, key: &str, name: &str, pairs: &[(&Phase, &Phase)], paced: bool) {
    let of = |f: &dyn Fn(&Phase) -> f64| pairs.iter().map(|(_, bare)| f(bare)).collect::<Vec<f64>>();
    let ratio = |f: &dyn Fn(&Phase) -> f64| {
        pairs
            .iter()
            .map(|(server, bare)| f(server) / f(bare))
            .collect::<Vec<f64>>()
    };
    if !paced {
        rig.figure(
            &format!("{key}_deliveries_per_second"),
            name,
            "1/s",
            of(&Phase::per_second),
        );
        let rates = ratio(&Phase::per_second);
        rig.figure(
            &format!("{key}_ratio_rate"),
            &format!("deliveries: server / {name}"),
            "×",
            rates,
        );
    }
    rig.figure(
        &format!("{key}_cpu_per_million"),
        &format!("CPU per million: {name}"),
        "s",
        of(&Phase::cpu_per_million),
    );
    if rig.sees_server() {
        let cpu = ratio(&Phase::cpu_per_million);
        rig.figure(
            &format!("{key}_ratio_cpu"),
            &format!("CPU per delivery: server / {name}"),
            "×",
            cpu,
        );
    }
    let last =
        |quantile: fn(&crate::measure::latency::Latency) -> f64| move |phase: &Phase| quantile(&phase.latency("last"));
    for (at, quantile) in [("p50", last(|l| l.p50_ms)), ("p99", last(|l| l.p99_ms))] {
        rig.figure(
            &format!("{key}_last_{at}_ms"),
            &format!("to the last, {at}: {name}"),
            "ms",
            of(&quantile),
        );
        let ratios = ratio(&quantile);
        rig.figure(
            &format!("{key}_ratio_last_{at}"),
            &format!("to the last, {at}: server / {name}"),
            "×",
            ratios,
        );
    }
}
