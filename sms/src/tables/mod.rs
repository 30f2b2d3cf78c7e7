//! The gateway's tables and operations: records of the same log, applied in the same commits as all else.
//!
//! Apply decides: an operation says what is wished, and its outcome what was done. So nothing is planned, answered or
//! posted for a number that has said STOP in an earlier commit. Knows no route's protocol and no words. Next: `schedule/`
//! and `inbound/`, which make the operations.

mod change;
mod code;
mod fate;
mod hear;
mod intent;
pub mod keys;
mod op;
mod plan;
pub mod read;
pub mod rows;
mod said;
mod sweep;

pub use change::BY_PHONE;
pub use intent::{Fate, Intent, Outcome, Plan, Receipt, RingMove, Source};
pub use keys::{FAMILIES, Families};
pub use op::{Change, Do, Hear, HearMost, NewCode, Op, Say};
pub use plan::{SPENT_ALL, SPENT_MONTH, spent_by, spent_for};
pub use sweep::Keep;

use crate::number::Hash;
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::model::{NodeId, Seq, Timestamp};
use reef_engine::store::View;
use reef_engine::store::keys::Family;
use reef_engine::store::rows::{decode, encode};
use rows::{DeliveryId, RouteId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Why a store is refused whose numbers a key does not open.
pub(crate) const ANOTHER_KEY: &str =
    "the phone numbers were sealed with another key: put the file sms-key of the old data folder there";

/// An operation being applied.
pub(crate) struct Doing<'d, 'a, 's> {
    pub(crate) apply: &'d mut Apply<'a, 's>,
    pub(crate) families: Families,
    pub(crate) outcome: Outcome,
    /// How many rows of one kind this record has made.
    nth: usize,
    /// Posts that were asked for, and are not yet noted with what says them.
    took: Vec<(NodeId, Seq)>,
    /// Whether a code has shown that STOP may be lifted.
    lifts: bool,
}

/// Applies an operation.
///
/// # Errors
/// A refusal, or the store's failure.
pub fn apply(families: Families, apply: &mut Apply<'_, '_>, op: &[u8]) -> Result<Vec<u8>, ApplyError> {
    let op: Op = postcard::from_bytes(op).map_err(|_| StoreError::Corrupt("an operation of the sms tables"))?;
    let mut doing = Doing::new(families, apply);
    match &op {
        Op::Begin { routes, check } => doing.begin(routes, check)?,
        Op::Part { key, sealed } => doing.part(key, sealed),
        Op::Hear(hear) => doing.hear(hear)?,
        Op::Do(what) => doing.carry_out(what)?,
        Op::Code { account, made } => doing.code(account, made.as_ref())?,
        Op::WrongCode { account } => doing.wrong_code(account)?,
        Op::Plan(plan) => doing.plan(plan)?,
        Op::Fates(fates) => fates.iter().try_for_each(|fate| doing.fate(fate))?,
        Op::Receipts(receipts) => receipts.iter().try_for_each(|receipt| doing.receipt(receipt))?,
        Op::Posts { upto, posts } => doing.posts(*upto, posts)?,
        Op::Pause { route, paused } => doing.pause(*route, *paused),
        Op::Forget(keep) => doing.forget(keep)?,
        Op::Erase { number } => doing.erase(*number)?,
    }
    Ok(encode(&doing.outcome))
}

/// In the commit that keeps a chat message for an account none of whose sessions is there: its phone gets it.
///
/// # Errors
/// The store's failure.
pub fn missed(
    families: Families,
    apply: &mut Apply<'_, '_>,
    account: &str,
    text: &Arc<str>,
    expires: Timestamp,
) -> Result<(), ApplyError> {
    Doing::new(families, apply).missed(account, text, expires)
}

/// In the commit that removes an account.
///
/// # Errors
/// The store's failure.
pub fn removed(families: Families, apply: &mut Apply<'_, '_>, account: &str) -> Result<(), ApplyError> {
    Doing::new(families, apply).removed(account)
}

impl<'d, 'a, 's> Doing<'d, 'a, 's> {
    pub(crate) fn new(families: Families, apply: &'d mut Apply<'a, 's>) -> Doing<'d, 'a, 's> {
        Doing {
            apply,
            families,
            outcome: Outcome::default(),
            nth: 0,
            took: Vec::new(),
            lifts: false,
        }
    }

    fn get<T: DeserializeOwned>(&self, family: Family, key: &[u8]) -> Result<Option<T>, ApplyError> {
        match self.apply.tx.get(family, key)? {
            Some(bytes) => Ok(Some(decode(family, &bytes)?)),
            None => Ok(None),
        }
    }

    fn main<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, ApplyError> {
        self.get(self.families.main(), key)
    }

    fn put_main<T: Serialize>(&mut self, key: Vec<u8>, value: &T) {
        self.apply.tx.put(self.families.main(), key, encode(value));
    }

    fn delete_main(&mut self, key: Vec<u8>) {
        self.apply.tx.delete(self.families.main(), key);
    }

    /// The next place of a row that this record makes.
    fn next_id(&mut self) -> DeliveryId {
        self.nth += 1;
        DeliveryId::of(self.apply.seq, self.nth)
    }

    fn begin(&mut self, routes: &[Arc<str>], check: &Hash) -> Result<(), ApplyError> {
        match self.main::<Hash>(keys::KEY_CHECK)? {
            Some(known) if known != *check => {
                return Err(Reject::NotAcceptable(ANOTHER_KEY).into());
            }
            Some(_) => {}
            None => self.put_main(keys::KEY_CHECK.to_vec(), check),
        }
        for name in routes {
            let id = match self.main::<RouteId>(&keys::route_name(name))? {
                Some(id) => id,
                None => {
                    let id = self.main::<RouteId>(keys::NEXT_ROUTE)?.unwrap_or(RouteId(1));
                    self.put_main(keys::NEXT_ROUTE.to_vec(), &RouteId(id.0 + 1));
                    self.put_main(keys::route_name(name), &id);
                    id
                }
            };
            self.outcome.routes.push(id);
        }
        // What lies in the log before the gateway's first start is not sent.
        if self.main::<Seq>(keys::TAIL)?.is_none() {
            let now = self.apply.seq;
            self.put_main(keys::TAIL.to_vec(), &now);
        }
        Ok(())
    }

    fn pause(&mut self, route: RouteId, paused: bool) {
        match paused {
            true => self.put_main(keys::route_state(route), &paused),
            false => self.delete_main(keys::route_state(route)),
        }
    }
}
