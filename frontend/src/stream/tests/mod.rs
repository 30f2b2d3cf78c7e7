//! Negotiations over real loopback sockets, against a host that lives in memory.

mod client;
mod login;
mod registration;
mod server;
mod stream_errors;
mod tries;

use client::Client;
use server::{Server, header};
