//! Keeping a message in the archives of its sender and its receiver, and letting the oldest go.
//!
//! One record does both sides. All of it is O(1): a new message takes at most a few old ones along, and a removed account's
//! messages leave in the background, below a floor that no reader looks under. Must not know what a stanza says.

use super::{ArchiveId, ArchivePreferences, ArchiveRow, Archived, Part, State};
use super::{archive_preferences, bare, first, id_key, message_key, part, seq_of, state, with_key};
use crate::limits::ARCHIVE_TRIM;
use crate::tables::{ARCHIVE, account, block, roster};
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::model::{Seq, Timestamp};
use reef_engine::store::{Range, Tx, View, rows};
use std::ops::ControlFlow;
use std::sync::Arc;

const DAY_MS: u64 = 86_400_000;

/// A message to be kept.
pub(in crate::tables) struct Message<'a> {
    /// Its name, in both archives.
    pub(in crate::tables) id: ArchiveId,
    /// Full JID of the sender.
    pub(in crate::tables) from: &'a Arc<str>,
    /// Whom it is for.
    pub(in crate::tables) to: &'a Arc<str>,
    /// The stanza, self-contained.
    pub(in crate::tables) stanza: &'a [u8],
    /// How many an archive has; 0: any number.
    pub(in crate::tables) most: u32,
    /// For how many days; 0: for ever.
    pub(in crate::tables) days: u32,
}

/// In whose archives a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::tables) struct Kept {
    /// In its receiver's.
    pub(in crate::tables) received: bool,
    /// In its sender's.
    pub(in crate::tables) sent: bool,
}

/// Keeps a message for both sides that are here and want it; says whether the receiver's archive has it. A receiver who
/// lives elsewhere has an archive there; where he has no account here nobody's has it: it will come back to its sender.
pub(in crate::tables) fn keep(
    apply: &mut Apply<'_, '_>,
    message: &Message<'_>,
    elsewhere: bool,
) -> Result<Kept, ApplyError> {
    let (sender, receiver) = (bare(message.from), bare(message.to));
    if !elsewhere && account(apply.tx, receiver)?.is_none() {
        return Ok(Kept::default());
    }
    // What he will never see is not his to look up; to its sender it comes back, as all that was said to a blocker.
    let received =
        !elsewhere && !block::stops(apply.tx, receiver, message.from)? && wants(apply.tx, receiver, message.from)?;
    if received {
        put(apply, receiver, message)?;
    }
    let sent = sender != receiver && account(apply.tx, sender)?.is_some() && wants(apply.tx, sender, message.to)?;
    if sent {
        put(apply, sender, message)?;
    }
    Ok(Kept { received, sent })
}

/// Whether an account keeps messages with a JID (XEP-0441 §2.3).
fn wants(view: &dyn View, user: &str, with: &str) -> Result<bool, StoreError> {
    let preferences = archive_preferences(view, user)?;
    let listed = |list: &[Arc<str>]| list.iter().any(|jid| **jid == *with || **jid == *bare(with));
    if listed(&preferences.never) || listed(&preferences.always) {
        return Ok(!listed(&preferences.never));
    }
    Ok(match preferences.default {
        Archived::Always => true,
        Archived::Never => false,
        Archived::Roster => {
            bare(with) == user || roster::contact(view, user, bare(with))?.is_some_and(|contact| contact.listed)
        }
    })
}

/// A message that an archive had elsewhere.
pub(in crate::tables) struct Imported<'a> {
    /// Whose archive it is.
    pub(in crate::tables) user: &'a str,
    /// When it was kept.
    pub(in crate::tables) at: Timestamp,
    /// It.
    pub(in crate::tables) message: Message<'a>,
}

/// Puts it where it was: behind what is there. What is there by its name stays as it is.
pub(in crate::tables) fn import(apply: &mut Apply<'_, '_>, imported: &Imported<'_>) -> Result<(), ApplyError> {
    let (user, message) = (imported.user, &imported.message);
    if apply.exists(ARCHIVE, &id_key(user, message.id))? {
        return Ok(());
    }
    if imported.at < state(apply.tx, user)?.last {
        return Err(Reject::NotAcceptable("the archive has later messages").into());
    }
    Ok(put_at(apply, user, message, imported.at)?)
}

fn put(apply: &mut Apply<'_, '_>, user: &str, message: &Message<'_>) -> Result<(), StoreError> {
    put_at(apply, user, message, apply.at)
}

