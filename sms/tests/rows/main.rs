//! Whatever is written into the log or the tables is read again as it was: every operation, change and row.
//!
//! A value that is read otherwise than it is written makes the whole store count as damaged at the next start. Knows no
//! engine: only the bytes.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod kept; // rows of the tables
mod operations; // what is put into the log
mod values; // what both are made of

use reef_engine::model::{NodeId, Seq, Timestamp};
use reef_sms::tables::rows::{DeliveryId, NumberId, RouteId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fmt::Debug;

const HASH: [u8; 16] = [9; 16];
const AT: Timestamp = Timestamp(1_768_046_400_123);
const NODE: NodeId = NodeId(u32::MAX);
const SEQ: Seq = Seq(u64::MAX);
const ID: DeliveryId = DeliveryId(1 << 40);
const NUMBER: NumberId = NumberId(70_000);
const ROUTE: RouteId = RouteId(300);

/// Written, read, and nothing left over.
fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let bytes = postcard::to_stdvec(value).unwrap();
    let (read, rest) = postcard::take_from_bytes::<T>(&bytes).unwrap_or_else(|error| panic!("{value:?}: {error}"));
    assert_eq!(read, *value);
    assert!(rest.is_empty(), "{value:?} left {rest:?}");
}

/// The kinds among some values, as their own names have it.
fn kinds<T: Debug>(values: &[T]) -> BTreeSet<String> {
    let name = |value: &T| {
        let shown = format!("{value:?}");
        shown.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned()
    };
    values.iter().map(name).collect()
}
