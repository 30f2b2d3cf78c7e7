//! Accounts that follow few nodes and very many come back to what they missed, which is the same for both.
//!
//! The missed posts are of authors whom all follow. One comes back at a time, so that nobody waits for another.

use super::{Run, ratios};
use crate::crowd::plan::{Requests, Step};
use crate::report::Phase;
use crate::report::text::grouped;
use crate::wire::pubsub;
use anyhow::Result;

impl Run<'_> {
    pub(super) fn returns(&mut self) -> Result<()> {
        let flags = self.flags;
        self.bring_nodes()?;
        self.bring_returners()?;
        let publishers = self.cast.publishers(flags);
        self.rig.run("authors come back", publishers.clone(), |_| {
            vec![Step::Connect, Step::Login]
        })?;
        for round in 1..=flags.rounds {
            for missed in &flags.missed {
                self.miss(*missed)?;
                for (returners, follows) in self.cast.returners.clone().into_iter().zip(&flags.follows) {
                    let phase = self.rig.measure(&name(*follows, *missed), round, |rig| {
                        let begun = rig.clock().seconds();
                        for account in returners.clone() {
                            rig.crowd.run([account], 1, Box::new(|_| back()), |_| {})?;
                        }
                        let seconds = rig.clock().seconds() - begun;
                        Ok((u64::from(returners.end - returners.start), seconds))
                    })?;
                    self.phases.push(phase);
                }
            }
        }
        self.rig.run("authors leave", publishers, |_| vec![Step::Close])?;
        self.returns_figures();
        Ok(())
    }

    /// All authors make their nodes; none stays.
    fn bring_nodes(&mut self) -> Result<()> {
        let followed = self.cast.followed.clone();
        let first = followed.start;
        let login = self.rig.login();
        let nodes: Vec<Step> = followed.clone().map(|author| self.rig.make_node(author)).collect();
        self.rig.run("authors make their nodes", followed, move |author| {
            let node = nodes.get((author - first) as usize).cloned();
            [login.clone(), node.into_iter().collect(), vec![Step::Close]].concat()
        })?;
        self.rig.check_refused("nodes")
    }

    /// Those who will come back follow, are there once, and leave.
    fn bring_returners(&mut self) -> Result<()> {
        const OUTSTANDING: u32 = 64;
        for (returners, follows) in self.cast.returners.clone().into_iter().zip(&self.flags.follows) {
            let authors: Vec<u32> = self.cast.followed.clone().take(*follows as usize).collect();
            let first = returners.start;
            let domain = self.flags.common.domain.clone();
            let rest = vec![
                Step::Expect(authors.iter().map(|author| (*author, 0)).collect()),
                Step::Send("<presence/>".to_owned()),
                Requests::one(move |id| pubsub::ping(id, &domain)),
                Step::Close,
            ];
            let login = self.rig.login();
            let all: Vec<Step> = returners
                .clone()
                .map(|account| self.rig.follow(account, &authors, OUTSTANDING))
                .collect();
            self.rig.run("accounts follow, and leave", returners, move |account| {
                let follow = all.get((account - first) as usize).cloned();
                [login.clone(), follow.into_iter().collect(), rest.clone()].concat()
            })?;
        }
        self.rig.check_refused("following")
    }

    /// So many posts while all are away, by turns of the authors whom all follow.
    fn miss(&mut self, missed: u32) -> Result<()> {
        const OUTSTANDING: u32 = 32;
        let publishers = self.cast.publishers(self.flags);
        let (first, count) = (publishers.start, publishers.end - publishers.start);
        let rig = &mut self.rig;
        let steps: Vec<Vec<Step>> = publishers
            .clone()
            .map(|author| {
                let shared = rig.crowd.shared();
                let share = missed / count + u32::from(author - first < missed % count);
                let numbers: Vec<u32> = (0..share).map(|_| shared.board().next_number(author)).collect();
                let (to, node) = (rig.place.to(&shared.jid(author)), rig.place.node(author));
                let (mark, body) = (rig.mark().clone(), rig.body.clone());
                let post = move |nth: u32, id: &str, now_us| {
                    let number = numbers.get(nth as usize).copied().unwrap_or_default();
                    pubsub::publish(id, &to, &node, &mark.id(author, number, now_us), &body)
                };
                let posts = Requests::some(share, OUTSTANDING, post);
                if share > 0 { vec![posts] } else { Vec::new() }
            })
            .collect();
        rig.run("authors publish", publishers, move |author| {
            steps.get((author - first) as usize).cloned().unwrap_or_default()
        })?;
        rig.check_refused("posts")
    }

    fn returns_figures(&mut self) {
        let flags = self.flags;
        for missed in &flags.missed {
            let mut costs: Vec<(u32, Vec<f64>)> = Vec::new();
            for follows in &flags.follows {
                let phases = self.named(&name(*follows, *missed));
                let of = format!(
                    "follows {}, missed {}",
                    grouped(i64::from(*follows)),
                    grouped(i64::from(*missed))
                );
                let key = format!("return_{follows}_{missed}");
                let cost = |phase: &Phase| Run::cpu_each(phase, phase.posts, 1e3);
                let cost: Vec<f64> = phases.iter().map(cost).collect();
                self.cpu_figure(
                    &format!("{key}_cpu_ms"),
                    &format!("{of}: server CPU, login included"),
                    "ms",
                    cost.clone(),
                );
                let phases: Vec<&Phase> = phases.iter().collect();
                for (end, latency) in [("first", "return_first"), ("last", "return_last")] {
                    let what = format!("{of}: presence to the {end} missed post");
                    self.rig.latency(&format!("{key}_{end}"), &what, &phases, latency);
                }
                costs.push((*follows, cost));
            }
            if let [(few, small), .., (many, large)] = costs.as_slice() {
                let what = format!(
                    "missed {}: CPU, follows {} / {}",
                    grouped(i64::from(*missed)),
                    grouped(i64::from(*many)),
                    grouped(i64::from(*few))
                );
                self.cpu_figure(&format!("return_ratio_{missed}"), &what, "×", ratios(large, small));
            }
        }
    }
}

/// Comes back, gets all that was missed, and leaves.
fn back() -> Vec<Step> {
    vec![
        Step::Connect,
        Step::Login,
        Step::Return,
        Step::Watch,
        Step::AwaitAll,
        Step::Close,
    ]
}

fn name(follows: u32, missed: u32) -> String {
    format!("back: follows {follows}, missed {missed}")
}
