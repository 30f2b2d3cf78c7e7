//! The gateway as a whole: what it is made of, how it starts and stops, and what others ask of it.
//!
//! `core.rs` sends, `../inbound/` hears; both go through the log.

mod admin;
mod budget;
pub mod commit;
pub mod core;
mod desk;
mod lane;
mod metrics;
pub mod parts;
mod reassigned;
mod refusals;
mod routes;
pub mod thread;
mod times;
pub mod voids;
pub mod web;
mod whole;

pub use desk::{Answer, Linked, Proof, Set, Status};
pub use lane::Shown;
pub use whole::{Gateway, Setup};
