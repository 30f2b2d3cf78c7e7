//! Pages of an archive: a range of `Seq` from times and ids, walked forwards or backwards (XEP-0313 §4, XEP-0059).
//!
//! For reader threads. A page costs what is on it, and some forty rows for each time that it is bounded by.

use super::keep::kept_since;
use super::{ArchiveId, ArchiveRow, Part, State, first, id_key, message_key, part, seq_of, state, with_prefix};
use crate::limits::ARCHIVE_COUNT;
use crate::tables::ARCHIVE;
use reef_engine::error::StoreError;
use reef_engine::model::{Seq, Timestamp};
use reef_engine::store::{Range, View, rows};
use std::ops::ControlFlow;

/// Which messages are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// With this JID, bare or full.
    pub(crate) with: Option<String>,
    /// Not before.
    pub(crate) start: Option<Timestamp>,
    /// Not after.
    pub(crate) end: Option<Timestamp>,
    /// Behind this one.
    pub(crate) after: Option<ArchiveId>,
    /// Before this one.
    pub(crate) before: Option<ArchiveId>,
    /// These alone.
    pub(crate) ids: Option<Vec<ArchiveId>>,
    /// The page behind this one, of what is wanted.
    pub(crate) page_after: Option<ArchiveId>,
    /// The page before this one.
    pub(crate) page_before: Option<ArchiveId>,
    /// The last that fit, not the first.
    pub(crate) backwards: bool,
    /// How many.
    pub(crate) most: usize,
    /// How many bytes; the first is given all the same.
    pub(crate) most_bytes: usize,
    /// What comes around each, in bytes.
    pub(crate) around: usize,
    /// For how many days messages are kept; 0: for ever.
    pub(crate) days: u32,
    /// The time now.
    pub(crate) now: Timestamp,
}

/// What is given, the oldest first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// The messages.
    pub(crate) messages: Vec<ArchiveRow>,
    /// Whether there are no more in the direction in which it was walked.
    pub(crate) complete: bool,
    /// How many there are in all, where that is known without reading them.
    pub(crate) count: Option<u64>,
}

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// An id that the archive does not have.
    NoSuchId,
    /// The store.
    Store(StoreError),
}

impl From<StoreError> for NotRead {
    fn from(error: StoreError) -> Self {
        NotRead::Store(error)
    }
}

/// The first message or the last.
pub(crate) struct End {
    /// Its name.
    pub(crate) id: ArchiveId,
    /// When it was kept.
    pub(crate) at: Timestamp,
}

/// From, inclusive, and to, exclusive.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Seq,
    to: Seq,
}

impl Span {
    /// What lies between two messages that somebody names.
    fn between(
        self,
        view: &dyn View,
        user: &str,
        state: &State,
        after: Option<ArchiveId>,
        before: Option<ArchiveId>,
    ) -> Result<Span, NotRead> {
        let after = after.map(|id| place(view, user, state, id)).transpose()?;
        let before = before.map(|id| place(view, user, state, id)).transpose()?;
        Ok(Span {
            from: after.map_or(self.from, |seq| self.from.max(seq.next())),
            to: before.map_or(self.to, |seq| self.to.min(seq)),
        })
    }
}

/// Reads a page.
pub(crate) fn page(view: &dyn View, user: &str, wanted: &Wanted) -> Result<Page, NotRead> {
    let state = state(view, user)?;
    let timely = span(view, user, &state, wanted)?;
    let all = timely.between(view, user, &state, wanted.after, wanted.before)?;
    let span = all.between(view, user, &state, wanted.page_after, wanted.page_before)?;
    let seqs = match &wanted.ids {
        Some(ids) => named(view, user, &state, wanted, span, ids)?,
        None => walk(view, user, wanted, span, wanted.most.saturating_add(1))?,
    };
    let mut page = take(view, user, wanted, &seqs)?;
    page.count = match &wanted.ids {
        Some(_) => None,
        None => count(view, user, &state, wanted, all)?,
    };
    Ok(page)
}

/// The archive's first message and its last.
pub(crate) fn ends(view: &dyn View, user: &str, days: u32, now: Timestamp) -> Result<Option<(End, End)>, StoreError> {
    let wanted = Wanted {
        days,
        now,
        ..Wanted::default()
    };
    let span = span(view, user, &state(view, user)?, &wanted)?;
    let range = Range::between(message_key(user, span.from), message_key(user, span.to));
    let end = |found: Option<(Seq, ArchiveRow)>| found.map(|(_, row)| End { id: row.id, at: row.at });
    let oldest = end(first(view, &range)?);
    let newest = end(first(view, &range.reversed())?);
    Ok(oldest.zip(newest))
}

