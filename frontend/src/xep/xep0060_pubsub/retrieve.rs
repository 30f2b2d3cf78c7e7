//! Retrieving items (XEP-0060 §6.5): by id, the newest, or a page; on a reader thread.
//!
//! Payloads go from the store to the client as bytes. Whether the node exists is said first, then whether the asker may
//! read it, then what there is.

use super::super::Answer;
use super::asked::{self, Asked, Node};
use super::lists;
use super::named;
use super::page::{self, From, Page};
use crate::errors;
use reef_engine::Engine;
use reef_engine::config::{AccessModel, Affiliation};
use reef_engine::error::Reject;
use reef_engine::limits::LIST_ROWS;
use reef_engine::log::apply::{ApplyError, may_read, shown};
use reef_engine::model::{NodeId, NodeName};
use reef_engine::query::{self, Item, Most, Which};
use reef_engine::store::rows;
use reef_stanza::order::{By, Order};
use reef_stanza::pubsub::{ItemOut, items_reply};
use reef_stanza::{Condition, PubsubCondition, StanzaError, rsm};
use std::sync::Arc;

/// Bytes of payload in one reply, after which its page ends: half of what may wait for a client that does not read. The
/// rest comes with the next page.
pub(super) const REPLY_BYTES: usize = 512 << 10;

/// Items of a node.
pub(super) fn items(
    asked: Asked,
    node: &str,
    max: Option<u32>,
    ids: Vec<String>,
    request: Option<rsm::Request>,
    order: Option<Order>,
) -> Result<Answer, StanzaError> {
    let name = asked.name(node);
    let page = Page::of(max, request, order);
    if ids.len() > LIST_ROWS {
        let error = StanzaError::new(Condition::NotAcceptable);
        return Err(error.with_text(format!("at most {LIST_ROWS} ids at a time")));
    }
    Ok(Answer::read(move |engine| {
        let node = asked::find(engine, &name)?;
        readable(engine, &node, &asked.by)?;
        if !node.row.config.persist_items {
            return Err(super::unsupported("persistent-items"));
        }
        let bytes = match ids.is_empty() {
            true => paged(engine, &node, &page)?,
            false => named::items(engine, &node, &ids, &page)?,
        };
        Ok(Answer::Bytes(bytes))
    }))
}

/// The node of a name, if `by` may read it: for who reads it in other ways.
///
/// # Errors
/// `item-not-found`, or why he may not.
pub(crate) fn readable_node(engine: &Engine, name: &NodeName, by: &str) -> Result<NodeId, StanzaError> {
    let node = asked::find(engine, name)?;
    readable(engine, &node, by)?;
    Ok(node.id)
}

/// Whether the asker may read the node, in the words of §6.5.9.
pub(super) fn readable(engine: &Engine, node: &Node, by: &str) -> Result<(), StanzaError> {
    match may_read(engine.view(), &*engine.tables, node.id, &node.row, by) {
        Err(ApplyError::Reject(Reject::Forbidden)) if node.row.config.access == AccessModel::Authorize => {
            // An outcast stays forbidden; whom nobody has approved is told so (§6.5.9.3).
            match rows::affiliation(engine.view(), node.id, &node.row, by).map_err(errors::unreadable)? {
                Affiliation::None => {
                    Err(StanzaError::new(Condition::NotAuthorized).pubsub(PubsubCondition::NotSubscribed))
                }
                _ => Err(errors::refused(&Reject::Forbidden)),
            }
        }
        may => may.map_err(errors::applied),
    }
}

fn paged(engine: &Engine, node: &Node, page: &Page) -> Result<Vec<u8>, StanzaError> {
    // The nearest to where the page was asked from come first, so that those behind the bound are the next page's.
    let (mut items, count) = find(engine, node, page, REPLY_BYTES)?;
    if matches!(page.from, From::Last | From::Before(_)) {
        items.reverse();
    }
    let ids: Vec<&str> = items.iter().map(|item| &*item.id).collect();
    let said = page.describe(&ids, count);
    Ok(reply(node, &items, Some(&said)))
}

/// The ids of a node's newest items, newest first.
pub(super) fn newest(engine: &Engine, node: &Node, most: usize) -> Result<Vec<Arc<str>>, StanzaError> {
    let found = read(engine, node, &Which::Older(None), most.into())?.unwrap_or_default();
    Ok(found.items.into_iter().map(|item| item.id).collect())
}

/// The ids of a page of items, and what is said of it.
pub(super) fn ids(
    engine: &Engine,
    node: &Node,
    request: rsm::Request,
) -> Result<(Vec<Arc<str>>, rsm::Reply), StanzaError> {
    let page = Page::of(None, Some(request), None);
    let (mut items, count) = find(engine, node, &page, usize::MAX)?;
    if matches!(page.from, From::Last | From::Before(_)) {
        items.reverse();
    }
    let ids: Vec<Arc<str>> = items.into_iter().map(|item| item.id).collect();
    let said = page.describe(&ids.iter().map(|id| &**id).collect::<Vec<_>>(), count);
    Ok((ids, said))
}

/// The items of a page of so many bytes, the nearest to its start first, and the number of all.
fn find(engine: &Engine, node: &Node, page: &Page, bytes: usize) -> Result<(Vec<Item>, u64), StanzaError> {
    let order = page.order.unwrap_or(Order {
        by: By::Modification,
        desc: page.from == From::Newest,
    });
    let backwards = matches!(page.from, From::Last | From::Before(_));
    let newer = order.desc == backwards;
    let beside = |from, skip| {
        let which = match (order.by, newer) {
            (By::Creation, newer) => Which::Created { from, newer },
            (By::Modification, true) => Which::Newer(from),
            (By::Modification, false) => Which::Older(from),
        };
        let items = page.max;
        read(engine, node, &which, Most { skip, items, bytes })
    };
    let found = match &page.from {
        From::First | From::Newest | From::Last => beside(None, 0)?,
        // An item of this id comes before a page of this name.
        From::After(from) | From::Before(from) => match (beside(Some(from), 0)?, page::ends(from)) {
            (None, Some((oldest, newest))) => beside(Some(if newer { newest } else { oldest }), 0)?,
            (found, _) => found,
        },
        From::Index(index) => {
            // What lies before is read through: only within what one answer may read (XEP-0059 §2.6 allows to refuse).
            let skip = *index as usize;
            if skip + page.max > LIST_ROWS {
                return Err(StanzaError::new(Condition::FeatureNotImplemented).with_text("the position is too far"));
            }
            beside(None, skip)?
        }
    };
    let mut found = found.ok_or_else(lists::no_such_page)?;
    // The engine gives every page newest first.
    if newer {
        found.items.reverse();
    }
    Ok((found.items, found.count))
}

pub(super) fn read(
    engine: &Engine,
    node: &Node,
    which: &Which<'_>,
    most: Most,
) -> Result<Option<query::Items>, StanzaError> {
    let now = engine.clock.now();
    query::items(engine.view(), node.id, &node.row, which, most, now).map_err(errors::unreadable)
}

pub(super) fn reply(node: &Node, items: &[Item], said: Option<&rsm::Reply>) -> Vec<u8> {
    let publisher = shown(&node.row.config).publisher;
    let items: Vec<ItemOut<'_>> = items
        .iter()
        .map(|item| ItemOut {
            id: &item.id,
            publisher: publisher.then_some(&*item.publisher),
            payload: &item.payload,
        })
        .collect();
    items_reply(&node.row.name.node, &items, said)
}
