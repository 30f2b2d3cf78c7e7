//! The values of the rows.
//!
//! Rows are postcard; the format's version in `meta` covers them all. Knows no record and no stage. How a node's rows are
//! found is in `nodes.rs`, a subscriber's in `subscribers.rs`, a
//! peer's in `peers.rs`.

mod nodes;
mod peers;
mod subscribers;

pub use nodes::*;
pub use peers::*;
pub use subscribers::*;

use super::View;
use super::keys::Family;
use crate::config::{Later, NodeConfig, SendLast, SubscriptionState};
use crate::error::StoreError;
use crate::model::{Event, NodeId, NodeName, Origin, Seq, SubscriberId, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::Arc;

/// A node: what is written seldom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Its name.
    pub name: NodeName,
    /// Bare JID of the owner.
    pub owner: Arc<str>,
    /// When it was made.
    pub created: Timestamp,
    /// Its options.
    pub config: NodeConfig,
}

impl NodeRow {
    /// Whether it is a node of the owner's own account (XEP-0163).
    pub fn is_pep(&self) -> bool {
        self.name.service == self.owner
    }

    /// Whether a follower who comes online gets its last item (`pubsub#send_last_published_item`). Edges of presence lead to no
    /// items.
    pub fn greets(&self) -> bool {
        self.config.send_last == SendLast::OnSubAndPresence && !self.name.is_presence()
    }
}

/// A node's counters: written with each item and follower, so that nothing is ever counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// Items.
    pub items: u64,
    /// Followers.
    pub followers: u64,
    /// No item lies before this.
    pub oldest: Seq,
    /// The last entry.
    pub last: Seq,
    /// Entries up to here were purged, and are removed in the background.
    pub purged: Seq,
    /// Items that were published again: those with a row of `created`. Since format 4.
    pub edited: Later<u64>,
    /// Affiliated so that they get nothing: outcasts, and who may only publish. Since format 5.
    pub excluded: Later<u32>,
    /// Affiliated in some way, beside the first owner. Since format 5.
    pub affiliated: Later<u32>,
    /// Peers from which somebody follows. Since format 7.
    pub peers: Later<u32>,
}

/// A node whose fan-out is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Whether it still is; else what was held is being published.
    pub paused: bool,
    /// Posts that wait.
    pub held: u32,
}

/// A post that waits for its node to be resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// When it was accepted.
    pub at: Timestamp,
    /// The item.
    pub item: Arc<str>,
    /// The post.
    pub event: Event,
    /// Whom it concerns, as its record says it: told once it is published. Since format 5.
    pub notes: Later<Vec<u8>>,
}

/// An entry of a node's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the log.
    pub origin: Origin,
    /// When it was accepted.
    pub at: Timestamp,
    /// The item; empty for events of the node itself.
    pub item: Arc<str>,
    /// What happened.
    pub event: Event,
    /// Whom it is for, in ascending order; nobody is all who follow. Since format 7.
    pub only: Later<Vec<SubscriberId>>,
}

/// Where an item lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRow {
    /// Its latest version.
    pub seq: Seq,
    /// Its first version.
    pub first: Seq,
}

/// A subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Approved or not.
    pub state: SubscriptionState,
    /// The `Seq` of the follow: nothing before it is delivered.
    pub since: Seq,
}

/// What is attached to an item, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The node with what is attached.
    pub node: NodeId,
    /// Marks, in the order in which they first came, and how many attached each.
    pub marks: Vec<(Arc<str>, u64)>,
}

/// How many nodes an account owns on services: counted since format 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owns {
    /// For comments on its posts.
    pub comments: u32,
    /// Others.
    pub nodes: u32,
}

/// What an account published, wherever, and is still kept: counted since format 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Items.
    pub items: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Of a domain elsewhere: nodes that its users own here, and nodes of its own that are mirrored. Since format 7.
    pub nodes: Later<u32>,
}

impl Usage {
    /// What one entry counts, and for whom; nothing but items that somebody published counts.
    pub fn of(event: &Event) -> Option<(&Arc<str>, Usage)> {
        match event {
            Event::Publish { payload, publisher } if !publisher.is_empty() => {
                let bytes = payload.len() as u64;
                let nodes = Later(0);
                Some((publisher, Usage { items: 1, bytes, nodes }))
            }
            _ => None,
        }
    }
}

/// A device's cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CursorRow {
    /// Was live when last written: has confirmed the checkpoint of its virtual shard in that run.
    Live {
        /// The run.
        epoch: u32,
        /// When that was.
        at: Timestamp,
    },
    /// Has confirmed this much.
    At {
        /// The highest `Seq` below which nothing is missing.
        seq: Seq,
        /// When that was.
        at: Timestamp,
    },
}

/// The value as it lies in the store.
pub fn encode<T: Serialize>(row: &T) -> Vec<u8> {
    postcard::to_stdvec(row).expect("rows are plain data, which always encodes")
}

/// Reads a value of `family`.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode<T: DeserializeOwned>(family: Family, bytes: &[u8]) -> Result<T, StoreError> {
    let name = Family::NAMES.get(usize::from(family.0)).copied().unwrap_or("a table");
    postcard::from_bytes(bytes).map_err(|_| StoreError::Corrupt(name))
}

/// Reads one row.
///
/// # Errors
/// The store's failures.
pub fn get<T: DeserializeOwned>(view: &dyn View, family: Family, key: &[u8]) -> Result<Option<T>, StoreError> {
    view.get(family, key)?.map(|bytes| decode(family, &bytes)).transpose()
}

/// The state in a row of `follower`: without decoding, for who reads all of them. `None` where it is no such row.
pub fn state_in(value: &[u8]) -> Option<SubscriptionState> {
    match value.first() {
        Some(0) => Some(SubscriptionState::Pending),
        Some(1) => Some(SubscriptionState::Subscribed),
        Some(2) => Some(SubscriptionState::Silent),
        _ => None,
    }
}

/// A number of `meta`.
fn number(view: &dyn View, key: &[u8]) -> Result<Option<u32>, StoreError> {
    get(view, Family::META, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_an_older_format_have_no_edited_items() {
        let state = NodeState {
            items: 3,
            purged: Seq(9),
            ..NodeState::default()
        };
        let row = encode(&state);
        for fields in [1, 2, 3, 4] {
            let older = row.get(..row.len() - fields).expect("each field is one byte");
            assert_eq!(decode::<NodeState>(Family::NODE, older).ok(), Some(state));
        }
    }

    #[test]
    fn the_state_of_a_subscription_is_its_first_byte() {
        for state in [
            SubscriptionState::Pending,
            SubscriptionState::Subscribed,
            SubscriptionState::Silent,
        ] {
            let row = encode(&Subscription { state, since: Seq(77) });
            assert_eq!(state_in(&row), Some(state));
        }
        assert_eq!((state_in(&[]), state_in(&[7])), (None, None));
    }
}
