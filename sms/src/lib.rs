//! The SMS gateway: phones that follow, post and are followed. The modules stand in the order of the flow.
//!
//! It knows the engine by its log and tables, and the social network by [`network::Network`] alone; nothing of XMPP.
#![forbid(unsafe_code)]

pub mod config; //   what the operator says
pub mod gateway; //  the whole
pub mod grammar; //  what a text means
pub mod inbound; //  what phones say
pub mod limits; //   fixed limits
pub mod network; //  the social network, as far as phones need it
pub mod number; //   phone numbers
pub mod route; //    ways to phones
pub mod schedule; // what is sent next
pub mod tables; //   what is kept, and what changes it
