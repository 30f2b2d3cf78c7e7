//! Streams between servers, through real sockets: two servers in one process, and a peer that says what a test tells it.

mod ca;
mod dialback;
mod dns;
mod flow;
mod proofs;
mod raw;
mod refusals;
mod resolving;
mod site;
mod stanzas;

use ca::Ca;
use raw::Raw;
use site::{Came, Place, Site, chat, event};
