//! Reef's engine: nodes, items and subscribers; a durable log, and delivery from it to whoever is there.
//!
//! It knows no XMPP, no SMS, no sockets and no XML: a payload is bytes. The modules stand in the order of the flow.
#![forbid(unsafe_code)]

pub mod model;

pub mod clock;
pub mod config;
pub mod error;
pub mod limits;
pub mod metrics;
pub mod queue;

pub mod publish;

pub mod log;

pub mod index;

pub mod fanout;

pub mod outbox;

pub mod shard;

pub mod query;

pub mod load;
pub mod store;

mod engine;

pub use engine::{Engine, Options, Seat};
