//! The wire: what a client says and what it must understand of the answers. No sockets, no threads, no scenario.
//!
//! Nothing here builds a tree: a load tool that parses XML measures itself. `session` is the state machine that
//! `crowd` drives with bytes.

pub(crate) mod frame;
pub(crate) mod mark;
pub(crate) mod pubsub;
pub(crate) mod scram;
pub(crate) mod session;
pub(crate) mod social;
pub(crate) mod tls;
pub(crate) mod xml;
