//! What social clients ask that ruins servers which count, copy or loop: each asked small and large, and set side by side.
//!
//! An owner with very many followers logs in (`owners`), very many like one post (`likes`), everybody fetches the newest post of
//! a node that announces without payload (`newest`), an account comes back to thousands of nodes (`returns`). One part
//! after the other; each closes its sessions. The owners' followers must be there: bringing a million of them is no
//! client's way (`reef node import-followers`).

mod cast;
mod likes;
mod newest;
mod owners;
mod returns;

use crate::report::{Phase, Report};
use crate::scenario::common::Common;
use crate::scenario::posts::Text;
use crate::scenario::rig::Rig;
use anyhow::Result;
use cast::Cast;
use clap::ValueEnum;

/// A part of `social`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Owners with few and with very many followers log in.
    Owners,
    /// Very many like one post.
    Likes,
    /// Everybody fetches the newest post.
    Newest,
    /// Accounts that follow few and very many come back.
    Returns,
}

/// Flags of `social`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Social {
    /// Only this part; may be given again.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// How often each part that is repeated is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Followers that the authors' nodes have already, ascending: of `PREFIXauthor`, `PREFIXauthor1`, …
    #[arg(long, value_delimiter = ',', default_value = "10,1000,1000000")]
    followers: Vec<u32>,
    /// Logins of each owner a round.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    visits: u32,
    /// Likes of one post, each of another account.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    likes: u32,
    /// Likes that are measured together.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    like_group: u32,
    /// Accounts that fetch each post of the node that announces.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// Its posts: every second time fetched as the newest, else by their ids.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..))]
    posts: u32,
    /// Nodes that accounts follow who come back, ascending.
    #[arg(long, value_delimiter = ',', default_value = "50,5000")]
    follows: Vec<u32>,
    /// Posts that they miss.
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000")]
    missed: Vec<u32>,
    /// Accounts of each kind, who come back one after the other.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    returns: u32,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// A run of the scenario under way.
struct Run<'s> {
    flags: &'s Social,
    cast: Cast,
    rig: Rig,
    phases: Vec<Phase>,
}

impl Social {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        let cast = Cast::of(self)?;
        let what = "large nodes, liked posts, announced posts and long absences, beside small ones";
        let rig = Rig::in_turns(&self.common, "social", what, cast.needs(&self.text), cast.at_once())?;
        let mut run = Run {
            flags: self,
            cast,
            rig,
            phases: Vec::new(),
        };
        for part in Part::value_variants().iter().filter(|part| self.does(**part)) {
            match part {
                Part::Owners => run.owners()?,
                Part::Likes => run.likes()?,
                Part::Newest => run.newest()?,
                Part::Returns => run.returns()?,
            }
        }
        run.rig.report.phases = run.phases;
        run.rig.finish()
    }

    fn does(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

impl Run<'_> {
    /// Microseconds or milliseconds of the server's CPU for each of `count`.
    fn cpu_each(phase: &Phase, count: u64, per_second: f64) -> f64 {
        phase.cpu_seconds * per_second / count as f64
    }

    /// The phases of this name.
    fn named(&self, name: &str) -> Vec<Phase> {
        self.phases.iter().filter(|phase| phase.name == name).cloned().collect()
    }

    /// Adds a figure of the server's CPU, where the server is seen.
    fn cpu_figure(&mut self, key: &str, what: &str, unit: &str, values: Vec<f64>) {
        if self.rig.sees_server() {
            self.rig.figure(key, what, unit, values);
        }
    }
}

/// What these are of those, one by one.
fn ratios(these: &[f64], those: &[f64]) -> Vec<f64> {
    these.iter().zip(those).map(|(this, that)| this / that).collect()
}
