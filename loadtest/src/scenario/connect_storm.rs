//! Everybody logs in at once: a restart, or a network that comes back.
//!
//! The tool keeps the salted password of each account, so that passes after the first measure the server's part alone.

use crate::crowd::plan::Step;
use crate::report::{Phase, Report};
use crate::scenario::common::Common;
use crate::scenario::rig::{Needs, Rig};
use crate::scenario::strangers;
use anyhow::Result;

/// Flags of `connect-storm`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConnectStorm {
    /// Sessions.
    #[arg(long, default_value_t = 1000)]
    sessions: u32,
    /// How often all log in; between two passes all say goodbye.
    #[arg(long, default_value_t = 2)]
    passes: u32,
    /// Sends presence after login, as clients do.
    #[arg(long)]
    available: bool,
    /// Holds so many connections first that never authenticate, before and behind TLS and features, for their memory.
    #[arg(long, default_value_t = 0)]
    strangers: u32,
    /// Waits until the server ends those, instead of saying goodbye: within --patience.
    #[arg(long, requires = "strangers")]
    outlast: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl ConnectStorm {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        let what = format!(
            "{} sessions log in, {} at once, {} passes",
            self.sessions, self.common.logins, self.passes
        );
        let needs = Needs {
            authors: 0,
            others: self.sessions.max(self.strangers),
            watched: 0,
            under_way: 1,
            bytes: 0,
        };
        let mut rig = Rig::new(&self.common, "connect-storm", &what, needs)?;
        if self.strangers > 0 {
            strangers::hold(&mut rig, self.strangers, self.outlast)?;
        }
        if self.common.register {
            rig.run("accounts are registered", 0..self.sessions, |_| {
                vec![Step::Connect, Step::Register, Step::Close]
            })?;
        }
        let mut phases: Vec<Phase> = Vec::new();
        let (mut session_kib, mut kernel_kib) = (Vec::new(), Vec::new());
        let sessions = f64::from(self.sessions);
        for pass in 1..=self.passes {
            let before = rig.memory();
            let available = self.available;
            phases.push(rig.measure("logins", pass, |rig| {
                let begun = rig.clock().seconds();
                rig.run("logins", 0..self.sessions, move |_| {
                    let presence = available.then(|| Step::Send("<presence/>".to_owned()));
                    [Step::Connect, Step::Login].into_iter().chain(presence).collect()
                })?;
                Ok((u64::from(self.sessions), rig.clock().seconds() - begun))
            })?);
            let growth = rig.memory().since(&before);
            session_kib.push(growth.pss_kib / sessions);
            kernel_kib.push(growth.kernel_kib / sessions);
            phases.push(rig.measure("goodbyes", pass, |rig| {
                let begun = rig.clock().seconds();
                rig.run("goodbyes", 0..self.sessions, |_| vec![Step::Close])?;
                Ok((u64::from(self.sessions), rig.clock().seconds() - begun))
            })?);
        }
        self.figures(&mut rig, &phases, session_kib, kernel_kib);
        rig.report.phases = phases;
        rig.finish()
    }

    fn figures(&self, rig: &mut Rig, phases: &[Phase], session_kib: Vec<f64>, kernel_kib: Vec<f64>) {
        let logins: Vec<&Phase> = phases.iter().filter(|phase| phase.name == "logins").collect();
        let each = |phase: &Phase, seconds: f64| seconds * 1000.0 / phase.posts as f64;
        let (first, later) = logins.split_at(1.min(logins.len()));
        if later.is_empty() {
            let note = "one pass: the tool derived keys meanwhile, which may have been what took the time";
            rig.report.notes.push(note.to_owned());
        }
        // Only the passes after the first have no derivation of keys in the tool.
        let passes = if later.is_empty() { first } else { later };
        let of = |f: &dyn Fn(&Phase) -> f64| passes.iter().map(|phase| f(phase)).collect::<Vec<f64>>();
        rig.figure(
            "logins_per_second",
            "logins",
            "1/s",
            of(&|p| p.posts as f64 / p.seconds),
        );
        if rig.sees_server() {
            rig.figure(
                "login_cpu_ms",
                "server CPU per login",
                "ms",
                of(&|p| each(p, p.cpu_seconds)),
            );
        }
        rig.figure(
            "own_cpu_ms",
            "the tool's own CPU per login",
            "ms",
            of(&|p| each(p, p.own_cpu_seconds)),
        );
        rig.latency("login", "connect to bound", passes, "job");
        let first = first.iter().map(|phase| phase.posts as f64 / phase.seconds).collect();
        rig.figure(
            "first_pass_per_second",
            "logins of the first pass, the tool deriving keys",
            "1/s",
            first,
        );
        if rig.sees_server() {
            // Later passes reuse what the first has let go.
            let once = |values: Vec<f64>| values.into_iter().take(1).collect();
            rig.figure(
                "kib_per_session",
                "server memory per session (Pss), first pass",
                "KiB",
                once(session_kib),
            );
            rig.figure(
                "kernel_kib_per_session",
                "kernel memory per session, both ends",
                "KiB",
                once(kernel_kib),
            );
        }
    }
}
