//! The last item of a node, sent unasked: to a new subscriber (XEP-0060 §6.1.7), to a session of his that came online, and to
//! one that wants the node by presence (XEP-0163 §4.3.4).
//!
//! Stamped with the time of its publication, as both clauses have it. Runs on reader threads; who sends it is the
//! session that it is for.

use super::asked::{self, Node};
use super::since::Since;
use crate::atom;
use crate::errors;
use jid::{BareJid, FullJid};
use reef_engine::Engine;
use reef_engine::config::{SendLast, Shows, SubscribeOptions, SubscriptionState};
use reef_engine::error::StoreError;
use reef_engine::limits::LIST_ROWS;
use reef_engine::log::apply::{ApplyError, may_read, shown};
use reef_engine::model::{NodeId, NodeName, Seq, SubscriberId, Timestamp};
use reef_engine::query::{self, Item, Which};
use reef_engine::store::rows::{self, NodeRow, Subscription};
use reef_stanza::StanzaError;
use reef_stanza::pubsub::event_publish;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a session that came online is brought of what it follows another way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brought {
    /// It catches up on what lies behind this,
    pub(crate) began: Seq,
    /// and gets live what lies behind this.
    pub(crate) upto: Seq,
    /// It is sent what is newer and lies before both, by its own word (XEP-0312).
    pub(crate) ago: Option<Timestamp>,
}

/// The last items of what somebody follows, for his session that came online (XEP-0060 §6.1.7), where nothing else brings them:
/// of nodes that are configured so, at most `most`. Cost: a few reads for each of these, whatever else he follows; where a last
/// item came while he was away, those of a first page of catching up. What cannot be read is left out, and logged.
pub(crate) fn followed(
    engine: &Engine,
    id: SubscriberId,
    to: &FullJid,
    show: Shows,
    brought: Brought,
    most: usize,
) -> Vec<Vec<u8>> {
    let nodes = rows::coming(engine.view(), id, most).unwrap_or_else(|error| {
        drop(errors::unreadable(error));
        Vec::new()
    });
    let (mut left_out, reader) = (None, to.to_bare());
    let mut last = |node| {
        let Some((row, follows, options)) = followed_node(engine, id, node, show, reader.as_str())? else {
            return Ok(None);
        };
        let Some(item) = newest(engine, node, &row)? else {
            return Ok(None);
        };
        let comes = match item.seq {
            // It came live, or with the subscription.
            seq if seq > brought.upto || follows.since > brought.upto => true,
            seq if seq <= follows.since => false,
            seq if seq <= brought.began => brought.ago.is_some_and(|at| item.at > at),
            _ if row.config.presence_based_delivery => false,
            seq => {
                let limit = match left_out {
                    Some(limit) => limit,
                    None => *left_out.insert(engine.left_out(id, brought.began, brought.upto)?),
                };
                seq > limit
            }
        };
        let body = options.include_body || shown(&row.config).body;
        Ok((!comes).then(|| notification(&row, &item, to.as_str(), body)))
    };
    let mut stanzas = Vec::new();
    for node in nodes {
        match last(node) {
            Ok(sent) => stanzas.extend(sent),
            Err(error) => drop(errors::unreadable(error)),
        }
    }
    stanzas
}

/// A node that somebody follows and whose last item he may get now, by its configuration and his options.
fn followed_node(
    engine: &Engine,
    id: SubscriberId,
    node: NodeId,
    show: Shows,
    reader: &str,
) -> Result<Option<(NodeRow, Subscription, SubscribeOptions)>, StoreError> {
    let view = engine.view();
    let row = rows::node_row(view, node)?.filter(|row| row.greets() && row.config.deliver_notifications);
    let follows = rows::subscription(view, node, id)?.filter(|follows| follows.state == SubscriptionState::Subscribed);
    let (Some(row), Some(follows)) = (row, follows) else {
        return Ok(None);
    };
    let options = rows::options(view, node, id)?;
    let reads = match may_read(view, &*engine.tables, node, &row, reader) {
        Ok(()) => true,
        Err(ApplyError::Reject(_)) => false,
        Err(ApplyError::Store(error)) => return Err(error),
    };
    Ok((reads && options.shows.holds(show)).then_some((row, follows, options)))
}

/// The last items that `to` gets when it comes: of each owner the nodes of these names that are configured so and that
/// it may read; in place of the last one, all that `since` says it missed. What it follows while it `listens` is brought another
/// way ([`followed`]). At most `most` nodes are looked at. Cost: a scan of each owner's nodes, and a few reads for each of these.
/// What cannot be read is left out, and logged.
pub(crate) fn last_items(
    engine: &Engine,
    owners: &[BareJid],
    names: &BTreeSet<Arc<str>>,
    to: &FullJid,
    most: usize,
    mut since: Option<Since>,
    listens: bool,
) -> Vec<Vec<u8>> {
    let (mut stanzas, mut looked_at) = (Vec::new(), 0);
    let reader = to.to_bare();
    let reader = Reader {
        id: rows::subscriber_id(engine.view(), reader.as_str()).unwrap_or_else(|error| {
            drop(errors::unreadable(error));
            None
        }),
        bare: reader.as_str(),
        to: to.as_str(),
        listens,
    };
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
            match on_presence(engine, &name, &reader, since.as_mut()) {
                Ok(sent) => stanzas.extend(sent),
                Err(error) => tracing::debug!(%error, node = &*name.node, "a last item was not sent"),
            }
        }
    }
    stanzas
}

/// The session that last items are for, and whose it is.
struct Reader<'a> {
    id: Option<SubscriberId>,
    bare: &'a str,
    to: &'a str,
    listens: bool,
}

impl Reader<'_> {
    fn follows(&self, engine: &Engine, node: NodeId) -> Result<bool, StoreError> {
        let subscription = match self.id {
            Some(id) => rows::subscription(engine.view(), node, id)?,
            None => None,
        };
        Ok(subscription.is_some_and(|subscription| subscription.state == SubscriptionState::Subscribed))
    }
}

fn on_presence(
    engine: &Engine,
    name: &NodeName,
    reader: &Reader<'_>,
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
    let follows = reader.follows(engine, node.id).map_err(errors::unreadable)?;
    if follows && reader.listens {
        return Ok(Vec::new());
    }
    match may_read(engine.view(), &*engine.tables, node.id, &node.row, reader.bare) {
        Ok(()) => {}
        Err(ApplyError::Reject(_)) => return Ok(Vec::new()),
        Err(ApplyError::Store(error)) => return Err(errors::unreadable(error)),
    }
    let missed = since
        .filter(|_| !follows)
        .map(|since| since.of_interest(engine, &node, reader.to))
        .transpose();
    match missed.map_err(errors::unreadable)?.unwrap_or_default() {
        none if none.is_empty() && last => {
            let last = last_item(engine, &node, reader.to).map_err(errors::unreadable)?;
            Ok(last.into_iter().collect())
        }
        missed => Ok(missed),
    }
}

/// The notification of a node's newest item to `to`; `None` where it has none.
pub(super) fn last_item(engine: &Engine, node: &Node, to: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let item = newest(engine, node.id, &node.row)?;
    Ok(item.map(|item| notification(&node.row, &item, to, shown(&node.row.config).body)))
}

fn newest(engine: &Engine, node: NodeId, row: &NodeRow) -> Result<Option<Item>, StoreError> {
    let found = query::items(engine.view(), node, row, &Which::Older(None), 1, engine.clock.now())?;
    Ok(found.and_then(|found| found.items.into_iter().next()))
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
