//! What accounts are noted of what others do: who follows them, names them, answers, likes and repeats.
//!
//! Here is whom; the other part's tables say how it is gathered and written, in an item of the account's own. Nobody is
//! noted what he may not read, what he did himself, or what somebody does whom he blocks.

use super::{Apply, ApplyError, access};
use crate::log::record::{Note, Noted, Outcome};
use crate::model::{NodeId, NodeName};
use crate::store::rows::{self, NodeRow};
use std::sync::Arc;

impl Apply<'_, '_> {
    /// Notes what a post says, now that it is published.
    pub(super) fn notes(&mut self, name: &NodeName, item: &Arc<str>, notes: &[Note]) -> Result<Outcome, ApplyError> {
        if notes.is_empty() {
            return Ok(Outcome::Done);
        }
        let (node, row) = self.node(name)?;
        for note in notes {
            let to = note.to.clone().unwrap_or_else(|| row.owner.clone());
            match access::may_read(self.tx, self.tables, node, &row, &to) {
                Ok(()) => {}
                Err(ApplyError::Reject(_)) => continue,
                Err(failed) => return Err(failed),
            }
            let note = Note {
                to: Some(to),
                ..note.clone()
            };
            self.note(&note, Some((name, item)))?;
        }
        Ok(Outcome::Done)
    }

    /// Somebody follows an account's node from now on.
    pub(super) fn note_follower(&mut self, row: &NodeRow) -> Result<(), ApplyError> {
        if !row.is_pep() || !row.config.kind.starts_with("urn:xmpp:microblog:") {
            return Ok(());
        }
        let note = Note {
            kind: Noted::Followed,
            to: Some(row.owner.clone()),
            about: None,
        };
        self.note(&note, None)
    }

    /// Somebody attached something to an item: its author is told, or who owns the node, where the author is not known.
    pub(super) fn note_attached(
        &mut self,
        (node, row): (NodeId, &NodeRow),
        author: Option<Arc<str>>,
        item: &Arc<str>,
        attached: &NodeName,
    ) -> Result<(), ApplyError> {
        let to = author.unwrap_or_else(|| row.owner.clone());
        match access::may_read(self.tx, self.tables, node, row, &to) {
            Ok(()) => {}
            Err(ApplyError::Reject(_)) => return Ok(()),
            Err(failed) => return Err(failed),
        }
        let note = Note {
            kind: Noted::Liked,
            to: Some(to),
            about: Some((row.name.clone(), item.clone())),
        };
        let by: Arc<str> = self.by.into();
        self.note(&note, Some((attached, &by)))
    }

    fn note(&mut self, note: &Note, new: Option<(&NodeName, &str)>) -> Result<(), ApplyError> {
        let Some(to) = &note.to else { return Ok(()) };
        if **to == *self.by || self.tables.blocks(self.tx, to, self.by)? {
            return Ok(());
        }
        let tables = self.tables;
        tables.note(self, note, new)
    }

    /// The configuration of a node that may not be there.
    ///
    /// # Errors
    /// The store's failures.
    pub fn node_row(&self, name: &NodeName) -> Result<Option<NodeRow>, ApplyError> {
        match rows::node_id(self.tx, name)? {
            Some(node) => Ok(rows::node_row(self.tx, node)?),
            None => Ok(None),
        }
    }
}
