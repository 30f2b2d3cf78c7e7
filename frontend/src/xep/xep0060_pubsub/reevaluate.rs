//! After a node's access was narrowed: its followers, page by page, are looked at again, and those who may no longer
//! read lose their subscriptions (XEP-0060 §8.2.5).
//!
//! One page is one record, and the next page is read when it is durable, so that a node with a million followers delays
//! nobody. Knows no right: the engine decides for each.

use reef_engine::Engine;
use reef_engine::error::Error;
use reef_engine::limits::LIST_ROWS;
use reef_engine::log::record::Change;
use reef_engine::model::{NodeName, SubscriberId};
use reef_engine::query;
use reef_engine::store::rows;
use std::sync::Arc;

/// Looks at the followers behind `after`, and goes on until none is left. Returns at once.
pub(super) fn reevaluate(engine: &Arc<Engine>, by: Arc<str>, node: NodeName, after: Option<SubscriberId>) {
    let next = engine.clone();
    let read = engine.read(move |_| {
        // A queue that is full is tried again by the next read, which so waits behind those of others.
        if let Err(error) = step(&next, &by, &node, after) {
            match error {
                Error::Busy => reevaluate(&next, by, node, after),
                error => tracing::error!(%error, node = &*node.node, "followers were not looked at again"),
            }
        }
    });
    if read.is_err() {
        tracing::error!("too many reads: followers of a node that was narrowed were not looked at again");
    }
}

fn step(engine: &Arc<Engine>, by: &Arc<str>, node: &NodeName, after: Option<SubscriberId>) -> Result<(), Error> {
    let view = engine.view();
    let Some(id) = rows::node_id(view, node)? else {
        return Ok(());
    };
    let page = query::followers(view, id, after, LIST_ROWS)?;
    let Some((last, ..)) = page.followers.last() else {
        return Ok(());
    };
    let last = *last;
    let subscribers = page.followers.into_iter().map(|(_, jid, _)| jid).collect();
    let change = Change::Reevaluate {
        node: node.clone(),
        subscribers,
    };
    let (next, by_then, name) = (engine.clone(), by.clone(), node.clone());
    let ticket = move |_: Result<_, _>| reevaluate(&next, by_then, name, Some(last));
    engine.admission.submit(by, change, Box::new(ticket))
}
