//! Accounts: who may log in, and what a removal takes along (XEP-0077 §3.2).
//!
//! Knows credentials as bytes; `sasl` reads them.

use super::{
    ACCOUNT, Outcome, archive, block, invite, notifications, offline, private, push, roster, subscription, tokens,
    upload,
};
use crate::sasl::Stored;
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::model::Timestamp;
use reef_engine::store::{View, rows};
use serde::{Deserialize, Serialize};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountRow {
    /// `Stored::to_bytes`.
    pub(crate) credentials: Vec<u8>,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// Whether it may not log in.
    pub(crate) suspended: bool,
}

/// The account of a bare JID.
pub(crate) fn account(view: &dyn View, user: &str) -> Result<Option<AccountRow>, StoreError> {
    rows::get(view, ACCOUNT, user.as_bytes())
}

fn put(apply: &mut Apply<'_, '_>, user: &str, row: &AccountRow) {
    apply.tx.put(ACCOUNT, user.as_bytes(), rows::encode(row));
}

fn known(apply: &Apply<'_, '_>, user: &str) -> Result<AccountRow, ApplyError> {
    Ok(account(apply.tx, user)?.ok_or(Reject::ItemNotFound)?)
}

pub(super) fn create(apply: &mut Apply<'_, '_>, user: &str, credentials: &[u8]) -> Result<(), ApplyError> {
    if account(apply.tx, user)?.is_some() || invite::is_kept(apply.tx, user, apply.at)? {
        return Err(Reject::Conflict.into());
    }
    put(
        apply,
        user,
        &AccountRow {
            credentials: credentials.to_vec(),
            created: apply.at,
            suspended: false,
        },
    );
    // Sessions are known by this id, whether they follow or not.
    rows::make_subscriber(apply.tx, user)?;
    Ok(())
}

pub(super) fn set_credentials(apply: &mut Apply<'_, '_>, user: &str, credentials: &[u8]) -> Result<(), ApplyError> {
    let row = known(apply, user)?;
    if lasts(&row.credentials) && !lasts(credentials) {
        return Err(Reject::Conflict.into());
    }
    // Whoever had the old one has no tokens by it either.
    tokens::forget(apply, user)?;
    put(
        apply,
        user,
        &AccountRow {
            credentials: credentials.to_vec(),
            ..row
        },
    );
    Ok(())
}

pub(super) fn suspend(apply: &mut Apply<'_, '_>, user: &str, suspended: bool) -> Result<(), ApplyError> {
    let row = known(apply, user)?;
    put(apply, user, &AccountRow { suspended, ..row });
    Ok(())
}

/// Whether credentials are those of a password that lasts.
pub(super) fn lasts(credentials: &[u8]) -> bool {
    matches!(Stored::from_bytes(credentials), Ok(Stored::Lasting(_)))
}

/// Ends both subscriptions with every contact, then takes all rows of the account.
pub(super) fn remove(apply: &mut Apply<'_, '_>, user: &str, outcome: &mut Outcome) -> Result<(), ApplyError> {
    known(apply, user)?;
    for (contact, _) in roster(apply.tx, user)? {
        subscription::remove(apply, user, &contact, outcome)?;
    }
    outcome.pushes.retain(|push| *push.user != *user);
    roster::forget(apply, user);
    offline::take(apply, user, u64::MAX)?;
    block::forget(apply, user)?;
    notifications::forget(apply, user)?;
    archive::remove(apply, user)?;
    private::forget(apply, user)?;
    tokens::forget(apply, user)?;
    invite::forget_of(apply, user)?;
    upload::forget(apply, user, outcome)?;
    push::forget(apply, user)?;
    apply.tx.delete(ACCOUNT, user.as_bytes());
    apply.remove_user(user)?;
    Ok(())
}
