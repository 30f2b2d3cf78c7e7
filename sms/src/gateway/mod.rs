//! The gateway as a whole: what it is made of, how it starts and stops, and what others ask of it.
//!
//! `core.rs` sends, `../inbound/` hears; both go through the log.

pub mod commit;
pub mod core;
mod lane;
pub mod parts;
pub mod thread;
pub mod voids;

pub use lane::Shown;
