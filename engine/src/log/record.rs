//! A record: one change of shared state, with all that applying it needs.
//!
//! It carries its time, its ids and its limits, so that apply reads nothing else. Made by `publish/`, ordered and made
//! durable by a [`super::Log`], decided by `apply/`.

use crate::config::{Affiliation, NodeConfig, Setting, SubscribeOptions, SubscriptionState};
use crate::model::{NodeName, Seq, Timestamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An item, and the nodes that the service keeps for what readers attach to it (XEP-0470).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The attachment node.
    pub node: NodeName,
    /// The node of the item.
    pub target: NodeName,
    /// The item.
    pub item: Arc<str>,
    /// The node with the counts of each item of the target node.
    pub summary: NodeName,
}

/// Why an account is noted something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Noted {
    /// Somebody follows it.
    Followed,
    /// Somebody names it in a post.
    Mentioned,
    /// Somebody answers a post of its.
    Replied,
    /// Somebody attaches something to a post of its.
    Liked,
    /// Somebody repeats a post of its.
    Repeated,
}

/// Something that an account is noted: what was read from a post when it was admitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Why.
    pub kind: Noted,
    /// Bare JID of whom; `None` is the owner of the node.
    pub to: Option<Arc<str>>,
    /// The post of its that it is about; `None` where it is about the new post alone.
    pub about: Option<(NodeName, Arc<str>)>,
}

/// What a service of another server said of its node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mirrored {
    /// Somebody here follows from now on, waits to, or does not any more.
    Follow {
        /// Bare JID of the follower.
        subscriber: Arc<str>,
        /// The state of his subscription.
        state: Option<SubscriptionState>,
        /// Whether he asked, so that there may be none yet; else only one that is there changes.
        asked: bool,
    },
    /// An item was published, or published again.
    Publish {
        /// The item's id.
        item: Arc<str>,
        /// The self-contained payload.
        payload: Bytes,
        /// Bare JID of the publisher, as far as the server may speak for him; else of the service.
        publisher: Arc<str>,
        /// Bare JIDs of those here who were addressed; none is all who follow.
        to: Vec<Arc<str>>,
        /// Whom it concerns.
        notes: Vec<Note>,
    },
    /// An item was retracted.
    Retract {
        /// The item's id.
        item: Arc<str>,
    },
    /// All items were.
    Purge,
    /// The node is gone, and with it who followed.
    Delete,
}

/// What is changed, when, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When it was admitted; what is shown and what expiry counts from.
    pub at: Timestamp,
    /// Bare JID of who asked; rights are his.
    pub by: Arc<str>,
    /// The change.
    pub change: Change,
}

