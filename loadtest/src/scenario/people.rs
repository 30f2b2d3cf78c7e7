//! How a rig brings its people: authors with their nodes, followers who follow and wait, those who come back.

use crate::crowd::plan::{Requests, Step};
use crate::scenario::rig::Rig;
use crate::wire::pubsub::{self, Place};
use anyhow::Result;
use std::collections::BTreeMap;

impl Rig {
    /// The steps that bring an account to a bound session.
    pub(crate) fn login(&self) -> Vec<Step> {
        match self.common.register {
            true => vec![Step::Connect, Step::Register, Step::Login],
            false => vec![Step::Connect, Step::Login],
        }
    }

    /// The steps by which an account that is there already comes back and waits for posts.
    pub(crate) fn come_back(&self) -> Vec<Step> {
        vec![
            Step::Connect,
            Step::Login,
            Step::Send("<presence/>".to_owned()),
            Step::Watch,
        ]
    }

    /// Logs the authors in; their nodes are there afterwards.
    pub(crate) fn bring_authors(&mut self, authors: u32) -> Result<()> {
        let login = self.login();
        self.run("authors log in", 0..authors, move |_| login.clone())?;
        let steps: Vec<Step> = (0..authors).map(|author| self.make_node(author)).collect();
        let plan = move |author: u32| steps.get(author as usize).cloned().into_iter().collect();
        match self.place {
            Place::Account { .. } => self.run("nodes", 0..authors, plan)?,
            Place::Service { .. } => {
                // One after the other: ejabberd 23.01 answers "Database failure" to creations at the same time.
                self.progress.begin("nodes", u64::from(authors));
                let plan = std::sync::Arc::new(plan);
                for author in 0..authors {
                    let plan = plan.clone();
                    self.crowd
                        .run([author], 1, Box::new(move |author| plan(author)), |_| {})?;
                    self.progress.set(u64::from(author));
                }
            }
        }
        self.check_refused("nodes")
    }

    /// The request that makes an author's node.
    pub(crate) fn make_node(&self, author: u32) -> Step {
        let (to, node) = (self.place.to(&self.crowd.shared().jid(author)), self.place.node(author));
        match self.place {
            // A first post creates the node on an account; its id has no mark, so that nobody waits for it.
            Place::Account { .. } => Requests::one(move |id| pubsub::publish(id, &to, &node, "load-begin", "begin")),
            Place::Service { .. } => {
                let max_items = self.common.max_items;
                Requests::one(move |id| pubsub::create(id, &to, &node, max_items))
            }
        }
    }

    /// The requests by which an account follows these authors; `outstanding` of them at once.
    pub(crate) fn follow(&self, account: u32, authors: &[u32], outstanding: u32) -> Step {
        let jid = self.crowd.shared().jid(account);
        let targets: Vec<(String, String)> = authors
            .iter()
            .map(|author| {
                (
                    self.place.to(&self.crowd.shared().jid(*author)),
                    self.place.node(*author),
                )
            })
            .collect();
        Requests::some(targets.len() as u32, outstanding, move |nth, id, _| {
            let (to, node) = targets.get(nth as usize).cloned().unwrap_or_default();
            pubsub::subscribe(id, &to, &node, &jid)
        })
    }

    /// The steps by which a bound account becomes available and waits for posts of these authors from now on.
    pub(crate) fn watch(&self, authors: &[u32], counts: bool) -> Vec<Step> {
        let board = self.crowd.shared().board();
        let expected = authors
            .iter()
            .map(|author| (*author, board.published(*author)))
            .collect();
        let domain = self.common.domain.clone();
        vec![
            Step::Expect(expected),
            Step::Counts(counts),
            Step::Send("<presence/>".to_owned()),
            Requests::one(move |id| pubsub::ping(id, &domain)),
            Step::Watch,
        ]
    }

    /// Logs followers in; each follows the authors that `follows` names and waits for their posts.
    pub(crate) fn bring_followers(
        &mut self,
        accounts: std::ops::Range<u32>,
        follows: impl Fn(u32) -> Vec<u32>,
    ) -> Result<()> {
        let first = accounts.start;
        let mut audience: BTreeMap<u32, u32> = BTreeMap::new();
        let mut plans = Vec::with_capacity(accounts.len());
        for account in accounts.clone() {
            let authors = follows(account);
            authors
                .iter()
                .for_each(|author| *audience.entry(*author).or_default() += 1);
            let follow = self.follow(account, &authors, 8);
            plans.push([self.login(), vec![follow], self.watch(&authors, true)].concat());
        }
        self.run("followers log in and follow", accounts, move |account| {
            plans.get((account - first) as usize).cloned().unwrap_or_default()
        })?;
        for (author, followers) in audience {
            self.crowd.shared().board().set_audience(author, followers);
        }
        self.check_refused("following")
    }
}
