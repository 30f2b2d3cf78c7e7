//! Items by their ids (XEP-0060 §6.5.8), as pages of what was asked for: the set is the ids, in the order in which they were
//! given. What is too much for one reply comes with the next page.
//!
//! Knows no rights: `retrieve.rs` asks here for who may read.

use super::asked::Node;
use super::lists;
use super::page::{From, Page};
use super::retrieve::{REPLY_BYTES, read, reply};
use crate::errors;
use reef_engine::Engine;
use reef_engine::error::Reject;
use reef_engine::limits::LIST_ROWS;
use reef_engine::query::{Item, Most, Which};
use reef_stanza::{StanzaError, rsm};
use std::collections::HashSet;

/// A page of them. It is described where it was asked for, or is not all.
///
/// COMPAT: where none of the items exists the answer is `item-not-found`: Movim then forgets its copy.
pub(super) fn items(engine: &Engine, node: &Node, ids: &[String], page: &Page) -> Result<Vec<u8>, StanzaError> {
    let mut once = HashSet::new();
    let ids: Vec<&String> = ids.iter().filter(|id| once.insert(*id)).collect();
    let mut wanted: Vec<String> = part(&ids, &page.from)?.iter().map(|id| (*id).clone()).collect();
    let backwards = matches!(page.from, From::Last | From::Before(_));
    if backwards {
        wanted.reverse();
    }
    let most = Most {
        bytes: REPLY_BYTES,
        ..Most::from(page.max)
    };
    let found = |ids: &[String], most| read(engine, node, &Which::Ids(ids), most).map(Option::unwrap_or_default);
    let mut items = found(&wanted, most)?.items;
    let asked = page.max < LIST_ROWS || !matches!(page.from, From::First | From::Newest);
    if items.is_empty() && !asked {
        return Err(errors::refused(&Reject::ItemNotFound));
    }
    // What is not there is passed over, and makes no further page.
    let beyond = wanted
        .iter()
        .rposition(|id| items.last().is_some_and(|last| *last.id == **id));
    let rest = beyond.and_then(|last| wanted.get(last + 1..)).unwrap_or_default();
    let more = !found(rest, Most::from(1))?.items.is_empty();
    if backwards {
        items.reverse();
    }
    let end = |item: Option<&Item>| item.map(|item| item.id.to_string());
    let said = rsm::Reply {
        first: end(items.first()),
        first_index: None,
        last: end(items.last()),
        count: u32::try_from(ids.len()).ok(),
    };
    Ok(reply(node, &items, (asked || more).then_some(&said)))
}

/// The ids among which a page is.
fn part<'i>(ids: &'i [&'i String], from: &From) -> Result<&'i [&'i String], StanzaError> {
    let place = |id: &String| {
        ids.iter()
            .position(|other| *other == id)
            .ok_or_else(lists::no_such_page)
    };
    let part = match from {
        From::First | From::Newest | From::Last => Some(ids),
        From::After(id) => ids.get(place(id)? + 1..),
        From::Before(id) => ids.get(..place(id)?),
        From::Index(index) => ids.get(*index as usize..),
    };
    Ok(part.unwrap_or_default())
}
