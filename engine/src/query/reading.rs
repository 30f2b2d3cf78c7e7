//! Reading the items of a node, until a page is full.

use super::{Item, Most};
use crate::error::StoreError;
use crate::model::{Event, NodeId, Seq, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, ItemRow, NodeState};
use crate::store::{Range, View};
use std::ops::ControlFlow;

/// A page on its way.
pub(super) struct Filling {
    most: Most,
    bytes: usize,
    /// What it has.
    pub(super) items: Vec<Item>,
}

impl Filling {
    pub(super) fn of(most: Most) -> Filling {
        Filling {
            most,
            bytes: 0,
            items: Vec::new(),
        }
    }

    /// Takes the next item, where there is room for it; false where there is none for another.
    pub(super) fn take(&mut self, item: Item) -> bool {
        if self.most.skip > 0 {
            self.most.skip -= 1;
            return true;
        }
        self.bytes = self.bytes.saturating_add(item.payload.len());
        if !self.items.is_empty() && self.bytes > self.most.bytes {
            return false;
        }
        self.items.push(item);
        self.items.len() < self.most.items
    }
}

/// A node whose items are read.
pub(super) struct Reading<'v> {
    pub(super) view: &'v dyn View,
    pub(super) node: NodeId,
    pub(super) state: NodeState,
    /// What is not newer than this has expired, where it is not 0.
    pub(super) alive: Timestamp,
    pub(super) most: Most,
}

impl Reading<'_> {
    pub(super) fn find(&self, id: &str) -> Result<Option<Seq>, StoreError> {
        let row: Option<ItemRow> = rows::get(self.view, Family::ITEM, &keys::item(self.node, id))?;
        Ok(row.map(|row| row.seq).filter(|seq| *seq > self.state.purged))
    }

    pub(super) fn start(&self, from: Option<&str>, end: Seq) -> Result<Option<Seq>, StoreError> {
        from.map_or(Ok(Some(end)), |id| self.find(id))
    }

    pub(super) fn item(&self, seq: Seq) -> Result<Option<Item>, StoreError> {
        let entry: Option<Entry> = rows::get(self.view, Family::LOG, &keys::log(self.node, seq))?;
        Ok(entry.and_then(|entry| self.shown(seq, entry)))
    }

    pub(super) fn shown(&self, seq: Seq, entry: Entry) -> Option<Item> {
        if seq <= self.state.purged || (self.alive.0 > 0 && entry.at <= self.alive) {
            return None;
        }
        match entry.event {
            Event::Publish { payload, publisher } => Some(Item {
                id: entry.item,
                seq,
                at: entry.at,
                publisher,
                payload,
            }),
            _ => None,
        }
    }

    pub(super) fn page(&self, range: Range) -> Result<Vec<Item>, StoreError> {
        let (mut filling, mut room, mut bad) = (Filling::of(self.most), true, None);
        if self.most.items == 0 {
            return Ok(filling.items);
        }
        self.view.scan(Family::LOG, &range, &mut |key, value| {
            let Some((_, seq)) = keys::read_log(key) else {
                return ControlFlow::Break(());
            };
            match rows::decode::<Entry>(Family::LOG, value) {
                Ok(entry) => room = self.shown(seq, entry).is_none_or(|item| filling.take(item)),
                Err(error) => bad = Some(error),
            }
            if room && bad.is_none() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        bad.map_or(Ok(filling.items), Err)
    }
}
