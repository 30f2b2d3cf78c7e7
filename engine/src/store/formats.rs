//! How a store of an older format is brought to the next one: read once, and written so that a cut in between does no harm.
//!
//! Each function ends with the write that says the new format. Knows no stage. `open.rs` calls them in turn.

use super::keys::{self, Family, NodePart};
use super::rows::{Entry, ItemRow, NodeRow, NodeState, Usage};
use super::{Range, Store, Write, rows};
use crate::config::{Affiliation, SubscriptionState};
use crate::error::StoreError;
use crate::model::NodeId;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows of one write while a store is brought to a format.
const WRITE_ROWS: usize = 65_536;

/// From version 1: counts of what one follows lay among his edges, under the node number 0; there was no journal, so ours
/// does not go back to the first edge. One write, so that it is done or not.
pub(super) fn to_second(store: &dyn Store) -> Result<(), StoreError> {
    let mut writes = Vec::new();
    store.scan_once(Family::FOLLOWING, &Range::all(), &mut |key, value| {
        if let Some((id, NodeId(0))) = keys::read_following(key) {
            writes.push(Write {
                family: Family::FOLLOWS,
                key: keys::subscriber(id).to_vec(),
                value: Some(value.to_vec()),
            });
            writes.push(Write {
                family: Family::FOLLOWING,
                key: key.to_vec(),
                value: None,
            });
        }
        ControlFlow::Continue(())
    })?;
    writes.push(meta(keys::JOURNAL_LAST, rows::encode(&1_u64)));
    writes.push(meta(keys::JOURNAL_TRIMMED, rows::encode(&1_u64)));
    writes.push(format(2));
    store.write(writes, true)
}

/// To version 4: rows of the first versions of items that were published again, and their number. Each item is looked at once,
/// node after node; what was written twice because it was interrupted is the same.
pub(super) fn to_fourth(store: &dyn Store) -> Result<(), StoreError> {
    let mut current: Option<(NodeId, NodeState)> = None;
    let mut writes = each_row(store, Family::ITEM, &mut |key, value, writes| {
        writes.extend(first_version(store, &mut current, key, value)?);
        Ok(())
    })?;
    writes.extend(current.as_ref().and_then(counted));
    writes.push(format(4));
    store.write(writes, true)
}

/// To version 5: counts of what each account published and is kept, and of those who are excluded. The log is read once; what
/// counts lies in memory until then, a row for each who ever published.
pub(super) fn to_fifth(store: &dyn Store) -> Result<(), StoreError> {
    let mut all = HashMap::<Arc<str>, Usage>::new();
    each_row(store, Family::LOG, &mut |_, value, _| {
        let entry: Entry = rows::decode(Family::LOG, value)?;
        if let Some((publisher, one)) = Usage::of(&entry.event) {
            let has = all.entry(publisher.clone()).or_default();
            has.items += one.items;
            has.bytes += one.bytes;
        }
        Ok(())
    })?;
    let mut writes = with_affiliated(store)?;
    for (publisher, has) in all {
        writes.push(Write {
            family: Family::USAGE,
            key: publisher.as_bytes().to_vec(),
            value: Some(rows::encode(&has)),
        });
        if writes.len() == WRITE_ROWS {
            store.write(std::mem::take(&mut writes), false)?;
        }
    }
    writes.push(format(5));
    store.write(writes, true)
}

/// To version 6: rows of who follows nodes that send their last item to who comes. Nodes are read once, and the followers of
/// those; what was written twice because it was interrupted is the same.
pub(super) fn to_sixth(store: &dyn Store) -> Result<(), StoreError> {
    let mut writes = each_row(
        store,
        Family::NODE,
        &mut |key, value, writes| match keys::read_node(key).filter(|node| *key == keys::node(*node, NodePart::Config))
        {
            Some(node) => coming(store, node, value, writes),
            None => Ok(()),
        },
    )?;
    writes.push(format(6));
    store.write(writes, true)
}

