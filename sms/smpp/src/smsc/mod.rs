//! An SMSC that is none: takes submits, answers as it was told to, sends receipts and messages, and fails in all the ways that real
//! ones do. For demos, tests and `reef-loadtest smsc`.
//!
//! `world` is what all connections share, `link` one connection, `judge` and `verdict` what becomes of a submit, `receipts` what is told
//! of it.
//! Knows nothing of who binds to it; nothing is kept on disk.

mod config;
mod counts;
mod judge;
mod link;
mod receipts;
mod say;
mod says;
mod submits;
#[cfg(test)]
mod tests;
mod verdict;
mod world;

pub use config::{Faults, Ids, ReceiptForm, Receipts, SmscConfig};
pub use counts::{Counts, Text};

use crate::pdu::Address;
use crate::text::{Part, TooLong, parts};
use say::Say;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use world::World;

/// A running SMSC; gone when dropped.
#[derive(Debug)]
pub struct Smsc {
    address: SocketAddr,
    world: Arc<World>,
    _tasks: JoinSet<()>,
}

/// Why a message cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum CannotSend {
    /// A number that is none.
    #[error("{0:?} is no address")]
    Address(String),
    /// More than 255 segments.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

impl Smsc {
    /// Listens. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address is taken, or is none.
    pub async fn start(listen: SocketAddr, config: SmscConfig) -> io::Result<Smsc> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::new(config));
        let mut tasks = JoinSet::new();
        tasks.spawn(link::accept(listener, world.clone()));
        Ok(Smsc {
            address,
            world,
            _tasks: tasks,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Texts that come from now on, put together; who falls behind misses some.
    pub fn texts(&self) -> broadcast::Receiver<Text> {
        self.world.texts()
    }

    /// Texts that came to a number, in their order; of all numbers together it keeps `SmscConfig::keep`.
    pub fn received(&self, number: &str) -> Vec<Text> {
        self.world.received(number)
    }

    /// A message from a phone, in as many parts as it takes. Waits for who is bound to receive, and comes again where the answer is
    /// that it shall.
    ///
    /// # Errors
    /// No address, or too long.
    pub fn send(&self, from: &str, to: &str, text: &str) -> Result<(), CannotSend> {
        let parts = parts(text, self.world.config.form, self.world.reference())?;
        self.send_parts(from, to, parts.parts)
    }

    /// Parts of a message, some of them or in another order.
    ///
    /// # Errors
    /// No address.
    pub fn send_parts(&self, from: &str, to: &str, parts: Vec<Part>) -> Result<(), CannotSend> {
        let address = |number: &str| Address::new(number).ok_or_else(|| CannotSend::Address(number.to_owned()));
        let (from, to) = (address(from)?, address(to)?);
        for part in parts {
            self.world.post(Say::from_phone(from.clone(), to.clone(), part));
        }
        Ok(())
    }

    /// A message whose body cannot be read.
    pub fn send_malformed(&self) {
        self.world.post(Say::Malformed);
    }

    /// Unbinds everybody.
    pub fn unbind(&self) {
        self.world.everybody(|| Say::Unbind);
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.world.everybody(|| Say::Cut);
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.world.counts()
    }

    /// Sets other faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.world.set_faults(faults);
    }
}
