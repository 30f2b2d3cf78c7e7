//! Ways to phones: what is the same of all protocols.
//!
//! A way takes parts and says what became of each, by their tokens. Knows no scheduler and no store. Next: `smpp.rs`, `http.rs`.

pub mod http;
pub mod listen;
mod path;
mod provider;
pub mod smpp;
pub(crate) mod webhook;

use crate::schedule::{Outgoing, Status};

/// Asked right before a part is written: false where its number has said STOP.
pub type May = Box<dyn FnOnce() -> bool + Send>;

/// A way to phones. Called on the gateway's thread: never blocks.
pub trait Way: Send {
    /// How many parts it would take now.
    fn free(&self) -> usize;

    /// Takes a part.
    ///
    /// # Errors
    /// It has no room, or is not up: nothing was sent.
    fn submit(&mut self, part: Outgoing, may: May) -> Result<(), u64>;

    /// Ends it: what is under way is waited for, a bounded time.
    fn stop(&mut self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }
}

/// What a way says.
#[derive(Debug)]
pub enum Told {
    /// It takes parts from now on.
    Up,
    /// It does not; why.
    Down(String),
    /// What became of a part.
    Said(u64, Status),
}
