//! The values of the rows, and how a node or a subscriber is found.
//!
//! Rows are postcard; the format's version in `meta` covers them all. Knows no record and no stage.

use super::keys::{self, Family, NodePart};
use super::{Range, Tx, View};
use crate::config::{Affiliation, Later, NodeConfig, SubscribeOptions, SubscriptionState};
use crate::error::StoreError;
use crate::limits;
use crate::model::{Event, NodeId, NodeName, Origin, Seq, SubscriberId, Timestamp, VShard};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
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

fn number(view: &dyn View, key: &[u8]) -> Result<Option<u32>, StoreError> {
    get(view, Family::META, key)
}

/// The node of this name.
///
/// # Errors
/// The store's failures.
pub fn node_id(view: &dyn View, name: &NodeName) -> Result<Option<NodeId>, StoreError> {
    get(view, Family::NODE_NAME, &keys::node_name(name))
}

/// A node's configuration row.
///
/// # Errors
/// The store's failures.
pub fn node_row(view: &dyn View, node: NodeId) -> Result<Option<NodeRow>, StoreError> {
    get(view, Family::NODE, &keys::node(node, NodePart::Config))
}

/// A node's counters; those of a new node where there are none.
///
/// # Errors
/// The store's failures.
pub fn node_state(view: &dyn View, node: NodeId) -> Result<NodeState, StoreError> {
    Ok(get(view, Family::NODE, &keys::node(node, NodePart::State))?.unwrap_or_default())
}

/// The subscriber of this bare JID.
///
/// # Errors
/// The store's failures.
pub fn subscriber_id(view: &dyn View, jid: &str) -> Result<Option<SubscriberId>, StoreError> {
    get(view, Family::SUBSCRIBER_NAME, jid.as_bytes())
}

