//! How a store of an older format is brought to the next one: read once, and written so that a cut in between does no harm.
//!
//! Each function ends with the write that says the new format. Knows no stage. `open.rs` calls them in turn.

use super::keys::{self, Family, NodePart};
use super::rows::{ItemRow, NodeRow, NodeState, PeerFollowers, Subscription, Usage};
use super::{Range, Store, Write, rows};
use crate::config::{Affiliation, SubscriptionState};
use crate::error::StoreError;
use crate::model::{NodeId, PeerId, SubscriberId, fnv1a};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
        let entry: rows::Entry = rows::decode(Family::LOG, value)?;
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

/// By which peer a bare JID gets what a service sends it.
pub(super) type Peer<'a> = &'a dyn Fn(&str, &str) -> Option<String>;

/// To version 7: rows of who follows from other servers. Nothing of it lies in an older store, so that what an interruption left
/// is written over. Memory: a row for each subscriber who lives elsewhere, and for each node and peer.
pub(super) fn to_seventh(store: &dyn Store, peer: Peer<'_>) -> Result<(), StoreError> {
    let mut elsewhere = HashMap::<SubscriberId, Arc<str>>::new();
    each_row(store, Family::SUBSCRIBER, &mut |key, value, _| {
        let name: Arc<str> = rows::decode(Family::SUBSCRIBER, value)?;
        if let Some(id) = keys::read_subscriber(key).filter(|_| peer("", &name).is_some()) {
            elsewhere.insert(id, name);
        }
        Ok(())
    })?;
    let (mut peers, mut counts) = (HashMap::<String, PeerId>::new(), HashMap::new());
    let mut writes = each_row(store, Family::FOLLOWER, &mut |key, value, writes| {
        let Some((node, id)) = keys::read_follower(key) else {
            return Err(StoreError::Corrupt("follower"));
        };
        let follows = rows::state_in(value) == Some(SubscriptionState::Subscribed);
        let Some(jid) = elsewhere.get(&id).filter(|_| follows) else {
            return Ok(());
        };
        let Some(name) = rows::node_row(store, node)?.and_then(|row| peer(&row.name.service, jid)) else {
            return Ok(());
        };
        let next = PeerId(peers.len() as u32 + 1);
        let peer = *peers.entry(name).or_insert(next);
        let since = rows::decode::<Subscription>(Family::FOLLOWER, value)?.since;
        writes.push(Write {
            family: Family::REMOTE,
            key: keys::remote(node, peer, id).to_vec(),
            value: Some(rows::encode(&since)),
        });
        let count: &mut PeerFollowers = counts.entry((node, peer)).or_default();
        count.followers += 1;
        count.hash ^= fnv1a(jid.as_bytes());
        Ok(())
    })?;
    writes.extend(peer_rows(store, &peers, &counts)?);
    writes.push(format(7));
    store.write(writes, true)
}

/// The rows of peers, and how many follow what from there.
fn peer_rows(
    store: &dyn Store,
    peers: &HashMap<String, PeerId>,
    counts: &HashMap<(NodeId, PeerId), PeerFollowers>,
) -> Result<Vec<Write>, StoreError> {
    let row = |key: Vec<u8>, value: Vec<u8>| Write {
        family: Family::PEER,
        key,
        value: Some(value),
    };
    let mut writes = vec![meta(keys::NEXT_PEER, rows::encode(&(peers.len() as u32 + 1)))];
    for (name, peer) in peers {
        writes.push(row(keys::peer_name(name), rows::encode(peer)));
        writes.push(row(keys::peer(*peer).to_vec(), rows::encode(name)));
    }
    let mut states = HashMap::<NodeId, NodeState>::new();
    let mut totals = HashMap::<PeerId, u64>::new();
    for ((node, peer), count) in counts {
        *totals.entry(*peer).or_default() += count.followers;
        writes.push(row(keys::peer_followers(*node, *peer).to_vec(), rows::encode(count)));
        writes.push(row(keys::peer_node(*peer, *node).to_vec(), Vec::new()));
        let state = match states.entry(*node) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let mut state = rows::node_state(store, *node)?;
                state.peers.0 = 0;
                free.insert(state)
            }
        };
        state.peers.0 += 1;
    }
    writes.extend(
        totals
            .iter()
            .map(|(peer, total)| row(keys::peer_total(*peer).to_vec(), rows::encode(total))),
    );
    writes.extend(states.iter().map(|(node, state)| Write {
        family: Family::NODE,
        key: keys::node(*node, NodePart::State).to_vec(),
        value: Some(rows::encode(state)),
    }));
    Ok(writes)
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
