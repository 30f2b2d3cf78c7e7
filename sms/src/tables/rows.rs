//! The values: what is known of a number, how far a post is, what is being sent.
//!
//! Rows are postcard, as the engine's. No row holds a number in the clear. Knows no route's protocol. Next: the operations
//! in this folder change them, `schedule/` reads them.

use crate::config::Hours;
use crate::number::Hash;
use reef_engine::model::{NodeId, Seq, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A number: dense, never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NumberId(pub u32);

/// A route, by the order in which names were first seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteId(pub u16);

/// One message to a number, of one or several segments: in the order of its commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeliveryId(pub u64);

impl DeliveryId {
    /// The nth of a record.
    pub fn of(seq: Seq, nth: usize) -> DeliveryId {
        DeliveryId((seq.0 << 10) | (nth as u64 & 1023))
    }
}

/// What goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Class {
    /// STOP, HELP, codes.
    First = 0,
    /// Answers to commands.
    Answer = 1,
    /// Direct messages.
    Message = 2,
    /// Posts.
    Post = 3,
    /// Digests.
    Digest = 4,
}

impl Class {
    /// Whether it answers something that the number sent: exempt from caps and quiet hours.
    pub fn is_answer(self) -> bool {
        self <= Class::Answer
    }
}

/// What may be sent to a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It has said something, and is no subscriber.
    #[default]
    New,
    /// It was asked, and has not said YES.
    Pending,
    /// It gets what it follows.
    Active,
    /// It wants no posts and messages for now (OFF).
    Off,
    /// It wants nothing any more (STOP).
    Stopped,
    /// Perhaps somebody else's by now: it must say YES again.
    Dormant,
    /// It does not exist.
    Bad,
}

/// A number, as far as it changes seldom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// By which it is found.
    pub hash: Hash,
    /// It, sealed.
    pub sealed: Vec<u8>,
    /// By which route it is reached.
    pub route: RouteId,
    /// What may be sent.
    pub state: State,
    /// Counts STOP and START: what was made before is void.
    pub epoch: u32,
    /// Posts above this alone.
    pub since: Seq,
    /// Whose it is.
    pub account: Option<Arc<str>>,
    /// Its zone, where it or the account said one.
    pub zone: Option<Arc<str>>,
    /// When it is left alone, where it said so.
    pub quiet: Option<Hours>,
    /// Segments a day, where it said so.
    pub limit: Option<u16>,
    /// Whether it gets direct messages.
    pub messages: bool,
    /// Whether it gets posts that answer others.
    pub replies: bool,
    /// Keyed hash of its PIN.
    pub pin: Option<Hash>,
    /// Whether who sends from it must prove himself anew before he may post.
    pub doubted: bool,
    /// When it last said something.
    pub heard: Timestamp,
    /// When it was first known.
    pub made: Timestamp,
    /// Whose posts it gets, counted.
    pub gets: u16,
}

/// What changes with each text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The day that is counted, in its own zone.
    pub day: i32,
    /// Segments of posts, messages and digests.
    pub segments: u16,
    /// Segments of answers.
    pub answers: u16,
    /// Digests.
    pub digests: u8,
    /// Times that HELP was answered.
    pub helps: u8,
    /// Texts within the ten minutes that began then.
    pub burst: (Timestamp, u8),
    /// When it is looked at again, where something waits for it.
    pub due: Option<Timestamp>,
    /// Reference of the last long text.
    pub reference: u16,
    /// Failures for good in a row.
    pub strikes: u8,
    /// When STOP was last confirmed.
    pub stop_told: Option<Timestamp>,
    /// When it was last told how to begin.
    pub hinted: Option<Timestamp>,
    /// What it said within the hour that began then; of it posts; and within the day.
    pub said: (Timestamp, u16, u16, u16),
    /// Wrong PINs in a row, and until when it may not post.
    pub pins: (u8, Timestamp),
    /// The post that it got last.
    pub last: Option<(NodeId, Seq, Timestamp)>,
    /// What it posted last.
    pub posted: Option<(u64, Timestamp)>,
    /// Codes that accounts asked for it: day, and how many.
    pub codes: (i32, u8),
}

/// Posts that a number was told of and may ask for: newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// They.
    pub posts: Vec<(NodeId, Seq)>,
    /// How many more there were.
    pub more: u32,
}

/// One who gets somebody's posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Whether, at the moment (ON, OFF).
    pub on: bool,
    /// The newest post that was handled: sent, told of, or let go.
    pub handled: Seq,
    /// The newest that was sent.
    pub sent: Seq,
}

/// All who get a publisher's posts by a route, in the order of their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// The number that was visited last.
    pub at: NumberId,
    /// Times round.
    pub lap: u64,
    /// Visits, in all.
    pub visits: u64,
    /// How many there are.
    pub followers: u32,
}

