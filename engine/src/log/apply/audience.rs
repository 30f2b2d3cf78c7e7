//! Who gets a post by presence and interest, beside the followers (XEP-0163 §4): named where it is published, so that shards
//! look at no right.
//!
//! Knows no session. Next: `shard/expand.rs`.

use super::{Apply, ApplyError, access};
use crate::config::{AccessModel, Affiliation};
use crate::error::StoreError;
use crate::limits::LIST_ROWS;
use crate::model::{Audience, NodeId, NodeName, SubscriberId};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, NodeRow};
use crate::store::{Range, View};
use std::ops::ControlFlow;
use std::sync::Arc;

impl Apply<'_, '_> {
    /// Who gets a PEP node's posts by presence and caps: those who may read it, as a set that shards need not check.
    pub(super) fn audience(&mut self, node: NodeId, row: &NodeRow) -> Result<Audience, ApplyError> {
        // A list is told to those who follow it alone: there is no node of it before.
        if !row.is_pep() || row.name.is_public_list() {
            return Ok(Audience::None);
        }
        // What is kept for a node goes by its rights.
        let target = match row.name.is_kept() {
            true => access::target(self.tx, node).map(Some),
            false => Ok(None),
        };
        let (node, row) = match &target {
            Ok(Some((target, of))) => (*target, of),
            Ok(None) => (node, row),
            Err(ApplyError::Reject(_)) => return Ok(Audience::None),
            Err(ApplyError::Store(_)) => return target.map(|_| Audience::None),
        };
        let owner = rows::make_subscriber(self.tx, &row.owner)?;
        let allowed = match row.config.access {
            AccessModel::Open | AccessModel::Presence => {
                // Mostly there are none, and nothing is looked for.
                let but = match rows::node_state(self.tx, node)?.excluded.0 {
                    0 => Vec::new(),
                    _ => self.affiliated_as(node, Affiliation::excludes)?,
                };
                let node = rows::node_id(self.tx, &NodeName::presence(&row.owner))?;
                return Ok(Audience::Presence {
                    node,
                    owner,
                    but: but.into(),
                });
            }
            AccessModel::Roster => {
                let groups = &row.config.roster_groups;
                self.tables.roster_members(self.tx, &row.owner, groups)?
            }
            AccessModel::Whitelist | AccessModel::Authorize => self.members(node)?,
        };
        let mut ids: Vec<SubscriberId> = vec![owner];
        for jid in allowed {
            match access::may_read(self.tx, self.tables, node, row, &jid) {
                Ok(()) => ids.extend(rows::subscriber_id(self.tx, &jid)?),
                // An outcast has an affiliation too, and one may be blocked and in a group.
                Err(ApplyError::Reject(_)) => {}
                Err(failed) => return Err(failed),
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Audience::Only(ids.into()))
    }

    fn members(&self, node: NodeId) -> Result<Vec<Arc<str>>, StoreError> {
        let ids = self.affiliated_as(node, |is| is != Affiliation::Outcast)?;
        ids.into_iter()
            .filter_map(|id| rows::subscriber_name(self.tx, id).transpose())
            .collect()
    }

    /// Those who are `wanted` to a node, in ascending order, as many as a list has.
    fn affiliated_as(
        &self,
        node: NodeId,
        wanted: impl Fn(Affiliation) -> bool,
    ) -> Result<Vec<SubscriberId>, StoreError> {
        let (mut ids, mut bad) = (Vec::new(), None);
        let range = Range::prefix(&node.0.to_be_bytes());
        self.tx.scan(Family::AFFILIATION, &range, &mut |key, value| {
            match rows::decode(Family::AFFILIATION, value) {
                Ok(is) if wanted(is) => ids.extend(keys::read_follower(key).map(|(_, id)| id)),
                Ok(_) => {}
                Err(error) => bad = Some(error),
            }
            match ids.len() < LIST_ROWS && bad.is_none() {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        bad.map_or(Ok(ids), Err)
    }
}
