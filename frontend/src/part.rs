//! Another part of the server, which the front end does not know: its tables in the same log and commits, its address as a
//! contact of accounts here, its commands, metrics and pages.
//!
//! Whoever composes the server makes one and hands it over; what a part can do in return is its [`Host`]'s. Knows no
//! gateway. Next: `tables/mod.rs` applies its operations, `session/part.rs` brings it stanzas.

mod account; // accounts that it makes
mod act; //     what an account does without a session
mod entry; //   its posts
mod host; //    what a part is given
mod look; //    what is read for it
mod refused; // why something is not done
mod way; //     from there to an account's shard

pub use act::{Done, PostOptions};
pub use host::Host;
pub use look::Said;
pub use refused::Refused;

use crate::config::Config;
use crate::tables;
use bytes::Bytes;
use futures::future::BoxFuture;
use jid::Jid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::log::record::Record;
use reef_engine::model::Timestamp;
use reef_engine::store::Tx;
use reef_engine::store::keys::Family;
use serde_json::Value;
use std::sync::Arc;

/// Makes the part that a configuration asks for, if it does; or says in one line what is wrong with it.
pub type Maker = fn(&Config) -> Result<Option<Arc<dyn Part>>, String>;

/// The first of a part's families. They are found by their names, so that this number is for one run of the program alone.
pub const FIRST_FAMILY: Family = Family(Family::TABLES + tables::NAMES.len() as u8);

/// How a part's operations begin: no operation of the front end's does.
pub(crate) const MARK: u8 = 0xff;

/// An operation of a part, as it is put into a record (`Change::Table`).
pub fn op(bytes: &[u8]) -> Bytes {
    [&[MARK], bytes].concat().into()
}

/// What a part is, for service discovery (XEP-0030 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its category.
    pub category: &'static str,
    /// Its type.
    pub kind: &'static str,
    /// For people.
    pub name: &'static str,
}

/// Another part of the server.
pub trait Part: Send + Sync + 'static {
    /// The name of its service: its address is this, a dot, and the domain. One of `peer::name::PARTS`.
    fn service(&self) -> &'static str;

    /// The names of its families, the first of which is [`FIRST_FAMILY`].
    fn families(&self) -> &'static [&'static str] {
        &[]
    }

    /// Applies one of its operations, without what [`op`] put before it.
    ///
    /// # Errors
    /// A refusal, after which nothing is changed, or the store's failure.
    fn apply(&self, apply: &mut Apply<'_, '_>, op: &[u8]) -> Result<Bytes, ApplyError>;

    /// One bounded step of what its tables leave to the background, as `Tables::sweep` has it.
    ///
    /// # Errors
    /// The store's failures.
    fn sweep(&self, tx: &mut Tx<'_>, now: Timestamp, rows: usize, next: &mut Vec<Record>) -> Result<(), StoreError> {
        let _ = (tx, now, rows, next);
        Ok(())
    }

    /// A message with a body is kept for an account that has no session, in this commit. `from` is a bare JID, and not the
    /// part's. A refusal refuses the message.
    ///
    /// # Errors
    /// The store's failures.
    fn missed(&self, apply: &mut Apply<'_, '_>, user: &str, from: &str, body: &str) -> Result<(), ApplyError> {
        let _ = (apply, user, from, body);
        Ok(())
    }

    /// An account is removed, in this commit.
    ///
    /// # Errors
    /// The store's failures.
    fn removed(&self, apply: &mut Apply<'_, '_>, user: &str) -> Result<(), ApplyError> {
        let _ = (apply, user);
        Ok(())
    }

    /// The engine is open and shards run; nobody is listened to yet. On a tokio thread.
    ///
    /// # Errors
    /// One line that says why the server cannot start.
    fn start(&self, host: Arc<Host>) -> Result<(), String>;

    /// The server stops: what is under way is ended, and the host let go. What takes longer than
    /// [`crate::limits::PART_STOP_SECONDS`] is not waited for.
    fn stop(&self) -> BoxFuture<'static, ()>;

    /// A stanza of a local account for its address, with or without a resource. `from` is the session's full JID; of a
    /// presence of type `probe`, whoever is to be shown the part's presence. Answers go by [`Host::send`]. On a shard: it
    /// must not block.
    fn stanza(&self, from: &Jid, to: &Jid, stanza: Element);

    /// What it is.
    fn identity(&self) -> Identity;

    /// What it can do, beside service discovery and pings, which are answered for it.
    fn features(&self) -> &'static [&'static str] {
        &[]
    }

    /// Local parts that nobody may register.
    fn reserved(&self) -> &[&'static str] {
        &[]
    }

    /// What an operator asks, in a running server or of a store that none has. Blocks.
    ///
    /// # Errors
    /// One line that says what to do.
    fn ask(&self, engine: &Arc<Engine>, words: &Value) -> Result<Value, String>;

    /// What an operator still has to do once a store is restored, in one line.
    fn restored(&self) -> Option<String> {
        None
    }

    /// Further paths of the HTTP listeners, with their limits of connections and time.
    fn web(&self) -> Option<axum::Router> {
        None
    }

    /// Metrics, as OpenMetrics text. Blocks.
    fn metrics(&self) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Op;

    #[test]
    fn no_operation_of_the_front_end_begins_as_a_parts() {
        let user: Arc<str> = "a@x".into();
        let first = Op::CreateAccount {
            user: user.clone(),
            credentials: Vec::new(),
        };
        let last = Op::SetArchivePreferences {
            user,
            preferences: tables::ArchivePreferences::default(),
        };
        let begins = [first, last].map(|op| op.encode()[0]);
        // Variants are numbered in order, one byte each as long as there are fewer than 128 of them.
        assert!(begins[0] == 0 && begins[1] < 0x80, "{begins:?}");
        assert_eq!(&op(b"x")[..], [MARK, b'x']);
    }
}