/// A subscriber's bare JID.
///
/// # Errors
/// The store's failures.
pub fn subscriber_name(view: &dyn View, id: SubscriberId) -> Result<Option<Arc<str>>, StoreError> {
    get(view, Family::SUBSCRIBER, &keys::subscriber(id))
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

/// A subscription.
///
/// # Errors
/// The store's failures.
pub fn subscription(view: &dyn View, node: NodeId, id: SubscriberId) -> Result<Option<Subscription>, StoreError> {
    get(view, Family::FOLLOWER, &keys::follower(node, id))
}

/// The options of a subscription; the usual ones where there is no row.
///
/// # Errors
/// The store's failures.
pub fn options(view: &dyn View, node: NodeId, id: SubscriberId) -> Result<SubscribeOptions, StoreError> {
    Ok(get(view, Family::OPTIONS, &keys::following(id, node))?.unwrap_or_default())
}

/// Those of a subscriber's subscriptions that have options of their own, at most [`limits::LIST_ROWS`] behind `after`.
///
/// # Errors
/// The store's failures.
pub fn options_of(
    view: &dyn View,
    id: SubscriberId,
    after: Option<NodeId>,
) -> Result<Vec<(NodeId, SubscribeOptions)>, StoreError> {
    let range = Range {
        start: keys::following(id, NodeId(after.map_or(0, |node| node.0.saturating_add(1)))).to_vec(),
        end: keys::behind(&id.0.to_be_bytes()),
        reverse: false,
    };
    let (mut found, mut bad) = (Vec::new(), None);
    view.scan(Family::OPTIONS, &range, &mut |key, value| {
        match (keys::read_following(key), decode(Family::OPTIONS, value)) {
            (Some((_, node)), Ok(options)) => found.push((node, options)),
            (_, Err(error)) => bad = Some(error),
            (None, Ok(_)) => bad = Some(StoreError::Corrupt("options")),
        }
        if bad.is_none() && found.len() < limits::LIST_ROWS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    bad.map_or(Ok(found), Err)
}

/// The owners of a node, the first of them first.
///
/// # Errors
/// The store's failures.
pub fn owners(view: &dyn View, node: NodeId, row: &NodeRow) -> Result<Vec<Arc<str>>, StoreError> {
    let others: Option<Vec<Arc<str>>> = get(view, Family::NODE, &keys::node(node, NodePart::Owners))?;
    let mut owners = others.unwrap_or_default();
    owners.insert(0, row.owner.clone());
    Ok(owners)
}

/// How many nodes a subscriber follows. In rows of their own, which lie close together: one is read and written with each
/// follow, and between his edges it would cost a block of them.
///
/// # Errors
/// The store's failures.
pub fn follows(view: &dyn View, id: SubscriberId) -> Result<u32, StoreError> {
    Ok(get(view, Family::FOLLOWS, &keys::subscriber(id))?.unwrap_or(0))
}

/// Writes how many nodes a subscriber follows.
pub fn put_follows(tx: &mut Tx<'_>, id: SubscriberId, follows: u32) {
    tx.put(Family::FOLLOWS, keys::subscriber(id), encode(&follows));
}

/// What a bare JID is to a node; its owner is always one.
///
/// # Errors
/// The store's failures.
pub fn affiliation(view: &dyn View, node: NodeId, row: &NodeRow, jid: &str) -> Result<Affiliation, StoreError> {
    if &*row.owner == jid {
        return Ok(Affiliation::Owner);
    }
    let Some(id) = subscriber_id(view, jid)? else {
        return Ok(Affiliation::None);
    };
    Ok(get(view, Family::AFFILIATION, &keys::follower(node, id))?.unwrap_or(Affiliation::None))
}

/// The nodes of a service, in the order of their names.
///
/// # Errors
/// The store's failures.
pub fn nodes_of(view: &dyn View, service: &str, max: usize) -> Result<Vec<(Arc<str>, NodeId)>, StoreError> {
    nodes_from(view, service, None, false, max)
}

/// Those behind a name, or, last first, those before it; without a name from the first, or from the last.
///
/// # Errors
/// The store's failures.
pub fn nodes_from(
    view: &dyn View,
    service: &str,
    from: Option<&str>,
    reverse: bool,
    max: usize,
) -> Result<Vec<(Arc<str>, NodeId)>, StoreError> {
    let all = Range::prefix(&keys::service(service));
    let name = from.map(|from| [all.start.as_slice(), from.as_bytes()].concat());
    let range = match (reverse, name) {
        (true, Some(end)) => Range::between(all.start, end),
        // NUL is in no name: nothing lies between.
        (false, Some(start)) => Range {
            start: [start.as_slice(), &[0]].concat(),
            ..all
        },
        (_, None) => all,
    };
    let (mut nodes, mut bad) = (Vec::new(), None);
    view.scan(Family::NODE_NAME, &Range { reverse, ..range }, &mut |key, value| {
        match (
            keys::read_node_of_service(key, service),
            decode(Family::NODE_NAME, value),
        ) {
            (Some(name), Ok(id)) => nodes.push((Arc::from(name), id)),
            (_, Err(error)) => bad = Some(error),
            (None, Ok(_)) => bad = Some(StoreError::Corrupt("node_name")),
        }
        if nodes.len() < max && bad.is_none() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    bad.map_or(Ok(nodes), Err)
}

/// The subscriber of this bare JID, made if need be: the next id of its virtual shard, in a block of that shard.
///
/// # Errors
/// The store's failures.
pub fn make_subscriber(tx: &mut Tx<'_>, jid: &str) -> Result<SubscriberId, StoreError> {
    if let Some(id) = subscriber_id(tx, jid)? {
        return Ok(id);
    }
    let mut new = NewSubscribers::default();
    let id = new.make(tx, jid, VShard::of(jid))?;
    new.finish(tx);
    Ok(id)
}

/// Subscribers that are made together: what their ids come from is read and written once for each virtual shard.
#[derive(Default)]
pub struct NewSubscribers(BTreeMap<VShard, u32>);

impl NewSubscribers {
    /// The subscriber of a bare JID that has none, as [`make_subscriber`] makes one.
    ///
    /// # Errors
    /// The store's failures.
    pub fn make(&mut self, tx: &mut Tx<'_>, jid: &str, vshard: VShard) -> Result<SubscriberId, StoreError> {
        let next = match self.0.get(&vshard) {
            Some(next) => Some(*next),
            None => number(tx, &keys::next_subscriber(vshard))?,
        };
        let id = match next.filter(|next| next % limits::BLOCK != 0) {
            Some(next) => next,
            None => {
                // Id 0 is never given, so that a table of ids may use 0 for nobody.
                let block = number(tx, keys::NEXT_BLOCK)?.unwrap_or(0);
                tx.put(Family::META, keys::NEXT_BLOCK, encode(&(block + 1)));
                tx.put(Family::META, keys::block(block), [vshard.0]);
                (block * limits::BLOCK).max(1)
            }
        };
        self.0.insert(vshard, id + 1);
        tx.put(Family::SUBSCRIBER_NAME, jid.as_bytes(), encode(&SubscriberId(id)));
        tx.put(Family::SUBSCRIBER, keys::subscriber(SubscriberId(id)), encode(&jid));
        Ok(SubscriberId(id))
    }

    /// Notes which ids come next. To be called when all are made.
    pub fn finish(self, tx: &mut Tx<'_>) {
        for (vshard, next) in self.0 {
            tx.put(Family::META, keys::next_subscriber(vshard), encode(&next));
        }
    }
}

/// A new node id; its rows are the caller's.
///
/// # Errors
/// The store's failures.
pub fn next_node(tx: &mut Tx<'_>) -> Result<NodeId, StoreError> {
    let id = number(tx, keys::NEXT_NODE)?.unwrap_or(1);
    tx.put(Family::META, keys::NEXT_NODE, encode(&(id + 1)));
    Ok(NodeId(id))
}

/// Forgets the place of an item's first version, where it is not that of the only one.
pub fn forget_first(tx: &mut Tx<'_>, node: NodeId, row: ItemRow, state: &mut NodeState) {
    if row.first != row.seq {
        tx.delete(Family::CREATED, keys::log(node, row.first));
        state.edited.0 = state.edited.0.saturating_sub(1);
    }
}

/// Writes a node's counters.
pub fn put_state(tx: &mut Tx<'_>, node: NodeId, state: &NodeState) {
    tx.put(Family::NODE, keys::node(node, NodePart::State), encode(state));
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
        let older = row.get(..row.len() - 1).expect("the field is one byte");
        assert_eq!(decode::<NodeState>(Family::NODE, older).ok(), Some(state));
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
