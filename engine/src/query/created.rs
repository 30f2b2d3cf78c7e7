//! Items in the order of their first versions (XEP-0413).
//!
//! What was never published again lies in the node's log where it was made; of the rest there are rows. A page merges both,
//! so that a publish writes nothing for it. Cost: the page, and those published again in the log between.

use super::Item;
use super::reading::{Filling, Reading};
use crate::error::StoreError;
use crate::limits::LIST_ROWS;
use crate::model::Seq;
use crate::store::Range;
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, ItemRow};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Entries of one step over the log.
const STEP: usize = 64;
/// Entries of the log after which a page ends as it is, if it has any item.
const WALK: usize = 8192;

/// The places of items' first versions, each with that of its latest. Payloads are read for those of the page alone.
type Placed = Vec<(Seq, Seq)>;

impl Reading<'_> {
    /// A page beside an item, newest first; `None` where that is unknown.
    pub(super) fn created(&self, from: Option<&str>, newer: bool) -> Result<Option<Vec<Item>>, StoreError> {
        let place = match from {
            Some(id) => match self.row(id)? {
                Some(row) => Some(row.first),
                None => return Ok(None),
            },
            None => None,
        };
        let floor = self.state.purged.next();
        let range = match (newer, place) {
            (true, place) => (place.map_or(floor, Seq::next), Seq(u64::MAX)),
            (false, place) => (floor, place.unwrap_or(Seq(u64::MAX))),
        };
        let mut found = self.edited(range, newer)?;
        let (plain, upto) = self.unedited(range, newer, &found)?;
        // Beyond what was looked at others may lie between.
        if let Some(upto) = upto {
            found.retain(|(first, _)| precedes(*first, upto, newer));
        }
        found.extend(plain);
        found.sort_unstable_by_key(|(first, _)| *first);
        if !newer {
            found.reverse();
        }
        let mut page = Filling::of(self.most);
        for (_, seq) in found.into_iter().take(self.wanted()) {
            if self.item(seq)?.is_some_and(|item| !page.take(item)) {
                break;
            }
        }
        if newer {
            page.items.reverse();
        }
        Ok(Some(page.items))
    }

    /// How many places a page takes.
    fn wanted(&self) -> usize {
        match self.most.items {
            0 => 0,
            items => items.saturating_add(self.most.skip).min(LIST_ROWS),
        }
    }

    fn row(&self, id: &str) -> Result<Option<ItemRow>, StoreError> {
        let row: Option<ItemRow> = rows::get(self.view, Family::ITEM, &keys::item(self.node, id))?;
        Ok(row.filter(|row| row.seq > self.state.purged))
    }

    /// What was published again, the nearest first, at most a page of it.
    fn edited(&self, (mut start, mut end): (Seq, Seq), newer: bool) -> Result<Placed, StoreError> {
        let mut found = Placed::new();
        while found.len() < self.wanted() {
            let mut ids: Vec<(Seq, Arc<str>)> = Vec::new();
            self.step(
                Family::CREATED,
                (start, end),
                newer,
                self.wanted() - found.len(),
                &mut |seq, id| {
                    let id = std::str::from_utf8(id).map_err(|_| StoreError::Corrupt("created"))?;
                    ids.push((seq, id.into()));
                    Ok(())
                },
            )?;
            let Some((last, _)) = ids.last() else { break };
            (start, end) = beyond(*last, (start, end), newer);
            for (first, id) in ids {
                if let Some(row) = self.row(&id)?.filter(|row| row.first == first) {
                    found.extend(self.item(row.seq)?.map(|item| (first, item.seq)));
                }
            }
        }
        Ok(found)
    }

    /// What was published once, as far as it belongs to a page with `edited`; and how far that is, where not all was looked at.
    fn unedited(
        &self,
        (mut start, mut end): (Seq, Seq),
        newer: bool,
        edited: &Placed,
    ) -> Result<(Placed, Option<Seq>), StoreError> {
        let (mut found, mut looked_at) = (Placed::new(), 0);
        loop {
            let mut entries: Vec<(Seq, Option<Arc<str>>)> = Vec::new();
            self.step(Family::LOG, (start, end), newer, STEP, &mut |seq, entry| {
                let item = self.shown(seq, rows::decode::<Entry>(Family::LOG, entry)?);
                entries.push((seq, item.map(|item| item.id)));
                Ok(())
            })?;
            let Some((last, _)) = entries.last() else {
                return Ok((found, None));
            };
            let last = *last;
            (start, end) = beyond(last, (start, end), newer);
            for (seq, id) in entries {
                let before = edited.partition_point(|(first, _)| precedes(*first, seq, newer));
                if before + found.len() >= self.wanted() {
                    return Ok((found, None));
                }
                let Some(id) = id else { continue };
                if self.row(&id)?.is_some_and(|row| row.first == seq) {
                    found.push((seq, seq));
                }
            }
            looked_at += STEP;
            let any = !found.is_empty() || edited.first().is_some_and(|(first, _)| precedes(*first, last, newer));
            if looked_at >= WALK && any {
                return Ok((found, Some(last)));
            }
        }
    }

    /// Some rows between two places, the nearest first.
    fn step(
        &self,
        family: Family,
        (start, end): (Seq, Seq),
        newer: bool,
        most: usize,
        each: &mut dyn FnMut(Seq, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let range = Range::between(keys::log(self.node, start), keys::log(self.node, end));
        let range = Range {
            reverse: !newer,
            ..range
        };
        let (mut rows, mut bad) = (0, Ok(()));
        if most == 0 || start >= end {
            return Ok(());
        }
        self.view.scan(family, &range, &mut |key, value| {
            let Some((_, seq)) = keys::read_log(key) else {
                return ControlFlow::Break(());
            };
            bad = each(seq, value);
            rows += 1;
            if rows < most && bad.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        bad
    }
}

/// What is left of a range behind a place, in this direction.
fn beyond(last: Seq, (start, end): (Seq, Seq), newer: bool) -> (Seq, Seq) {
    if newer { (last.next(), end) } else { (start, last) }
}

fn precedes(a: Seq, b: Seq, newer: bool) -> bool {
    if newer { a < b } else { a > b }
}
