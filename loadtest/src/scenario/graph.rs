//! M authors, N followers, who follows whom by Zipf's law: every post must reach each of its author's followers.
//!
//! Authors post in turn as chance says, whatever their size, in a closed loop or at a pace.

use crate::report::{Phase, Report};
use crate::scenario::common::Common;
use crate::scenario::deliveries::{costs_and_latencies, each, rates};
use crate::scenario::dice::{Dice, Zipf};
use crate::scenario::numbers::amount;
use crate::scenario::posts::{Rounds, Text};
use crate::scenario::rig::{Needs, Rig};
use anyhow::{Result, ensure};

/// Who follows whom.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Shape {
    /// Authors.
    #[arg(long, default_value_t = 100)]
    pub(crate) authors: u32,
    /// Followers, a connection each.
    #[arg(long, default_value_t = 1000)]
    pub(crate) followers: u32,
    /// Authors whom each follows.
    #[arg(long, default_value_t = 10)]
    pub(crate) follows: usize,
    /// The exponent of Zipf's law: 0 makes all authors alike.
    #[arg(long, default_value_t = 1.0, value_parser = amount)]
    pub(crate) zipf: f64,
    /// What chance begins with: the same seed, the same graph.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Flags of `graph`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Graph {
    #[command(flatten)]
    shape: Shape,
    /// Posts of all authors that may be on their way at once.
    #[arg(long, default_value_t = 16)]
    outstanding: u32,
    /// Posts a second of all authors, whether or not the others have arrived.
    #[arg(long, default_value_t = 0.0, value_parser = amount)]
    rate: f64,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Shape {
    /// For each follower, whom it follows; with the generator for what comes next.
    pub(crate) fn draw(&self) -> (Vec<Vec<u32>>, Dice) {
        let (zipf, mut dice) = (Zipf::new(self.authors, self.zipf), Dice::new(self.seed));
        let chosen = (0..self.followers)
            .map(|_| zipf.draw(self.follows, &mut dice))
            .collect();
        (chosen, dice)
    }

    /// How many follow each author.
    pub(crate) fn audiences(&self, chosen: &[Vec<u32>]) -> Vec<u32> {
        let mut audiences = vec![0; self.authors as usize];
        for author in chosen.iter().flatten() {
            if let Some(audience) = audiences.get_mut(*author as usize) {
                *audience += 1;
            }
        }
        audiences
    }
}

impl Graph {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        let shape = &self.shape;
        let what = format!(
            "{} followers follow {} of {} authors each (Zipf {})",
            shape.followers, shape.follows, shape.authors, shape.zipf
        );
        let needs = Needs {
            authors: shape.authors,
            others: shape.followers,
            watched: 0,
            under_way: self.outstanding.max(1024),
            bytes: self.text.bytes,
        };
        let mut rig = Rig::new(&self.common, "graph", &what, needs)?;
        rig.bring_authors(shape.authors)?;
        let (chosen, mut dice) = shape.draw();
        let audiences = shape.audiences(&chosen);
        let first = shape.authors;
        rig.bring_followers(first..first + shape.followers, |account| {
            chosen.get((account - first) as usize).cloned().unwrap_or_default()
        })?;
        let heard: Vec<u32> = (0..)
            .zip(&audiences)
            .filter(|(_, audience)| **audience > 0)
            .map(|(author, _)| author)
            .collect();
        ensure!(!heard.is_empty(), "nobody follows anybody");
        let biggest = audiences.iter().max().copied().unwrap_or(0);
        rig.report.notes.push(format!(
            "{} of {} authors have followers, the biggest {biggest}",
            heard.len(),
            shape.authors
        ));
        let mut phases = Vec::new();
        for round in 1..=self.rounds.rounds {
            phases.push(rig.measure("posts", round, |rig| {
                let mut next = || dice.pick(&heard).copied().unwrap_or(0);
                rig.post_as(&mut next, &self.load())
            })?);
        }
        figures(&mut rig, &phases);
        rig.report.phases = phases;
        rig.finish()
    }

    fn load(&self) -> crate::bare::Load {
        crate::bare::Load {
            outstanding: self.outstanding,
            rate: self.rate,
            seconds: self.rounds.seconds,
            ..crate::bare::Load::default()
        }
    }
}

/// Figures of phases with deliveries to many.
pub(crate) fn figures(rig: &mut Rig, phases: &[Phase]) {
    let phases: Vec<&Phase> = phases.iter().collect();
    rates(rig, &phases);
    let posts = each(&phases, &|phase| phase.posts as f64 / phase.seconds);
    rig.figure("posts_per_second", "posts", "1/s", posts);
    costs_and_latencies(rig, &phases);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_is_the_same_for_the_same_seed_and_counts_its_audiences() {
        let shape = Shape {
            authors: 20,
            followers: 50,
            follows: 3,
            zipf: 1.0,
            seed: 9,
        };
        let (chosen, _) = shape.draw();
        assert_eq!(chosen, shape.draw().0);
        let audiences = shape.audiences(&chosen);
        assert_eq!(audiences.iter().sum::<u32>(), 150);
        assert!(audiences[0] > audiences[19]);
    }
}
