//! Lists of followers, subscriptions and affiliations, by pages: both ways, from an id.
//!
//! Ids are never given twice, so that a page goes on where the last one ended, whatever came or went.

use crate::config::{Affiliation, SubscriptionState};
use crate::error::StoreError;
use crate::limits::LIST_ROWS;
use crate::model::{NodeId, SubscriberId};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, NodeRow, Subscription};
use crate::store::{Range, View};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A page of somebody's subscriptions or a node's followers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followers {
    /// Bare JID and state, in the order of their ids.
    pub followers: Vec<(SubscriberId, Arc<str>, SubscriptionState)>,
    /// How many approved ones there are in all.
    pub count: u64,
}

/// Followers of a node behind `after`, at most `max` and [`LIST_ROWS`].
///
/// # Errors
/// The store's failures.
pub fn followers(
    view: &dyn View,
    node: NodeId,
    after: Option<SubscriberId>,
    max: usize,
) -> Result<Followers, StoreError> {
    followers_in(view, node, &ids_of(node, after, false), max)
}

/// The last followers of a node before `before`, or of all; at most `max` and [`LIST_ROWS`], in the order of their ids.
///
/// # Errors
/// The store's failures.
pub fn followers_before(
    view: &dyn View,
    node: NodeId,
    before: Option<SubscriberId>,
    max: usize,
) -> Result<Followers, StoreError> {
    let mut page = followers_in(view, node, &ids_of(node, before, true), max)?;
    page.followers.reverse();
    Ok(page)
}

/// The keys of a node's subscribers behind one, or, last first, before it.
fn ids_of(node: NodeId, from: Option<SubscriberId>, reverse: bool) -> Range {
    let all = Range::prefix(&node.0.to_be_bytes());
    match (from, reverse) {
        (None, reverse) => Range { reverse, ..all },
        (Some(id), true) => Range::between(all.start, keys::follower(node, id)).reversed(),
        (Some(id), false) => Range {
            start: keys::follower(node, SubscriberId(id.0.saturating_add(1))).to_vec(),
            ..all
        },
    }
}

