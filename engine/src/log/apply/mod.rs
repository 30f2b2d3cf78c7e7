//! Apply: the one deterministic function from state and record to the next state.
//!
//! Reads only rows that the log made and the record itself; knows no clock, no session and no disk (its writes go to a
//! [`Tx`]). O(1) in followers and items: what is many is left to the background as a `sweep` row. Next: the commit's
//! effects become a batch in `fanout/`.

mod access;
mod attach;
mod audience;
mod block;
mod edge;
mod hold;
mod import;
mod keep;
mod mirror;
mod node;
mod notes;
mod owned;
mod peers;
mod public;
mod publish;
mod subscribe;
mod user;

pub use access::{may_publish, may_read};
pub use node::config_bounds;
pub(in crate::log) use public::is_closed;
pub use publish::{shown, without};

use crate::config::{Later, NodeConfig};
use crate::error::{Reject, StoreError};
use crate::limits::Limits;
use crate::log::record::{Change, Note, Outcome, Record};
use crate::model::{NodeId, NodeName, Notice, Origin, Post, Seq, SubscriberId, Timestamp, VShard};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, NodeRow};
use crate::store::{Tx, View};
use bytes::Bytes;
use std::sync::Arc;

/// Why a record had no effect.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It was refused.
    #[error(transparent)]
    Reject(#[from] Reject),
    /// The store failed: fatal.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tables that another part defines, with their own apply in the same commit. What is not said of them is as if there were
/// none: nobody is in a group, nobody is blocked, everything fits, nothing is counted.
pub trait Tables: Send + Sync + 'static {
    /// The names of its column families; the first is [`Family::TABLES`], and so on.
    fn names(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// The outbox of another server by which a bare JID gets what `service` sends it; `None` where it lives here.
    fn peer(&self, service: &str, jid: &str) -> Option<String> {
        let _ = (service, jid);
        None
    }

    /// The domain where a bare JID lives, if that is not this server's.
    fn elsewhere<'j>(&self, jid: &'j str) -> Option<&'j str> {
        let _ = jid;
        None
    }

    /// Applies one of its operations.
    ///
    /// # Errors
    /// A refusal, after which nothing is changed, or the store's failure.
    fn apply(&self, apply: &mut Apply<'_, '_>, op: &[u8]) -> Result<Bytes, ApplyError> {
        let _ = (apply, op);
        Err(Reject::NotAcceptable("there are no tables").into())
    }

    /// One bounded step of what the tables leave to the background: removes at most so many rows' worth. Between commits,
    /// and not synced: what is still to be done must lie in the tables. `next` takes records to be applied after it.
    ///
    /// # Errors
    /// The store's failures.
    fn sweep(&self, tx: &mut Tx<'_>, now: Timestamp, rows: usize, next: &mut Vec<Record>) -> Result<(), StoreError> {
        let _ = (tx, now, rows, next);
        Ok(())
    }

    /// Notes something to an account: `new` is the item that says it. Blocked and unknown accounts are noted nothing.
    ///
    /// # Errors
    /// The store's failures.
    fn note(&self, apply: &mut Apply<'_, '_>, note: &Note, new: Option<(&NodeName, &str)>) -> Result<(), ApplyError> {
        let _ = (apply, note, new);
        Ok(())
    }

    /// Whether `contact` is in one of these groups of `owner`'s roster.
    ///
    /// # Errors
    /// The store's failures.
    fn in_roster_groups(
        &self,
        view: &dyn View,
        owner: &str,
        contact: &str,
        groups: &[Arc<str>],
    ) -> Result<bool, StoreError> {
        let _ = (view, owner, contact, groups);
        Ok(false)
    }

    /// Whether `owner` blocks a bare JID: then it reads and follows nothing of his account.
    ///
    /// # Errors
    /// The store's failures.
    fn blocks(&self, view: &dyn View, owner: &str, jid: &str) -> Result<bool, StoreError> {
        let _ = (view, owner, jid);
        Ok(false)
    }

    /// Whether a payload may be that item of a node of this type (XEP-0472).
    fn fits(&self, kind: &str, item: &str, payload: &Bytes) -> bool {
        let _ = (kind, item, payload);
        true
    }

    /// A configuration as receivers of its change are shown it (XEP-0060 §8.2.5).
    fn configuration(&self, config: &NodeConfig) -> Bytes {
        let _ = config;
        Bytes::new()
    }

    /// The marks in what somebody attached, each once: what is counted (XEP-0470 §4.7).
    fn marks(&self, payload: &Bytes) -> Vec<Arc<str>> {
        let _ = payload;
        Vec::new()
    }

    /// The payload that shows counts of marks.
    fn summary(&self, marks: &[(Arc<str>, u64)]) -> Bytes {
        let _ = marks;
        Bytes::new()
    }

    /// The payload that says that somebody follows a node publicly (XEP-0465 §4.2).
    fn public_subscription(&self, node: &NodeName) -> Bytes {
        let _ = node;
        Bytes::new()
    }

    /// The payload that says who follows a node publicly (§4.4).
    fn public_subscriber(&self, jid: &str) -> Bytes {
        let _ = jid;
        Bytes::new()
    }

    /// Whether `owner` blocks anybody.
    ///
    /// # Errors
    /// The store's failures.
    fn blocks_any(&self, view: &dyn View, owner: &str) -> Result<bool, StoreError> {
        let _ = (view, owner);
        Ok(false)
    }

    /// Everyone in one of these groups of `owner`'s roster.
    ///
    /// # Errors
    /// The store's failures.
    fn roster_members(&self, view: &dyn View, owner: &str, groups: &[Arc<str>]) -> Result<Vec<Arc<str>>, StoreError> {
        let _ = (view, owner, groups);
        Ok(Vec::new())
    }
}