/// What times leave of the archive.
fn span(view: &dyn View, user: &str, state: &State, wanted: &Wanted) -> Result<Span, StoreError> {
    let whole = Range::between(message_key(user, state.floor.next()), part(user, Part::Id, &[]));
    let Some((last, _)) = first(view, &whole.reversed())? else {
        let nothing = state.floor.next();
        return Ok(Span {
            from: nothing,
            to: nothing,
        });
    };
    let mut span = Span {
        from: state.floor.next(),
        to: last.next(),
    };
    let start = kept_since(wanted.now, wanted.days).max(wanted.start.unwrap_or_default());
    if start > Timestamp(0) {
        span.from = since(view, user, span, start)?;
    }
    if let Some(end) = wanted.end {
        span.to = since(view, user, span, Timestamp(end.0.saturating_add(1)))?;
    }
    Ok(span)
}

/// Where messages from a time on begin: found by halving, since an archive's times do not go backwards.
fn since(view: &dyn View, user: &str, span: Span, at: Timestamp) -> Result<Seq, StoreError> {
    let Span { mut from, mut to } = span;
    while from < to {
        let middle = Seq(from.0 + (to.0 - from.0) / 2);
        let range = Range::between(message_key(user, middle), message_key(user, to));
        match first(view, &range)? {
            Some((seq, row)) if row.at < at => from = seq.next(),
            _ => to = middle,
        }
    }
    Ok(to)
}

/// Where a message lies that somebody names.
fn place(view: &dyn View, user: &str, state: &State, id: ArchiveId) -> Result<Seq, NotRead> {
    let seq: Option<Seq> = rows::get(view, ARCHIVE, &id_key(user, id))?;
    seq.filter(|seq| *seq > state.floor).ok_or(NotRead::NoSuchId)
}

fn range(user: &str, with: Option<&str>, span: Span) -> Range {
    let prefix = match with {
        Some(with) => with_prefix(user, with),
        None => part(user, Part::Message, &[]),
    };
    let at = |seq: Seq| [&prefix[..], &seq.0.to_be_bytes()].concat();
    Range::between(at(span.from), at(span.to.max(span.from)))
}

/// Where the first messages of a span lie, or the last of them, in the order of the walk.
fn walk(view: &dyn View, user: &str, wanted: &Wanted, span: Span, most: usize) -> Result<Vec<Seq>, StoreError> {
    let range = range(user, wanted.with.as_deref(), span);
    let range = if wanted.backwards { range.reversed() } else { range };
    let mut seqs = Vec::new();
    view.scan(ARCHIVE, &range, &mut |key, _| {
        seqs.extend(seq_of(key));
        if seqs.len() < most {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    Ok(seqs)
}

/// Those of the named ones that the rest of the query allows, in the order of a walk.
fn named(
    view: &dyn View,
    user: &str,
    state: &State,
    wanted: &Wanted,
    span: Span,
    ids: &[ArchiveId],
) -> Result<Vec<Seq>, NotRead> {
    let mut seqs = Vec::new();
    for id in ids {
        let seq = place(view, user, state, *id)?;
        let with = |with: &String| [with_prefix(user, with), seq.0.to_be_bytes().to_vec()].concat();
        let fits = match &wanted.with {
            Some(jid) => view.get(ARCHIVE, &with(jid))?.is_some(),
            None => true,
        };
        if fits && span.from <= seq && seq < span.to {
            seqs.push(seq);
        }
    }
    seqs.sort_unstable();
    seqs.dedup();
    if wanted.backwards {
        seqs.reverse();
    }
    Ok(seqs)
}

/// Reads messages while there is room for them.
fn take(view: &dyn View, user: &str, wanted: &Wanted, seqs: &[Seq]) -> Result<Page, StoreError> {
    let (mut messages, mut bytes, mut complete) = (Vec::new(), 0, true);
    for seq in seqs {
        // Gone since it was found: then it is not missed.
        let Some(row) = rows::get::<ArchiveRow>(view, ARCHIVE, &message_key(user, *seq))? else {
            continue;
        };
        bytes += row.stanza.len() + wanted.around;
        if messages.len() >= wanted.most || (bytes > wanted.most_bytes && !messages.is_empty()) {
            complete = false;
            break;
        }
        messages.push(row);
    }
    if wanted.backwards {
        messages.reverse();
    }
    Ok(Page {
        messages,
        complete,
        count: None,
    })
}

/// How many there are: kept for the whole archive; else counted where that alone was asked for (XEP-0059 §2.7), up to a
/// number.
fn count(view: &dyn View, user: &str, state: &State, wanted: &Wanted, all: Span) -> Result<Option<u64>, StoreError> {
    let in_time = wanted.start.is_some() || wanted.end.is_some() || wanted.days != 0;
    if !in_time && wanted.with.is_none() && wanted.after.is_none() && wanted.before.is_none() {
        return Ok(Some(state.count));
    }
    if wanted.most > 0 {
        return Ok(None);
    }
    let found = walk(view, user, wanted, all, ARCHIVE_COUNT + 1)?.len();
    Ok((found <= ARCHIVE_COUNT).then_some(found as u64))
}
