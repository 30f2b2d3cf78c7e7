//! What is too old is forgotten, a bounded number of rows at a time: the gateway asks for it now and then.
//!
//! STOP and the audit are kept for ever. Knows no clock: the times come with the operation.

use super::fate::Early;
use super::rows::{Code, Delivery, Dialogue, Heard, Number, NumberId, State};
use super::{Doing, keys};
use crate::number::Hash;
use reef_engine::log::apply::ApplyError;
use reef_engine::model::Timestamp;
use reef_engine::store::rows::decode;
use reef_engine::store::{Range, View};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What is forgotten: everything before these times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// Deliveries.
    pub deliveries: Timestamp,
    /// What was heard.
    pub heard: Timestamp,
    /// Receipts that came before their answers.
    pub early: Timestamp,
    /// Parts of texts whose others did not come.
    pub parts: Timestamp,
    /// Numbers of which nothing became.
    pub fresh: Timestamp,
    /// What was agreed to.
    pub consent: Timestamp,
    /// Rows of each kind at most.
    pub most: u32,
}

impl Doing<'_, '_, '_> {
    pub(super) fn forget(&mut self, keep: &Keep) -> Result<(), ApplyError> {
        let most = keep.most as usize;
        let hour = keep.fresh.0 / crate::limits::HOUR_MS;
        let found = [
            self.forget_deliveries(keep.deliveries, most)?,
            self.forget_heard(keep.heard, most)?,
            self.forget_early(keep.early, most)?,
            self.forget_fresh(keep.fresh, most)?,
            self.forget_consent(keep.consent, most)?,
            self.forget_before(keys::PARTS, keep.parts.0, most)?,
            self.forget_before(keys::NEWCOMERS, hour, most)?,
        ];
        self.outcome.more = found.contains(&most);
        Ok(())
    }

    /// Rows whose keys begin with a time before this; how many.
    fn forget_before(&mut self, prefix: &[u8], before: u64, most: usize) -> Result<usize, ApplyError> {
        let (before, mut found) = (before.to_be_bytes(), 0);
        for key in self.first_keys(prefix, most)? {
            if key.get(1..9).is_none_or(|at| at >= &before[..]) {
                break;
            }
            self.delete_main(key);
            found += 1;
        }
        Ok(found)
    }

    fn forget_consent(&mut self, before: Timestamp, most: usize) -> Result<usize, ApplyError> {
        let mut found = 0;
        for key in self.first_keys(keys::CONSENT_AGES, most)? {
            let Some((_, consent)) = keys::read_consent_age(&key).filter(|(at, _)| *at < before) else {
                break;
            };
            self.delete_main(consent);
            self.delete_main(key);
            found += 1;
        }
        Ok(found)
    }

    /// Rows of a prefix from its beginning, at most so many.
    fn first_rows(
        &self,
        family: reef_engine::store::keys::Family,
        prefix: &[u8],
        most: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, ApplyError> {
        let mut found = Vec::new();
        self.apply.tx.scan(family, &Range::prefix(prefix), &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            match found.len() < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok(found)
    }

    fn forget_deliveries(&mut self, before: Timestamp, most: usize) -> Result<usize, ApplyError> {
        let (family, mut found) = (self.families.delivery(), 0);
        for (key, value) in self.first_rows(family, keys::CLOSED, most)? {
            let row: Delivery = decode(family, &value)?;
            match keys::read_delivery(&key) {
                Some(id) if row.at < before => self.forget_delivery(id, &row)?,
                _ => break,
            }
            found += 1;
        }
        Ok(found)
    }

    /// How many of the kind of which there were most.
    fn forget_heard(&mut self, before: Timestamp, most: usize) -> Result<usize, ApplyError> {
        let (family, mut most_of_one) = (self.families.main(), 0);
        // What is open for so long is of numbers that were forgotten.
        for kind in [keys::HEARD, keys::HEARD_OPEN] {
            let mut found = 0;
            for (key, value) in self.first_rows(family, kind, most)? {
                if decode::<Heard>(family, &value)?.at >= before {
                    break;
                }
                self.delete_main(key);
                found += 1;
            }
            most_of_one = most_of_one.max(found);
        }
        let mut found = 0;
        for key in self.first_keys(keys::HEARD_AGES, most)? {
            let Some((at, hash)) = key.get(1..).and_then(<[u8]>::split_first_chunk::<8>) else {
                continue;
            };
            if Timestamp(u64::from_be_bytes(*at)) >= before {
                break;
            }
            if let Ok(hash) = Hash::try_from(hash) {
                self.delete_main(keys::heard_key(&hash));
            }
            self.delete_main(key);
            found += 1;
        }
        Ok(most_of_one.max(found))
    }

    fn forget_early(&mut self, before: Timestamp, most: usize) -> Result<usize, ApplyError> {
        let (family, mut found) = (self.families.main(), 0);
        for (key, value) in self.first_rows(family, keys::EARLY, most)? {
            // By number, not by time.
            if decode::<Early>(family, &value)?.at < before {
                self.delete_main(key);
                found += 1;
            }
        }
        Ok(found)
    }

    /// Since when a number of which nothing became is spoken with all the same: it said something of late, is asked
    /// something, or its code waits to be typed.
    fn still_wanted(&self, id: NumberId, number: &Number, before: Timestamp) -> Result<Option<Timestamp>, ApplyError> {
        if number.heard >= before {
            return Ok(Some(number.heard));
        }
        let now = self.apply.at;
        if self
            .main::<Dialogue>(&keys::dialogue(id))?
            .is_some_and(|asked| asked.until > now)
        {
            return Ok(Some(now));
        }
        let code = match self.main::<Arc<str>>(&keys::code_of(id))? {
            Some(account) => self.main::<Code>(&keys::code(&account))?,
            None => None,
        };
        let waits = code.is_some_and(|code| code.number == id && code.until > now);
        Ok(waits.then_some(now))
    }

    /// Numbers that said something once, and became nothing.
    fn forget_fresh(&mut self, before: Timestamp, most: usize) -> Result<usize, ApplyError> {
        let mut found = 0;
        for key in self.first_keys(keys::FRESH, most)? {
            let Some((at, id)) = keys::read_fresh(&key) else {
                continue;
            };
            if at >= before {
                break;
            }
            self.delete_main(key);
            found += 1;
            let Some(number) = self.main::<Number>(&keys::number(id))?.filter(is_nobody) else {
                continue;
            };
            match self.still_wanted(id, &number, before)? {
                Some(since) => self.put_main(keys::fresh(since, id), &()),
                None => self.erase(id)?,
            }
        }
        Ok(found)
    }
}

fn is_nobody(number: &Number) -> bool {
    let state = matches!(number.state, State::New | State::Pending | State::Stopped);
    state && number.account.is_none() && number.gets == 0
}