/// No tables: for tests and tools of the engine alone.
pub struct NoTables;

impl Tables for NoTables {}

/// What a commit tells the shards, in log order.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Something for the followers of a node.
    Post(Arc<Post>),
    /// An edge began.
    Follow {
        /// The node.
        node: NodeId,
        /// Who follows from now on.
        subscriber: SubscriberId,
        /// Where he lives.
        vshard: VShard,
    },
    /// Many edges of one node began at once.
    Follows {
        /// The node.
        node: NodeId,
        /// Who follows from now on, and where he lives.
        subscribers: Arc<[(VShard, SubscriberId)]>,
    },
    /// An edge ended.
    Unfollow {
        /// The node.
        node: NodeId,
        /// Who no longer follows.
        subscriber: SubscriberId,
        /// Where he lives.
        vshard: VShard,
    },
    /// All edges of a node ended.
    NodeGone(NodeId),
    /// The entry at this place is no longer there.
    Gone(Seq),
    /// Somebody is to hear of a subscription, if he is here.
    Notice(Box<Notice>),
}

/// One record being applied.
pub struct Apply<'a, 's> {
    /// The state, with this commit's changes.
    pub tx: &'a mut Tx<'s>,
    /// The place that the record gets if it is accepted.
    pub seq: Seq,
    /// Its place in its slot.
    pub origin: Origin,
    /// The record's time.
    pub at: Timestamp,
    /// Who asked.
    pub by: &'a str,
    /// The limits in force.
    pub limits: &'a Limits,
    /// The tables of other parts.
    pub tables: &'a dyn Tables,
    /// What the shards will hear.
    pub effects: &'a mut Vec<Effect>,
    /// What is applied right after this record, in the same commit: each with a place of its own.
    pub next: &'a mut Vec<Record>,
}

impl<'s> Apply<'_, 's> {
    /// Applies `record`.
    ///
    /// # Errors
    /// A refusal (the caller discards what was written), or the store's failure.
    pub fn record(&mut self, record: &Record) -> Result<Outcome, ApplyError> {
        match &record.change {
            Change::Publish {
                node,
                item,
                payload,
                open_only,
                notes,
                options,
                create,
            } => {
                let made = (options.as_slice(), create.as_ref());
                self.publish(node, item, (payload, *open_only), notes, made)
            }
            Change::Retract { node, item, notify } => self.retract(node, item, *notify),
            Change::Attach { to, payload } => self.attach(to, payload),
            Change::Detach { to, item } => self.detach(to, item),
            Change::Summarize { summary, item, payload } => self.summarize(summary, item, payload.as_ref()),
            Change::Purge { node } => self.purge(node),
            Change::CreateNode { node, config } => self.create(node, config).map(|_| Outcome::Done),
            Change::Configure { node, settings } => self.configure(node, settings),
            Change::DeleteNode { node, redirect } => self.delete_node(node, redirect.clone()),
            Change::Follow {
                node,
                subscriber,
                options,
                public,
            } => self.follow(node, subscriber, options.as_ref(), *public),
            Change::SetOptions {
                node,
                subscriber,
                options,
            } => self.set_options(node, subscriber, options),
            Change::ImportFollowers { node, subscribers } => self.import(node, subscribers),
            Change::Unfollow { node, subscriber } => self.unfollow(node, subscriber),
            Change::SetSubscription {
                node,
                subscriber,
                state,
            } => self.set_subscription(node, subscriber, *state),
            Change::Affiliate { node, jid, affiliation } => self.affiliate(node, jid, *affiliation),
            Change::RemoveUser { user } => self.remove_user(user),
            Change::RetirePeer { peer } => self.retire_peer(peer),
            Change::Mirror { node, said } => self.mirror(node, said),
            Change::PauseNode { node, paused } => self.pause(node, *paused),
            Change::Release { node } => self.release(node),
            Change::Table { op, .. } => self.tables.apply(self, op).map(Outcome::Table),
        }
    }

    /// The same record, with somebody's rights for a part of it.
    fn acting_as<'b>(&'b mut self, by: &'b str) -> Apply<'b, 's> {
        Apply {
            tx: self.tx,
            seq: self.seq,
            origin: self.origin,
            at: self.at,
            by,
            limits: self.limits,
            tables: self.tables,
            effects: self.effects,
            next: self.next,
        }
    }

    /// The node of this name, with its row.
    fn node(&self, name: &NodeName) -> Result<(NodeId, NodeRow), ApplyError> {
        let id = rows::node_id(self.tx, name)?.ok_or(Reject::NodeNotFound)?;
        let row = rows::node_row(self.tx, id)?.ok_or(Reject::NodeNotFound)?;
        Ok((id, row))
    }

    /// Appends to a node's log and to the order of this host.
    fn append(&mut self, node: NodeId, item: &Arc<str>, event: crate::model::Event) {
        let entry = Entry {
            origin: self.origin,
            at: self.at,
            item: item.clone(),
            event,
            only: Later::default(),
        };
        self.tx
            .put(Family::LOG, keys::log(node, self.seq), rows::encode(&entry));
        self.tx.put(Family::TAIL, keys::tail(self.seq), rows::encode(&node));
    }
}
