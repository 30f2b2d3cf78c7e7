//! Tokens with which clients log in (XEP-0484): a row for each client of an account, by what it calls itself.
//!
//! A password that changes ends them all, and so does the account's end. Knows no mechanism.

use super::account::{account, lasts};
use super::{TOKEN, key};
use crate::sasl::{Basis, Token, Tokens};
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::store::{Range, View, rows};
use std::ops::ControlFlow;

/// The tokens of a client.
pub(crate) fn tokens(view: &dyn View, user: &str, agent: &str) -> Result<Option<Tokens>, StoreError> {
    rows::get(view, TOKEN, &key(user, agent.as_bytes()))
}

/// Sets a client's tokens; none are no row. Where an account has too many clients, the one that has not come for longest goes. Refused
/// where its password is one that passes: what it leads to passes, too; and where
/// what was proven holds no more.
pub(super) fn set(
    apply: &mut Apply<'_, '_>,
    user: &str,
    (agent, tokens): (&str, &Tokens),
    basis: &Basis,
    most: u32,
) -> Result<(), ApplyError> {
    let row = account(apply.tx, user)?.ok_or(Reject::ItemNotFound)?;
    if !lasts(&row.credentials) {
        return Err(Reject::NotAcceptable("a password that passes gives no token").into());
    }
    let holds = match basis {
        Basis::Password(credentials) => row.credentials == *credentials,
        Basis::Tokens(before) => self::tokens(apply.tx, user, agent)?.unwrap_or_default() == *before,
    };
    if !holds {
        return Err(Reject::Conflict.into());
    }
    let own = key(user, agent.as_bytes());
    if tokens.current.is_none() && tokens.new.is_none() {
        apply.tx.delete(TOKEN, own);
        return Ok(());
    }
    let mut others = all(apply.tx, user)?;
    others.retain(|(row, _)| *row != own);
    others.sort_by_key(|(_, tokens)| expires(tokens));
    let spare = (others.len() + 1).saturating_sub(most as usize);
    for (row, _) in others.into_iter().take(spare) {
        apply.tx.delete(TOKEN, row);
    }
    apply.tx.put(TOKEN, own, rows::encode(tokens));
    Ok(())
}

/// Ends all of an account's.
pub(super) fn forget(apply: &mut Apply<'_, '_>, user: &str) -> Result<(), ApplyError> {
    for (row, _) in all(apply.tx, user)? {
        apply.tx.delete(TOKEN, row);
    }
    Ok(())
}

fn expires(tokens: &Tokens) -> u64 {
    let at = |token: &Option<Token>| token.as_ref().map_or(0, |token| token.expires);
    at(&tokens.current).max(at(&tokens.new))
}

fn all(view: &dyn View, user: &str) -> Result<Vec<(Vec<u8>, Tokens)>, StoreError> {
    let (mut found, mut bad) = (Vec::new(), None);
    view.scan(TOKEN, &Range::prefix(&key(user, b"")), &mut |key, value| {
        match rows::decode(TOKEN, value) {
            Ok(tokens) => found.push((key.to_vec(), tokens)),
            Err(error) => bad = Some(error),
        }
        ControlFlow::Continue(())
    })?;
    bad.map_or(Ok(found), Err)
}