/// A post that goes round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fanout {
    /// In which lap it began.
    pub lap: u64,
    /// Behind which number.
    pub at: NumberId,
    /// After how many visits.
    pub visits: u64,
    /// When it is too old.
    pub deadline: Timestamp,
    /// The item: it may be edited on the way.
    pub item: Arc<str>,
}

impl Fanout {
    /// It, beginning where a ring stands.
    pub fn from(self, ring: &Ring) -> Fanout {
        Fanout {
            lap: ring.lap,
            at: ring.at,
            visits: ring.visits,
            ..self
        }
    }

    /// Whether everybody was visited since.
    pub fn is_done(&self, ring: &Ring) -> bool {
        ring.lap > self.lap + 1 || ring.lap == self.lap + 1 && ring.at >= self.at
    }
}

/// What a delivery says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A post, and how many more there are behind it.
    Post {
        /// Whose.
        node: NodeId,
        /// Which.
        seq: Seq,
        /// Others that were let go for it.
        more: u16,
    },
    /// These words, which are nowhere else.
    Text(Arc<str>),
    /// Of how many posts.
    Digest(Arc<str>),
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// To be sent: whether it was is not known after a crash.
    Intent,
    /// Refused for the moment, how often, and when it is tried again.
    Later(u8, Timestamp),
    /// The route has it.
    Acked,
    /// Nobody knows whether it was sent.
    InDoubt,
    /// Refused for good, with a code of the route.
    Failed(u32),
    /// Too old.
    Expired,
    /// Not sent, since the number wanted nothing more.
    Void,
    /// What a receipt said.
    Final(Final),
}

/// What a receipt says in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Final {
    /// The phone has it.
    Delivered,
    /// It was not delivered in time.
    Expired,
    /// It was deleted.
    Deleted,
    /// It cannot be delivered.
    Undeliverable,
    /// It was rejected.
    Rejected,
    /// Nobody knows.
    Unknown,
}

/// One message under way, or sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// To whom.
    pub number: NumberId,
    /// By which route.
    pub route: RouteId,
    /// What goes first.
    pub class: Class,
    /// What it says.
    pub what: What,
    /// Of its number.
    pub epoch: u32,
    /// When it was made.
    pub at: Timestamp,
    /// When it is too old.
    pub expires: Timestamp,
    /// Segments.
    pub segments: u8,
    /// How far it is.
    pub progress: Progress,
    /// The route's ids of its parts, as they are found.
    pub ids: Vec<Box<str>>,
}

/// A text that waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// To whom.
    pub number: NumberId,
    /// Of its number.
    pub epoch: u32,
    /// The words.
    pub text: Arc<str>,
    /// Whether it was perhaps sent before the process ended: it is sent once more, and no more.
    pub again: bool,
    /// When it was made.
    pub at: Timestamp,
    /// When it is too old.
    pub expires: Timestamp,
}

/// Something that was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// From whom.
    pub number: NumberId,
    /// By which route.
    pub route: RouteId,
    /// When.
    pub at: Timestamp,
    /// The words, sealed.
    pub sealed: Vec<u8>,
}

/// What a number is being asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asked {
    /// Whether it wants somebody's posts.
    Follow(Arc<str>),
    /// Whether it wants an account of this name.
    Join(Arc<str>),
    /// Whether it is still the same.
    Again,
}

/// The same, while it waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialogue {
    /// What.
    pub asked: Asked,
    /// Until when YES is an answer to it.
    pub until: Timestamp,
}

/// A code that proves a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Keyed hash of it.
    pub code: Hash,
    /// The number that is to be proved.
    pub number: NumberId,
    /// Whether the phone texts it; else it is typed here.
    pub from_phone: bool,
    /// Until when.
    pub until: Timestamp,
    /// Wrong ones so far.
    pub tries: u8,
    /// Codes that were made for the account on that day.
    pub made: (i32, u8),
}

/// What one day cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Segments.
    pub segments: u64,
    /// Millionths of the currency.
    pub micros: u64,
}

/// What happened to a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub hash: Hash,
    /// What.
    pub what: Audited,
    /// The number's epoch behind it.
    pub epoch: u32,
    /// Who: `phone`, an account, an operator, a route.
    pub by: Arc<str>,
}

/// Kinds of what is audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Audited {
    /// A state.
    State(State),
    /// Linked with an account, or no longer.
    Linked(bool),
    /// Agreed to get posts.
    Consent,
    /// An operator read it.
    Read,
    /// A wrong PIN locked posting.
    Locked,
    /// It was forgotten.
    Erased,
}
