//! For the SMS gateway: an SMSC for those who have none (`smsc`), and a session with one that they have (`esme`).
//!
//! Both are `reef_smpp`'s; here are flags, what is typed and what is printed.

mod esme;
mod flags;
mod lines;
mod smsc;

pub(crate) use esme::Esme;
pub(crate) use smsc::Smsc;
