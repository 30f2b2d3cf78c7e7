//! Many authors publish at once, each to a node of its own that nobody follows: what admission, log and sync bear.

use crate::crowd::plan::{Requests, Step};
use crate::crowd::request_id;
use crate::report::{Phase, Report};
use crate::scenario::common::Common;
use crate::scenario::posts::{Rounds, Text};
use crate::scenario::rig::{Needs, Rig};
use crate::wire::pubsub;
use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Flags of `publish-storm`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PublishStorm {
    /// Authors.
    #[arg(long, default_value_t = 100)]
    publishers: u32,
    /// Posts of an author that may be unanswered at once.
    #[arg(long, default_value_t = 4)]
    outstanding: u32,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl PublishStorm {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        let what = format!(
            "{} authors publish, each with {} unanswered",
            self.publishers, self.outstanding
        );
        let needs = Needs {
            authors: self.publishers,
            others: 0,
            watched: 0,
            under_way: 1,
            bytes: self.text.bytes,
        };
        let mut rig = Rig::new(&self.common, "publish-storm", &what, needs)?;
        rig.bring_authors(self.publishers)?;
        let mut phases = Vec::new();
        for round in 1..=self.rounds.rounds {
            phases.push(rig.measure("publishes", round, |rig| self.storm(rig))?);
        }
        let of = |f: &dyn Fn(&Phase) -> f64| phases.iter().map(f).collect::<Vec<f64>>();
        rig.figure(
            "publishes_per_second",
            "publishes, acknowledged",
            "1/s",
            of(&|p| p.posts as f64 / p.seconds),
        );
        if rig.sees_server() {
            let cpu = of(&|p| p.cpu_seconds * 1e6 / p.posts as f64);
            rig.figure(
                "cpu_per_million_publishes",
                "server CPU per million publishes",
                "s",
                cpu,
            );
        }
        let own = of(&|p| p.own_cpu_seconds * 1e6 / p.posts as f64);
        rig.figure(
            "own_cpu_per_million_publishes",
            "the tool's own CPU per million",
            "s",
            own,
        );
        rig.latency("ack", "publish to answer", &phases.iter().collect::<Vec<_>>(), "ack");
        rig.report.phases = phases;
        rig.finish()
    }

    fn storm(&self, rig: &mut Rig) -> Result<(u64, f64)> {
        let begun = rig.clock().micros();
        let until_us = begun + (self.rounds.seconds * 1e6) as u64;
        let (before, refused) = (rig.crowd.shared().acked(), rig.crowd.shared().refused());
        let numbers: Arc<Vec<AtomicU32>> = Arc::new((0..self.publishers).map(|_| AtomicU32::new(0)).collect());
        let (mark, place, body) = (rig.mark().clone(), rig.place.clone(), rig.body.clone());
        let jids: Vec<String> = (0..self.publishers)
            .map(|author| rig.crowd.shared().jid(author))
            .collect();
        let outstanding = self.outstanding.max(1);
        let plan = move |author: u32| {
            let jid = jids.get(author as usize).cloned().unwrap_or_default();
            let (to, node) = (place.to(&jid), place.node(author));
            let (mark, body, numbers) = (mark.clone(), body.clone(), numbers.clone());
            let make = move |_, _: &str, now_us| {
                let number = numbers
                    .get(author as usize)
                    .map_or(0, |number| number.fetch_add(1, Ordering::Relaxed));
                pubsub::publish(&request_id(now_us), &to, &node, &mark.id(author, number, now_us), &body)
            };
            vec![Step::Requests(Requests {
                count: u32::MAX,
                outstanding,
                until_us,
                make: Arc::new(make),
                holds: None,
            })]
        };
        let batch = rig.crowd.start(0..self.publishers, self.publishers, Box::new(plan))?;
        let shared = rig.crowd.shared();
        rig.crowd
            .finish(&batch, &mut |_| rig.progress.set(shared.acked() - before))?;
        anyhow::ensure!(
            shared.refused() > refused || shared.acked() > before,
            "nothing was answered"
        );
        Ok((shared.acked() - before, (rig.clock().micros() - begun) as f64 / 1e6))
    }
}
