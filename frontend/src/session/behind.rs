//! What does not outlast its user's presence: subscriptions that end with it (XEP-0060 §12.4), and items that are published
//! for as long as their publisher is here (`pubsub#purge_offline`).
//!
//! Looked for when his last session goes, and only where there may be something.

use super::{ConnRef, Hub};
use jid::BareJid;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::log::record::Change;
use reef_engine::model::NodeName;
use reef_engine::store::rows;
use std::sync::Arc;

impl Hub {
    /// He has published: what of it goes with him is looked for when he goes.
    pub(super) fn has_published(&mut self, conn: ConnRef) {
        let user = self
            .alive(conn)
            .and_then(|slot| self.conn(slot))
            .map(|conn| conn.user.clone());
        if let Some(user) = user.and_then(|name| self.users.get_mut(&name)) {
            user.published = true;
        }
    }

    /// Items of nodes that are configured so go with their publisher (`pubsub#purge_offline`): when his last session has gone.
    pub(super) fn purge_behind(&mut self, slot: u32) {
        let Some(name) = self.conn(slot).map(|conn| conn.user.clone()) else {
            return;
        };
        if !self.available(&name, i8::MIN).is_empty() {
            return;
        }
        let published = self
            .users
            .get_mut(&name)
            .is_some_and(|user| std::mem::take(&mut user.published));
        if !published {
            return;
        }
        let by: Arc<str> = name.as_str().into();
        let read = self
            .server
            .engine
            .read(move |engine| match purged_offline(engine, &by) {
                Ok(nodes) => nodes.into_iter().for_each(|node| {
                    let submitted = engine.admission.submit(&by, Change::Purge { node }, Box::new(drop));
                    if let Err(error) = submitted {
                        tracing::warn!(%error, "a node that is emptied when its owner goes is emptied the next time");
                    }
                }),
                Err(error) => tracing::error!(%error, "nodes cannot be read"),
            });
        if read.is_err() {
            tracing::warn!("too many reads: nodes that are emptied when their owner goes are emptied the next time");
        }
    }

    /// Subscriptions that end with presence end with it (§12.4): when the last session has gone.
    pub(super) fn end_temporary(&mut self, name: &BareJid) {
        if !self.available(name, i8::MIN).is_empty() {
            return;
        }
        let Some(wishes) = self.users.get(name).and_then(|user| user.wishes.clone()) else {
            return;
        };
        for node in wishes.temporary() {
            let change = Change::Unfollow {
                node: node.clone(),
                subscriber: name.as_str().into(),
            };
            if let Err(error) = self
                .server
                .engine
                .admission
                .submit(name.as_str(), change, Box::new(drop))
            {
                tracing::warn!(%error, "a subscription that was to end with presence ends with the next one");
            }
        }
    }
}

/// An account's nodes that hold items and are emptied when it goes offline.
fn purged_offline(engine: &Engine, user: &str) -> Result<Vec<NodeName>, StoreError> {
    let view = engine.view();
    let mut nodes = Vec::new();
    for (_, node) in rows::nodes_of(view, user, engine.limits.nodes_per_account as usize)? {
        let row = rows::node_row(view, node)?.filter(|row| row.config.purge_offline);
        if let Some(row) = row
            && rows::node_state(view, node)?.items > 0
        {
            nodes.push(row.name);
        }
    }
    Ok(nodes)
}
