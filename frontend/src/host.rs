//! Accounts for the negotiation: their credentials from the store, and the way to their shard.
//!
//! Knows no stream and no session. A registration is a record like any other: answered when it is durable.

use crate::router::Mail;
use crate::sasl::{Credentials, Stored};
use crate::server::Server;
use crate::stream::{Authenticated, Host, HostError, RegisterError};
use crate::tables::{self, Op};
use jid::BareJid;
use reef_engine::error::{Error, Reject};
use reef_engine::log::record::Change;
use reef_engine::metrics::Counter;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The accounts of a server.
pub(crate) struct Accounts {
    server: Arc<Server>,
    /// How many clients registered.
    registrations: Counter,
}

impl Accounts {
    /// The accounts of this server, with their metric.
    pub(crate) fn new(server: Arc<Server>) -> Accounts {
        let metrics = &server.engine.metrics;
        let registrations = metrics.register("registrations", "Accounts that clients registered");
        Accounts { server, registrations }
    }
}

impl Host for Accounts {
    async fn credentials(&self, user: &BareJid) -> Result<Option<Credentials>, HostError> {
        let (answer, waits) = oneshot::channel();
        let user = user.clone();
        let read = self.server.engine.read(move |engine| {
            // Whoever asked may have left.
            let _ = answer.send(tables::account(engine.view(), user.as_str()));
        });
        read.map_err(|_| HostError::Busy)?;
        match waits.await {
            Ok(Ok(None)) => Ok(None),
            Ok(Ok(Some(row))) if row.suspended => Err(HostError::Disabled),
            // Without a password it is to others as one that is not there.
            Ok(Ok(Some(row))) => match Stored::from_bytes(&row.credentials) {
                Ok(stored) => Ok(stored.now(self.server.engine.clock.now().0)),
                Err(error) => {
                    tracing::error!(%error, "an account's credentials cannot be read");
                    Err(HostError::Busy)
                }
            },
            Ok(Err(error)) => {
                tracing::error!(%error, "an account cannot be read");
                Err(HostError::Busy)
            }
            Err(_) => Err(HostError::Busy),
        }
    }

    async fn register(&self, user: &BareJid, credentials: Credentials) -> Result<(), RegisterError> {
        if self.server.is_reserved(user) {
            return Err(RegisterError::NotAllowed);
        }
        let (answer, waits) = oneshot::channel();
        let name: Arc<str> = user.as_str().into();
        let op = Op::CreateAccount {
            user: name.clone(),
            credentials: credentials.to_bytes(),
        };
        let change = Change::Table {
            owner: name.clone(),
            op: op.encode(),
        };
        let ticket = Box::new(move |fate| drop(answer.send(fate)));
        self.server
            .engine
            .admission
            .submit(&name, change, ticket)
            .map_err(|_| RegisterError::Busy)?;
        match waits.await {
            Ok(Ok(_)) => {
                self.registrations.inc();
                Ok(())
            }
            Ok(Err(Error::Rejected(Reject::Conflict))) => Err(RegisterError::Conflict),
            Ok(Err(_)) | Err(_) => Err(RegisterError::Busy),
        }
    }

    fn hand_over(&self, connection: Authenticated) {
        let shard = self.server.router.shard_of(connection.user.as_str());
        if self
            .server
            .router
            .send(shard, Mail::Connection(Box::new(connection)))
            .is_err()
        {
            // Dropping it closes the socket: the client tries again.
            tracing::warn!(shard, "a shard's box is full: a login was refused");
        }
    }
}
