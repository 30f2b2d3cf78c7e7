//! What is wished: the operations of the gateway, as they lie in the log.
//!
//! Apply decides what is done of it. Variants are appended, never moved: records of earlier versions are read. Next:
//! `mod.rs` applies them.

use super::intent::{Fate, Plan, Receipt};
use super::rows::{Asked, Class, NumberId, RouteId, State};
use super::sweep::Keep;
use crate::number::Hash;
use reef_engine::model::{NodeId, Seq, Timestamp};
use reef_engine::store::rows::encode;
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
    /// Codes for one number and day.
    pub most: u8,
    /// Codes that one account asks for within a day.
    pub most_of_account: u8,
    /// What the phone is told.
    pub say: Option<Say>,
}

impl Op {
    /// The bytes of a record.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }
}
