//! The checker's truth: what the acknowledged operations, in their order, must have led to.
//!
//! A plain model without the engine: no batches, no index, no log. It predicts for each operation whether it is accepted
//! and its `Seq`. Next: `receiver.rs` holds against it what each device got.

use std::collections::{BTreeMap, BTreeSet};

/// An operation of a user; users and nodes are numbers, and a user's node has his number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are the numbers of users, nodes and items")]
pub enum Op {
    /// The owner publishes an item on his node.
    Publish { node: usize, item: u32 },
    /// The owner retracts an item.
    Retract { node: usize, item: u32 },
    /// The owner removes all items.
    Purge { node: usize },
    /// A user follows a node.
    Follow { user: usize, node: usize },
    /// A user leaves a node.
    Unfollow { user: usize, node: usize },
    /// A follower wants nothing delivered from now on, or wants it again.
    Deliver { user: usize, node: usize, on: bool },
    /// A user attaches something to an item.
    Like { user: usize, node: usize, item: u32 },
    /// A user takes that back.
    Unlike { user: usize, node: usize, item: u32 },
}

/// How a version of an item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// It was published again.
    Replaced,
    /// It, or all items, were retracted, and followers are told.
    Retracted,
    /// The node keeps no more than it does.
    Evicted,
}

/// A version of an item.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// Its node.
    pub node: usize,
    /// Its item.
    pub item: u32,
    /// The `Seq` of the item's first version.
    pub first: u64,
    /// When and how it ended.
    pub dead: Option<(u64, Death)>,
}

/// What else followers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An item is gone.
    Retract(usize, u32),
    /// All items are gone.
    Purge(usize),
}

/// A time in which a user follows a node.
#[derive(Clone, Copy, Debug)]
pub struct Follow {
    /// Who.
    pub user: usize,
    /// What.
    pub node: usize,
    /// The `Seq` of the follow.
    pub since: u64,
    /// The `Seq` of the end.
    pub until: Option<u64>,
}

/// A node.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Whether it was made.
    pub made: bool,
    /// How many items it keeps.
    pub most: usize,
    /// Live items: id → `Seq` of the version.
    pub items: BTreeMap<u32, u64>,
    /// Who follows.
    pub followers: BTreeSet<usize>,
    /// Those of them who want nothing delivered.
    pub silent: BTreeSet<usize>,
    /// Who attached something to a live item.
    pub likes: BTreeMap<u32, BTreeSet<usize>>,
}

/// Everything that was acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The last `Seq`.
    pub last: u64,
    /// Nodes, by owner.
    pub nodes: Vec<Node>,
    /// All versions that ever were.
    pub versions: BTreeMap<u64, Version>,
    /// All retractions and purges.
    pub notices: BTreeMap<u64, Notice>,
    /// All follows.
    pub follows: Vec<Follow>,
}

impl Model {
    /// Applies an operation; its `Seq`, or `None` where it must be refused.
    pub fn apply(&mut self, op: Op) -> Option<u64> {
        let seq = self.last + 1;
        let accepted = match op {
            Op::Publish { node, item } => self.publish(seq, node, item),
            Op::Retract { node, item } => {
                let row = self.nodes.get_mut(node)?;
                let dead = row.items.remove(&item)?;
                row.likes.remove(&item);
                self.end(dead, seq, Death::Retracted);
                self.notices.insert(seq, Notice::Retract(node, item));
                true
            }
            Op::Purge { node } => self.purge(seq, node),
            Op::Follow { user, node } => {
                let row = self.nodes.get_mut(node).filter(|n| n.made)?;
                if row.followers.insert(user) {
                    self.follows.push(Follow {
                        user,
                        node,
                        since: seq,
                        until: None,
                    });
                }
                true
            }
            Op::Unfollow { user, node } => {
                let row = self.nodes.get_mut(node).filter(|n| n.made)?;
                let open = |f: &&mut Follow| f.user == user && f.node == node && f.until.is_none();
                if let Some(follow) = self.follows.iter_mut().find(open) {
                    follow.until = Some(seq);
                }
                row.silent.remove(&user);
                row.followers.remove(&user)
            }
            Op::Deliver { user, node, on } => self.deliver(seq, user, node, on),
            Op::Like { user, node, item } => {
                let row = self.nodes.get_mut(node).filter(|n| n.items.contains_key(&item))?;
                row.likes.entry(item).or_default().insert(user);
                true
            }
            Op::Unlike { user, node, item } => {
                let row = self.nodes.get_mut(node)?;
                row.likes.get_mut(&item).is_some_and(|likes| likes.remove(&user))
            }
        };
        accepted.then(|| {
            self.last = seq;
            seq
        })
    }

