//! Streams between servers, through real sockets: two servers in one process, and a peer that says what a test tells it.

mod ca;
mod proofs;
#[allow(dead_code, reason = "more of the tests are to come")]
mod raw;
#[allow(dead_code, reason = "more of the tests are to come")]
mod site;

use ca::Ca;
use site::{Site, chat};
