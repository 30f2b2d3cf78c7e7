//! Very many like one post, each once: the last like must cost what the first did, and all of them must be counted.

use super::{Run, ratios};
use crate::crowd::plan::{Requests, Step};
use crate::report::Phase;
use crate::report::text::grouped;
use crate::wire::{pubsub, social};
use anyhow::Result;

/// The post; without the run's mark, so that nobody waits for it.
const POST: &str = "load-liked";
const NAME: &str = "likes";
/// Groups at either end whose medians are compared.
const ENDS: usize = 3;

impl Run<'_> {
    pub(super) fn likes(&mut self) -> Result<()> {
        let flags = self.flags;
        let author = self.cast.liked;
        let jid = self.rig.crowd.shared().jid(author);
        let (to, node) = (self.rig.place.to(&jid), self.rig.place.node(author));
        let login = self.rig.login();
        let make = self.rig.make_node(author);
        let (at, of, body) = (to.clone(), node.clone(), self.rig.body.clone());
        let post = Requests::one(move |id| pubsub::publish(id, &at, &of, POST, &body));
        let steps = [login.clone(), vec![make, post]].concat();
        self.rig
            .run("the author posts", author..author + 1, move |_| steps.clone())?;
        self.rig.check_refused("a post")?;
        let mut begin = self.cast.likers.start;
        let mut round = 0;
        while begin < self.cast.likers.end {
            let group = begin..(begin + flags.like_group).min(self.cast.likers.end);
            (begin, round) = (group.end, round + 1);
            let steps = login.clone();
            self.rig.run("likers log in", group.clone(), move |_| steps.clone())?;
            let likes: Vec<Step> = group.clone().map(|liker| self.like(liker, &to, &node)).collect();
            let first = group.start;
            let phase = self.rig.measure(NAME, round, |rig| {
                let begun = rig.clock().seconds();
                let like = move |liker: u32| likes.get((liker - first) as usize).cloned().into_iter().collect();
                rig.run("likes", group.clone(), like)?;
                Ok((u64::from(group.end - group.start), rig.clock().seconds() - begun))
            })?;
            self.phases.push(phase);
            self.rig.run("likers leave", group, |_| vec![Step::Close])?;
        }
        let count = Requests::one(move |id| social::likes(id, &to, &node, POST))
            .whose_answers_hold(&format!("<noticed count='{}'/>", flags.likes));
        self.rig.run("likes are counted", author..author + 1, move |_| {
            vec![count.clone(), Step::Close]
        })?;
        self.likes_figures();
        Ok(())
    }

    fn like(&self, liker: u32, to: &str, node: &str) -> Step {
        let (to, node, jid) = (to.to_owned(), node.to_owned(), self.rig.crowd.shared().jid(liker));
        Requests::one(move |id| social::like(id, &to, &node, POST, &jid))
    }

    fn likes_figures(&mut self) {
        let all = self.named(NAME);
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
        let rates = all.iter().map(|phase| phase.posts as f64 / phase.seconds).collect();
        self.rig.figure("likes_per_second", "likes", "1/s", rates);
    }
}
