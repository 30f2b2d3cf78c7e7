//! SMPP 3.4 and what travels in it: text to segments, PDUs, a session towards an SMSC, and an SMSC to try it with.
//!
//! Knows no engine, no store, no XMPP and no subscriber: the gateway and the load tool both stand on it.
#![forbid(unsafe_code)]

pub mod esme;
pub mod pdu;
pub mod smsc;
pub mod text;
