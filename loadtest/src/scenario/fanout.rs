//! One author, N live followers: every post must reach each of them once, in order.
//!
//! Closed loop (so many posts outstanding), bursts, or a pace; with the bare loop of as many bytes to as many sockets
//! in turn with the server, round by round.

use crate::bare::Load;
use crate::measure::memory::Growth;
use crate::report::{Phase, Report};
use crate::scenario::common::Common;
use crate::scenario::deliveries::{costs_and_latencies, rates};
use crate::scenario::numbers::amount;
use crate::scenario::posts::Text;
use crate::scenario::rig::{Needs, Rig};
use crate::scenario::ruler::{Ruler, RulerFlags};
use anyhow::Result;

/// Flags of `fanout`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Fanout {
    /// Followers, a connection each.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    followers: u32,
    /// Posts of each round, unless --seconds is given.
    #[arg(long, default_value_t = 100)]
    posts: u64,
    /// Seconds of each round.
    #[arg(long, default_value_t = 0.0, value_parser = amount)]
    seconds: f64,
    /// Rounds; with --with-bare the server and the bare loops take turns.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Posts that may be on their way at once.
    #[arg(long, default_value_t = 4)]
    outstanding: u32,
    /// Posts that are sent in one go; the next burst when all have this one.
    #[arg(long, default_value_t = 0)]
    burst: u32,
    /// Posts a second, whether or not the others have arrived.
    #[arg(long, default_value_t = 0.0, value_parser = amount)]
    rate: f64,
    #[command(flatten)]
    ruler: RulerFlags,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Fanout {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        let what = format!("one author, {} live followers, {}", self.followers, self.manner());
        let under_way = self.outstanding.max(self.burst).max(1024);
        let needs = Needs::of_one_author(self.followers, under_way, &self.text);
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
        let (phases, ruler) = self.rounds_of(&mut rig, &first)?;
        self.figures(&mut rig, &phases, ruler.as_ref());
        self.login_figures(&mut rig, login_seconds, login_cpu, &growth);
        rig.report.phases = phases;
        rig.finish()
    }

    fn login_figures(&self, rig: &mut Rig, login_seconds: f64, login_cpu: f64, growth: &Growth) {
        let followers = f64::from(self.followers);
        // A registration costs the server its own derivation of keys, a first login the tool's.
        let registering = if self.common.register { "registrations, " } else { "" };
        rig.figure(
            "logins_per_second",
            &format!("{registering}logins and follows, the tool deriving keys"),
            "1/s",
            vec![followers / login_seconds],
        );
        if rig.sees_server() {
            rig.figure(
                "login_cpu_ms",
                &format!("server CPU per follower: {registering}logins and follows"),
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
    }

    fn manner(&self) -> String {
        match (self.ruler.half_rate, self.rate > 0.0, self.burst > 1) {
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
            ..Load::default()
        }
    }

    /// Rounds of the server's posts, and the ruler's in turn with them.
    fn rounds_of(&self, rig: &mut Rig, first: &Phase) -> Result<(Vec<Phase>, Option<Ruler>)> {
        let mut load = self.load();
        let mut phases = Vec::new();
        let bytes = first.bytes_per_delivery.round() as usize;
        let mut ruler = Ruler::start(&self.ruler, rig, self.followers, bytes)?;
        if let Some(ruler) = &mut ruler {
            if self.ruler.half_rate {
                phases.push(ruler.find_rate(rig, &mut load)?);
            }
            ruler.measures(rig, &load)?;
        }
        for round in 1..=self.rounds {
            phases.push(rig.measure("posts", round, |rig| rig.post(0, &load))?);
            if let Some(ruler) = &mut ruler {
                ruler.round(rig, round, &mut phases)?;
            }
        }
        Ok((phases, ruler))
    }

    fn figures(&self, rig: &mut Rig, phases: &[Phase], ruler: Option<&Ruler>) {
        let server: Vec<&Phase> = phases.iter().filter(|phase| phase.who == "server").collect();
        let paced = self.ruler.half_rate || self.rate > 0.0;
        if !paced {
            rates(rig, &server);
        }
        costs_and_latencies(rig, &server);
        if let Some(ruler) = ruler {
            ruler.figures(rig, &server, phases);
        }
    }
}
