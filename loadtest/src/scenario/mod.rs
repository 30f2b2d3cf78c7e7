//! The scenarios, one file each; `common` is the flags that all share and `rig` what all are built with.

pub(crate) mod away;
pub(crate) mod catch_up;
pub(crate) mod common;
pub(crate) mod connect_storm;
mod deliveries;
pub(crate) mod dice;
pub(crate) mod fanout;
pub(crate) mod follow_storm;
pub(crate) mod graph;
pub(crate) mod mixed_day;
mod numbers;
mod people;
mod posts;
pub(crate) mod publish_storm;
pub(crate) mod rig;
mod ruler;
pub(crate) mod slow;
pub(crate) mod small_author;
pub(crate) mod social;
mod strangers;

use crate::report::Report;
use anyhow::Result;
use common::Common;

/// A scenario with its flags.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Scenario {
    /// One author, N live followers: closed loop, bursts or a pace, beside a bare loop of sends
    Fanout(fanout::Fanout),
    /// Everybody logs in at once
    ConnectStorm(connect_storm::ConnectStorm),
    /// M authors, N followers, who follows whom by Zipf's law
    Graph(graph::Graph),
    /// Followers go away and come back while posts go on
    Away(away::Away),
    /// Followers come back to what they missed
    CatchUp(catch_up::CatchUp),
    /// Some followers stop reading
    Slow(slow::Slow),
    /// An author with few followers posts beside one with very many
    SmallAuthor(small_author::SmallAuthor),
    /// Many authors publish at once
    PublishStorm(publish_storm::PublishStorm),
    /// Many accounts follow many authors at once
    FollowStorm(follow_storm::FollowStorm),
    /// Posts, comings and goings, follows and ends of them, all at once
    MixedDay(mixed_day::MixedDay),
    /// An owner with very many followers, very many likes, a node whose posts are fetched, a return to thousands of nodes
    Social(social::Social),
}

impl Scenario {
    /// Runs it; the report, with the flags that were in effect.
    pub(crate) fn run(&self) -> Result<Report> {
        match self {
            Scenario::Fanout(scenario) => scenario.run(),
            Scenario::ConnectStorm(scenario) => scenario.run(),
            Scenario::Graph(scenario) => scenario.run(),
            Scenario::Away(scenario) => scenario.run(),
            Scenario::MixedDay(scenario) => scenario.run(),
            Scenario::CatchUp(scenario) => scenario.run(),
            Scenario::Slow(scenario) => scenario.run(),
            Scenario::SmallAuthor(scenario) => scenario.run(),
            Scenario::PublishStorm(scenario) => scenario.run(),
            Scenario::FollowStorm(scenario) => scenario.run(),
            Scenario::Social(scenario) => scenario.run(),
        }
    }

    /// The flags that all share.
    pub(crate) fn common(&self) -> &Common {
        match self {
            Scenario::Fanout(scenario) => &scenario.common,
            Scenario::ConnectStorm(scenario) => &scenario.common,
            Scenario::Graph(scenario) => &scenario.common,
            Scenario::Away(scenario) => &scenario.common,
            Scenario::MixedDay(scenario) => &scenario.common,
            Scenario::CatchUp(scenario) => &scenario.common,
            Scenario::Slow(scenario) => &scenario.common,
            Scenario::SmallAuthor(scenario) => &scenario.common,
            Scenario::PublishStorm(scenario) => &scenario.common,
            Scenario::FollowStorm(scenario) => &scenario.common,
            Scenario::Social(scenario) => &scenario.common,
        }
    }
}
