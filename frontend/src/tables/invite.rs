//! Invitations (XEP-0401): a token that makes an account, or a contact, once.
//!
//! It is gone in the commit of what it made. A name that one stands for is kept free until then. Those that are over go a few at a
//! time, whenever one is made. Knows no URI.

use super::subscription::{self, Asked, Kind};
use super::{INVITE, Outcome, Sent, account, contact, key, roster};
use crate::atom;
use crate::limits::INVITES_FORGOTTEN;
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::model::Timestamp;
use reef_engine::store::{Range, View, rows};
use reef_stanza::ns;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

const DAY_MS: u64 = 86_400_000;

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invite {
    /// The account that invites; none where the operator does.
    pub(crate) by: Option<Arc<str>>,
    /// Bare JID of the account that is to be made; any where there is none.
    pub(crate) name: Option<Arc<str>>,
    /// Whether the two become contacts.
    pub(crate) contact: bool,
    /// Whether it makes an account.
    pub(crate) registers: bool,
    /// When it is over.
    pub(crate) expires: Timestamp,
}

/// What one row is for.
fn row(kind: u8, of: &str) -> Vec<u8> {
    [&[kind], of.as_bytes()].concat()
}

const TOKEN: u8 = b't';
const NAME: u8 = b'n';
/// Those of an account, by when they were made: how many it made today.
const MADE: u8 = b'm';
/// All, by when they are over.
const OVER: u8 = b'o';

fn made(by: &str, at: Timestamp, token: &str) -> Vec<u8> {
    let rest = [&at.0.to_be_bytes()[..], token.as_bytes()].concat();
    [&[MADE][..], &key(by, &rest)].concat()
}

fn over(at: Timestamp, token: &str) -> Vec<u8> {
    [&[OVER][..], &at.0.to_be_bytes(), token.as_bytes()].concat()
}

/// The invitation of a token, until it is over.
pub(crate) fn invite(view: &dyn View, token: &str, now: Timestamp) -> Result<Option<Invite>, StoreError> {
    let found: Option<Invite> = rows::get(view, INVITE, &row(TOKEN, token))?;
    Ok(found.filter(|invite| now < invite.expires))
}

/// Whether a name is kept for who was invited by it.
pub(super) fn is_kept(view: &dyn View, user: &str, now: Timestamp) -> Result<bool, StoreError> {
    let token: Option<String> = rows::get(view, INVITE, &row(NAME, user))?;
    Ok(match token {
        Some(token) => invite(view, &token, now)?.is_some(),
        None => false,
    })
}

/// Makes one; an account makes no more than `most` a day.
pub(super) fn make(apply: &mut Apply<'_, '_>, token: &str, invite: &Invite, most: u32) -> Result<(), ApplyError> {
    forget_some(apply)?;
    if let Some(name) = &invite.name {
        if account(apply.tx, name)?.is_some() || is_kept(apply.tx, name, apply.at)? {
            return Err(Reject::Conflict.into());
        }
        apply.tx.put(INVITE, row(NAME, name), rows::encode(&token.to_owned()));
    }
    if let Some(by) = &invite.by {
        if account(apply.tx, by)?.is_none() {
            return Err(Reject::ItemNotFound.into());
        }
        if made_today(apply, by)? >= most as usize {
            return Err(Reject::TooMany("invitations today").into());
        }
        // It outlasts the invitation: who has used one up has made one.
        apply.tx.put(INVITE, made(by, apply.at, token), []);
    }
    apply.tx.put(INVITE, row(TOKEN, token), rows::encode(invite));
    apply.tx.put(INVITE, over(invite.expires, token), []);
    Ok(())
}

/// Counts, and forgets what was made before.
fn made_today(apply: &mut Apply<'_, '_>, by: &str) -> Result<usize, StoreError> {
    let prefix = [&[MADE][..], &key(by, b"")].concat();
    let (mut old, mut count) = (Vec::new(), 0);
    let since = made(by, Timestamp(apply.at.0.saturating_sub(DAY_MS)), "");
    apply.tx.scan(INVITE, &Range::prefix(&prefix), &mut |key, _| {
        match *key < *since {
            true => old.push(key.to_vec()),
            false => count += 1,
        }
        ControlFlow::Continue(())
    })?;
    old.into_iter().for_each(|key| apply.tx.delete(INVITE, key));
    Ok(count)
}

