//! The gateway's tables and operations: records of the same log, applied in the same commits as all else.
//!
//! Apply decides: an operation says what is wished, and its outcome what was done. So nothing is planned, answered or
//! posted for a number that has said STOP in an earlier commit. Knows no route's protocol and no words. Next: `schedule/`
//! and `inbound/`, which make the operations.

mod change;
mod code;
mod fate;
mod hear;
pub mod keys;
mod plan;
pub mod read;
pub mod rows;
mod said;
mod sweep;

pub use change::BY_PHONE;
pub use keys::{FAMILIES, Families};
pub use plan::{SPENT_ALL, SPENT_MONTH, spent_by, spent_for};
pub use sweep::Keep;

use crate::number::Hash;
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::model::{NodeId, Seq, Timestamp};
use reef_engine::store::View;
use reef_engine::store::keys::Family;
use reef_engine::store::rows::{decode, encode};
use rows::{Asked, Class, DeliveryId, Final, NumberId, Progress, RouteId, State};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Keeps a part of a text until the others are there.
    Part {
        /// Names the part.
        key: Hash,
        /// It, sealed.
        sealed: Vec<u8>,
    },
    /// Gives these routes their numbers, and looks whether the key of phone numbers is the one that sealed them.
    Begin {
        /// Names.
        routes: Vec<Arc<str>>,
        /// What the key makes of nothing.
        check: Hash,
    },
    /// Keeps what a phone said; with it STOP, if that is what it said.
    Hear(Hear),
    /// Changes a number, and answers it.
    Do(Do),
    /// Makes a code, or takes one back.
    Code {
        /// Of which account.
        account: Arc<str>,
        /// It, if one is made.
        made: Option<NewCode>,
    },
    /// A code was tried, and was not the right one.
    WrongCode {
        /// Of which account.
        account: Arc<str>,
    },
    /// What is sent next by a route.
    Plan(Plan),
    /// What became of deliveries.
    Fates(Vec<Fate>),
    /// What receipts said.
    Receipts(Vec<Receipt>),
    /// The log was looked at up to here, and held these posts of nodes that phones follow.
    Posts {
        /// Up to where.
        upto: Seq,
        /// Node, place, item, and when it is too old.
        posts: Vec<(NodeId, Seq, Arc<str>, Timestamp)>,
    },
    /// Has a route wait, or no longer.
    Pause {
        /// Which.
        route: RouteId,
        /// Whether it is to.
        paused: bool,
    },
    /// Forgets what is too old.
    Forget(Keep),
    /// Forgets a number, but for its STOP, what it agreed to, and the audit.
    Erase {
        /// Which.
        number: NumberId,
    },
}

/// What a phone said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hear {
    /// By which route.
    pub route: RouteId,
    /// By which the number is found.
    pub hash: Hash,
    /// It, sealed.
    pub sealed: Vec<u8>,
    /// Its beginning, by which newcomers are counted.
    pub prefix: Arc<str>,
    /// By which the same is known again.
    pub key: Hash,
    /// For how long it would be the same, in milliseconds.
    pub same_ms: u64,
    /// The words, sealed; empty where they are not to be answered.
    pub words: Vec<u8>,
    /// Whether it says STOP, and what confirms that.
    pub stop: Option<Arc<str>>,
    /// Whether it is heard whatever was said before: STOP and HELP.
    pub always: bool,
    /// How much may be said.
    pub most: HearMost,
}

/// How much may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HearMost {
    /// By one number, within an hour.
    pub hour: u16,
    /// The same within a day.
    pub day: u16,
    /// New numbers of one prefix within an hour.
    pub newcomers: u32,
    /// After so long without a word a number's next ones are perhaps somebody else's, in milliseconds.
    pub doubt_ms: u64,
    /// And after so long it gets nothing until YES.
    pub dormant_ms: u64,
}

/// Changes to a number, in one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Do {
    /// Which.
    pub number: NumberId,
    /// Only where it still has this epoch.
    pub epoch: Option<u32>,
    /// What was heard, and is answered by this.
    pub heard: Option<u64>,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// What it is told.
    pub say: Vec<Say>,
    /// Who asks: `phone`, an account, `operator`, a route.
    pub by: Arc<str>,
}

/// A change to a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Its state.
    State(State),
    /// What it is asked, until when.
    Ask(Asked, Timestamp),
    /// It is asked nothing any more.
    Answered,
    /// Whose it is.
    Account(Option<Arc<str>>),
    /// It gets somebody's posts from now on; at most so many.
    Get(NodeId, u16),
    /// It gets them no longer.
    Unget(NodeId),
    /// Whether it gets them at the moment: of one, or of all.
    On(Option<NodeId>, bool),
    /// Its zone.
    Zone(Option<Arc<str>>),
    /// When it is left alone.
    Quiet(Option<crate::config::Hours>),
    /// Segments a day.
    Limit(Option<u16>),
    /// Whether it gets direct messages.
    Messages(bool),
    /// Whether it gets answers to others.
    Replies(bool),
    /// Its PIN.
    Pin(Option<Hash>),
    /// A PIN was right, or wrong; after so many wrong ones it may not post until then.
    PinTried(bool, u8, Timestamp),
    /// Whether it must prove itself anew before it may post.
    Doubted(bool),
    /// Posts that it asked for and gets.
    Took(Vec<(NodeId, Seq)>),
    /// HELP was answered.
    Helped,
    /// It was told how to begin.
    Hinted,
    /// It posted this, or took it back.
    Posted(Option<u64>),
    /// It agreed: the words shown and said, sealed.
    Consent(Vec<u8>),
    /// Something of it was read by an operator.
    Read,
    /// It is proved by this code of this account, which is used up.
    Proved(Arc<str>, Hash),
}

