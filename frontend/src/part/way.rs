//! From a call of another part to the shard of the account that it is for: over a reader thread, which looks whether there is
//! such an account.
//!
//! Where something on the way is full or ends, whoever asked hears that: what is dropped says so. Knows no request. Next:
//! `session/behalf.rs`.

use super::look::active;
use super::{Done, Host, Refused};
use crate::router::Job;
use crate::server::Server;
use crate::session::Acted;
use jid::BareJid;
use minidom::Element;
use reef_engine::error::Error;
use reef_engine::log::Ticket;
use reef_engine::log::record::{Applied, Change};
use std::sync::Arc;

/// A request: to whom, and its payload.
pub(super) type Request = (BareJid, Element);

/// Whoever is to be told, once: that there was no way, where nothing else is said.
pub(super) struct Told<T>(Option<Done<T>>);

impl<T> Told<T> {
    pub(super) fn tell(mut self, answer: Result<T, Refused>) {
        if let Some(done) = self.0.take() {
            done(answer);
        }
    }
}

impl<T: Send + 'static> Told<T> {
    /// Tells what a session would hear, or this.
    pub(super) fn acted(self, answer: T) -> Acted {
        Box::new(move |acted| self.tell(acted.map(|()| answer).map_err(Refused::from)))
    }

    /// Tells what became of a record, or this.
    fn ticket(self, answer: T) -> Ticket {
        Box::new(move |fate: Result<Applied, Error>| self.tell(fate.map(|_| answer).map_err(Refused::from)))
    }
}

impl<T> Drop for Told<T> {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(Refused::Busy));
        }
    }
}

impl Host {
    /// Makes a request on a reader thread, has it handled on the account's shard, and answers with what was made with it; at
    /// once where there is nothing to be done any more.
    pub(super) fn act<T: Send + 'static>(
        &self,
        account: &BareJid,
        done: Done<T>,
        make: impl FnOnce(&Arc<Server>) -> Result<(Option<Request>, T), Refused> + Send + 'static,
    ) {
        let account = account.clone();
        self.look(done, move |server, told| {
            match active(&server.engine, &account).and_then(|()| make(server)) {
                Err(refused) => told.tell(Err(refused)),
                Ok((None, answer)) => told.tell(Ok(answer)),
                Ok((Some((to, payload)), answer)) => {
                    let (name, acted) = (account.clone(), told.acted(answer));
                    on_shard(server, &name, Box::new(move |hub| hub.act(account, to, payload, acted)));
                }
            }
        });
    }

    /// Runs on a reader thread.
    pub(super) fn look<T: Send + 'static>(
        &self,
        done: Done<T>,
        job: impl FnOnce(&Arc<Server>, Told<T>) + Send + 'static,
    ) {
        let told = Told(Some(done));
        if let Some(server) = self.server() {
            let engine = server.engine.clone();
            // Where too many wait the job is dropped, and says so.
            let _ = engine.read(move |_| job(&server, told));
        }
    }

    /// The same on a thread that derives keys from passwords.
    pub(super) fn hash<T: Send + 'static>(
        &self,
        done: Done<T>,
        job: impl FnOnce(&Arc<Server>, Told<T>) + Send + 'static,
    ) {
        let told = Told(Some(done));
        if let Some(server) = self.server() {
            let hashing = server.clone();
            let _ = hashing.hashers.submit(Box::new(move || job(&server, told)));
        }
    }
}

/// Commits a change and tells what became of it, with this where it was done.
pub(super) fn commit<T: Send + 'static>(server: &Server, change: Change, by: &str, told: Told<T>, answer: T) {
    // A ticket that is refused is dropped, and says that the server is busy, as it mostly is.
    let _ = server.engine.admission.submit(by, change, told.ticket(answer));
}

/// Runs a job where an account lives. Waits while that shard's box is full: for readers, for which no shard waits.
pub(super) fn on_shard(server: &Server, account: &BareJid, job: Job) {
    let shard = server.router.shard_of(account.as_str());
    server.router.answer(shard, job);
}
