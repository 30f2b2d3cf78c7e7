//! The bare loops beside a fan-out: as many bytes to as many sockets, in turn with the server, round by round.
//!
//! What is sent and how is `bare`'s. Its manners are plain `send`, several posts merged into one, and io_uring; all of
//! them send from one process to the same sockets and the same drain.

use crate::bare::setup::Setup;
use crate::bare::{Bare, Load};
use crate::measure::latency::Latency;
use crate::report::Phase;
use crate::scenario::deliveries::each;
use crate::scenario::rig::Rig;
use anyhow::Result;

/// Flags of the ruler.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RulerFlags {
    /// Measures a bare loop of `send` beside the server.
    #[arg(long)]
    with_bare: bool,
    /// Paces posts at half of what the bare loop reaches in a closed loop.
    #[arg(long, requires = "with_bare")]
    pub(crate) half_rate: bool,
    /// Posts that the merging bare loop puts into one `send`; by default as many as are outstanding or in a burst.
    #[arg(long, default_value_t = 0)]
    bare_merge: u32,
    /// Measures the bare loop through io_uring, too; may be given again.
    ///
    /// How, with `+` between: `defer`, `coop` or `plain` (the ring's flags), how many sends a system call has, `fixed` (a
    /// registered buffer), `every` (a completion for each send); without anything `defer+1024`.
    #[arg(long, requires = "with_bare", value_name = "HOW", num_args = 0..=1, require_equals = true,
        default_missing_value = "defer")]
    bare_uring: Vec<Setup>,
}

/// The bare loops of a run.
pub(crate) struct Ruler {
    bare: Bare,
    flags: RulerFlags,
    manners: Vec<Manner>,
    paced: bool,
}

/// A way to send.
#[derive(Clone, Debug)]
struct Manner {
    key: String,
    name: String,
    load: Load,
}

/// The manner that others are compared with.
const PLAIN: &str = "bare";

impl Ruler {
    /// Starts it if it is wanted; it still measures nothing.
    pub(crate) fn start(flags: &RulerFlags, rig: &Rig, sockets: u32, bytes: usize) -> Result<Option<Ruler>> {
        if !flags.with_bare {
            return Ok(None);
        }
        Ok(Some(Ruler {
            bare: Bare::start(sockets, bytes, rig.clock(), rig.common.threads)?,
            flags: flags.clone(),
            manners: Vec::new(),
            paced: false,
        }))
    }

    /// Sets the load's pace to half of what a closed loop of `send` reaches.
    pub(crate) fn find_rate(&mut self, rig: &mut Rig, load: &mut Load) -> Result<Phase> {
        let closed = Load {
            seconds: 5.0,
            posts: 0,
            rate: 0.0,
            ..*load
        };
        let full = self.bare.run("bare, to find its rate", 0, &closed)?;
        load.rate = full.posts as f64 / full.seconds / 2.0;
        rig.report.notes.push(format!(
            "paced at {:.2} posts/s, half of the bare loop's {:.2}",
            load.rate,
            load.rate * 2.0
        ));
        Ok(full)
    }

    /// What each round measures: this load in every manner. A ring that the kernel refuses is noted and left out.
    pub(crate) fn measures(&mut self, rig: &mut Rig, load: &Load) -> Result<()> {
        self.paced = load.rate > 0.0;
        let manner = |key: &str, name: &str, load: Load| Manner {
            key: key.to_owned(),
            name: name.to_owned(),
            load,
        };
        self.manners.push(manner(PLAIN, "bare, one message a send", *load));
        let merge = match self.flags.bare_merge {
            0 => load.burst.max(load.outstanding),
            merge => merge,
        };
        if merge > 1 && !self.paced {
            let merged = Load {
                merge,
                outstanding: merge,
                burst: 0,
                ..*load
            };
            self.manners.push(manner("merged", "bare, merged", merged));
        }
        for setup in &self.flags.bare_uring {
            if let Some(why) = self.bare.refuses(*setup)? {
                rig.report.notes.push(format!("without {setup}: {why}"));
                continue;
            }
            let ring = Load {
                ring: Some(*setup),
                ..*load
            };
            let key = format!("uring_{}", setup.to_string().replace('+', "_"));
            self.manners
                .push(manner(&key, &format!("bare, io_uring {setup}"), ring));
        }
        Ok(())
    }

