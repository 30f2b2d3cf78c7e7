//! Blocking: what it ends (XEP-0163 §4.3, XEP-0191), so that no delivery needs a check.
//!
//! Edges of presence and of subscriptions end both ways. Who follows again afterwards is refused by `access.rs`; what ended
//! stays ended when the block does, but presence, which the rosters know.

use super::{Apply, ApplyError};
use crate::model::{NodeId, NodeName, SubscriberId};
use crate::store::keys::{self, Family};
use crate::store::rows;

impl Apply<'_, '_> {
    /// `owner` blocks an address from now on; the caller's tables know it already. Of a whole domain it may be many, and
    /// that is the background's: until it is done nothing is published on the owner's nodes. A resource ends nothing.
    ///
    /// # Errors
    /// The store's failures.
    pub fn blocked(&mut self, owner: &str, address: &str) -> Result<(), ApplyError> {
        if address.contains('/') {
            return Ok(());
        }
        if !address.contains('@') {
            return self.look_through(owner);
        }
        self.end_between(owner, address)?;
        self.end_between(address, owner)
    }

    /// Ends what `follower` gets of `owner`.
    fn end_between(&mut self, owner: &str, follower: &str) -> Result<(), ApplyError> {
        let mut nodes = self.nodes_between(owner, follower)?;
        nodes.extend(rows::node_id(self.tx, &NodeName::presence(owner))?);
        for node in nodes {
            let row = rows::node_row(self.tx, node)?;
            let comments =
                |name: &NodeName| name.is_comments() || name.listed_node().is_some_and(|of| of.is_comments());
            if let Some(row) = row.filter(|row| row.is_pep() || row.name.is_presence() || comments(&row.name)) {
                self.end_for(node, &row, follower)?;
            }
        }
        Ok(())
    }

    /// Has the background look at who may still read the owner's nodes.
    fn look_through(&mut self, owner: &str) -> Result<(), ApplyError> {
        for node in self.nodes_and_presence(owner)? {
            let from = rows::encode(&SubscriberId(0));
            self.tx.put(Family::SWEEP, keys::sweep_config(node), from);
        }
        Ok(())
    }

    fn nodes_and_presence(&self, owner: &str) -> Result<Vec<NodeId>, ApplyError> {
        let mut nodes = self.account_nodes(owner)?;
        nodes.extend(rows::node_id(self.tx, &NodeName::presence(owner))?);
        Ok(nodes)
    }
}
