//! Clients in the server's own process: sessions as real as any, over memory instead of sockets.
//!
//! A machine has sockets for some ten thousand clients; whether the server's part holds for a million is shown this way.
//! Begins where a login has succeeded. Nothing of the server itself uses it.

use crate::router::Mail;
use crate::server::Running;
pub use crate::session::FarEnd;
use crate::tables::Op;
use jid::BareJid;
use reef_engine::Engine;
use reef_engine::log::record::Change;
use std::sync::Arc;

impl Running {
    /// The engine that it serves from.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.server.engine
    }

    /// Which shard's thread serves a user, of how many.
    pub fn shard_of(&self, user: &BareJid) -> (usize, usize) {
        (self.server.router.shard_of(user.as_str()), self.server.router.shards())
    }

    /// Connects somebody who counts as logged in; `first` is what he says at once, beginning with a stream header. Waits
    /// while the shard's box is full.
    pub fn connect_in_memory(&self, user: BareJid, first: Vec<u8>, far: Box<dyn FarEnd>) {
        let shard = self.server.router.shard_of(user.as_str());
        let job = Box::new(move |hub: &mut crate::session::Hub| hub.adopt_far_end(user, first, far));
        self.server.router.answer(shard, job);
    }

    /// Wakes a shard, which looks at far ends that have something to say only when it wrote to them.
    pub fn wake(&self, shard: usize) {
        // A shard whose box is full is awake.
        let _ = self.server.router.send(shard, Mail::Job(Box::new(|_| {})));
    }
}

/// Makes an account that nobody can log in to but [`Running::connect_in_memory`].
pub fn account(user: &BareJid) -> Change {
    let name: Arc<str> = user.as_str().into();
    let op = Op::CreateAccount {
        user: name.clone(),
        credentials: Vec::new(),
    };
    Change::Table {
        owner: name,
        op: op.encode(),
    }
}
