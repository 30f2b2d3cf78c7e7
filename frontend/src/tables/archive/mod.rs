//! Archives of messages (XEP-0313): one for each account, in the order in which its messages were committed.
//!
//! A row has the whole stanza, so that a result is written from it alone. Ids are random numbers of the record: `Seq` never
//! leaves the host, and an id says nothing (XEP-0359 §6). Posts are never here: the log has them. Next: `keep.rs` writes,
//! `page.rs` reads.
//!
//! Keys, all of one family: `user NUL part …`, and `NUL user` while the background removes what an account left.

mod keep;
mod page;
#[cfg(test)]
mod tests;

pub(super) use keep::{Imported, Message, import, keep, remove, set_preferences, sweep};
pub(crate) use page::{NotRead, Wanted, ends, page};

use super::{ARCHIVE, key};
use reef_engine::error::StoreError;
use reef_engine::model::{Seq, Timestamp};
use reef_engine::store::{Range, View, rows};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The name of a message in an archive, as it leaves the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ArchiveId(pub(crate) u128);

impl ArchiveId {
    /// As clients see it.
    pub(crate) fn to_text(self) -> String {
        format!("{:032x}", self.0)
    }

    /// Reads what a client says; nothing that another server has made is one.
    pub(crate) fn parse(text: &str) -> Option<ArchiveId> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        digits
            .then(|| u128::from_str_radix(text, 16).ok())
            .flatten()
            .map(ArchiveId)
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArchiveRow {
    /// Its name.
    pub(crate) id: ArchiveId,
    /// When it was sent or received; never earlier than the one before it.
    pub(crate) at: Timestamp,
    /// Its sender.
    from: Arc<str>,
    /// Its receiver.
    to: Arc<str>,
    /// The stanza, self-contained.
    pub(crate) stanza: Vec<u8>,
}

/// Whose messages are kept (XEP-0441).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Archived {
    /// Everybody's.
    #[default]
    Always,
    /// Nobody's.
    Never,
    /// Contacts'.
    Roster,
}

/// An account's preferences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArchivePreferences {
    /// Of whom neither list has.
    pub(crate) default: Archived,
    /// Of these, whatever the default. JIDs, bare or full.
    pub(crate) always: Vec<Arc<str>>,
    /// Not of these.
    pub(crate) never: Vec<Arc<str>>,
}

/// What is known of an archive without looking at its messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Messages.
    count: u64,
    /// What lies up to here is gone: removed, or about to be.
    floor: Seq,
    /// When the last one was kept.
    last: Timestamp,
}

/// What follows `user NUL` in a key.
#[derive(Clone, Copy)]
enum Part {
    State = 0,
    /// and the `Seq`: the message.
    Message = 1,
    /// and the id: its `Seq`.
    Id = 2,
    /// and a JID, NUL, the `Seq`: that the message is with him. For his bare JID, and for the full one where there is one.
    With = 3,
    Preferences = 4,
}

fn part(user: &str, part: Part, rest: &[u8]) -> Vec<u8> {
    key(user, &[&[part as u8][..], rest].concat())
}

fn message_key(user: &str, seq: Seq) -> Vec<u8> {
    part(user, Part::Message, &seq.0.to_be_bytes())
}

fn id_key(user: &str, id: ArchiveId) -> Vec<u8> {
    part(user, Part::Id, &id.0.to_be_bytes())
}

/// What the messages with a JID begin with.
fn with_prefix(user: &str, with: &str) -> Vec<u8> {
    part(user, Part::With, &[with.as_bytes(), &[0]].concat())
}

fn with_key(user: &str, with: &str, seq: Seq) -> Vec<u8> {
    [with_prefix(user, with), seq.0.to_be_bytes().to_vec()].concat()
}

/// The `Seq` at the end of a key.
fn seq_of(key: &[u8]) -> Option<Seq> {
    let at = key.len().checked_sub(8)?;
    key.get(at..)?.try_into().ok().map(|seq| Seq(u64::from_be_bytes(seq)))
}

/// An account's preferences; who has set none has the default.
pub(crate) fn archive_preferences(view: &dyn View, user: &str) -> Result<ArchivePreferences, StoreError> {
    Ok(rows::get(view, ARCHIVE, &part(user, Part::Preferences, &[]))?.unwrap_or_default())
}

fn state(view: &dyn View, user: &str) -> Result<State, StoreError> {
    Ok(rows::get(view, ARCHIVE, &part(user, Part::State, &[]))?.unwrap_or_default())
}

/// The first message of a range, or the last.
fn first(view: &dyn View, range: &Range) -> Result<Option<(Seq, ArchiveRow)>, StoreError> {
    let mut found = None;
    view.scan(ARCHIVE, range, &mut |key, value| {
        found = seq_of(key).map(|seq| (seq, rows::decode(ARCHIVE, value)));
        ControlFlow::Break(())
    })?;
    found.map(|(seq, row)| row.map(|row| (seq, row))).transpose()
}

/// A JID without its resource.
fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

impl ArchiveRow {
    /// The JIDs that it is with, for its owner: the other side, bare and in full. Where both sides are his own, both.
    fn with(&self, user: &str) -> BTreeSet<&str> {
        let others = [&*self.from, &*self.to].into_iter().filter(|jid| bare(jid) != user);
        let mut with: BTreeSet<&str> = others.collect();
        if with.is_empty() {
            with.extend([&*self.from, &*self.to]);
        }
        let bares: Vec<&str> = with.iter().map(|jid| bare(jid)).collect();
        with.extend(bares);
        with
    }
}