/// The change that a record asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Publish an item (XEP-0060 §7.1).
    Publish {
        /// The node.
        node: NodeName,
        /// The item's id.
        item: Arc<str>,
        /// The self-contained payload.
        payload: Bytes,
        /// Start and length of those bytes of it that are for nodes that everybody may read, if there are any; elsewhere
        /// they are left out.
        open_only: Option<(u32, u32)>,
        /// Whom it is noted, where they have accounts and may read it.
        notes: Vec<Note>,
        /// What the node must be like, or is made with (§7.1.5).
        options: Vec<Setting>,
        /// What a missing node is made with before the options; `None` where nodes are not made by publishing.
        create: Option<NodeConfig>,
    },
    /// Retract an item (§7.2).
    Retract {
        /// The node.
        node: NodeName,
        /// The item's id.
        item: Arc<str>,
        /// Tell followers even where the node does not.
        notify: bool,
    },
    /// Attach to an item, in place of what the asker attached before; the item's id is his bare JID.
    Attach {
        /// To what.
        to: Attachment,
        /// The self-contained payload.
        payload: Bytes,
    },
    /// Take back what somebody attached.
    Detach {
        /// To what.
        to: Attachment,
        /// Bare JID of who attached it.
        item: Arc<str>,
    },
    /// Publish what is attached to an item, counted; made by apply, right after what changed it.
    Summarize {
        /// The node with the counts.
        summary: NodeName,
        /// The item.
        item: Arc<str>,
        /// The counts; `None` where nothing is attached any more.
        payload: Option<Bytes>,
    },
    /// Remove all items (§8.5).
    Purge {
        /// The node.
        node: NodeName,
    },
    /// Make a node (§8.1); `by` will own it.
    CreateNode {
        /// The node.
        node: NodeName,
        /// Its options.
        config: NodeConfig,
    },
    /// Change options (§8.2).
    Configure {
        /// The node.
        node: NodeName,
        /// The options that change.
        settings: Vec<Setting>,
    },
    /// Delete a node (§8.4).
    DeleteNode {
        /// The node.
        node: NodeName,
        /// Where it went.
        redirect: Option<Arc<str>>,
    },
    /// Follow: subscribe a bare JID (§6.1). Following again keeps the older subscription.
    Follow {
        /// The node.
        node: NodeName,
        /// Bare JID of the follower.
        subscriber: Arc<str>,
        /// What he asks of it (§6.3.7); where he follows already, it is asked of that.
        options: Option<SubscribeOptions>,
        /// Whether everybody may know of it from now on (XEP-0465).
        public: bool,
    },
    /// Change the options of a subscription (§6.3.5).
    SetOptions {
        /// The node.
        node: NodeName,
        /// Bare JID of the follower.
        subscriber: Arc<str>,
        /// All of its options.
        options: SubscribeOptions,
    },
    /// Have many follow, as an operator's act (`by` is empty): whoever may read the node, or waits for its owner's approval,
    /// follows; the others are counted. Doing it again changes nothing.
    ImportFollowers {
        /// The node.
        node: NodeName,
        /// Bare JIDs, at most [`crate::limits::FOLLOWERS_PER_RECORD`].
        subscribers: Vec<Arc<str>>,
    },
    /// End a subscription (§6.2).
    Unfollow {
        /// The node.
        node: NodeName,
        /// Bare JID of the follower.
        subscriber: Arc<str>,
    },
    /// Set a subscription as the node's owner (§8.8); `None` ends it.
    SetSubscription {
        /// The node.
        node: NodeName,
        /// Bare JID of the follower.
        subscriber: Arc<str>,
        /// The state that he gets.
        state: Option<SubscriptionState>,
    },
    /// Set an affiliation (§8.9).
    Affiliate {
        /// The node.
        node: NodeName,
        /// Bare JID of the other.
        jid: Arc<str>,
        /// What he becomes.
        affiliation: Affiliation,
    },
    /// What a service of another server said of a node of its own, to followers here; `by` is the server.
    Mirror {
        /// The node: its service lives elsewhere.
        node: NodeName,
        /// What it said.
        said: Mirrored,
    },
    /// Another server is gone for good: its subscriptions end, and what waits for it is thrown away. An operator's act, or the
    /// server's own.
    RetirePeer {
        /// The peer's name.
        peer: Arc<str>,
    },
    /// Remove a user: his nodes, all that he follows, his cursors. His tables are the front end's.
    RemoveUser {
        /// Bare JID.
        user: Arc<str>,
    },
    /// Pause or resume a node's fan-out, as its owner: what is published meanwhile is kept for later.
    PauseNode {
        /// The node.
        node: NodeName,
        /// Whether it is to pause.
        paused: bool,
    },
    /// Publish the oldest post that a resumed node holds; made by the background.
    Release {
        /// The node.
        node: NodeName,
    },
    /// A change of another part's tables, in its own encoding.
    Table {
        /// Whose log order it needs: usually the account's bare JID.
        owner: Arc<str>,
        /// The operation.
        op: Bytes,
    },
}

impl Change {
    /// A follow with the usual options.
    pub fn follow(node: NodeName, subscriber: Arc<str>) -> Change {
        Change::Follow {
            node,
            subscriber,
            options: None,
            public: false,
        }
    }
}

impl Record {
    /// Whose slot it belongs to.
    pub fn owner(&self) -> &str {
        match &self.change {
            Change::Publish { node, .. }
            | Change::Retract { node, .. }
            | Change::Purge { node }
            | Change::PauseNode { node, .. }
            | Change::Release { node }
            | Change::CreateNode { node, .. }
            | Change::Configure { node, .. }
            | Change::DeleteNode { node, .. }
            | Change::Follow { node, .. }
            | Change::SetOptions { node, .. }
            | Change::ImportFollowers { node, .. }
            | Change::Unfollow { node, .. }
            | Change::SetSubscription { node, .. }
            | Change::Affiliate { node, .. }
            | Change::Mirror { node, .. } => &node.service,
            Change::Attach { to, .. } | Change::Detach { to, .. } => &to.node.service,
            Change::Summarize { summary, .. } => &summary.service,
            Change::RetirePeer { peer } => peer,
            Change::RemoveUser { user } => user,
            Change::Table { owner, .. } => owner,
        }
    }
}

/// What applying a record did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its place in this host's order.
    pub seq: Seq,
    /// The answer.
    pub outcome: Outcome,
}

/// The answer to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, nothing more to say.
    Done,
    /// The state of the subscription now.
    Subscription(SubscriptionState),
    /// How an import went.
    Imported(Imported),
    /// Bare JIDs of those who were addressed with an item of a mirrored node, and do not follow it here.
    Missed(Vec<Arc<str>>),
    /// What the tables' own apply answers.
    Table(Bytes),
}

/// How many subscribers of an import followed from then on, did before, and were refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Follow now.
    pub imported: u64,
    /// Followed before.
    pub already: u64,
    /// May not read the node, or follow too many.
    pub refused: u64,
}
