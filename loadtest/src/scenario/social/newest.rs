//! A node announces its posts without what is in them, and everybody fetches each: once, and the right one.

use super::Run;
use crate::bare::Load;
use crate::crowd::plan::{Fetch, MakeFetch, Requests, Step};
use crate::report::Phase;
use crate::wire::mark::Sighting;
use crate::wire::{pubsub, social};
use anyhow::Result;
use std::sync::Arc;

const NEWEST: &str = "everybody fetches the newest";
const BY_ID: &str = "everybody fetches by id";

impl Run<'_> {
    pub(super) fn newest(&mut self) -> Result<()> {
        let (hot, clients) = (self.cast.hot, self.cast.clients.clone());
        self.announce(hot)?;
        let login = self.rig.login();
        let (domain, fetch) = (self.flags.common.domain.clone(), self.fetch());
        let rest = vec![
            Step::Expect(vec![(hot, self.rig.crowd.shared().board().published(hot))]),
            Step::Counts(true),
            Step::Send("<presence/>".to_owned()),
            Requests::one(move |id| pubsub::ping(id, &domain)),
            Step::Fetch(Fetch(fetch)),
        ];
        let first = clients.start;
        let follows: Vec<Step> = clients
            .clone()
            .map(|client| self.rig.follow(client, &[hot], 1))
            .collect();
        self.rig
            .run("clients log in and follow", clients.clone(), move |client| {
                let follow = follows.get((client - first) as usize).cloned();
                [login.clone(), follow.into_iter().collect(), rest.clone()].concat()
            })?;
        self.rig.check_refused("following")?;
        let audience = clients.end - clients.start;
        self.rig.crowd.shared().board().set_audience(hot, audience);
        let one = Load {
            outstanding: 1,
            posts: 1,
            ..Load::default()
        };
        for post in 0..self.flags.posts {
            let name = if is_by_id(post) { BY_ID } else { NEWEST };
            let phase = self.rig.measure(name, 1 + post / 2, |rig| rig.post(hot, &one))?;
            self.phases.push(phase);
        }
        self.rig.run_to_the_end("clients have all and leave", clients, |_| {
            vec![Step::AwaitAll, Step::Close]
        });
        self.rig.run("the author leaves", hot..hot + 1, |_| vec![Step::Close])?;
        self.newest_figures();
        Ok(())
    }

    /// The author's node is there, and from now on its posts are announced only.
    fn announce(&mut self, hot: u32) -> Result<()> {
        let jid = self.rig.crowd.shared().jid(hot);
        let (to, node) = (self.rig.place.to(&jid), self.rig.place.node(hot));
        let make = self.rig.make_node(hot);
        let announce = Requests::one(move |id| social::configure(id, &to, &node, "deliver_payloads", "false"));
        let steps = [self.rig.login(), vec![make, announce]].concat();
        self.rig
            .run("the node announces", hot..hot + 1, move |_| steps.clone())?;
        self.rig.check_refused("a node that announces")
    }

    /// How a post is fetched.
    fn fetch(&self) -> MakeFetch {
        let hot = self.cast.hot;
        let jid = self.rig.crowd.shared().jid(hot);
        let (to, node) = (self.rig.place.to(&jid), self.rig.place.node(hot));
        let mark = self.rig.mark().clone();
        Arc::new(move |post: Sighting, id: &str| match is_by_id(post.number) {
            true => social::item(id, &to, &node, &mark.id(post.author, post.number, post.sent_us)),
            false => pubsub::items(id, &to, &node, 1),
        })
    }

    fn newest_figures(&mut self) {
        for (key, name, what) in [("newest", NEWEST, "the newest"), ("by_id", BY_ID, "by id")] {
            let phases = self.named(name);
            let cost = |phase: &Phase| Run::cpu_each(phase, phase.deliveries, 1e6);
            let costs = phases.iter().map(cost).collect();
            let cpu = format!("server CPU per announcement and fetch, {what}");
            self.cpu_figure(&format!("fetch_{key}_cpu_us"), &cpu, "µs", costs);
            let rates = phases.iter().map(Phase::per_second).collect();
            let rate = format!("fetched, {what}");
            self.rig.figure(&format!("fetch_{key}_per_second"), &rate, "1/s", rates);
            let phases: Vec<&Phase> = phases.iter().collect();
            for (latency, between) in [("ack", "fetch to answer"), ("each", "publish to having fetched")] {
                let between = format!("{between}, {what}");
                self.rig
                    .latency(&format!("fetch_{key}_{latency}"), &between, &phases, latency);
            }
        }
    }
}

/// Whether a post is fetched by its id.
fn is_by_id(number: u32) -> bool {
    number % 2 == 1
}
