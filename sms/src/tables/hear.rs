//! What a phone says is kept before anything is made of it; STOP holds from that commit on.
//!
//! The same text, heard twice, is kept once. Knows no command. Next: `inbound/` makes of it what it says.

use super::rows::{Audit, Audited, Class, DeliveryId, Dialogue, Heard, Number, NumberId, State, Usage, Waiting};
use super::{BY_PHONE, Doing, Hear, Say, keys};
use crate::limits::{DAY_MS, HOUR_MS, STOP_TOLD_EXPIRES_MS};
use crate::number::Hash;
use reef_engine::log::apply::ApplyError;
use reef_engine::model::Timestamp;
use reef_engine::store::rows::encode;
use std::sync::Arc;

impl Doing<'_, '_, '_> {
    pub(super) fn hear(&mut self, hear: &Hear) -> Result<(), ApplyError> {
        let at = self.apply.at;
        let before = self.main::<Timestamp>(&keys::heard_key(&hear.key))?;
        if before.is_some_and(|before| at.0 < before.0.saturating_add(hear.same_ms)) {
            return Ok(());
        }
        let Some((id, mut number)) = self.sender(hear)? else {
            return Ok(());
        };
        self.put_main(keys::heard_key(&hear.key), &at);
        self.put_main(keys::heard_age(at, &hear.key), &());
        let mut usage = self.usage(id)?;
        let fits = count_said(&mut usage, at, hear);
        let silent = at.0.saturating_sub(number.heard.max(number.made).0);
        if number.account.is_some() && silent >= hear.most.doubt_ms {
            number.doubted = true;
        }
        if number.state == State::Active && silent >= hear.most.dormant_ms {
            number.state = State::Dormant;
            self.audit(&number, Audited::State(State::Dormant), "silence");
        }
        if matches!(number.state, State::Bad | State::Dormant) {
            // It is there: what was refused before says nothing any more. Posts come again when it says START or YES.
            usage.strikes = 0;
        }
        if number.state == State::Bad {
            number.state = State::Dormant;
            self.audit(&number, Audited::State(State::Dormant), BY_PHONE);
        }
        number.heard = at;
        self.outcome.number = Some(id);
        if let Some(told) = &hear.stop {
            self.stop(id, &mut number, &mut usage, told)?;
        }
        self.outcome.epoch = number.epoch;
        self.put_main(keys::number(id), &number);
        self.put_main(keys::usage(id), &usage);
        if hear.words.is_empty() || !(fits || hear.always) {
            return Ok(());
        }
        let heard = Heard {
            number: id,
            route: hear.route,
            at,
            sealed: hear.words.clone(),
        };
        let place = self.apply.seq.0;
        if hear.stop.is_some() {
            self.put_main(keys::heard(place), &heard);
        } else {
            self.put_main(keys::heard_open(place), &heard);
            self.outcome.heard = Some(place);
        }
        Ok(())
    }

    /// A part of a text lies here until all are there, so that its route may forget it.
    pub(super) fn part(&mut self, key: &Hash, sealed: &[u8]) {
        let at = self.apply.at;
        self.put_main(keys::part(at, key), &sealed.to_vec());
    }

    /// The number that speaks, made where it is new; `None` where too many of its prefix are.
    fn sender(&mut self, hear: &Hear) -> Result<Option<(NumberId, Number)>, ApplyError> {
        if let Some(id) = self.main::<NumberId>(&keys::by_hash(&hear.hash))?
            && let Some(number) = self.main::<Number>(&keys::number(id))?
        {
            return Ok(Some((id, number)));
        }
        let hour = self.apply.at.0 / HOUR_MS;
        let key = keys::newcomers(hour, &hear.prefix);
        let come = self.main::<u32>(&key)?.unwrap_or(0);
        if come >= hear.most.newcomers && !hear.always {
            return Ok(None);
        }
        self.put_main(key, &(come + 1));
        self.make(&hear.hash, &hear.sealed, hear.route).map(Some)
    }

    /// A number of which nothing is known yet; forgotten in a day where it stays so.
    pub(super) fn make(
        &mut self,
        hash: &Hash,
        sealed: &[u8],
        route: super::rows::RouteId,
    ) -> Result<(NumberId, Number), ApplyError> {
        let id = self.main::<NumberId>(keys::NEXT_NUMBER)?.unwrap_or(NumberId(1));
        self.put_main(keys::NEXT_NUMBER.to_vec(), &NumberId(id.0 + 1));
        let stopped = self.main::<Timestamp>(&keys::stopped(hash))?.is_some();
        let number = Number {
            hash: *hash,
            sealed: sealed.to_vec(),
            route,
            state: if stopped { State::Stopped } else { State::New },
            epoch: 1,
            since: self.apply.seq,
            account: None,
            zone: None,
            quiet: None,
            limit: None,
            messages: true,
            replies: false,
            pin: None,
            doubted: false,
            heard: Timestamp(0),
            made: self.apply.at,
            gets: 0,
        };
        self.put_main(keys::by_hash(hash), &id);
        self.put_main(keys::number(id), &number);
        self.put_main(keys::fresh(self.apply.at, id), &());
        Ok((id, number))
    }

    /// STOP: from this commit on nothing is sent but its confirmation, once a day.
    pub(super) fn stop(
        &mut self,
        id: NumberId,
        number: &mut Number,
        usage: &mut Usage,
        told: &Arc<str>,
    ) -> Result<(), ApplyError> {
        let at = self.apply.at;
        if number.state != State::Stopped {
            // Said again, it must not void its own confirmation.
            number.epoch += 1;
        }
        number.state = State::Stopped;
        self.put_main(keys::stopped(&number.hash), &at);
        if self.main::<Dialogue>(&keys::dialogue(id))?.is_some() {
            self.delete_main(keys::dialogue(id));
        }
        self.audit(number, Audited::State(State::Stopped), "phone");
        if !told.is_empty() && usage.stop_told.is_none_or(|last| at.0 >= last.0 + DAY_MS) {
            usage.stop_told = Some(at);
            let say = Say {
                class: Class::First,
                text: told.clone(),
                expires: Timestamp(at.0 + STOP_TOLD_EXPIRES_MS),
            };
            let _ = self.say(id, number, &say);
        }
        Ok(())
    }

    /// Puts words for a number in line; where.
    pub(super) fn say(&mut self, id: NumberId, number: &Number, say: &Say) -> Option<DeliveryId> {
        if number.state == State::Stopped && say.class != Class::First {
            return None;
        }
        let waiting = Waiting {
            number: id,
            epoch: number.epoch,
            text: say.text.clone(),
            again: false,
            at: self.apply.at,
            expires: say.expires,
        };
        let place = self.next_id();
        self.put_main(keys::waiting(number.route, say.class, self.apply.at, place), &waiting);
        self.outcome.waiting.push(place);
        Some(place)
    }

    pub(super) fn usage(&self, id: NumberId) -> Result<Usage, ApplyError> {
        Ok(self.main(&keys::usage(id))?.unwrap_or_default())
    }

    /// Notes what happened to a number, for ever.
    pub(super) fn audit(&mut self, number: &Number, what: Audited, by: &str) {
        let row = Audit {
            at: self.apply.at,
            hash: number.hash,
            what,
            epoch: number.epoch,
            by: by.into(),
        };
        let nth = self.next_id().0 as u32 & 1023;
        let key = keys::audit(self.apply.seq, nth);
        self.apply.tx.put(self.families.audit(), key, encode(&row));
    }
}

/// Counts what a number says; false where it says too much.
fn count_said(usage: &mut Usage, at: Timestamp, hear: &Hear) -> bool {
    let (began, hour, posts, day) = usage.said;
    let (began, hour, posts) = match at.0 / HOUR_MS == began.0 / HOUR_MS {
        true => (began, hour, posts),
        false => (at, 0, 0),
    };
    let day = match at.0 / DAY_MS == usage.said.0.0 / DAY_MS {
        true => day,
        false => {
            usage.helps = 0;
            0
        }
    };
    usage.said = (began, hour.saturating_add(1), posts, day.saturating_add(1));
    hour < hear.most.hour && day < hear.most.day
}
