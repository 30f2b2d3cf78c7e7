//! What another part of the server is given: the engine, and the ways to accounts.
//!
//! It holds nothing that would keep a stopped server alive. Knows no part. Next: `act.rs`, what an account does without a
//! session; `look.rs`, what is read.

use crate::router::Mail;
use crate::server::Server;
use crate::stream::AddressRate;
use jid::Jid;
use minidom::Element;
use reef_engine::Engine;
use std::sync::{Arc, Weak};

/// The server, as another part of it sees it. Nothing of it waits but what says so.
pub struct Host {
    server: Weak<Server>,
    domain: String,
    /// Of accounts that are made by the part.
    pub(super) registrations: Arc<AddressRate>,
}

impl Host {
    pub(crate) fn new(server: &Arc<Server>) -> Arc<Host> {
        Arc::new(Host {
            server: Arc::downgrade(server),
            domain: server.domain.clone(),
            registrations: Arc::new(AddressRate::new(server.config.limits.registrations_per_minute)),
        })
    }

    /// The server, unless it has ended.
    pub(super) fn server(&self) -> Option<Arc<Server>> {
        self.server.upgrade()
    }

    /// The engine; `None` once the server has ended. Whoever keeps it lets it go in `Part::stop`.
    pub fn engine(&self) -> Option<Arc<Engine>> {
        self.server().map(|server| server.engine.clone())
    }

    /// The domain that is served, normalised.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Sends a stanza of the part's to an account here: its `from` is the part's address, its `to` a bare JID or that of a
    /// session. A message with a body is kept where there is no session. False where that account's shard is too busy: then
    /// it is lost, as on a connection that breaks.
    pub fn send(&self, stanza: Element) -> bool {
        let to = stanza.attr("to").and_then(|to| Jid::new(to).ok());
        let (Some(server), Some(to)) = (self.server(), to) else {
            return false;
        };
        let ours = |jid: &str| Jid::new(jid).is_ok_and(|jid| server.part_at(jid.domain().as_str()).is_some());
        let here = to.node().is_some() && server.is_domain(to.domain().as_str());
        debug_assert!(stanza.attr("from").is_some_and(ours), "the part speaks for itself");
        if !here || !stanza.attr("from").is_some_and(ours) {
            return false;
        }
        let shard = server.router.shard_of(to.to_bare().as_str());
        server.router.send(shard, Mail::Route(Box::new((to, stanza)))).is_ok()
    }
}
