//! A day in short: a graph of followers, posts by chance, groups that come and go, accounts that follow and stop again.
//!
//! Everything at once at an operator's own rates; exact for all who follow, whether they stay or come and go.

use crate::bare::Load;
use crate::crowd::plan::{Requests, Step};
use crate::report::{Phase, Report};
use crate::scenario::away::Restless;
use crate::scenario::common::Common;
use crate::scenario::graph::{Shape, figures};
use crate::scenario::numbers::{percent, positive};
use crate::scenario::posts::Text;
use crate::scenario::rig::{Needs, Rig};
use crate::wire::pubsub;
use anyhow::{Result, ensure};

/// Flags of `mixed-day`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MixedDay {
    #[command(flatten)]
    shape: Shape,
    /// Posts a second of all authors.
    #[arg(long, default_value_t = 20.0, value_parser = positive)]
    rate: f64,
    /// Of a hundred followers, so many come and go, in as many groups as there are periods.
    #[arg(long, default_value_t = 20.0, value_parser = percent)]
    restless_percent: f64,
    /// Accounts besides that follow an author and stop again, over and over.
    #[arg(long, default_value_t = 50)]
    fickle: u32,
    /// Follows and ends of them of each of these in a period.
    #[arg(long, default_value_t = 10)]
    changes: u32,
    /// Seconds of a period.
    #[arg(long, default_value_t = 5.0, value_parser = positive)]
    period: f64,
    /// Periods.
    #[arg(long, default_value_t = 4)]
    periods: u32,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl MixedDay {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        let shape = &self.shape;
        let restless = (f64::from(shape.followers) * self.restless_percent / 100.0).round() as u32;
        ensure!(restless < shape.followers, "somebody must stay");
        let what = format!(
            "{} authors, {} followers of whom {restless} come and go, {} accounts that follow and stop",
            shape.authors, shape.followers, self.fickle
        );
        let needs = Needs {
            authors: shape.authors,
            others: shape.followers + self.fickle,
            watched: 0,
            under_way: 4096,
            bytes: self.text.bytes,
        };
        let mut rig = Rig::new(&self.common, "mixed-day", &what, needs)?;
        rig.bring_authors(shape.authors)?;
        let (chosen, mut dice) = shape.draw();
        let first = shape.authors;
        let followers = first..first + shape.followers;
        rig.bring_followers(followers.clone(), |account| {
            chosen.get((account - first) as usize).cloned().unwrap_or_default()
        })?;
        let mut groups = Restless::new(&mut rig, first..first + restless, self.periods)?;
        let staying = shape.audiences(chosen.get(restless as usize..).unwrap_or_default());
        for (author, audience) in (0..).zip(&staying) {
            rig.crowd.shared().board().set_audience(author, *audience);
        }
        let heard: Vec<u32> = (0..)
            .zip(&staying)
            .filter(|(_, audience)| **audience > 0)
            .map(|(author, _)| author)
            .collect();
        ensure!(!heard.is_empty(), "nobody who stays follows anybody");
        let fickle = followers.end..followers.end + self.fickle;
        let login = rig.login();
        rig.run("fickle accounts log in", fickle.clone(), move |_| login.clone())?;
        let mut phases: Vec<Phase> = Vec::new();
        let whole = (0..self.periods).all(|_| {
            rig.measured(&mut phases, "a period", |rig| {
                if restless > 0 {
                    groups.turn(rig)?;
                }
                let changes = rig.crowd.start(fickle.clone(), self.fickle, self.changes_of(rig))?;
                let mut next = || dice.pick(&heard).copied().unwrap_or(0);
                let posted = rig.post_as(&mut next, &self.load())?;
                rig.crowd.finish(&changes, &mut |_| {})?;
                Ok(posted)
            })
        });
        if whole && let Err(error) = groups.end(&mut rig, followers) {
            rig.broke_off("all come back", &error);
        }
        if !phases.is_empty() {
            self.figures(&mut rig, &phases);
        }
        rig.report.phases = phases;
        rig.finish()
    }

    fn figures(&self, rig: &mut Rig, phases: &[Phase]) {
        figures(rig, phases);
        let cores = |cpu: fn(&Phase) -> f64| {
            phases
                .iter()
                .map(|phase| cpu(phase) / phase.seconds)
                .collect::<Vec<f64>>()
        };
        if rig.sees_server() {
            rig.figure(
                "server_cores",
                "cores that the server keeps busy",
                "",
                cores(|phase| phase.cpu_seconds),
            );
        }
        rig.figure(
            "own_cores",
            "cores that the tool keeps busy",
            "",
            cores(|phase| phase.own_cpu_seconds),
        );
        let ack = |quantile: fn(&Phase) -> f64| phases.iter().map(quantile).collect::<Vec<f64>>();
        rig.figure(
            "ack_p99_ms",
            "request to answer, p99",
            "ms",
            ack(|phase| phase.latency("ack").p99_ms),
        );
    }

    fn load(&self) -> Load {
        Load {
            rate: self.rate,
            seconds: self.period,
            ..Load::default()
        }
    }

    /// Follows and unfollows an author in turn, a pair after the other.
    fn changes_of(&self, rig: &Rig) -> crate::crowd::plan::Plan {
        let shared = rig.crowd.shared();
        let authors: Vec<(String, String)> = (0..self.shape.authors)
            .map(|author| (rig.place.to(&shared.jid(author)), rig.place.node(author)))
            .collect();
        let first = self.shape.authors + self.shape.followers;
        let jids: Vec<String> = (first..first + self.fickle)
            .map(|account| shared.jid(account))
            .collect();
        let count = self.changes.div_ceil(2) * 2;
        Box::new(move |account| {
            let (authors, own) = (authors.clone(), (account - first) as usize);
            let jid = jids.get(own).cloned().unwrap_or_default();
            vec![Requests::some(count, 1, move |nth, id, _| {
                let at = (own + nth as usize / 2) % authors.len().max(1);
                let (to, node) = authors.get(at).cloned().unwrap_or_default();
                match nth % 2 {
                    0 => pubsub::subscribe(id, &to, &node, &jid),
                    _ => pubsub::unsubscribe(id, &to, &node, &jid),
                }
            })] as Vec<Step>
        })
    }
}