fn put_at(apply: &mut Apply<'_, '_>, user: &str, message: &Message<'_>, at: Timestamp) -> Result<(), StoreError> {
    let mut state = state(apply.tx, user)?;
    // Time may go backwards, the archive may not: readers look for times by halving it.
    let at = state.last.max(at);
    let row = ArchiveRow {
        id: message.id,
        at,
        from: message.from.clone(),
        to: message.to.clone(),
        stanza: message.stanza.to_vec(),
    };
    let seq = apply.seq;
    for with in row.with(user) {
        apply.tx.put(ARCHIVE, with_key(user, with, seq), []);
    }
    apply.tx.put(ARCHIVE, id_key(user, row.id), rows::encode(&seq));
    apply.tx.put(ARCHIVE, message_key(user, seq), rows::encode(&row));
    state.count += 1;
    state.last = at;
    trim(apply.tx, user, &mut state, message)?;
    apply
        .tx
        .put(ARCHIVE, part(user, Part::State, &[]), rows::encode(&state));
    Ok(())
}

/// Lets the oldest go, a few at a time: an archive whose limit was lowered shrinks with what comes.
fn trim(tx: &mut Tx<'_>, user: &str, state: &mut State, message: &Message<'_>) -> Result<(), StoreError> {
    let oldest = kept_since(state.last, message.days);
    for _ in 0..ARCHIVE_TRIM {
        let many = message.most != 0 && state.count > u64::from(message.most);
        if !many && oldest == Timestamp(0) {
            break;
        }
        let range = Range::between(message_key(user, state.floor.next()), part(user, Part::Id, &[]));
        let Some((seq, row)) = first(tx, &range)? else { break };
        if !many && row.at >= oldest {
            break;
        }
        delete(tx, user, seq, &row);
        state.floor = seq;
        state.count = state.count.saturating_sub(1);
    }
    Ok(())
}

/// The earliest time of what is kept for so many days.
pub(super) fn kept_since(now: Timestamp, days: u32) -> Timestamp {
    match days {
        0 => Timestamp(0),
        days => Timestamp(now.0.saturating_sub(u64::from(days) * DAY_MS)),
    }
}

fn delete(tx: &mut Tx<'_>, user: &str, seq: Seq, row: &ArchiveRow) {
    for with in row.with(user) {
        tx.delete(ARCHIVE, with_key(user, with, seq));
    }
    tx.delete(ARCHIVE, id_key(user, row.id));
    tx.delete(ARCHIVE, message_key(user, seq));
}

/// Sets an account's preferences.
pub(in crate::tables) fn set_preferences(
    apply: &mut Apply<'_, '_>,
    user: &str,
    preferences: &ArchivePreferences,
) -> Result<(), ApplyError> {
    if account(apply.tx, user)?.is_none() {
        return Err(Reject::ItemNotFound.into());
    }
    let key = part(user, Part::Preferences, &[]);
    apply.tx.put(ARCHIVE, key, rows::encode(preferences));
    Ok(())
}

fn job(user: &str) -> Vec<u8> {
    [&[0], user.as_bytes()].concat()
}

/// The account is removed: its archive is empty from now on, also for who takes the same name, and its rows leave in the
/// background.
pub(in crate::tables) fn remove(apply: &mut Apply<'_, '_>, user: &str) -> Result<(), StoreError> {
    apply.tx.delete(ARCHIVE, part(user, Part::Preferences, &[]));
    let former = state(apply.tx, user)?;
    if former == State::default() {
        return Ok(());
    }
    let empty = State {
        count: 0,
        floor: apply.seq,
        last: former.last,
    };
    apply
        .tx
        .put(ARCHIVE, part(user, Part::State, &[]), rows::encode(&empty));
    apply.tx.put(ARCHIVE, job(user), rows::encode(&apply.seq));
    Ok(())
}

/// One step of the background: removes up to `most` messages of one removed account.
pub(in crate::tables) fn sweep(tx: &mut Tx<'_>, most: usize) -> Result<(), StoreError> {
    let mut found = None;
    tx.scan(ARCHIVE, &Range::between(&[0][..], &[1][..]), &mut |key, upto| {
        let user = key.get(1..).and_then(|user| std::str::from_utf8(user).ok());
        found = user.map(|user| (user.to_owned(), rows::decode::<Seq>(ARCHIVE, upto)));
        ControlFlow::Break(())
    })?;
    let Some((user, upto)) = found else { return Ok(()) };
    let upto = upto?;
    let range = Range::between(message_key(&user, Seq(0)), message_key(&user, upto.next()));
    let mut gone = Vec::new();
    tx.scan(ARCHIVE, &range, &mut |key, value| {
        gone.extend(seq_of(key).map(|seq| (seq, rows::decode::<ArchiveRow>(ARCHIVE, value))));
        if gone.len() < most {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    let more = gone.len() == most;
    for (seq, row) in gone {
        delete(tx, &user, seq, &row?);
    }
    if !more {
        tx.delete(ARCHIVE, job(&user));
        // Nobody has taken the name: nothing is left.
        if account(tx, &user)?.is_none() {
            tx.delete(ARCHIVE, part(&user, Part::State, &[]));
        }
    }
    Ok(())
}
