//! Very many like one post, each once: the last like must cost what the first did, and all of them must be counted.
//!
//! Each group likes a post of its own, too: what has grown besides, as the store with its accounts, costs both the same.

use super::{Run, ratios};
use crate::crowd::plan::{Requests, Step};
use crate::report::Phase;
use crate::report::text::grouped;
use crate::wire::{pubsub, social};
use anyhow::Result;
use std::ops::Range;

/// The post; without the run's mark, so that nobody waits for it.
const POST: &str = "load-liked";
const LIKES: &str = "likes of the one post";
const FRESH: &str = "likes of a fresh post";
/// Groups at either end whose medians are compared.
const ENDS: usize = 3;

impl Run<'_> {
    pub(super) fn likes(&mut self) -> Result<()> {
        let author = self.cast.liked;
        let (login, make) = (self.rig.login(), self.rig.make_node(author));
        let steps = [login.clone(), vec![make]].concat();
        self.rig
            .run("the author logs in", author..author + 1, move |_| steps.clone())?;
        self.post(POST)?;
        let all = self.cast.likers.clone();
        let groups = all.clone().step_by(self.flags.like_group as usize);
        for (round, begin) in (1..).zip(groups) {
            let group = begin..(begin + self.flags.like_group).min(all.end);
            let fresh = format!("{POST}-{round}");
            self.post(&fresh)?;
            let steps = login.clone();
            self.rig.run("likers log in", group.clone(), move |_| steps.clone())?;
            let mut both = [(LIKES, POST), (FRESH, &*fresh)];
            both.rotate_left(round as usize % 2);
            for (name, item) in both {
                self.like(name, round, group.clone(), item)?;
            }
            self.rig.run("likers leave", group, |_| vec![Step::Close])?;
        }
        let (to, node) = self.liked();
        let count = Requests::one(move |id| social::likes(id, &to, &node, POST))
            .whose_answers_hold(&format!("<noticed count='{}'/>", self.flags.likes));
        self.rig.run("likes are counted", author..author + 1, move |_| {
            vec![count.clone(), Step::Close]
        })?;
        self.likes_figures();
        Ok(())
    }

    /// Whom to ask about the author's node, and its name.
    fn liked(&self) -> (String, String) {
        let jid = self.rig.crowd.shared().jid(self.cast.liked);
        (self.rig.place.to(&jid), self.rig.place.node(self.cast.liked))
    }

    fn post(&mut self, item: &str) -> Result<()> {
        let ((to, node), item, body) = (self.liked(), item.to_owned(), self.rig.body.clone());
        let post = Requests::one(move |id| pubsub::publish(id, &to, &node, &item, &body));
        let author = self.cast.liked;
        self.rig
            .run("the author posts", author..author + 1, move |_| vec![post.clone()])?;
        self.rig.check_refused("a post")
    }

    /// A group likes an item.
    fn like(&mut self, name: &str, round: u32, group: Range<u32>, item: &str) -> Result<()> {
        let (to, node) = self.liked();
        let first = group.start;
        let jids = group.clone().map(|liker| self.rig.crowd.shared().jid(liker));
        let likes: Vec<Step> = jids
            .map(|jid| {
                let (to, node, item) = (to.clone(), node.clone(), item.to_owned());
                Requests::one(move |id| social::like(id, &to, &node, &item, &jid))
            })
            .collect();
        let phase = self.rig.measure(name, round, |rig| {
            let begun = rig.clock().seconds();
            let like = move |liker: u32| likes.get((liker - first) as usize).cloned().into_iter().collect();
            rig.run(name, group.clone(), like)?;
            Ok((u64::from(group.end - group.start), rig.clock().seconds() - begun))
        })?;
        self.phases.push(phase);
        Ok(())
    }

    fn likes_figures(&mut self) {
        let (all, fresh) = (self.named(LIKES), self.named(FRESH));
        let ends = ENDS.min(all.len());
        let (first, last) = (&all[..ends], &all[all.len() - ends..]);
        let cost = |phases: &[Phase]| -> Vec<f64> {
            let each = |phase: &Phase| Run::cpu_each(phase, phase.posts, 1e6);
            phases.iter().map(each).collect()
        };
        let likes = |phases: &[Phase]| grouped(phases.iter().map(|phase| phase.posts as i64).sum());
        for (key, which, phases) in [("first", "first", first), ("last", "last", last)] {
            let what = format!("server CPU per like, the {which} {} of {}", likes(phases), likes(&all));
            self.cpu_figure(&format!("like_{key}_cpu_us"), &what, "µs", cost(phases));
            let what = format!("like to answer, the {which} {}", likes(phases));
            let phases: Vec<&Phase> = phases.iter().collect();
            self.rig.latency(&format!("like_{key}"), &what, &phases, "ack");
        }
        let what = "a like's CPU: the last / the first";
        self.cpu_figure("like_ratio", what, "×", ratios(&cost(last), &cost(first)));
        let what = "a like's CPU: the last / of a fresh post at the same time";
        let beside = ratios(&cost(last), &cost(&fresh[fresh.len() - ends..]));
        self.cpu_figure("like_ratio_fresh", what, "×", beside);
        let rates = all.iter().map(|phase| phase.posts as f64 / phase.seconds).collect();
        self.rig.figure("likes_per_second", "likes", "1/s", rates);
    }
}
