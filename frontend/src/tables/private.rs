//! What an account keeps for its clients: private XML (XEP-0049), one element for each name and namespace, and its card
//! (XEP-0054).
//!
//! Knows elements as bytes that stand for themselves. Others may see the card; who may is the front end's to say.

use super::{PRIVATE, key};
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::store::{Range, View};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kept {
    /// The card.
    Card,
    /// An element of this namespace and name.
    Element(Arc<str>, Arc<str>),
}

impl Kept {
    fn key(&self, user: &str) -> Vec<u8> {
        match self {
            Kept::Card => key(user, b"card"),
            Kept::Element(ns, name) => key(user, &[&b"xml\0"[..], ns.as_bytes(), &[0], name.as_bytes()].concat()),
        }
    }
}

/// What an account keeps there, as it was put.
pub(crate) fn kept(view: &dyn View, user: &str, what: &Kept) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(view.get(PRIVATE, &what.key(user))?.map(|bytes| bytes.to_vec()))
}

/// All elements that an account keeps, its card aside.
pub(crate) fn elements(view: &dyn View, user: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = Vec::new();
    view.scan(PRIVATE, &Range::prefix(&key(user, b"xml\0")), &mut |_, element| {
        found.push(element.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Keeps something, or nothing there any more; refused where there would be more than `most` rows, or bytes in all.
pub(super) fn keep(
    apply: &mut Apply<'_, '_>,
    user: &str,
    (what, element): (&Kept, &[u8]),
    most: (u32, u64),
) -> Result<(), ApplyError> {
    let row = what.key(user);
    if element.is_empty() {
        apply.tx.delete(PRIVATE, row);
        return Ok(());
    }
    let known = super::account::account(apply.tx, user)?.is_some();
    if !known {
        return Err(Reject::ItemNotFound.into());
    }
    let mut others = rows(apply.tx, user)?;
    others.retain(|(other, _)| *other != row);
    let bytes = others.iter().map(|(_, bytes)| bytes).sum::<u64>() + element.len() as u64;
    if others.len() >= most.0 as usize || bytes > most.1 {
        return Err(Reject::TooMany("elements").into());
    }
    apply.tx.put(PRIVATE, row, element);
    Ok(())
}

/// Forgets what a removed account kept.
pub(super) fn forget(apply: &mut Apply<'_, '_>, user: &str) -> Result<(), ApplyError> {
    for (row, _) in rows(apply.tx, user)? {
        apply.tx.delete(PRIVATE, row);
    }
    Ok(())
}

/// Keys, and how large the elements are.
fn rows(view: &dyn View, user: &str) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
    let mut rows = Vec::new();
    view.scan(PRIVATE, &Range::prefix(&key(user, b"")), &mut |key, element| {
        rows.push((key.to_vec(), element.len() as u64));
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}
