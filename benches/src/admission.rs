//! Admission alone: an engine over a store in memory whose applier is held, so that what is counted or timed is what the
//! publisher's own thread does.
//!
//! Knows the engine's public face only.

use crate::{MICROBLOG, admit, blog};
use reef_engine::config::NodeConfig;
use reef_engine::error::{Error, StoreError};
use reef_engine::fanout::Wake;
use reef_engine::limits::Limits;
use reef_engine::log::apply::NoTables;
use reef_engine::log::record::Change;
use reef_engine::{Engine, Options, Seat};
use reef_sim::disk::{Disk, SimClock};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Who publishes.
const AUTHOR: &str = "author@bench";

/// An engine that commits nothing until it is dropped. What waits is let go first, the engine after it.
pub struct Held {
    _hold: SyncSender<()>,
    engine: Arc<Engine>,
    _seats: Vec<Seat>,
}

impl Held {
    /// An engine on a new store in memory; `dir` is where its packed edges would lie.
    ///
    /// # Errors
    /// The system has no thread to give.
    ///
    /// # Panics
    /// The first record is refused.
    pub fn new(dir: &Path) -> Result<Held, StoreError> {
        let wake: Wake = Arc::new(|| {});
        let options = Options {
            dir: dir.to_owned(),
            limits: Limits::default(),
            sync: true,
            tables: Arc::new(NoTables),
            clock: Arc::<SimClock>::default(),
            wakers: vec![wake],
            applier_starts: || (),
        };
        let (engine, seats) = Engine::over(Arc::new(Disk::default()), options)?;
        let (hold, held) = sync_channel::<()>(1);
        let (begun, begins) = sync_channel(1);
        let config = NodeConfig::microblog(MICROBLOG);
        let node = blog(AUTHOR);
        let ticket = Box::new(move |_| {
            let _ = begun.send(());
            // Ends when the other side is dropped.
            let _ = held.recv();
        });
        let first = engine
            .admission
            .submit(AUTHOR, Change::CreateNode { node, config }, ticket);
        first.expect("an empty engine has room");
        begins.recv().expect("the applier tells of what it committed");
        Ok(Held {
            _hold: hold,
            engine,
            _seats: seats,
        })
    }

    /// Admits so many posts: there is room for 65,536 in all.
    ///
    /// # Errors
    /// A refusal.
    pub fn admit(&self, posts: usize) -> Result<(), Error> {
        admit(&self.engine, AUTHOR, posts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_admitted_waits_until_the_hold_ends() {
        let dir = tempfile::TempDir::new().unwrap();
        let held = Held::new(dir.path()).unwrap();
        held.admit(100).unwrap();
        held.admit(100).unwrap();
    }
}
