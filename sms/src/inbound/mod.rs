//! What phones say: kept first, then understood, then done, then answered.
//!
//! Every text is in the store before its route hears that it is taken; STOP is looked for in every single part before
//! anything else. Next: `lanes.rs` does what it means, in order for each number.

mod account;
pub mod act;
mod answer;
mod ask;
mod context;
pub mod counts;
mod hear;
mod lanes;
mod linked;
mod posts;
mod receipts;
pub mod words;

pub use ask::account_says;
pub use context::Hall;
pub use hear::Incoming;
pub use lanes::Lanes;