/// Words for a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Say {
    /// What goes first.
    pub class: Class,
    /// The words.
    pub text: Arc<str>,
    /// When they are too old.
    pub expires: Timestamp,
}

/// A code for an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCode {
    /// Keyed hash of it.
    pub code: Hash,
    /// Which number is to be proved: found by this, known from now on.
    pub hash: Hash,
    /// It, sealed.
    pub sealed: Vec<u8>,
    /// By which route it is reached.
    pub route: RouteId,
    /// Whether the phone texts it.
    pub from_phone: bool,
    /// Until when it holds.
    pub until: Timestamp,
    /// Codes of one account and day.
    pub most: u8,
    /// What the phone is told.
    pub say: Option<Say>,
}

/// What a route sends next. The scheduler alone moves rings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// By which route.
    pub route: RouteId,
    /// Rings, and where they stand.
    pub rings: Vec<(NodeId, RingMove)>,
    /// Posts that went round, or are too old.
    pub done: Vec<(NodeId, Seq)>,
    /// What is sent.
    pub send: Vec<Intent>,
    /// Whom it waits for, until when.
    pub later: Vec<(NumberId, Timestamp)>,
    /// Whose time has come.
    pub begun: Vec<(Timestamp, NumberId)>,
    /// Waiting texts that are too old, or wait longer.
    pub put_off: Vec<(Class, Timestamp, DeliveryId, Option<Timestamp>)>,
    /// Day of the spending.
    pub day: i32,
    /// Its month, counted from the year 0.
    pub month: i32,
}

/// Where a ring stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingMove {
    /// Behind which number.
    pub at: NumberId,
    /// In which lap.
    pub lap: u64,
    /// Visits since.
    pub visits: u32,
}

/// One message that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// To whom.
    pub number: NumberId,
    /// Of its number, as it was planned.
    pub epoch: u32,
    /// What goes first.
    pub class: Class,
    /// Segments.
    pub segments: u8,
    /// What a segment costs, in millionths.
    pub micros: u64,
    /// The day in the number's zone.
    pub day: i32,
    /// Segments it may get on that day.
    pub limit: u16,
    /// Texts within ten minutes.
    pub burst: u8,
    /// Of what.
    pub source: Source,
    /// When it is too old.
    pub expires: Timestamp,
}

/// What an intent sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A post, with others that are let go for it.
    Post {
        /// Whose.
        node: NodeId,
        /// Which.
        seq: Seq,
        /// The others.
        others: Vec<Seq>,
    },
    /// A text that waits.
    Waiting(Timestamp, DeliveryId),
    /// What came while nothing could be sent.
    Digest {
        /// The words.
        text: Arc<str>,
        /// The newest of each publisher.
        handled: Vec<(NodeId, Seq)>,
        /// What may be asked for.
        held: Vec<(NodeId, Seq)>,
        /// How many more.
        more: u32,
        /// The most of them a day.
        most: u8,
    },
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// Which.
    pub id: DeliveryId,
    /// How far it is.
    pub progress: Progress,
    /// The route's ids, in the form in which they are looked for.
    pub ids: Vec<Box<str>>,
    /// Whether the number does not exist.
    pub bad: bool,
}

/// What a receipt said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// By which route.
    pub route: RouteId,
    /// Of whom.
    pub hash: Hash,
    /// Forms of the id.
    pub ids: Vec<Box<str>>,
    /// What it said.
    pub said: Final,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The number that is concerned.
    pub number: Option<NumberId>,
    /// Its epoch now.
    pub epoch: u32,
    /// What was heard, where it is to be answered.
    pub heard: Option<u64>,
    /// Of each intent, in order: its delivery, unless it was refused.
    pub planned: Vec<Option<DeliveryId>>,
    /// Routes, in the order of their names.
    pub routes: Vec<RouteId>,
    /// Texts that wait from now on.
    pub waiting: Vec<DeliveryId>,
    /// Receipts that matched something, early ones too.
    pub matched: u32,
}

impl Op {
    /// The bytes of a record.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }
}

impl Outcome {
    /// Reads what a record answered; nothing where it cannot be read.
    pub fn decode(bytes: &[u8]) -> Outcome {
        postcard::from_bytes(bytes).unwrap_or_default()
    }
}

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
                return Err(Reject::NotAcceptable(
                    "the phone numbers were sealed with another key: put the file sms-key of the old data folder there",
                )
                .into());
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
