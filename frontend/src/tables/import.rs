//! What an account brings from a file: contacts as they were, and messages with the times that they had.
//!
//! Nobody is told but its own sessions: the other side of a contact is another account's, or another server's, and has its own.
//! Knows no file. Next: `portable/take.rs` makes these operations.

use super::roster::RosterRow;
use super::{Outcome, account, archive, contact, roster, subscription};
use reef_engine::error::Reject;
use reef_engine::log::apply::{Apply, ApplyError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A contact as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Contact {
    /// In the roster.
    Listed {
        /// The name that the account gives it.
        name: Arc<str>,
        /// Its groups.
        groups: Vec<Arc<str>>,
        /// Whether the account gets its presence.
        to: bool,
        /// Whether it gets the account's.
        from: bool,
        /// Whether the account asked for its presence.
        ask: bool,
    },
    /// It asked for the account's presence: with this stanza.
    Asks(Vec<u8>),
}

/// Puts a contact into a roster.
pub(super) fn put_contact(
    apply: &mut Apply<'_, '_>,
    (user, jid): (&str, &str),
    as_is: &Contact,
    most: u32,
    outcome: &mut Outcome,
) -> Result<(), ApplyError> {
    if account(apply.tx, user)?.is_none() {
        return Err(Reject::ItemNotFound.into());
    }
    if user == jid {
        return Ok(());
    }
    let old = contact(apply.tx, user, jid)?;
    if old.is_none() {
        roster::room(apply, user, most)?;
    }
    let before = old.clone().unwrap_or_default();
    let row = match as_is {
        Contact::Listed {
            name,
            groups,
            to,
            from,
            ask,
        } => RosterRow {
            name: name.clone(),
            groups: groups.clone(),
            to: *to,
            from: *from,
            ask: *ask && !to,
            asked: before.asked.filter(|_| !from),
            listed: true,
        },
        // Who gets it already needs no answer.
        Contact::Asks(_) if before.from => return Ok(()),
        Contact::Asks(stanza) => RosterRow {
            asked: Some(stanza.clone()),
            ..before
        },
    };
    subscription::write(apply, user, jid, old, row, outcome)?;
    apply.contact_changed(user, jid)
}

/// Puts a message into an archive, unless it is there; refused where the archive has later ones.
pub(super) fn put_archived(apply: &mut Apply<'_, '_>, message: &archive::Imported<'_>) -> Result<(), ApplyError> {
    if account(apply.tx, message.user)?.is_none() {
        return Err(Reject::ItemNotFound.into());
    }
    archive::import(apply, message)
}
