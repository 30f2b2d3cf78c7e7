//! What became of deliveries: answered, refused, in doubt; and what receipts say later, or before.
//!
//! A post in doubt is not sent again, and not lost silently: its number may ask for it. Knows no route's protocol.

use super::rows::{Audited, Class, Delivery, DeliveryId, Final, Number, NumberId, Progress, State, Waiting, What};
use super::{Doing, Fate, Receipt, keys};
use crate::limits::STRIKES;
use reef_engine::log::apply::ApplyError;
use reef_engine::model::Timestamp;
use reef_engine::store::rows::encode;
use reef_engine::store::{Range, View};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// A receipt that came before its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Early {
    pub(super) at: Timestamp,
    said: Final,
}

/// How the index of ids leads to a delivery.
type Indexed = DeliveryId;

impl Doing<'_, '_, '_> {
    pub(super) fn fate(&mut self, fate: &Fate) -> Result<(), ApplyError> {
        let family = self.families.delivery();
        let (mut row, was_open) = match self.get::<Delivery>(family, &keys::open(fate.id))? {
            Some(row) => (row, true),
            // A late answer settles what was in doubt.
            None => match self.get::<Delivery>(family, &keys::closed(fate.id))? {
                Some(row) if row.progress == Progress::InDoubt => (row, false),
                _ => return Ok(()),
            },
        };
        if was_open && fate.progress == Progress::Intent && row.progress == Progress::Intent {
            self.wait_again(fate.id, row);
            return Ok(());
        }
        row.progress = fate.progress;
        if let Progress::Intent | Progress::Later(..) = fate.progress {
            self.apply.tx.put(family, keys::open(fate.id), encode(&row));
            return Ok(());
        }
        if was_open {
            self.apply.tx.delete(family, keys::open(fate.id));
        }
        if fate.progress == Progress::Acked {
            row.ids.clone_from(&fate.ids);
            for id in &fate.ids {
                let key = keys::by_id(row.route, row.number, id);
                self.apply.tx.put(family, key, encode::<Indexed>(&fate.id));
            }
        }
        self.settle_posts(fate.id, &row, !was_open)?;
        self.judge(&row, fate.bad)?;
        self.apply.tx.put(family, keys::closed(fate.id), encode(&row));
        self.early_receipts(&row)
    }

    /// An answer of which nobody knows, since the process ended: it waits as before, and is sent once more.
    fn wait_again(&mut self, id: DeliveryId, row: Delivery) {
        let What::Text(text) = row.what else { return };
        let waiting = Waiting {
            number: row.number,
            epoch: row.epoch,
            text,
            again: true,
            at: row.at,
            expires: row.expires,
        };
        self.apply.tx.delete(self.families.delivery(), keys::open(id));
        self.put_main(keys::waiting(row.route, row.class, self.apply.at, id), &waiting);
    }

    /// Numbers that fail for good three times are perhaps somebody else's; those that do not exist get nothing more.
    fn judge(&mut self, row: &Delivery, bad: bool) -> Result<(), ApplyError> {
        let failed = match row.progress {
            // Others are the route's or ours, and say nothing of the number.
            Progress::Failed(_) => bad,
            Progress::Final(said) => matches!(said, Final::Undeliverable | Final::Rejected | Final::Deleted),
            _ => false,
        };
        let well = row.progress == Progress::Final(Final::Delivered);
        if !failed && !well {
            return Ok(());
        }
        let mut usage = self.usage(row.number)?;
        let strikes = if failed { usage.strikes.saturating_add(1) } else { 0 };
        if strikes == usage.strikes {
            return Ok(());
        }
        usage.strikes = strikes;
        self.put_main(keys::usage(row.number), &usage);
        let state = match (bad, strikes >= STRIKES) {
            (true, _) => State::Bad,
            (false, true) => State::Dormant,
            (false, false) => return Ok(()),
        };
        if let Some(mut number) = self.main::<Number>(&keys::number(row.number))?
            && matches!(number.state, State::Active | State::Off | State::Pending)
        {
            number.state = state;
            self.audit(&number, Audited::State(state), "route");
            self.put_main(keys::number(row.number), &number);
        }
        Ok(())
    }

    pub(super) fn receipt(&mut self, receipt: &Receipt) -> Result<(), ApplyError> {
        let Some(number) = self.main::<NumberId>(&keys::by_hash(&receipt.hash))? else {
            return Ok(());
        };
        let family = self.families.delivery();
        let mut found: Vec<(Box<str>, DeliveryId)> = Vec::new();
        for id in &receipt.ids {
            let known = self.get::<Indexed>(family, &keys::by_id(receipt.route, number, id))?;
            found.extend(known.map(|delivery| (id.clone(), delivery)));
        }
        found.dedup_by_key(|(_, delivery)| *delivery);
        match found.as_slice() {
            [(id, delivery)] => self.received(*delivery, id, receipt.said),
            // Two could be meant: neither is.
            [_, _, ..] => Ok(()),
            [] => {
                let early = Early {
                    at: self.apply.at,
                    said: receipt.said,
                };
                for id in &receipt.ids {
                    self.put_main(keys::early(receipt.route, id, number), &early);
                }
                Ok(())
            }
        }
    }

    /// One part of a message was delivered, or not.
    fn received(&mut self, place: DeliveryId, id: &str, said: Final) -> Result<(), ApplyError> {
        let family = self.families.delivery();
        let Some(mut row) = self.get::<Delivery>(family, &keys::closed(place))? else {
            return Ok(());
        };
        self.apply.tx.delete(family, keys::by_id(row.route, row.number, id));
        row.ids.retain(|known| **known != *id);
        self.outcome.matched += 1;
        let settled = matches!(row.progress, Progress::Final(said) if said != Final::Delivered);
        if !settled && (said != Final::Delivered || row.ids.is_empty()) {
            row.progress = Progress::Final(said);
            self.judge(&row, false)?;
        }
        self.apply.tx.put(family, keys::closed(place), encode(&row));
        Ok(())
    }

    /// Receipts of its parts that were here before it.
    fn early_receipts(&mut self, row: &Delivery) -> Result<(), ApplyError> {
        for id in &row.ids {
            let key = keys::early(row.route, id, row.number);
            let Some(early) = self.main::<Early>(&key)? else {
                continue;
            };
            self.delete_main(key);
            let place = self.get::<Indexed>(self.families.delivery(), &keys::by_id(row.route, row.number, id))?;
            if let Some(place) = place {
                self.received(place, id, early.said)?;
            }
        }
        Ok(())
    }

    /// What no receipt will be told of any more.
    pub(super) fn forget_delivery(&mut self, place: DeliveryId, row: &Delivery) -> Result<(), ApplyError> {
        let family = self.families.delivery();
        self.apply.tx.delete(family, keys::closed(place));
        for id in &row.ids {
            self.apply.tx.delete(family, keys::by_id(row.route, row.number, id));
        }
        match row.class {
            Class::Answer => self.forget_posts(place),
            _ => Ok(()),
        }
    }

    /// Keys of a range of the main family, at most so many.
    pub(super) fn first_keys(&self, prefix: &[u8], most: usize) -> Result<Vec<Vec<u8>>, ApplyError> {
        let mut found = Vec::new();
        self.apply
            .tx
            .scan(self.families.main(), &Range::prefix(prefix), &mut |key, _| {
                found.push(key.to_vec());
                match found.len() < most {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            })?;
        Ok(found)
    }
}
