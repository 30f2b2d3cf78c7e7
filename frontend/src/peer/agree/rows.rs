//! Who follows, as it is recorded: of a node elsewhere those of here, of a node here those of one peer.
//!
//! For threads that may wait. Knows no stanza.

use super::words::Listed;
use crate::limits::{AGREE_JIDS, AGREE_NODES};
use reef_engine::Engine;
use reef_engine::config::SubscriptionState;
use reef_engine::error::StoreError;
use reef_engine::model::{NodeId, NodeName, PeerId, SubscriberId, fnv1a};
use reef_engine::query;
use reef_engine::store::rows;
use std::sync::Arc;

/// Those here who follow a node elsewhere, at most a request's worth behind `after`; and behind whom to go on.
pub(super) fn page(
    engine: &Engine,
    name: &NodeName,
    after: SubscriberId,
) -> Result<(Vec<Arc<str>>, Option<SubscriberId>), StoreError> {
    let Some(node) = rows::node_id(engine.view(), name)? else {
        return Ok((Vec::new(), None));
    };
    let found = query::followers(engine.view(), node, Some(after), AGREE_JIDS)?.followers;
    let last = found.last().map(|(id, ..)| *id).filter(|_| found.len() == AGREE_JIDS);
    let follow = found
        .into_iter()
        .filter(|(.., state)| *state == SubscriptionState::Subscribed);
    Ok((follow.map(|(_, jid, _)| jid).collect(), last))
}

/// Whether other than this is recorded of a node elsewhere.
pub(super) fn differs(engine: &Engine, said: &Listed) -> Result<bool, StoreError> {
    let (mut count, mut hash, mut after) = (0, 0, Some(SubscriberId(0)));
    while let Some(last) = after
        && count <= said.count
    {
        let (jids, next) = page(engine, &said.node, last)?;
        count += jids.len() as u64;
        hash = jids.iter().fold(hash, |hash, jid| hash ^ fnv1a(jid.as_bytes()));
        after = next;
    }
    Ok((count, hash) != (said.count, said.hash))
}

/// Whether somebody's subscription to a node is recorded here, in whatever state he would be brought something.
pub(super) fn follows(engine: &Engine, name: &NodeName, jid: &str) -> Result<bool, StoreError> {
    let view = engine.view();
    let (Some(node), Some(id)) = (rows::node_id(view, name)?, rows::subscriber_id(view, jid)?) else {
        return Ok(false);
    };
    Ok(rows::subscription(view, node, id)?.is_some_and(|subscription| subscription.state.is_subscribed()))
}

/// The next nodes here that are followed from a peer.
pub(super) fn nodes(engine: &Engine, peer: PeerId, after: NodeId) -> Result<Vec<(NodeId, Option<Listed>)>, StoreError> {
    let view = engine.view();
    let mut found = Vec::new();
    for node in rows::nodes_of_peer(view, peer, after, AGREE_NODES)? {
        let known = rows::peer_followers(view, node, peer)?;
        let listed = rows::node_row(view, node)?.map(|row| Listed {
            node: row.name,
            count: known.followers,
            hash: known.hash,
        });
        found.push((node, listed));
    }
    Ok(found)
}

/// The next of those who follow a node here from a peer; and behind whom to go on.
pub(super) fn of_peer(
    engine: &Engine,
    of: (NodeId, PeerId),
    after: u32,
) -> Result<(Vec<Arc<str>>, Option<u32>), StoreError> {
    let found = rows::remote_followers(engine.view(), of, after, AGREE_JIDS)?;
    let last = found.last().map(|(id, _)| id.0).filter(|_| found.len() == AGREE_JIDS);
    let ids: Vec<SubscriberId> = found.into_iter().map(|(id, _)| id).collect();
    let names = rows::subscriber_names(engine.view(), &ids)?;
    Ok((names.into_iter().flatten().collect(), last))
}
