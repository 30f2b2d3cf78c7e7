//! What users do: they publish, edit, retract, follow, leave, like and want nothing for a while, through records as admission makes them.
//!
//! Knows no shard. Next: the commit in `world.rs` holds what became of them against the model.

use crate::model::Op;
use crate::run::{NODE, attachment, jid, node_name};
use crate::world::World;
use bytes::Bytes;
use reef_engine::config::{ITEMS_MAX, NodeConfig, SubscribeOptions};
use reef_engine::log::Work;
use reef_engine::log::record::{Change, Record};
use reef_engine::model::RecordId;

impl World {
    /// A user does something.
    pub(crate) fn act(&mut self) {
        let author = self.author();
        let mut user = self.plan.rng.below(self.plan.users);
        if self.plan.rng.chance(100) {
            user = author;
        }
        let item = self.plan.rng.below(40) as u32;
        match self.plan.rng.below(100) {
            0..40 => self.publish(),
            40..52 => self.ask(Op::Retract { node: author, item }),
            52..53 => self.ask(Op::Purge { node: author }),
            53..78 => self.ask(Op::Follow { user, node: author }),
            78..87 => self.ask(Op::Unfollow { user, node: author }),
            87..92 => {
                let on = self.plan.rng.chance(500);
                self.ask(Op::Deliver { user, node: author, on });
            }
            92..98 => self.ask(Op::Like {
                user,
                node: author,
                item,
            }),
            _ => self.ask(Op::Unlike {
                user,
                node: author,
                item,
            }),
        }
    }

    /// Some authors have many more followers than others.
    fn author(&mut self) -> usize {
        let authors = self.plan.authors;
        self.plan.rng.below(authors).min(self.plan.rng.below(authors))
    }

    /// An author publishes, sometimes an item that is there: an edit.
    pub(crate) fn publish(&mut self) {
        let node = self.author();
        let item = if self.plan.rng.chance(300) {
            self.plan.rng.below(40)
        } else {
            100 + self.ops.len()
        };
        self.ask(Op::Publish {
            node,
            item: item as u32,
        });
    }

    /// Queues an operation, as admission does.
    fn ask(&mut self, op: Op) {
        let number = self.ops.len();
        self.ops.push(op);
        let (by, change) = self.change(op);
        let fates = self.fates.clone();
        let record = Record {
            at: self.now(),
            by: jid(by).into(),
            change,
        };
        self.queue.push(Work::Record {
            id: RecordId(u128::from(self.plan.rng.draw())),
            queued: self.now(),
            record,
            ticket: Box::new(move |fate| {
                fates.lock().unwrap_or_else(|e| e.into_inner()).push((number, fate));
            }),
        });
    }

    /// The engine's record of an operation, and who asks for it.
    fn change(&self, op: Op) -> (usize, Change) {
        match op {
            Op::Publish { node, item } => {
                let most = self.model.nodes.get(node).map_or(usize::MAX, |n| n.most);
                let max_items = u32::try_from(most).unwrap_or(ITEMS_MAX);
                let change = Change::Publish {
                    node: node_name(node),
                    item: item.to_string().into(),
                    payload: Bytes::from_static(b"<entry/>"),
                    open_only: None,
                    notes: Vec::new(),
                    options: Vec::new(),
                    create: Some(NodeConfig {
                        max_items,
                        ..NodeConfig::microblog(NODE)
                    }),
                };
                (node, change)
            }
            Op::Retract { node, item } => {
                let (name, item) = (node_name(node), item.to_string().into());
                (
                    node,
                    Change::Retract {
                        node: name,
                        item,
                        notify: false,
                    },
                )
            }
            Op::Purge { node } => (node, Change::Purge { node: node_name(node) }),
            Op::Follow { user, node } => {
                let (node, subscriber) = (node_name(node), jid(user).into());
                (user, Change::follow(node, subscriber))
            }
            Op::Unfollow { user, node } => {
                let (node, subscriber) = (node_name(node), jid(user).into());
                (user, Change::Unfollow { node, subscriber })
            }
            Op::Deliver { user, node, on } => {
                let options = SubscribeOptions {
                    deliver: on,
                    ..SubscribeOptions::default()
                };
                let change = Change::SetOptions {
                    node: node_name(node),
                    subscriber: jid(user).into(),
                    options,
                };
                (user, change)
            }
            Op::Like { user, node, item } => {
                let (to, payload) = (attachment(node, item), Bytes::from_static(b"<like/>"));
                (user, Change::Attach { to, payload })
            }
            Op::Unlike { user, node, item } => {
                let (to, item) = (attachment(node, item), jid(user).into());
                (user, Change::Detach { to, item })
            }
        }
    }
}
