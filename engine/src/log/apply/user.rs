//! Removing a user: his nodes at once; his edges, his cursors and what he owns on services in the background.
//!
//! His id is retired and never given again, so that somebody who takes the same name later inherits nothing.

use super::{Apply, ApplyError};
use crate::error::Reject;
use crate::log::record::Outcome;
use crate::model::NodeName;
use crate::store::keys::{self, Family};
use crate::store::rows;

impl Apply<'_, '_> {
    /// Removes what the engine knows of `user`; the caller has checked the asker's right.
    ///
    /// # Errors
    /// The store's failures.
    pub fn remove_user(&mut self, user: &str) -> Result<Outcome, ApplyError> {
        if self.by != user && !self.by.is_empty() {
            return Err(Reject::Forbidden.into());
        }
        for (node_name, node) in rows::nodes_of(self.tx, user, usize::MAX)? {
            self.drop_node(node, &NodeName::new(user, node_name))?;
        }
        let presence = NodeName::presence(user);
        if let Some(node) = rows::node_id(self.tx, &presence)? {
            self.drop_node(node, &presence)?;
        }
        if let Some(id) = rows::subscriber_id(self.tx, user)? {
            self.tx.delete(Family::SUBSCRIBER_NAME, user.as_bytes());
            self.tx.put(Family::SWEEP, keys::sweep_subscriber(id), []);
        }
        Ok(Outcome::Done)
    }
}
