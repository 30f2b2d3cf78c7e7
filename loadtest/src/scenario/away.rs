//! Followers go away and come back while posts go on: each must get every post once and in order, away or not.
//!
//! In each period one group says goodbye and the group that left before comes back. Needs a server that gives what was
//! missed by itself.

use crate::bare::Load;
use crate::crowd::plan::{Batch, Step};
use crate::report::{Phase, Report};
use crate::scenario::common::Common;
use crate::scenario::graph::figures;
use crate::scenario::numbers::{percent, positive};
use crate::scenario::posts::{Text, some_of};
use crate::scenario::rig::Rig;
use anyhow::Result;
use std::sync::Arc;

/// Flags of `away`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Away {
    /// Followers.
    #[arg(long, default_value_t = 1000)]
    followers: u32,
    /// Of a hundred, so many are in the groups that come and go.
    #[arg(long, default_value_t = 50.0, value_parser = percent)]
    restless_percent: f64,
    /// Groups that they are in; one of them is away at a time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..))]
    groups: u32,
    /// Seconds after which the next group leaves.
    #[arg(long, default_value_t = 3.0, value_parser = positive)]
    period: f64,
    /// How often each group leaves.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Posts a second.
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    rate: f64,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Groups of accounts that come and go.
pub(crate) struct Restless {
    groups: Vec<Vec<u32>>,
    /// How often a group has left.
    turns: usize,
    away: Option<usize>,
    batches: Vec<Arc<Batch>>,
}

impl Restless {
    /// These accounts in so many groups; they no longer count for the completeness of posts.
    pub(crate) fn new(rig: &mut Rig, accounts: std::ops::Range<u32>, groups: u32) -> Result<Restless> {
        rig.run("restless ones are told apart", accounts.clone(), |_| {
            vec![Step::Counts(false)]
        })?;
        let groups = groups.clamp(2, accounts.len().max(2) as u32);
        let member = |group| accounts.clone().filter(|account| account % groups == group).collect();
        Ok(Restless {
            groups: (0..groups).map(member).collect(),
            turns: 0,
            away: None,
            batches: Vec::new(),
        })
    }

    /// The group that is away comes back and the next one leaves; what was begun before is over first.
    pub(crate) fn turn(&mut self, rig: &Rig) -> Result<()> {
        self.settle(rig)?;
        self.come_back(rig)?;
        let leaving = self.turns % self.groups.len();
        self.turns += 1;
        self.away = Some(leaving);
        self.start(rig, leaving, vec![Step::Close])
    }

    /// All come back and get what they missed; how many times a group has left.
    pub(crate) fn end(&mut self, rig: &mut Rig, all: std::ops::Range<u32>) -> Result<usize> {
        self.settle(rig)?;
        self.come_back(rig)?;
        self.settle(rig)?;
        rig.run_to_the_end("all get what they missed", all, |_| vec![Step::AwaitAll]);
        Ok(self.turns)
    }

    fn come_back(&mut self, rig: &Rig) -> Result<()> {
        match self.away.take() {
            Some(back) => self.start(rig, back, rig.come_back()),
            None => Ok(()),
        }
    }

    fn start(&mut self, rig: &Rig, group: usize, steps: Vec<Step>) -> Result<()> {
        let accounts = self.groups.get(group).cloned().unwrap_or_default();
        let batch = rig
            .crowd
            .start(accounts, rig.logins(), Box::new(move |_| steps.clone()))?;
        self.batches.push(batch);
        Ok(())
    }

    fn settle(&mut self, rig: &Rig) -> Result<()> {
        for batch in self.batches.drain(..) {
            rig.crowd.finish(&batch, &mut |_| {})?;
        }
        Ok(())
    }
}

impl Away {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        let restless = some_of(self.followers, self.restless_percent)?;
        let what = format!(
            "{} followers, {restless} of them in {} groups that go away and come back",
            self.followers, self.groups
        );
        let mut rig = Rig::with_one_author(&self.common, "away", &what, self.followers, 4096, &self.text)?;
        let mut groups = Restless::new(&mut rig, 1..1 + restless, self.groups)?;
        rig.crowd.shared().board().set_audience(0, self.followers - restless);
        let load = Load {
            rate: self.rate,
            seconds: self.period,
            ..Load::default()
        };
        let mut phases: Vec<Phase> = Vec::new();
        let whole = (0..self.rounds).all(|_| {
            rig.measured(&mut phases, "posts, comings and goings", |rig| {
                let (mut posts, begun) = (0, rig.clock().seconds());
                for _ in 0..self.groups {
                    groups.turn(rig)?;
                    posts += rig.post(0, &load)?.0;
                }
                Ok((posts, rig.clock().seconds() - begun))
            })
        });
        if !phases.is_empty() {
            figures(&mut rig, &phases);
        }
        if whole {
            rig.measured(&mut phases, "all come back", |rig| {
                let begun = rig.clock().seconds();
                let turns = groups.end(rig, 1..1 + self.followers)?;
                rig.report.notes.push(format!("groups left {turns} times"));
                Ok((0, rig.clock().seconds() - begun))
            });
        }
        rig.report.phases = phases;
        rig.finish()
    }
}
