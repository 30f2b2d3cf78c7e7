//! The words of the engine: sequence numbers, dense ids, names, items and posts.
//!
//! Knows no store, no stage and no protocol; a payload is bytes. Every stage speaks in these types, so a number of one
//! kind can never be passed for another. Next in the flow: `publish/`, where a record is made of them.

use crate::config::{NotificationType, SubscriptionState};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};

/// Arrival order on this host: given by the applier, never reused, never leaves the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seq(pub u64);

impl Seq {
    /// The number after this one.
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

/// Dense id of a node, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u32);

/// Dense id of a bare JID that follows something, never reused. Ids of one virtual shard fill blocks of 4,096.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubscriberId(pub u32);

/// Dense id of the outbox of another server, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerId(pub u32);

impl PeerId {
    /// No peer: what is due and was not given to each of its peers yet.
    pub const UNSORTED: PeerId = PeerId(0);
}

/// One of 256 virtual shards; a thread owns those with `vshard % threads == thread`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VShard(pub u8);

impl VShard {
    /// The virtual shard of a bare JID: FNV-1a, fixed for ever since ids in the store depend on it.
    pub fn of(name: &str) -> VShard {
        VShard((fnv1a(name.as_bytes()) >> 56) as u8)
    }

    /// The shard thread among `threads` that owns it.
    pub fn thread(self, threads: usize) -> usize {
        usize::from(self.0) % threads.max(1)
    }
}

/// FNV-1a, 64 bits, with a final mix so that the high bits depend on every byte.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 29)
}

/// One of 4,096 slots of the log; all records about one service share a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(pub u16);

impl Slot {
    /// How many there are; fixed for ever.
    pub const COUNT: u16 = 4096;

    /// The slot of the records about a service or a user.
    pub fn of(name: &str) -> Slot {
        Slot((fnv1a(name.as_bytes()) % u64::from(Slot::COUNT)) as u16)
    }
}

/// Where a record stands in the log: the same on every host, so ids that leave the host derive from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The slot.
    pub slot: Slot,
    /// Its number within the slot, from 1, without gaps.
    pub number: u64,
}

/// By which a post is known outside: the same on every host, and in every archive that has the post. Its time leads to
/// where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PostId {
    /// When it was accepted.
    pub at: Timestamp,
    /// Its place in the log.
    pub origin: Origin,
}

impl PostId {
    /// As it is written.
    pub fn to_text(self) -> String {
        format!("{:x}-{:x}-{:x}", self.at.0, self.origin.slot.0, self.origin.number)
    }

    /// Reads one; `None` for what is none.
    pub fn parse(text: &str) -> Option<PostId> {
        let mut parts = text.split('-');
        let mut part = || u64::from_str_radix(parts.next()?, 16).ok();
        let (at, slot, number) = (part()?, part()?, part()?);
        let slot = u16::try_from(slot).ok().filter(|slot| *slot < Slot::COUNT)?;
        let id = PostId {
            at: Timestamp(at),
            origin: Origin {
                slot: Slot(slot),
                number,
            },
        };
        (id.to_text() == text).then_some(id)
    }
}

/// A record's own id, kept across retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RecordId(pub u128);

/// Milliseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

/// A node's name: the service's bare JID and the node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeName {
    /// Bare JID of the service: an account, or a pubsub service.
    pub service: Arc<str>,
    /// The node, e.g. `urn:xmpp:microblog:0`.
    pub node: Arc<str>,
}

/// What the name of a virtual node of presence begins with; no service can begin so.
const PRESENCE: &str = "presence:";

impl NodeName {
    /// A node of a service.
    pub fn new(service: impl Into<Arc<str>>, node: impl Into<Arc<str>>) -> NodeName {
        NodeName {
            service: service.into(),
            node: node.into(),
        }
    }

    /// The virtual node whose followers are those who get the presence of `owner`.
    pub fn presence(owner: &str) -> NodeName {
        NodeName {
            service: format!("{PRESENCE}{owner}").into(),
            node: "".into(),
        }
    }

    /// Whether it is a virtual node of presence: it has edges and no items.
    pub fn is_presence(&self) -> bool {
        self.service.starts_with(PRESENCE)
    }
}