fn followers_in(view: &dyn View, node: NodeId, range: &Range, max: usize) -> Result<Followers, StoreError> {
    let (mut ids, mut found, max) = (Vec::new(), Vec::new(), max.min(LIST_ROWS));
    if max > 0 {
        view.scan(Family::FOLLOWER, range, &mut |key, value| {
            if let Some((_, id)) = keys::read_follower(key) {
                ids.push(id);
                found.push(rows::decode::<Subscription>(Family::FOLLOWER, value));
            }
            if ids.len() < max {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
    }
    let mut page = Followers {
        count: rows::node_state(view, node)?.followers,
        ..Followers::default()
    };
    // Together: one by one they were half of what a page costs.
    let names = rows::subscriber_names(view, &ids)?;
    for ((id, row), name) in ids.into_iter().zip(found).zip(names) {
        if let Some(jid) = name {
            page.followers.push((id, jid, row?.state));
        }
    }
    Ok(page)
}

/// Who waits for an owner's approval at a node, in the order of their ids; at most `max`. Cost: a walk over the node's
/// followers, so that it is for nodes whose owners approve each of them.
///
/// # Errors
/// The store's failures.
pub fn pending(view: &dyn View, node: NodeId, max: usize) -> Result<Vec<Arc<str>>, StoreError> {
    let mut ids = Vec::new();
    view.scan(
        Family::FOLLOWER,
        &Range::prefix(&node.0.to_be_bytes()),
        &mut |key, value| {
            let waits = rows::state_in(value) == Some(SubscriptionState::Pending);
            ids.extend(keys::read_follower(key).filter(|_| waits).map(|(_, id)| id));
            if ids.len() < max {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        },
    )?;
    Ok(rows::subscriber_names(view, &ids)?.into_iter().flatten().collect())
}

/// The nodes that a bare JID follows, at most [`LIST_ROWS`] behind `after`.
///
/// # Errors
/// The store's failures.
pub fn following(view: &dyn View, jid: &str, after: Option<NodeId>) -> Result<Vec<(NodeId, Arc<NodeRow>)>, StoreError> {
    let Some(id) = rows::subscriber_id(view, jid)? else {
        return Ok(Vec::new());
    };
    let start = keys::following(id, NodeId(after.map_or(1, |n| n.0.saturating_add(1))));
    let range = Range {
        start: start.to_vec(),
        end: keys::behind(&id.0.to_be_bytes()),
        reverse: false,
    };
    let mut nodes = Vec::new();
    view.scan(Family::FOLLOWING, &range, &mut |key, _| {
        nodes.extend(keys::read_following(key).map(|(_, node)| node));
        if nodes.len() < LIST_ROWS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    let rows = nodes
        .into_iter()
        .map(|node| Ok(rows::node_row(view, node)?.map(|row| (node, Arc::new(row)))));
    rows.filter_map(Result::transpose).collect()
}

/// Nodes that somebody subscribes to behind one, or, last first, before it: edges, and what has options of its own; at most
/// `max`, in the order of their ids. Virtual nodes of presence are among them.
///
/// # Errors
/// The store's failures.
pub fn subscribed_nodes(
    view: &dyn View,
    id: SubscriberId,
    from: Option<NodeId>,
    reverse: bool,
    max: usize,
) -> Result<Vec<NodeId>, StoreError> {
    nodes_in(view, &[Family::FOLLOWING, Family::OPTIONS], id, from, reverse, max)
}

/// The same of what has options of its own: all that is public is among it.
///
/// # Errors
/// The store's failures.
pub fn nodes_with_options(
    view: &dyn View,
    id: SubscriberId,
    from: Option<NodeId>,
    reverse: bool,
    max: usize,
) -> Result<Vec<NodeId>, StoreError> {
    nodes_in(view, &[Family::OPTIONS], id, from, reverse, max)
}

/// Who follows a node so that everybody may know (XEP-0465), behind somebody, or, last first, before him; at most `max`.
///
/// # Errors
/// The store's failures.
pub fn public_followers(
    view: &dyn View,
    node: NodeId,
    from: Option<SubscriberId>,
    reverse: bool,
    max: usize,
) -> Result<Vec<SubscriberId>, StoreError> {
    let mut ids = Vec::new();
    view.scan(Family::PUBLIC, &ids_of(node, from, reverse), &mut |key, _| {
        ids.extend(keys::read_follower(key).map(|(_, id)| id));
        if ids.len() < max {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    Ok(ids)
}

fn nodes_in(
    view: &dyn View,
    families: &[Family],
    id: SubscriberId,
    from: Option<NodeId>,
    reverse: bool,
    max: usize,
) -> Result<Vec<NodeId>, StoreError> {
    let all = Range::prefix(&id.0.to_be_bytes());
    let range = match (from, reverse) {
        (None, reverse) => Range { reverse, ..all },
        (Some(node), true) => Range::between(all.start, keys::following(id, node)).reversed(),
        (Some(node), false) => Range {
            start: keys::following(id, NodeId(node.0.saturating_add(1))).to_vec(),
            ..all
        },
    };
    let mut nodes = Vec::new();
    // The first of each are the first of both.
    for family in families {
        let room = nodes.len() + max;
        view.scan(*family, &range, &mut |key, _| {
            nodes.extend(keys::read_following(key).map(|(_, node)| node));
            if nodes.len() < room {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
    }
    nodes.sort_unstable();
    nodes.dedup();
    if reverse {
        nodes.reverse();
    }
    nodes.truncate(max);
    Ok(nodes)
}

/// Affiliations of a node, its owner first; at most [`LIST_ROWS`].
///
/// # Errors
/// The store's failures.
pub fn affiliations(view: &dyn View, node: NodeId, row: &NodeRow) -> Result<Vec<(Arc<str>, Affiliation)>, StoreError> {
    let others = affiliations_from(view, node, None, false, LIST_ROWS)?;
    let mut all = vec![(row.owner.clone(), Affiliation::Owner)];
    all.extend(others.into_iter().map(|(_, jid, affiliation)| (jid, affiliation)));
    Ok(all)
}

/// Affiliations beside that of the first owner, behind somebody's, or, last first, before it; at most `max`.
///
/// # Errors
/// The store's failures.
pub fn affiliations_from(
    view: &dyn View,
    node: NodeId,
    from: Option<SubscriberId>,
    reverse: bool,
    max: usize,
) -> Result<Vec<(SubscriberId, Arc<str>, Affiliation)>, StoreError> {
    let mut found = Vec::new();
    if max == 0 {
        return Ok(Vec::new());
    }
    view.scan(Family::AFFILIATION, &ids_of(node, from, reverse), &mut |key, value| {
        let affiliation = rows::decode::<Affiliation>(Family::AFFILIATION, value);
        found.extend(keys::read_follower(key).map(|(_, id)| (id, affiliation)));
        if found.len() < max {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    let mut all = Vec::new();
    for (id, affiliation) in found {
        if let Some(jid) = rows::subscriber_name(view, id)? {
            all.push((id, jid, affiliation?));
        }
    }
    Ok(all)
}
