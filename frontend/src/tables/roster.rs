//! Rosters (RFC 6121 §2): the contacts of an account, and the roster's version.
//!
//! The version is the `Seq` of the last change, so that it grows and never repeats. Subscriptions are moved by
//! `subscription.rs`.

use super::{Push, ROSTER, key};
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::store::{Range, View, rows};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RosterRow {
    /// His name for it; empty is none.
    pub(crate) name: Arc<str>,
    /// The groups.
    pub(crate) groups: Vec<Arc<str>>,
    /// The account gets the contact's presence.
    pub(crate) to: bool,
    /// The contact gets the account's presence.
    pub(crate) from: bool,
    /// The account asked for the contact's presence.
    pub(crate) ask: bool,
    /// The contact asked, and has not been answered: the stanza.
    pub(crate) asked: Option<Vec<u8>>,
    /// Whether it is in the roster, or only the memory of an open question (RFC 6121 §3.1.3).
    pub(crate) listed: bool,
}

impl RosterRow {
    /// The `subscription` attribute.
    pub(crate) fn subscription(&self) -> &'static str {
        match (self.to, self.from) {
            (true, true) => "both",
            (true, false) => "to",
            (false, true) => "from",
            (false, false) => "none",
        }
    }
}

/// One contact.
pub(crate) fn contact(view: &dyn View, user: &str, contact: &str) -> Result<Option<RosterRow>, StoreError> {
    rows::get(view, ROSTER, &key(user, contact.as_bytes()))
}

/// All contacts of an account, and those who only asked.
pub(crate) fn roster(view: &dyn View, user: &str) -> Result<Vec<(Arc<str>, RosterRow)>, StoreError> {
    let prefix = key(user, b"");
    let (mut contacts, mut bad) = (Vec::new(), None);
    view.scan(ROSTER, &Range::prefix(&prefix), &mut |key, value| {
        let contact = key
            .get(prefix.len()..)
            .and_then(|k| std::str::from_utf8(k).ok())
            .unwrap_or_default();
        // The row without a contact is the version.
        if !contact.is_empty() {
            match rows::decode(ROSTER, value) {
                Ok(row) => contacts.push((Arc::from(contact), row)),
                Err(error) => bad = Some(error),
            }
        }
        if bad.is_none() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    bad.map_or(Ok(contacts), Err)
}

/// The roster's version; 0 for one that was never changed.
pub(crate) fn version(view: &dyn View, user: &str) -> Result<u64, StoreError> {
    Ok(rows::get(view, ROSTER, &key(user, b""))?.unwrap_or(0))
}

/// Writes a contact and the roster's new version.
pub(super) fn put(apply: &mut Apply<'_, '_>, user: &str, contact: &str, row: &RosterRow) -> Push {
    apply.tx.put(ROSTER, key(user, contact.as_bytes()), rows::encode(row));
    pushed(apply, user, contact, Some(row.clone()))
}

/// Removes a contact.
pub(super) fn delete(apply: &mut Apply<'_, '_>, user: &str, contact: &str) -> Push {
    apply.tx.delete(ROSTER, key(user, contact.as_bytes()));
    pushed(apply, user, contact, None)
}

fn pushed(apply: &mut Apply<'_, '_>, user: &str, contact: &str, row: Option<RosterRow>) -> Push {
    apply.tx.put(ROSTER, key(user, b""), rows::encode(&apply.seq.0));
    Push {
        user: user.into(),
        contact: contact.into(),
        row,
        shown: true,
        version: apply.seq.0,
    }
}

/// Forgets the version of an account that is removed.
pub(super) fn forget(apply: &mut Apply<'_, '_>, user: &str) {
    apply.tx.delete(ROSTER, key(user, b""));
}

/// Whether one more contact fits.
pub(super) fn room(apply: &Apply<'_, '_>, user: &str, most: u32) -> Result<(), ApplyError> {
    if roster(apply.tx, user)?.len() >= most as usize {
        return Err(Reject::TooMany("contacts").into());
    }
    Ok(())
}

pub(super) fn set(
    apply: &mut Apply<'_, '_>,
    user: &str,
    jid: &str,
    name: &Arc<str>,
    groups: &[Arc<str>],
    most: u32,
) -> Result<Push, ApplyError> {
    let old = contact(apply.tx, user, jid)?;
    if old.is_none() {
        room(apply, user, most)?;
    }
    let row = RosterRow {
        name: name.clone(),
        groups: groups.to_vec(),
        listed: true,
        ..old.unwrap_or_default()
    };
    let push = put(apply, user, jid, &row);
    apply.contact_changed(user, jid)?;
    Ok(push)
}
