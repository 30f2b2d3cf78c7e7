//! What accounts own on services: a list and counts of it, so that a quota is one read, and that it can go with its owner.
//!
//! Nodes of an account itself lie together by their names and need no list. Nodes that the service keeps are nobody's.

use super::{Apply, ApplyError};
use crate::error::{Reject, StoreError};
use crate::limits::LIST_ROWS;
use crate::model::{NodeId, NodeName, SubscriberId};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, NodeRow, Owns};
use crate::store::{Range, View};
use std::ops::ControlFlow;

const COUNTS: NodeId = NodeId(0);

impl Apply<'_, '_> {
    /// Whether `by` may own one more node of this name.
    pub(super) fn room_for_node(&mut self, name: &NodeName) -> Result<(), ApplyError> {
        let quota = self.limits.nodes_per_account;
        if name.service.contains('@') {
            // Each may have one for counts of its items and one for the list of its followers, which are nobody's.
            let most = (quota as usize).saturating_mul(3).saturating_add(1);
            let nodes = rows::nodes_of(self.tx, &name.service, most)?;
            let kept = |node: &str| NodeName::new("", node).is_kept();
            let own = nodes.iter().filter(|(node, _)| !kept(node)).count();
            return within(own < quota as usize);
        }
        let Some(id) = rows::subscriber_id(self.tx, self.by)? else {
            return Ok(());
        };
        let owns = self.owns(id)?;
        within(match name.is_comments() {
            true => owns.comments < self.limits.comment_nodes_per_account,
            false => owns.nodes < quota,
        })
    }

    /// A node is made or gone whose owner, or whose service, is elsewhere: that domain has one more, or one less.
    ///
    /// # Errors
    /// `TooMany` where it may have no more.
    pub(super) fn count_for_domain(&mut self, owner: &str, by: i32) -> Result<(), ApplyError> {
        let Some(domain) = self.tables.elsewhere(owner) else {
            return Ok(());
        };
        let name = rows::domain_usage(domain);
        let mut has = rows::usage(self.tx, &name)?;
        has.nodes.0 = has.nodes.0.saturating_add_signed(by);
        let most = self.limits.nodes_per_peer;
        if by > 0 && most != 0 && has.nodes.0 > most {
            return Err(Reject::TooMany("nodes").into());
        }
        rows::put_usage(self.tx, &name, &has);
        Ok(())
    }

    fn owns(&self, id: SubscriberId) -> Result<Owns, StoreError> {
        Ok(rows::get(self.tx, Family::OWNED, &keys::following(id, COUNTS))?.unwrap_or_default())
    }

    /// A node was made: its owner has one more.
    pub(super) fn own(&mut self, node: NodeId, row: &NodeRow) -> Result<(), ApplyError> {
        if !is_counted(row) {
            return Ok(());
        }
        let id = rows::make_subscriber(self.tx, &row.owner)?;
        self.tx.put(Family::OWNED, keys::following(id, node), []);
        self.count_owned(id, row, 1)
    }

    /// A node is gone: its owner has one less.
    pub(super) fn disown(&mut self, node: NodeId) -> Result<(), StoreError> {
        let Some(row) = rows::node_row(self.tx, node)?.filter(is_counted) else {
            return Ok(());
        };
        let Some(id) = rows::subscriber_id(self.tx, &row.owner)? else {
            return Ok(());
        };
        let key = keys::following(id, node);
        // What was made before there was a list is in none.
        if self.tx.get(Family::OWNED, &key)?.is_some() {
            self.tx.delete(Family::OWNED, key);
            self.count_owned(id, &row, -1).map_err(store)?;
        }
        Ok(())
    }

