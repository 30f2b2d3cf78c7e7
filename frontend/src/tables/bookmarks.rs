//! Bookmarks as old clients keep them, one list in private storage (XEP-0049), brought to where they are: one item each in
//! the account's node of bookmarks (XEP-0402 §6.3).
//!
//! The node is the truth. A list that is set becomes publications and retractions of what differs, right behind its record
//! and in the same commit; of the list itself only what is no bookmark stays. Where the account has opened that node to
//! others, the list stays what it is: private. Knows no client; `xep/xep0402_bookmarks.rs` shows the list again.

use super::{Kept, account, kept, private};
use crate::{atom, xep};
use minidom::Element;
use reef_engine::config::AccessModel;
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::log::record::{Change, Record};
use reef_engine::model::{NodeName, Timestamp};
use reef_engine::query::{self, Item, Most, Which};
use reef_engine::store::{View, rows};
use reef_stanza::{ns, self_contained};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A list that an account sets.
pub(super) struct List<'a> {
    /// The element, self-contained.
    pub(super) storage: &'a [u8],
    /// Whether it is all that there is, so that other bookmarks go; else it is added.
    pub(super) whole: bool,
    /// How many elements of private storage there may be, and how many bytes in all.
    pub(super) most: (u32, u64),
    /// How many bookmarks may change at once.
    pub(super) changes: u32,
}

/// The bookmarks of an account, and whether its node of them is its own alone.
pub(crate) struct Bookmarks {
    /// Whether the list in private storage is a view of the node.
    pub(crate) unified: bool,
    /// The items, oldest first.
    pub(crate) items: Vec<Item>,
    /// Whether those are all.
    pub(crate) whole: bool,
}

/// The name under which private storage has the list.
pub(crate) fn list() -> Kept {
    Kept::Element(ns::STORAGE_BOOKMARKS.into(), "storage".into())
}

/// What an account has bookmarked.
pub(crate) fn bookmarks(view: &dyn View, user: &str, now: Timestamp, bytes: usize) -> Result<Bookmarks, StoreError> {
    let id = rows::node_id(view, &NodeName::new(user, ns::BOOKMARKS))?;
    let row = id.map(|id| rows::node_row(view, id)).transpose()?.flatten();
    let (Some(id), Some(row)) = (id, row) else {
        return Ok(Bookmarks {
            unified: true,
            items: Vec::new(),
            whole: true,
        });
    };
    let most = Most {
        skip: 0,
        items: usize::MAX,
        bytes,
    };
    let found = query::items(view, id, &row, &Which::Newer(None), most, now)?.unwrap_or_default();
    let (mut items, count) = (found.items, found.count);
    items.reverse();
    Ok(Bookmarks {
        unified: row.config.access == AccessModel::Whitelist,
        whole: items.len() as u64 == count,
        items,
    })
}

/// Sets a list. One that is added may be longer than what changes at once: its rest stays for the next time.
pub(super) fn set(apply: &mut Apply<'_, '_>, user: &Arc<str>, set: &List<'_>) -> Result<(), ApplyError> {
    if account(apply.tx, user)?.is_none() {
        return Err(Reject::ItemNotFound.into());
    }
    let storage = atom::parse(set.storage).ok_or(StoreError::Corrupt("a list of bookmarks"))?;
    let has = bookmarks(apply.tx, user, apply.at, usize::MAX)?;
    if !has.unified {
        return private::keep(apply, user, (&list(), set.storage), set.most);
    }
    let (listed, mut rest) = xep::bookmarks_in(&storage);
    let present: BTreeMap<&str, Option<Element>> = has
        .items
        .iter()
        .map(|item| (&*item.id, atom::parse(&item.payload)))
        .collect();
    let mut changes = Vec::new();
    for (id, conference) in &listed {
        let known = present.get(id.as_str()).and_then(Option::as_ref);
        // What the node has is newer than a list that is merely found.
        if known.is_some() && !set.whole {
            continue;
        }
        if !set.whole && changes.len() >= set.changes as usize {
            rest.append_child(conference.clone());
        } else if let Some(payload) = xep::bookmark(conference, known) {
            changes.push(publish(user, id, &payload)?);
        }
    }
    if set.whole {
        let gone = present
            .keys()
            .filter(|id| listed.iter().all(|(listed, _)| listed != **id));
        changes.extend(gone.map(|id| retract(user, id)));
    }
    let more = changes.len() as u64;
    let room = apply.limits.items_per_account;
    if more > u64::from(set.changes) || (set.whole && !has.whole) {
        return Err(Reject::TooMany("bookmarks").into());
    }
    if room > 0 && rows::usage(apply.tx, user)?.items + more > room {
        return Err(Reject::NoRoom("items").into());
    }
    let (by, at) = (user.clone(), apply.at);
    let records = changes.into_iter().map(|change| Record {
        at,
        by: by.clone(),
        change,
    });
    apply.next.extend(records);
    let rest = match rest.children().next() {
        Some(_) => self_contained(&rest, None),
        None => Vec::new(),
    };
    private::keep(apply, user, (&list(), &rest), set.most)
}

/// Whether private storage has bookmarks that the node has not yet.
pub(crate) fn has_unconverted(view: &dyn View, user: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let row = kept(view, user, &list())?;
    let found = row.filter(|row| atom::parse(row).is_some_and(|storage| !xep::bookmarks_in(&storage).0.is_empty()));
    let Some(row) = found else { return Ok(None) };
    Ok(bookmarks(view, user, Timestamp(0), 0)?.unified.then_some(row))
}

fn publish(user: &Arc<str>, id: &str, payload: &Element) -> Result<Change, Reject> {
    let template = xep::node_template(user, ns::BOOKMARKS, &[]);
    Ok(Change::Publish {
        node: NodeName::new(user.clone(), ns::BOOKMARKS),
        item: id.into(),
        payload: self_contained(payload, None).into(),
        open_only: None,
        notes: Vec::new(),
        options: Vec::new(),
        create: Some(template.map_err(|_| Reject::ItemNotFound)?),
    })
}

fn retract(user: &Arc<str>, id: &str) -> Change {
    Change::Retract {
        node: NodeName::new(user.clone(), ns::BOOKMARKS),
        item: id.into(),
        notify: true,
    }
}
