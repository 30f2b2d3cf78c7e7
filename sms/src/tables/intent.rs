//! What is to be sent and what became of it, as operations say it; and what apply answers.
//!
//! Knows no words of a post: they are rendered when it is sent. Next: `plan.rs` and `fate.rs`, which apply them.

use super::rows::{Class, DeliveryId, Final, NumberId, Progress, RouteId};
use crate::number::Hash;
use reef_engine::model::{NodeId, Seq, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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
    /// The newest post that it knew of: newer ones begin where it now stands.
    pub newest: Seq,
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
    /// Whether there is more to be forgotten.
    pub more: bool,
}

impl Outcome {
    /// Reads what a record answered; nothing where it cannot be read.
    pub fn decode(bytes: &[u8]) -> Outcome {
        postcard::from_bytes(bytes).unwrap_or_default()
    }
}
