//! How the rows of a node are found and written: itself, its counters, its owners, its subscriptions.
//!
//! Knows no record and no stage. The values are in `mod.rs`.

use super::{ItemRow, NodeRow, NodeState, Subscription, decode, encode, get, number, subscriber_id};
use crate::config::{Affiliation, SubscribeOptions};
use crate::error::StoreError;
use crate::limits;
use crate::model::{NodeId, NodeName, SubscriberId};
use crate::store::keys::{self, Family, NodePart};
use crate::store::{Range, Tx, View};
use std::ops::ControlFlow;
use std::sync::Arc;

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
    let mut owners = vec![row.owner.clone()];
    for other in others.unwrap_or_default() {
        // Not one who only has the name of an owner whose account is gone.
        if affiliation(view, node, row, &other)? == Affiliation::Owner {
            owners.push(other);
        }
    }
    Ok(owners)
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