/// What the names of nodes for attachments begin with, of one item and of the counts of all (XEP-0470 §4.1, §4.6).
const ATTACHED: &str = "urn:xmpp:pubsub-attachments:";
/// The same of one item's.
const ATTACHMENTS: &str = "urn:xmpp:pubsub-attachments:1/";
/// What the names of nodes for comments begin with.
const COMMENTS: &str = "urn:xmpp:microblog:0:comments/";
/// The same of the counts.
const SUMMARY: &str = "urn:xmpp:pubsub-attachments:summary:1/";
/// The list of what an account follows publicly (XEP-0465 §4.2).
const PUBLIC_SUBSCRIPTIONS: &str = "urn:xmpp:pps:subscriptions:0";
/// What the names of lists of those who follow a node publicly begin with (§4.4).
const PUBLIC_SUBSCRIBERS: &str = "urn:xmpp:pps:subscribers:0/";

impl NodeName {
    /// Whether the service keeps the node itself: its rights are those of the node that it is kept for.
    pub fn is_kept(&self) -> bool {
        self.node.starts_with(ATTACHED) || self.is_public_list()
    }

    /// Whether it is a list of public subscriptions (XEP-0465 §4.2, §4.4).
    pub fn is_public_list(&self) -> bool {
        self.is_public_subscriptions() || self.node.starts_with(PUBLIC_SUBSCRIBERS)
    }

    /// Whether it is the list of what an account follows publicly.
    pub fn is_public_subscriptions(&self) -> bool {
        *self.node == *PUBLIC_SUBSCRIPTIONS
    }

    /// The list of what an account follows publicly.
    pub fn public_subscriptions(account: &str) -> NodeName {
        NodeName::new(account, PUBLIC_SUBSCRIPTIONS)
    }

    /// The list of those who follow this node publicly.
    pub fn public_subscribers(&self) -> NodeName {
        NodeName::new(self.service.clone(), format!("{PUBLIC_SUBSCRIBERS}{}", self.node))
    }

    /// The node whose followers this one lists.
    pub fn listed_node(&self) -> Option<NodeName> {
        let node = self.node.strip_prefix(PUBLIC_SUBSCRIBERS)?;
        Some(NodeName::new(self.service.clone(), node))
    }

    /// Whether it is for the comments on one post (XEP-0277 §3.1): an account has as many as posts.
    pub fn is_comments(&self) -> bool {
        self.node.starts_with(COMMENTS)
    }

    /// Whether it is for what readers attach to one item. There may be one for each item, so that they are in no list.
    pub fn is_attachments(&self) -> bool {
        self.node.starts_with(ATTACHMENTS)
    }

    /// The node with the counts of what is attached to this one's items.
    pub fn summary(&self) -> NodeName {
        NodeName::new(self.service.clone(), format!("{SUMMARY}{}", self.node))
    }
}

/// What is said by one entry of a node's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// An item was published, or published again (then it replaces the older one).
    Publish {
        /// The payload, self-contained, as admission made it; empty where the node delivers none.
        payload: Bytes,
        /// Bare JID of the publisher, stamped by the server.
        publisher: Arc<str>,
    },
    /// An item was retracted.
    Retract {
        /// The first version's `Seq`: who has read beyond it has the item and must hear of this.
        first: Seq,
    },
    /// All items were purged.
    Purge,
    /// The node's configuration changed.
    Configure {
        /// It, as receivers are shown it; empty where the node delivers no payloads.
        form: Bytes,
    },
    /// The node was deleted.
    Delete {
        /// Where it went, an `xmpp:` URI.
        redirect: Option<Arc<str>>,
    },
    /// An item of a mirrored node reached more of its followers; only in the log.
    Again {
        /// Where the item lies.
        of: Seq,
    },
}

/// What goes to followers: shared by all who must get it, encoded once per form by the first who writes it.
#[derive(Debug)]
pub struct Post {
    /// Its place in the order of this host.
    pub seq: Seq,
    /// Its place in the log, from which stanza ids derive.
    pub origin: Origin,
    /// The node.
    pub node: NodeId,
    /// The node's name.
    pub name: NodeName,
    /// The item's id; empty for events of the node itself.
    pub item: Arc<str>,
    /// When it was accepted.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// Who gets it because of presence and caps (XEP-0163 §4), beside the followers.
    pub audience: Audience,
    /// What receivers are shown of the item.
    pub shown: Shown,
    /// Whether some follow from other servers.
    pub remote: bool,
    /// Whom it is for, in ascending order, where it is not for all who follow.
    pub only: Option<Arc<[SubscriberId]>>,
    /// The live form, encoded by the first writer.
    pub live: OnceLock<Splice>,
    /// The form for who was away: with its time of publication.
    pub delayed: OnceLock<Splice>,
}