/// The rows of those who follow a node that sends its last item to who comes.
fn coming(store: &dyn Store, node: NodeId, row: &[u8], writes: &mut Vec<Write>) -> Result<(), StoreError> {
    if !rows::decode::<NodeRow>(Family::NODE, row)?.greets() {
        return Ok(());
    }
    let followers = Range::prefix(&node.0.to_be_bytes());
    store.scan_once(Family::FOLLOWER, &followers, &mut |key, value| {
        let gets = rows::state_in(value) == Some(SubscriptionState::Subscribed);
        if let Some((_, id)) = keys::read_follower(key).filter(|_| gets) {
            writes.push(Write {
                family: Family::COMING,
                key: keys::following(id, node).to_vec(),
                value: Some(Vec::new()),
            });
        }
        ControlFlow::Continue(())
    })
}

/// Counts of those who are affiliated, and of those who are so that they get nothing: in the counters of their nodes.
fn with_affiliated(store: &dyn Store) -> Result<Vec<Write>, StoreError> {
    let mut all = HashMap::<NodeId, (u32, u32)>::new();
    store.scan_once(Family::AFFILIATION, &Range::all(), &mut |key, value| {
        let is = rows::decode::<Affiliation>(Family::AFFILIATION, value);
        if let (Some(node), Ok(is)) = (keys::read_node(key), is) {
            let counts = all.entry(node).or_default();
            counts.0 += 1;
            counts.1 += u32::from(is.excludes());
        }
        ControlFlow::Continue(())
    })?;
    let mut writes = Vec::new();
    for (node, (affiliated, excluded)) in all {
        let mut state = rows::node_state(store, node)?;
        (state.affiliated.0, state.excluded.0) = (affiliated, excluded);
        writes.push(Write {
            family: Family::NODE,
            key: keys::node(node, NodePart::State).to_vec(),
            value: Some(rows::encode(&state)),
        });
    }
    Ok(writes)
}

/// What one row of `item` leads to: its first version, and before that the counters of the node before.
fn first_version(
    store: &dyn Store,
    current: &mut Option<(NodeId, NodeState)>,
    key: &[u8],
    value: &[u8],
) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::new();
    let node = keys::read_node(key).ok_or(StoreError::Corrupt("item"))?;
    let row: ItemRow = rows::decode(Family::ITEM, value)?;
    if current.as_ref().is_none_or(|(known, _)| *known != node) {
        writes.extend(current.as_ref().and_then(counted));
        let mut state = rows::node_state(store, node)?;
        state.edited.0 = 0;
        *current = Some((node, state));
    }
    if let Some((_, state)) = current
        && row.first != row.seq
        && row.seq > state.purged
    {
        state.edited.0 += 1;
        writes.push(Write {
            family: Family::CREATED,
            key: keys::log(node, row.first).to_vec(),
            value: key.get(4..).map(<[u8]>::to_vec),
        });
    }
    Ok(writes)
}

fn counted((node, state): &(NodeId, NodeState)) -> Option<Write> {
    (state.edited.0 > 0).then(|| Write {
        family: Family::NODE,
        key: keys::node(*node, NodePart::State).to_vec(),
        value: Some(rows::encode(state)),
    })
}

/// What one row leads to, added to what is to be written.
type Leads<'a> = &'a mut dyn FnMut(&[u8], &[u8], &mut Vec<Write>) -> Result<(), StoreError>;

/// Reads all rows of a family once, and writes what they lead to, a bounded number at a time; what is left to be written.
fn each_row(store: &dyn Store, family: Family, leads: Leads<'_>) -> Result<Vec<Write>, StoreError> {
    let (mut writes, mut done) = (Vec::new(), Ok(()));
    store.scan_once(family, &Range::all(), &mut |key, value| {
        done = leads(key, value, &mut writes).and_then(|()| match writes.len() {
            WRITE_ROWS.. => store.write(std::mem::take(&mut writes), false),
            _ => Ok(()),
        });
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    done.map(|()| writes)
}

/// Says which format the store has from now on.
pub(super) fn format(version: u32) -> Write {
    meta(keys::FORMAT, version.to_be_bytes().to_vec())
}

fn meta(key: &[u8], value: Vec<u8>) -> Write {
    Write {
        family: Family::META,
        key: key.to_vec(),
        value: Some(value),
    }
}
