//! The lists of public subscriptions as nodes (XEP-0465 §4.2, §4.4): what an account follows, and who follows a node.
//!
//! Whoever reads a list reads the rows of subscriptions; a list is a node only so that it can be followed. It is made by its
//! first follower, and keeps what it told its followers since, so that who is away catches up. Cost: two reads for each
//! subscription that becomes public or ceases to be, and nothing for others. Next: `attach.rs`, which tells.

use super::{Apply, ApplyError, access};
use crate::config::{AccessModel, ITEMS_MAX, ItemReply, NodeConfig, SendLast};
use crate::error::{Reject, StoreError};
use crate::log::record::Change;
use crate::model::{NodeId, NodeName};
use crate::store::keys::{self, Family, NodePart};
use crate::store::rows::{self, NodeRow};
use bytes::Bytes;
use std::sync::Arc;

/// Whether there are people who may not know what is said of a node: nobody is told of it then, and each reads what he may.
pub(in crate::log) fn is_closed(config: &NodeConfig) -> bool {
    matches!(config.access, AccessModel::Whitelist | AccessModel::Roster)
}

impl Apply<'_, '_> {
    /// Makes the node of a list: of an account's to all whom it does not block, of a node's to its readers.
    pub(super) fn public_list(&mut self, name: &NodeName) -> Result<(NodeId, NodeRow), ApplyError> {
        let config = |access| NodeConfig {
            access,
            max_items: ITEMS_MAX,
            send_last: SendLast::Never,
            notify_retract: true,
            item_reply: ItemReply::Owner,
            ..NodeConfig::pep()
        };
        let Some(target) = name.listed_node() else {
            // An account has the id from its beginning to its end.
            if !name.service.contains('@') || rows::subscriber_id(self.tx, &name.service)?.is_none() {
                return Err(Reject::NodeNotFound.into());
            }
            return self.put_node(name, name.service.clone(), &config(AccessModel::Open));
        };
        if target.is_kept() {
            return Err(Reject::NodeNotFound.into());
        }
        let (target, of) = self.node(&target)?;
        access::may_read(self.tx, self.tables, target, &of, self.by)?;
        // Never open by itself, so that its followers are looked at whenever its target's readers may be others.
        let (node, row) = self.put_node(name, of.owner.clone(), &config(AccessModel::Whitelist))?;
        let key = keys::node(node, NodePart::Target);
        self.tx.put(Family::NODE, key, rows::encode(&target));
        Ok((node, row))
    }

    /// A subscription is public from now on, or no longer: those who follow the lists are told. `closed` is the node as
    /// [`is_closed`] says.
    ///
    /// # Errors
    /// The store's failures.
    pub(in crate::log) fn public_changed(
        &mut self,
        name: &NodeName,
        closed: bool,
        jid: &str,
        public: bool,
    ) -> Result<(), StoreError> {
        let list = NodeName::public_subscriptions(jid);
        if let Some(node) = rows::node_id(self.tx, &list)? {
            let item = format!("{}/{}", name.service, name.node).into();
            let payload = public.then(|| self.tables.public_subscription(name));
            self.tell_list(node, list, item, payload, !closed)?;
        }
        let list = name.public_subscribers();
        if let Some(node) = rows::node_id(self.tx, &list)? {
            // Of those who block somebody each reads by himself what he may: one event is the same for all.
            let told = !self.tables.blocks_any(self.tx, jid)?;
            let payload = public.then(|| self.tables.public_subscriber(jid));
            self.tell_list(node, list, jid.into(), payload, told)?;
        }
        Ok(())
    }

    /// Has an entry of a list published, or retracted: what its followers were told of they hear the end of.
    fn tell_list(
        &mut self,
        node: NodeId,
        list: NodeName,
        item: Arc<str>,
        payload: Option<Bytes>,
        told: bool,
    ) -> Result<(), StoreError> {
        let was_told = || self.tx_holds(node, &item);
        if told || (payload.is_none() && was_told()?) {
            self.then(Change::Summarize {
                summary: list,
                item,
                payload,
            });
        }
        Ok(())
    }

    fn tx_holds(&self, node: NodeId, item: &str) -> Result<bool, StoreError> {
        let state = rows::node_state(self.tx, node)?;
        Ok(self.item(node, &state, item)?.is_some())
    }
}