    /// The nodes of `owner` that `contact` has to do with: all of the account's, and those on services that he follows or waits
    /// for, found from the shorter of both lists.
    pub(super) fn nodes_between(&self, owner: &str, contact: &str) -> Result<Vec<NodeId>, ApplyError> {
        let mut nodes = self.account_nodes(owner)?;
        let (Some(owns), Some(follows)) = (
            rows::subscriber_id(self.tx, owner)?,
            rows::subscriber_id(self.tx, contact)?,
        ) else {
            return Ok(nodes);
        };
        let Owns {
            comments,
            nodes: others,
        } = self.owns(owns)?;
        if comments == 0 && others == 0 {
            return Ok(nodes);
        }
        let few = rows::follows(self.tx, follows)?.saturating_add(LIST_ROWS as u32);
        let found = match comments.saturating_add(others) <= few {
            true => self.with_summaries(self.nodes_in(Family::OWNED, owns)?)?,
            false => {
                // Who waits, or gets nothing at once, has options instead of an edge.
                let mut found = self.nodes_in(Family::FOLLOWING, follows)?;
                found.extend(self.nodes_in(Family::OPTIONS, follows)?);
                found
            }
        };
        for node in found {
            let his = rows::node_row(self.tx, node)?.is_some_and(|row| *row.owner == *owner && !row.is_pep());
            if his && rows::subscription(self.tx, node, follows)?.is_some() {
                nodes.push(node);
            }
        }
        nodes.sort_unstable();
        nodes.dedup();
        Ok(nodes)
    }

    /// These, and the nodes with the counts of their items and the lists of their followers.
    fn with_summaries(&self, mut nodes: Vec<NodeId>) -> Result<Vec<NodeId>, StoreError> {
        for at in 0..nodes.len() {
            let row = nodes.get(at).map(|node| rows::node_row(self.tx, *node));
            if let Some(row) = row.transpose()?.flatten() {
                nodes.extend(rows::node_id(self.tx, &row.name.summary())?);
                nodes.extend(rows::node_id(self.tx, &row.name.public_subscribers())?);
            }
        }
        Ok(nodes)
    }

    /// The nodes in the rows of an account.
    fn nodes_in(&self, family: Family, id: SubscriberId) -> Result<Vec<NodeId>, StoreError> {
        let mut nodes = Vec::new();
        let range = Range::prefix(&id.0.to_be_bytes());
        self.tx.scan(family, &range, &mut |key, _| {
            let node = keys::read_following(key).map(|(_, node)| node);
            nodes.extend(node.filter(|node| *node != COUNTS));
            ControlFlow::Continue(())
        })?;
        Ok(nodes)
    }

    /// The nodes of an account itself, those with counts of items among them: as many as its quota allowed.
    pub(super) fn account_nodes(&self, owner: &str) -> Result<Vec<NodeId>, ApplyError> {
        let nodes = rows::nodes_of(self.tx, owner, usize::MAX)?;
        Ok(nodes.into_iter().map(|(_, node)| node).collect())
    }

    fn count_owned(&mut self, id: SubscriberId, row: &NodeRow, by: i32) -> Result<(), ApplyError> {
        let mut owns = self.owns(id)?;
        let count = match row.name.is_comments() {
            true => &mut owns.comments,
            false => &mut owns.nodes,
        };
        *count = count.saturating_add_signed(by);
        let key = keys::following(id, COUNTS);
        match owns == Owns::default() {
            true => self.tx.delete(Family::OWNED, key),
            false => self.tx.put(Family::OWNED, key, rows::encode(&owns)),
        }
        Ok(())
    }
}

/// Nothing is refused where something goes.
pub(super) fn store(error: ApplyError) -> StoreError {
    match error {
        ApplyError::Store(error) => error,
        ApplyError::Reject(_) => StoreError::Corrupt("owned"),
    }
}

fn within(room: bool) -> Result<(), ApplyError> {
    match room {
        true => Ok(()),
        false => Err(Reject::TooMany("nodes").into()),
    }
}

/// Whether the node is one that its owner has on a service.
fn is_counted(row: &NodeRow) -> bool {
    !row.is_pep() && !row.name.is_presence() && !row.name.is_kept()
}
