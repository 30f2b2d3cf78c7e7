//! Many accounts follow many authors at once; afterwards one post of each author must reach each of its followers.
//!
//! Following again what is followed already is cheaper on some servers: fresh accounts (`--prefix`) measure the real thing.

use crate::bare::Load;
use crate::report::Report;
use crate::scenario::common::Common;
use crate::scenario::rig::{Needs, Rig};
use anyhow::Result;

/// Flags of `follow-storm`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FollowStorm {
    /// Accounts that follow.
    #[arg(long, default_value_t = 500)]
    followers: u32,
    /// Authors.
    #[arg(long, default_value_t = 100)]
    authors: u32,
    /// Authors whom each follows.
    #[arg(long, default_value_t = 20)]
    follows: u32,
    /// Requests of an account that may be unanswered at once.
    #[arg(long, default_value_t = 4)]
    outstanding: u32,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl FollowStorm {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        let follows = self.follows.min(self.authors);
        let what = format!(
            "{} accounts follow {follows} of {} authors each",
            self.followers, self.authors
        );
        let needs = Needs {
            authors: self.authors,
            others: self.followers,
            watched: 0,
            under_way: 16,
            bytes: 280,
        };
        let mut rig = Rig::new(&self.common, "follow-storm", &what, needs)?;
        rig.bring_authors(self.authors)?;
        let accounts = self.authors..self.authors + self.followers;
        let login = rig.login();
        rig.run("followers log in", accounts.clone(), move |_| login.clone())?;
        let chosen: Vec<Vec<u32>> = (0..self.followers)
            .map(|follower| {
                let mut chosen: Vec<u32> = (0..follows).map(|nth| (follower + nth) % self.authors).collect();
                chosen.sort_unstable();
                chosen
            })
            .collect();
        let before = rig.memory();
        let phase = rig.measure("follows", 1, |rig| self.storm(rig, &chosen))?;
        let edge_bytes = rig.memory().since(&before).pss_kib * 1024.0 / phase.posts as f64;
        self.prove(&mut rig, &chosen)?;
        let of = |value: f64| vec![value];
        rig.figure(
            "follows_per_second",
            "follows, acknowledged",
            "1/s",
            of(phase.posts as f64 / phase.seconds),
        );
        if rig.sees_server() {
            let cpu = phase.cpu_seconds * 1e6 / phase.posts as f64;
            rig.figure(
                "cpu_per_million_follows",
                "server CPU per million follows",
                "s",
                of(cpu),
            );
            rig.figure(
                "bytes_per_follow",
                "server memory per follow, caches and all",
                "B",
                of(edge_bytes),
            );
        }
        rig.latency("ack", "follow to answer", &[&phase], "ack");
        rig.report.phases.push(phase);
        rig.finish()
    }

    fn storm(&self, rig: &mut Rig, chosen: &[Vec<u32>]) -> Result<(u64, f64)> {
        let first = self.authors;
        let steps: Vec<_> = chosen
            .iter()
            .zip(first..)
            .map(|(authors, account)| vec![rig.follow(account, authors, self.outstanding)])
            .collect();
        let (begun, before) = (rig.clock().seconds(), rig.crowd.shared().acked());
        let plan = move |account: u32| steps.get((account - first) as usize).cloned().unwrap_or_default();
        let accounts = first..first + self.followers;
        rig.progress.begin("accounts follow", u64::from(self.followers));
        let batch = rig.crowd.start(accounts, self.followers, Box::new(plan))?;
        rig.crowd.finish(&batch, &mut |done| rig.progress.set(done))?;
        let seconds = rig.clock().seconds() - begun;
        Ok((rig.crowd.shared().acked() - before, seconds))
    }

    /// One post of each author must reach each of its followers.
    fn prove(&self, rig: &mut Rig, chosen: &[Vec<u32>]) -> Result<()> {
        let first = self.authors;
        let steps: Vec<_> = chosen.iter().map(|authors| rig.watch(authors, true)).collect();
        let accounts = first..first + self.followers;
        rig.run("followers become available", accounts, move |account| {
            steps.get((account - first) as usize).cloned().unwrap_or_default()
        })?;
        for author in 0..self.authors {
            let followers = chosen.iter().filter(|authors| authors.contains(&author)).count();
            rig.crowd.shared().board().set_audience(author, followers as u32);
            if followers > 0 {
                rig.post(
                    author,
                    &Load {
                        posts: 1,
                        ..Load::default()
                    },
                )?;
            }
        }
        Ok(())
    }
}