fn forget_some(apply: &mut Apply<'_, '_>) -> Result<(), StoreError> {
    let range = Range::between(vec![OVER], over(apply.at, ""));
    let mut tokens = Vec::new();
    apply.tx.scan(INVITE, &range, &mut |key, _| {
        let token = key.get(9..).and_then(|token| std::str::from_utf8(token).ok());
        tokens.extend(token.map(str::to_owned));
        match tokens.len() < INVITES_FORGOTTEN {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    for token in tokens {
        forget(apply, &token)?;
    }
    Ok(())
}

/// Ends what a removed account has invited to.
pub(super) fn forget_of(apply: &mut Apply<'_, '_>, user: &str) -> Result<(), StoreError> {
    let prefix = [&[MADE][..], &key(user, b"")].concat();
    let mut found = Vec::new();
    apply.tx.scan(INVITE, &Range::prefix(&prefix), &mut |key, _| {
        found.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    for key in found {
        let token = key
            .get(prefix.len() + 8..)
            .and_then(|token| std::str::from_utf8(token).ok());
        if let Some(token) = token {
            forget(apply, token)?;
        }
        apply.tx.delete(INVITE, key);
    }
    Ok(())
}

fn forget(apply: &mut Apply<'_, '_>, token: &str) -> Result<(), StoreError> {
    let found: Option<Invite> = rows::get(apply.tx, INVITE, &row(TOKEN, token))?;
    let Some(invite) = found else { return Ok(()) };
    apply.tx.delete(INVITE, row(TOKEN, token));
    apply.tx.delete(INVITE, over(invite.expires, token));
    if let Some(name) = &invite.name
        && rows::get::<String>(apply.tx, INVITE, &row(NAME, name))?.as_deref() == Some(token)
    {
        apply.tx.delete(INVITE, row(NAME, name));
    }
    Ok(())
}

/// Makes the account that one was invited to. That it is over was asked when its client began (XEP-0445 §5).
pub(super) fn register(
    apply: &mut Apply<'_, '_>,
    (user, credentials): (&str, &[u8]),
    token: &str,
    outcome: &mut Outcome,
) -> Result<(), ApplyError> {
    let found: Option<Invite> = rows::get(apply.tx, INVITE, &row(TOKEN, token))?;
    let invite = found.filter(|invite| invite.registers).ok_or(Reject::ItemNotFound)?;
    if invite.name.as_ref().is_some_and(|name| **name != *user) {
        return Err(Reject::NotAcceptable("the invitation is for another name").into());
    }
    forget(apply, token)?;
    account::create(apply, user, credentials)?;
    match invite.by.filter(|_| invite.contact) {
        Some(by) if account(apply.tx, &by)?.is_some() => subscription::befriend(apply, &by, user, outcome),
        _ => Ok(()),
    }
}

/// Somebody asks for an account's presence with a token of its (XEP-0379): he gets it, and is asked for his. False where there
/// is nothing to it, and it is a request as any other.
pub(super) fn welcome(apply: &mut Apply<'_, '_>, asked: &Asked<'_>, outcome: &mut Outcome) -> Result<bool, ApplyError> {
    let Some(token) = token_in(asked.stanza) else {
        return Ok(false);
    };
    let found = invite(apply.tx, &token, apply.at)?;
    let own = found.is_some_and(|invite| invite.contact && invite.by.as_deref() == Some(asked.to));
    let waits = contact(apply.tx, asked.to, asked.from)?.is_some_and(|row| row.asked.is_some());
    if !own || !waits || roster::room(apply, asked.to, asked.most).is_err() {
        return Ok(false);
    }
    forget(apply, &token)?;
    // He is not asked what is answered.
    outcome
        .sent
        .retain(|sent| *sent.to != *asked.to || sent.kind != Kind::Subscribe);
    for kind in [Kind::Subscribed, Kind::Subscribe] {
        // A question is kept as it is asked, also by the server.
        let stanza = Sent {
            from: asked.to.into(),
            to: asked.from.into(),
            kind,
            stanza: Vec::new(),
        }
        .stanza();
        let answer = Asked {
            from: asked.to,
            to: asked.from,
            kind,
            stanza: &stanza,
            most: asked.most,
            waiting: asked.waiting,
            grants: false,
        };
        subscription::apply(apply, &answer, outcome)?;
    }
    Ok(true)
}

fn token_in(stanza: &[u8]) -> Option<String> {
    let marked = stanza.windows(ns::PARS.len()).any(|part| part == ns::PARS.as_bytes());
    let stanza = marked.then(|| atom::parse_in(stanza, ns::CLIENT)).flatten()?;
    let preauth = stanza.get_child("preauth", ns::PARS)?;
    preauth.attr("token").map(str::to_owned)
}
