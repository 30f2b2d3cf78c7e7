//! Owners log in as Movim does, and ask who follows: a list, a count, what the node is. The large one pays as the small one.

use super::{Run, ratios};
use crate::crowd::plan::{Requests, Step};
use crate::report::Phase;
use crate::report::text::grouped;
use crate::wire::{pubsub, social};
use anyhow::Result;

/// What is asked again and again of an owner that stays.
const ASKS: u32 = 3;

impl Run<'_> {
    pub(super) fn owners(&mut self) -> Result<()> {
        let flags = self.flags;
        for round in 1..=flags.rounds {
            for (owner, followers) in self.cast.owners.clone().zip(&flags.followers) {
                let visit = self.visit(owner, *followers);
                let name = visit_of(*followers);
                let phase = self.rig.measure(&name, round, |rig| {
                    let begun = rig.clock().seconds();
                    for nth in 1..=flags.visits {
                        let visit = visit.clone();
                        rig.crowd.run([owner], 1, Box::new(move |_| visit.clone()), |_| {})?;
                        rig.progress.set(u64::from(nth));
                    }
                    Ok((u64::from(flags.visits), rig.clock().seconds() - begun))
                })?;
                self.phases.push(phase);
                self.ask(owner, *followers, round)?;
            }
        }
        self.owners_figures();
        Ok(())
    }

    /// A visit from the first byte to the goodbye.
    fn visit(&self, owner: u32, followers: u32) -> Vec<Step> {
        let domain = self.flags.common.domain.clone();
        let jid = self.rig.crowd.shared().jid(owner);
        let ping = pubsub::ping;
        let (at, of) = (domain.clone(), jid);
        vec![
            Step::Connect,
            Step::Login,
            Requests::some(social::LOGIN, social::LOGIN, move |nth, id, _| {
                social::login(nth, id, &of, &at)
            }),
            self.names(owner),
            self.followers(owner, followers, ASKS),
            Step::Send("<presence/>".to_owned()),
            Requests::one(move |id| ping(id, &domain)),
            Step::Close,
        ]
    }

    fn names(&self, owner: u32) -> Step {
        let (to, node) = self.target(owner);
        Requests::one(move |id| social::names(id, &to, &node))
    }

    /// List, count and what the node is, in turn, so many of them together; each must tell the number of followers.
    fn followers(&self, owner: u32, followers: u32, count: u32) -> Step {
        let (to, node) = self.target(owner);
        Requests::some(count, ASKS, move |nth, id, _| match nth % ASKS {
            0 => social::followers(id, &to, &node, None),
            1 => social::followers(id, &to, &node, Some(0)),
            _ => social::info(id, &to, &node),
        })
        .whose_answers_hold(&format!(">{followers}<"))
    }

    fn target(&self, owner: u32) -> (String, String) {
        let (place, jid) = (&self.rig.place, self.rig.crowd.shared().jid(owner));
        (place.to(&jid), place.node(owner))
    }

    /// The questions alone, ten times as often, of an owner who is there.
    fn ask(&mut self, owner: u32, followers: u32, round: u32) -> Result<()> {
        let rig = &mut self.rig;
        rig.run("an owner logs in", owner..owner + 1, |_| {
            vec![Step::Connect, Step::Login]
        })?;
        let asks = self.flags.visits * 10;
        let step = self.followers(owner, followers, asks);
        let phase = self.rig.measure(&asks_of(followers), round, |rig| {
            let begun = rig.clock().seconds();
            rig.run("the owner asks", owner..owner + 1, move |_| vec![step.clone()])?;
            Ok((u64::from(asks), rig.clock().seconds() - begun))
        })?;
        self.phases.push(phase);
        self.rig
            .run("the owner leaves", owner..owner + 1, |_| vec![Step::Close])
    }

    fn owners_figures(&mut self) {
        let each = |phases: &[Phase], per_second: f64| -> Vec<f64> {
            let cost = |phase: &Phase| Run::cpu_each(phase, phase.posts, per_second);
            phases.iter().map(cost).collect()
        };
        let mut costs = Vec::new();
        for followers in &self.flags.followers {
            let (visits, asks) = (self.named(&visit_of(*followers)), self.named(&asks_of(*followers)));
            let shown = grouped(i64::from(*followers));
            let (visit, ask) = (each(&visits, 1e3), each(&asks, 1e6));
            let what = format!("server CPU per login, owner of {shown} followers");
            self.cpu_figure(&format!("owner_{followers}_cpu_ms"), &what, "ms", visit.clone());
            let what = format!("server CPU per list, count or disco, owner of {shown}");
            self.cpu_figure(&format!("owner_{followers}_ask_cpu_us"), &what, "µs", ask.clone());
            let what = format!("connect to goodbye, owner of {shown}");
            let phases: Vec<&Phase> = visits.iter().collect();
            self.rig.latency(&format!("owner_{followers}"), &what, &phases, "job");
            costs.push((*followers, visit, ask));
        }
        let Some((large, visit, ask)) = costs.pop() else { return };
        for (small, of_visit, of_ask) in costs {
            let (large, shown) = (grouped(i64::from(large)), grouped(i64::from(small)));
            let what = format!("a login's CPU: owner of {large} / of {shown}");
            self.cpu_figure(&format!("owner_ratio_{small}"), &what, "×", ratios(&visit, &of_visit));
            let what = format!("a question's CPU: owner of {large} / of {shown}");
            self.cpu_figure(&format!("owner_ask_ratio_{small}"), &what, "×", ratios(&ask, &of_ask));
        }
    }
}

fn visit_of(followers: u32) -> String {
    format!("an owner of {followers} followers logs in")
}

fn asks_of(followers: u32) -> String {
    format!("an owner of {followers} followers asks")
}
