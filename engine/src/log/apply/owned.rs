//! What accounts own on services: a list and counts of it, so that a quota is one read, and that it can go with its owner.
//!
//! Nodes of an account itself lie together by their names and need no list. Nodes that the service keeps are nobody's.

use super::{Apply, ApplyError};
use crate::error::{Reject, StoreError};
use crate::limits::NODES_BY_ROSTER;
use crate::model::{NodeId, NodeName, SubscriberId};
use crate::store::View;
use crate::store::keys::{self, Family};
use crate::store::rows::{self, NodeRow, Owns};

const COUNTS: NodeId = NodeId(0);

impl Apply<'_, '_> {
    /// Whether `by` may own one more node of this name.
    pub(super) fn room_for_node(&mut self, name: &NodeName) -> Result<(), ApplyError> {
        let quota = self.limits.nodes_per_account;
        if name.service.contains('@') {
            // Each may have one for counts of its items, which is nobody's.
            let most = (quota as usize).saturating_mul(2);
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
        self.count_owned(id, row, 1)?;
        self.goes_by_roster(node, row)
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
            self.list_by_roster(id, node, false).map_err(store)?;
        }
        Ok(())
    }

    /// Notes whether a node on a service goes by its owner's roster or presence: then it is looked at when these change.
    pub(super) fn goes_by_roster(&mut self, node: NodeId, row: &NodeRow) -> Result<(), ApplyError> {
        if !is_counted(row) {
            return Ok(());
        }
        match rows::subscriber_id(self.tx, &row.owner)? {
            Some(id) => self.list_by_roster(id, node, row.config.access.is_by_roster()),
            None => Ok(()),
        }
    }

    fn list_by_roster(&mut self, id: SubscriberId, node: NodeId, does: bool) -> Result<(), ApplyError> {
        let mut owns = self.owns(id)?;
        let listed = owns.by_roster.0.contains(&node);
        if listed == does {
            return Ok(());
        }
        if does && owns.by_roster.0.len() >= NODES_BY_ROSTER {
            return Err(Reject::TooMany("nodes that go by the roster").into());
        }
        owns.by_roster.0.retain(|known| *known != node);
        owns.by_roster.0.extend(does.then_some(node));
        self.put_owns(id, &owns);
        Ok(())
    }

    /// The nodes of `owner` that go by his roster or presence: all of his account, and those on services.
    pub(super) fn nodes_by_roster(&self, owner: &str) -> Result<Vec<NodeId>, ApplyError> {
        let mut nodes = self.account_nodes(owner)?;
        let Some(id) = rows::subscriber_id(self.tx, owner)? else {
            return Ok(nodes);
        };
        for node in self.owns(id)?.by_roster.0 {
            nodes.push(node);
            if let Some(row) = rows::node_row(self.tx, node)? {
                nodes.extend(rows::node_id(self.tx, &row.name.summary())?);
            }
        }
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
        self.put_owns(id, &owns);
        Ok(())
    }

    fn put_owns(&mut self, id: SubscriberId, owns: &Owns) {
        let key = keys::following(id, COUNTS);
        match *owns == Owns::default() {
            true => self.tx.delete(Family::OWNED, key),
            false => self.tx.put(Family::OWNED, key, rows::encode(owns)),
        }
    }
}

fn store(error: ApplyError) -> StoreError {
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