    /// A round of every manner; another one is first each time.
    pub(crate) fn round(&mut self, rig: &mut Rig, round: u32, phases: &mut Vec<Phase>) -> Result<()> {
        rig.progress.begin("bare loop", 0);
        let mut manners: Vec<&Manner> = self.manners.iter().collect();
        let first = (round as usize - 1) % manners.len().max(1);
        manners.rotate_left(first);
        for manner in manners {
            phases.push(self.bare.run(&manner.name, round, &manner.load)?);
        }
        Ok(())
    }

    /// Figures of every manner, with the server's beside them, and rings beside plain sends.
    pub(crate) fn figures(&self, rig: &mut Rig, server: &[&Phase], phases: &[Phase]) {
        let named = |name: &str| -> Vec<&Phase> {
            let rounds = phases.iter().filter(|phase| phase.round > 0);
            rounds.filter(|phase| phase.name == name).collect()
        };
        let plain = self.manners.first().map(|manner| named(&manner.name));
        for manner in &self.manners {
            let bare = named(&manner.name);
            self.beside(rig, manner, server, &bare);
            if let (Some(plain), true) = (&plain, manner.load.ring.is_some()) {
                let name = &manner.name;
                let costs = ratios(&bare, plain, &Phase::cpu_per_million);
                let key = format!("{}_ratio_bare_cpu", manner.key);
                let what = format!("CPU per delivery: {name} / one message a send");
                rig.figure(&key, &what, "×", costs);
                let costs = ratios(&bare, plain, &Phase::kernel_cpu_per_million);
                let key = format!("{}_ratio_bare_kernel_cpu", manner.key);
                let what = format!("the same with the kernel's threads: {name} / one message a send");
                rig.figure(&key, &what, "×", costs);
            }
        }
    }

    /// Figures of a manner, and the server's beside them round by round.
    fn beside(&self, rig: &mut Rig, manner: &Manner, server: &[&Phase], bare: &[&Phase]) {
        let (key, name, sees_server) = (&manner.key, &manner.name, rig.sees_server());
        let mut figure = |end: &str, what: String, unit: &str, values: Vec<f64>| {
            rig.figure(&format!("{key}_{end}"), &what, unit, values);
        };
        if !self.paced {
            let rates = each(bare, &Phase::per_second);
            figure("deliveries_per_second", name.clone(), "1/s", rates);
            let rates = ratios(server, bare, &Phase::per_second);
            figure("ratio_rate", format!("deliveries: server / {name}"), "×", rates);
        }
        let costs = each(bare, &Phase::cpu_per_million);
        figure("cpu_per_million", format!("CPU per million: {name}"), "s", costs);
        let costs = each(bare, &Phase::kernel_cpu_per_million);
        let what = format!("the same with the kernel's threads: {name}");
        figure("kernel_cpu_per_million", what, "s", costs);
        let costs = each(bare, &Phase::own_cpu_per_million);
        let what = format!("the drain's CPU per million: {name}");
        figure("drain_cpu_per_million", what, "s", costs);
        if sees_server {
            let costs = ratios(server, bare, &Phase::cpu_per_million);
            figure("ratio_cpu", format!("CPU per delivery: server / {name}"), "×", costs);
        }
        let last = |quantile: fn(&Latency) -> f64| move |phase: &Phase| quantile(&phase.latency("last"));
        for (at, quantile) in [("p50", last(|l| l.p50_ms)), ("p99", last(|l| l.p99_ms))] {
            let times = each(bare, &quantile);
            figure(
                &format!("last_{at}_ms"),
                format!("to the last, {at}: {name}"),
                "ms",
                times,
            );
            let times = ratios(server, bare, &quantile);
            let what = format!("to the last, {at}: server / {name}");
            figure(&format!("ratio_last_{at}"), what, "×", times);
        }
    }
}

/// What these are of those, round by round.
fn ratios(these: &[&Phase], those: &[&Phase], value: &dyn Fn(&Phase) -> f64) -> Vec<f64> {
    let pairs = these
        .iter()
        .filter_map(|this| Some((this, those.iter().find(|that| that.round == this.round)?)));
    pairs.map(|(this, that)| value(this) / value(that)).collect()
}