    /// What was published while nothing was wanted is not made up for.
    fn deliver(&mut self, seq: u64, user: usize, node: usize, on: bool) -> bool {
        let followed = |row: &&mut Node| row.made && row.followers.contains(&user);
        let Some(row) = self.nodes.get_mut(node).filter(followed) else {
            return false;
        };
        match on {
            true if row.silent.remove(&user) => self.follows.push(Follow {
                user,
                node,
                since: seq,
                until: None,
            }),
            false if row.silent.insert(user) => {
                let open = |f: &&mut Follow| f.user == user && f.node == node && f.until.is_none();
                if let Some(follow) = self.follows.iter_mut().find(open) {
                    follow.until = Some(seq);
                }
            }
            _ => {}
        }
        true
    }

    fn publish(&mut self, seq: u64, node: usize, item: u32) -> bool {
        let Some(row) = self.nodes.get_mut(node) else {
            return false;
        };
        row.made = true;
        let mut ended = Vec::new();
        let older = row.items.insert(item, seq);
        ended.extend(older.map(|older| (older, Death::Replaced)));
        while row.items.len() > row.most {
            let Some((id, oldest)) = row.items.iter().map(|(id, s)| (*id, *s)).min_by_key(|(_, s)| *s) else {
                break;
            };
            row.items.remove(&id);
            row.likes.remove(&id);
            ended.push((oldest, Death::Evicted));
        }
        let first = older
            .and_then(|older| self.versions.get(&older))
            .map_or(seq, |v| v.first);
        for (version, death) in ended {
            self.end(version, seq, death);
        }
        self.versions.insert(
            seq,
            Version {
                node,
                item,
                first,
                dead: None,
            },
        );
        true
    }

    fn purge(&mut self, seq: u64, node: usize) -> bool {
        let Some(row) = self.nodes.get_mut(node).filter(|n| n.made) else {
            return false;
        };
        row.likes.clear();
        for version in std::mem::take(&mut row.items).into_values() {
            self.end(version, seq, Death::Retracted);
        }
        self.notices.insert(seq, Notice::Purge(node));
        true
    }

    fn end(&mut self, version: u64, at: u64, death: Death) {
        if let Some(version) = self.versions.get_mut(&version) {
            version.dead = Some((at, death));
        }
    }

    /// Whether a user followed a node when `seq` happened.
    pub fn followed(&self, user: usize, node: usize, seq: u64) -> bool {
        let within = |f: &Follow| f.user == user && f.node == node && f.since < seq && f.until.is_none_or(|u| seq < u);
        self.follows.iter().any(within)
    }

    /// Since when a user follows a node now.
    pub fn follows_since(&self, user: usize, node: usize) -> Option<u64> {
        let open = |f: &&Follow| f.user == user && f.node == node && f.until.is_none();
        self.follows.iter().find(open).map(|f| f.since)
    }

    /// Live versions above `above` up to `upto` that are due to a user, oldest first.
    pub fn due(&self, user: usize, above: u64, upto: u64) -> Vec<u64> {
        let open: BTreeMap<usize, u64> = self
            .follows
            .iter()
            .filter(|f| f.user == user && f.until.is_none())
            .map(|f| (f.node, f.since))
            .collect();
        let above = above.min(upto);
        let within = self.versions.range(above + 1..upto + 1).filter(|(seq, version)| {
            version.dead.is_none() && open.get(&version.node).is_some_and(|since| *since < **seq)
        });
        within.map(|(seq, _)| *seq).collect()
    }
}
