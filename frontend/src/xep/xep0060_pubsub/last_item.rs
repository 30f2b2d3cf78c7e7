//! The last item of a node, sent unasked: to a new subscriber (XEP-0060 §6.1.7) and to a session that came online and
//! wants the node (XEP-0163 §4.3.4).
//!
//! Stamped with the time of its publication, as both clauses have it. Runs on reader threads; who sends it is the
//! session that it is for.

use super::asked::{self, Node};
use super::since::Since;
use crate::atom;
use crate::errors;
use jid::{BareJid, FullJid};
use reef_engine::Engine;
use reef_engine::config::SendLast;
use reef_engine::error::StoreError;
use reef_engine::limits::LIST_ROWS;
use reef_engine::log::apply::{ApplyError, may_read, shown};
use reef_engine::model::NodeName;
use reef_engine::query::{self, Item, Which};
use reef_engine::store::rows::{self, NodeRow};
use reef_stanza::StanzaError;
use reef_stanza::pubsub::event_publish;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The last items that `to` gets when it comes: of each owner the nodes of these names that are configured so and that
/// it may read; in place of the last one, all that `since` says it missed. At most `most` nodes are looked at. Cost: a scan of each owner's nodes, and two reads for each of these.
/// What cannot be read is left out, and logged.
pub(crate) fn last_items(
    engine: &Engine,
    owners: &[BareJid],
    names: &BTreeSet<Arc<str>>,
    to: &FullJid,
    most: usize,
    mut since: Option<Since>,
) -> Vec<Vec<u8>> {
    let (mut stanzas, mut looked_at) = (Vec::new(), 0);
    let reader = to.to_bare();
    for owner in owners {
        let nodes = rows::nodes_of(engine.view(), owner.as_str(), LIST_ROWS).unwrap_or_else(|error| {
            drop(errors::unreadable(error));
            Vec::new()
        });
        for (name, _) in nodes.into_iter().filter(|(name, _)| names.contains(name)) {
            if looked_at == most {
                return stanzas;
            }
            looked_at += 1;
            let name = NodeName::new(owner.as_str(), name);
            match on_presence(engine, &name, reader.as_str(), to.as_str(), since.as_mut()) {
                Ok(sent) => stanzas.extend(sent),
                Err(error) => tracing::debug!(%error, node = &*name.node, "a last item was not sent"),
            }
        }
    }
    stanzas
}

fn on_presence(
    engine: &Engine,
    name: &NodeName,
    reader: &str,
    to: &str,
    since: Option<&mut Since>,
) -> Result<Vec<Vec<u8>>, StanzaError> {
    let Some(node) = asked::look_up(engine, name)? else {
        return Ok(Vec::new());
    };
    let config = &node.row.config;
    let last = config.send_last == SendLast::OnSubAndPresence;
    if !config.deliver_notifications || (!last && since.is_none()) {
        return Ok(Vec::new());
    }
    match may_read(engine.view(), &*engine.tables, node.id, &node.row, reader) {
        Ok(()) => {}
        Err(ApplyError::Reject(_)) => return Ok(Vec::new()),
        Err(ApplyError::Store(error)) => return Err(errors::unreadable(error)),
    }
    let missed = since
        .map(|since| since.of_interest(engine, &node, reader, to))
        .transpose();
    match missed.map_err(errors::unreadable)?.unwrap_or_default() {
        none if none.is_empty() && last => {
            let last = last_item(engine, &node, to).map_err(errors::unreadable)?;
            Ok(last.into_iter().collect())
        }
        missed => Ok(missed),
    }
}

/// The notification of a node's newest item to `to`; `None` where it has none.
pub(super) fn last_item(engine: &Engine, node: &Node, to: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let found = query::items(
        engine.view(),
        node.id,
        &node.row,
        &Which::Older(None),
        1,
        engine.clock.now(),
    )?;
    let item = found.and_then(|found| found.items.into_iter().next());
    Ok(item.map(|item| notification(&node.row, &item, to, shown(&node.row.config).body)))
}

/// The notification of an item that was published before, to `to`; with a text body where that is wanted.
pub(super) fn notification(row: &NodeRow, item: &Item, to: &str, body: bool) -> Vec<u8> {
    let shown = shown(&row.config);
    let (service, name) = (&*row.name.service, &*row.name.node);
    let publisher = shown.publisher.then_some(&*item.publisher);
    let payload = shown.payload.then_some(&item.payload[..]);
    let stamp = asked::stamp(item.at);
    let mut stanza = Vec::new();
    let splice = event_publish(service, name, &item.id, publisher, payload, Some((service, &stamp)));
    match body.then(|| atom::body(&item.payload)).flatten() {
        Some(text) => splice.with_body(&text).write(to, &mut stanza),
        None => splice.write(to, &mut stanza),
    }
    stanza
}
