//! An account as a file that other servers read (XEP-0227), and back: what it is, says and follows.
//!
//! Written in pages, each a piece of the text, so that no account is too large (`write.rs`, `nodes.rs`, `said.rs`). A file is read
//! in pieces that each stand for themselves (`read.rs`), and a piece is taken by what it says alone (`take.rs`). Beside the XEP
//! there is one element of our own, [`FOLLOWS`], and the preferences of the archive as XEP-0441 has them. Knows neither files nor
//! sockets: those are the command's. Not in it: what others attached to posts, notifications, options of subscriptions, and
//! when posts were published but by what they say themselves.

mod nodes; // what its nodes are, and their items
mod read; //  a file → pieces
mod said; //  its archive, and what it follows
mod scram; // what proves its password
mod take; //  a piece → changes
mod write; // what is at the beginning, and the pages in order

pub(crate) use read::{Piece, pieces};
pub(crate) use scram::{credentials, is_scram};
pub(crate) use take::{Taken, is_late, take};
pub(crate) use write::page;

/// The format.
pub(crate) const PIE: &str = "urn:xmpp:pie:0";
/// Its archives.
pub(crate) const PIE_MAM: &str = "urn:xmpp:pie:0#mam";
/// Its credentials.
pub(crate) const PIE_SCRAM: &str = "urn:xmpp:pie:0#scram";
/// What the account follows, its own nodes aside: `<follows><follow service='' node='' subscription='' public=''/></follows>`, of which
/// `subscription` is `subscribed` or `pending`.
pub(crate) const FOLLOWS: &str = "urn:reef:export:0";
