//! Codes that prove a number: made for an account, tried, and used once.
//!
//! A code that was right is used up in the commit that does what it proves. Knows no words. Next: `change.rs`.

use super::rows::{Asked, Code, Dialogue, Number, NumberId, State};
use super::{BY_PHONE, Doing, NewCode, keys};
use crate::limits::{CODE_TRIES, DAY_MS};
use crate::number::Hash;
use reef_engine::error::Reject;
use reef_engine::log::apply::ApplyError;
use reef_engine::model::Timestamp;
use std::sync::Arc;

impl Doing<'_, '_, '_> {
    pub(super) fn code(&mut self, account: &Arc<str>, made: Option<&NewCode>) -> Result<(), ApplyError> {
        let Some(new) = made else {
            if let Some(mut code) = self.main::<Code>(&keys::code(account))? {
                self.delete_main(keys::code_of(code.number));
                // It stays, for it counts among those of the day.
                code.until = Timestamp(0);
                self.put_main(keys::code(account), &code);
            }
            return Ok(());
        };
        let today = i32::try_from(self.apply.at.0 / DAY_MS).unwrap_or(i32::MAX);
        let before = self.main::<Code>(&keys::code(account))?;
        let count = match before {
            Some(code) if code.made.0 == today => code.made.1,
            _ => 0,
        };
        if count >= new.most_of_account {
            return Err(Reject::TooFast("codes a day").into());
        }
        let (id, number) = match self.main::<NumberId>(&keys::by_hash(&new.hash))? {
            Some(id) => (id, self.main::<Number>(&keys::number(id))?.ok_or(Reject::ItemNotFound)?),
            None => self.make(&new.hash, &new.sealed, new.route)?,
        };
        self.count_code(id, today, new.most)?;
        let code = Code {
            code: new.code,
            number: id,
            from_phone: new.from_phone,
            until: new.until,
            tries: 0,
            made: (today, count + 1),
        };
        self.put_main(keys::code(account), &code);
        self.put_main(keys::code_of(id), account);
        if let Some(say) = &new.say {
            if number.state == State::Stopped && !self.is_asked_again(id)? {
                // Whoever said STOP hears nothing, not even a code, unless START was said for it.
                return Err(Reject::Forbidden.into());
            }
            let _ = self.say(id, &number, say);
        }
        self.outcome.number = Some(id);
        Ok(())
    }

    /// A number gets only so many codes a day, of however many accounts.
    fn count_code(&mut self, id: NumberId, today: i32, most: u8) -> Result<(), ApplyError> {
        let mut usage = self.usage(id)?;
        if usage.codes.0 != today {
            usage.codes = (today, 0);
        }
        if usage.codes.1 >= most {
            return Err(Reject::TooFast("codes a day").into());
        }
        usage.codes.1 += 1;
        self.put_main(keys::usage(id), &usage);
        Ok(())
    }

    pub(super) fn wrong_code(&mut self, account: &Arc<str>) -> Result<(), ApplyError> {
        let Some(mut code) = self.main::<Code>(&keys::code(account))? else {
            return Ok(());
        };
        code.tries = code.tries.saturating_add(1);
        if code.tries >= CODE_TRIES {
            code.until = Timestamp(0);
        }
        self.put_main(keys::code(account), &code);
        Ok(())
    }

    /// The code of an account proves a number, once: what else this record changes of it may lift STOP, too, where START was
    /// said for it by a route that vouches for nobody.
    pub(super) fn prove(&mut self, id: NumberId, account: &Arc<str>, tag: &Hash, by: &str) -> Result<(), ApplyError> {
        let from_phone = by == BY_PHONE;
        let code = self.main::<Code>(&keys::code(account))?;
        let right = code.is_some_and(|code| {
            let fits = code.number == id && code.from_phone == from_phone;
            fits && code.until > self.apply.at && code.code == *tag
        });
        if !right {
            return Err(Reject::ItemNotFound.into());
        }
        self.lifts = !from_phone && self.is_asked_again(id)?;
        self.code(account, None)
    }

    /// Whether a number waits for the code that brings its texts back.
    fn is_asked_again(&self, id: NumberId) -> Result<bool, ApplyError> {
        let dialogue = self.main::<Dialogue>(&keys::dialogue(id))?;
        Ok(dialogue.is_some_and(|dialogue| dialogue.asked == Asked::Again && dialogue.until > self.apply.at))
    }
}
