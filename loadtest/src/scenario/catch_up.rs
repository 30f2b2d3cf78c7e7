//! Followers who were away come back, all at once: each must get every post that it missed, once and in order.
//!
//! A server that does not push what was missed is asked for it (`--ask`); the order of its answers is not judged then.

use crate::crowd::plan::{Requests, Step};
use crate::report::Report;
use crate::scenario::common::Common;
use crate::scenario::posts::Text;
use crate::scenario::rig::{Needs, Rig};
use crate::wire::pubsub;
use anyhow::{Result, ensure};
use std::sync::atomic::{AtomicU32, Ordering};

/// Flags of `catch-up`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CatchUp {
    /// Followers.
    #[arg(long, default_value_t = 1000)]
    followers: u32,
    /// Authors; each follower follows all of them.
    #[arg(long, default_value_t = 10)]
    authors: u32,
    /// Posts that each follower misses, of all authors together.
    #[arg(long, default_value_t = 100)]
    posts: u32,
    /// Asks for what was missed (XEP-0060 §6.5) instead of waiting for it.
    #[arg(long)]
    ask: bool,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl CatchUp {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        ensure!(
            self.authors > 0 && self.posts >= self.authors,
            "every author needs a post: --posts {}",
            self.authors
        );
        let what = format!(
            "{} followers of {} authors come back, {} at once, to {} posts each",
            self.followers, self.authors, self.common.logins, self.posts
        );
        let needs = Needs {
            authors: self.authors,
            others: self.followers,
            watched: 0,
            under_way: 1,
            bytes: self.text.bytes,
        };
        let mut rig = Rig::new(&self.common, "catch-up", &what, needs)?;
        rig.bring_authors(self.authors)?;
        let authors: Vec<u32> = (0..self.authors).collect();
        let accounts = self.authors..self.authors + self.followers;
        rig.bring_followers(accounts.clone(), |_| authors.clone())?;
        rig.run("followers leave", accounts.clone(), |_| vec![Step::Close])?;
        let published = rig.measure("posts while all are away", 1, |rig| self.publish(rig))?;
        let back = rig.measure("back", 1, |rig| {
            let begun = rig.clock().seconds();
            let steps = self.back(rig);
            rig.run_to_the_end("followers come back", accounts, steps);
            Ok((published.posts, rig.clock().seconds() - begun))
        })?;
        if self.ask {
            rig.report.faults.out_of_order = 0;
        }
        let of = |value: f64| vec![value];
        rig.figure("deliveries_per_second", "posts caught up", "1/s", of(back.per_second()));
        if rig.sees_server() {
            let cpu = back.cpu_per_million();
            rig.figure(
                "cpu_per_million",
                "server CPU per million posts, logins included",
                "s",
                of(cpu),
            );
        }
        rig.figure(
            "own_cpu_per_million",
            "the tool's own CPU per million",
            "s",
            of(back.own_cpu_per_million()),
        );
        rig.latency("back", "connect to having all", &[&back], "job");
        rig.report.phases = vec![published, back];
        rig.finish()
    }

    /// Every author publishes its share, and all are acknowledged.
    fn publish(&self, rig: &mut Rig) -> Result<(u64, f64)> {
        let begun = rig.clock().seconds();
        let share = |author: u32| self.posts / self.authors + u32::from(author < self.posts % self.authors);
        let mut steps = Vec::new();
        for author in 0..self.authors {
            let (to, node) = (rig.place.to(&rig.crowd.shared().jid(author)), rig.place.node(author));
            let (mark, body) = (rig.mark().clone(), rig.body.clone());
            let next = AtomicU32::new(0);
            steps.push(Requests::some(share(author), 32, move |_, id, now_us| {
                let number = next.fetch_add(1, Ordering::Relaxed);
                pubsub::publish(id, &to, &node, &mark.id(author, number, now_us), &body)
            }));
            for _ in 0..share(author) {
                rig.crowd.shared().board().next_number(author);
            }
        }
        rig.run("authors publish", 0..self.authors, move |author| {
            steps.get(author as usize).cloned().into_iter().collect()
        })?;
        Ok((u64::from(self.posts), rig.clock().seconds() - begun))
    }

    fn back(&self, rig: &Rig) -> impl Fn(u32) -> Vec<Step> + Send + Sync + 'static {
        let come_back = rig.come_back();
        let targets: Vec<(String, String)> = (0..self.authors)
            .map(|author| (rig.place.to(&rig.crowd.shared().jid(author)), rig.place.node(author)))
            .collect();
        let (ask, authors, most) = (self.ask, self.authors, self.posts.div_ceil(self.authors));
        move |_| {
            if !ask {
                return [come_back.clone(), vec![Step::AwaitAll]].concat();
            }
            let targets = targets.clone();
            let items = Requests::some(authors, 4, move |nth, id, _| {
                let (to, node) = targets.get(nth as usize).cloned().unwrap_or_default();
                pubsub::items(id, &to, &node, most)
            });
            vec![Step::Connect, Step::Login, items, Step::AwaitAll]
        }
    }
}
