//! The SMS gateway. So far its text layer: what fits a text message, and what it costs.
//!
//! Grammar, scheduler, routes and the SMPP session come with their issue and join here, in the order of the flow.
#![forbid(unsafe_code)]

pub mod text;