impl Post {
    /// By which it is known outside.
    pub fn id(&self) -> PostId {
        PostId {
            at: self.at,
            origin: self.origin,
        }
    }

    /// Whether it is for somebody, if he follows.
    pub fn is_for(&self, id: SubscriberId) -> bool {
        self.only.as_ref().is_none_or(|only| only.binary_search(&id).is_ok())
    }

    /// Bytes that it holds, with both of its encoded forms: an upper estimate.
    pub fn cost(&self) -> usize {
        let payload = match &self.event {
            Event::Publish { payload, .. } => payload.len(),
            _ => 0,
        };
        // A body repeats some of the payload's words, at most all of them.
        let form = if self.shown.body { payload * 2 } else { payload };
        payload + form * 2 + 1024
    }
}

/// What of an item its receivers see, by the node's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// `pubsub#deliver_payloads`.
    pub payload: bool,
    /// `pubsub#itemreply` is publisher.
    pub publisher: bool,
    /// `pubsub#include_body`.
    pub body: bool,
    /// `pubsub#notification_type`.
    pub kind: NotificationType,
}

/// An encoded stanza without its addressee: `prefix + to + suffix`.
#[derive(Debug, Default)]
pub struct Splice {
    /// Up to and without the value of `to`.
    pub prefix: Box<[u8]>,
    /// From behind the value of `to` to the end, or to the value of the id's `by`.
    pub suffix: Box<[u8]>,
    /// From behind the value of `by` to the end; empty where there is no id.
    pub tail: Box<[u8]>,
    /// Whose archive the id is of, for who does not follow.
    pub by: Box<[u8]>,
}

/// Who gets a post by presence and interest, beside the followers.
#[derive(Clone, Debug)]
pub enum Audience {
    /// Nobody: the node is no PEP node, or notifies nobody.
    None,
    /// Those who get the owner's presence, and his own sessions.
    Presence {
        /// The virtual node, where it exists.
        node: Option<NodeId>,
        /// The owner himself.
        owner: SubscriberId,
        /// Those who may not read it all the same, in ascending order: outcasts, and who only publishes.
        but: Arc<[SubscriberId]>,
    },
    /// Only these, in ascending order (access by roster group or whitelist).
    Only(Arc<[SubscriberId]>),
}

/// What one account is to hear at once, where it is here. Kept nowhere: who is away finds it in the lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Bare JID of who is to hear it.
    pub to: Arc<str>,
    /// The node.
    pub node: NodeName,
    /// Bare JID of whose subscription it is about.
    pub subscriber: Arc<str>,
    /// What happened to it.
    pub what: Told,
}

/// What happened to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It has this state now; `None` is none (XEP-0060 §4.2, `pubsub#notify_sub`).
    State(Option<SubscriptionState>),
    /// It waits for an owner, who is hearing this (§8.6).
    Asks,
    /// Its options changed.
    Options,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_shards_and_slots_never_move() {
        let vshards = ["a@b", "juliet@capulet.lit", "romeo@montague.lit", ""].map(|name| VShard::of(name).0);
        assert_eq!(vshards, [16, 200, 198, 133]);
        assert_eq!(
            ["a@b", "juliet@capulet.lit", ""].map(|name| Slot::of(name).0),
            [357, 240, 1139]
        );
    }

    #[test]
    fn a_posts_id_reads_back_and_nothing_else_is_one() {
        let id = PostId {
            at: Timestamp(0x18c_0000),
            origin: Origin {
                slot: Slot(4095),
                number: 17,
            },
        };
        assert_eq!(id.to_text(), "18c0000-fff-11");
        assert_eq!(PostId::parse(&id.to_text()), Some(id));
        for wrong in ["", "1-2", "1-1000-1", "1-2-3-4", "01-2-3", "x-2-3", "+1-2-3"] {
            assert_eq!(PostId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn virtual_shards_are_even() {
        let mut counts = [0_u32; 256];
        for n in 0..256_000 {
            counts[usize::from(VShard::of(&format!("user{n}@example.org")).0)] += 1;
        }
        assert!(counts.iter().all(|c| (800..1200).contains(c)), "{counts:?}");
    }
}
