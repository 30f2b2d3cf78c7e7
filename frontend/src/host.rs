//! Accounts for the negotiation: their credentials from the store, and the way to their shard.
//!
//! Knows no stream and no session. A registration is a record like any other: answered when it is durable.

use crate::limits::TOKENS;
use crate::router::Mail;
use crate::sasl::{Basis, Credentials, Stored, Tokens};
use crate::server::Server;
use crate::session::carry_out;
use crate::stream::{Authenticated, Host, HostError, Invited, RegisterError};
use crate::tables::{self, Op};
use jid::BareJid;
use reef_engine::error::{Error, Reject, StoreError};
use reef_engine::log::record::{Applied, Change};
use reef_engine::metrics::Counter;
use reef_engine::store::View;
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

    /// Reads on a reader's thread.
    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, HostError> {
        let (answer, waits) = oneshot::channel();
        let read = self.server.engine.read(move |engine| {
            // Whoever asked may have left.
            let _ = answer.send(job(engine.view()));
        });
        read.map_err(|_| HostError::Busy)?;
        match waits.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                tracing::error!(%error, "an account cannot be read");
                Err(HostError::Busy)
            }
            Err(_) => Err(HostError::Busy),
        }
    }

    /// Commits a change of an account; done once it is durable.
    async fn commit(&self, user: &Arc<str>, op: &Op) -> Result<(), Error> {
        let (answer, waits) = oneshot::channel();
        let change = Change::Table {
            owner: user.clone(),
            op: op.encode(),
        };
        let server = self.server.clone();
        let ticket = Box::new(move |fate: Result<Applied, Error>| {
            // Who invited somebody hears of his new contact.
            fate.iter().for_each(|applied| carry_out(&server, applied));
            drop(answer.send(fate.map(drop)));
        });
        self.server.engine.admission.submit(user, change, ticket)?;
        waits.await.unwrap_or(Err(Error::Busy))
    }
}

impl Host for Accounts {
    async fn credentials(&self, user: &BareJid) -> Result<Option<Credentials>, HostError> {
        let user = user.clone();
        match self.read(move |view| tables::account(view, user.as_str())).await? {
            None => Ok(None),
            Some(row) if row.suspended => Err(HostError::Disabled),
            // Without a password it is to others as one that is not there.
            Some(row) => match Stored::from_bytes(&row.credentials) {
                Ok(stored) => Ok(stored.now(self.now())),
                Err(error) => {
                    tracing::error!(%error, "an account's credentials cannot be read");
                    Err(HostError::Busy)
                }
            },
        }
    }

    async fn tokens(&self, user: &BareJid, agent: &str) -> Result<Option<Tokens>, HostError> {
        let (user, agent) = (user.clone(), agent.to_owned());
        let read = self.read(move |view| match tables::account(view, user.as_str())? {
            Some(row) => Ok(Some((row.suspended, tables::tokens(view, user.as_str(), &agent)?))),
            None => Ok(None),
        });
        match read.await? {
            Some((true, _)) => Err(HostError::Disabled),
            Some((false, tokens)) => Ok(tokens),
            None => Ok(None),
        }
    }

    async fn keep_tokens(&self, user: &BareJid, agent: &str, tokens: Tokens, basis: Basis) -> Result<(), HostError> {
        let name: Arc<str> = user.as_str().into();
        let op = Op::SetTokens {
            user: name.clone(),
            agent: agent.into(),
            tokens,
            basis,
            most: TOKENS,
        };
        self.commit(&name, &op).await.map_err(|_| HostError::Busy)
    }

    fn now(&self) -> u64 {
        self.server.engine.clock.now().0
    }

    async fn invited(&self, token: &str) -> Result<Option<Invited>, HostError> {
        let (asked, now) = (token.to_owned(), self.server.engine.clock.now());
        let found = self.read(move |view| tables::invite(view, &asked, now)).await?;
        let found = found.filter(|invite| invite.registers);
        Ok(found.map(|invite| Invited {
            token: token.to_owned(),
            name: invite.name.and_then(|name| Some(name.split_once('@')?.0.to_owned())),
        }))
    }

    async fn register(
        &self,
        user: &BareJid,
        credentials: Credentials,
        token: Option<&str>,
    ) -> Result<(), RegisterError> {
        if self.server.is_reserved(user) {
            return Err(RegisterError::NotAllowed);
        }
        let (name, credentials): (Arc<str>, _) = (user.as_str().into(), credentials.to_bytes());
        let user = name.clone();
        let op = match token {
            Some(token) => Op::RegisterInvited {
                user,
                credentials,
                token: token.into(),
            },
            None => Op::CreateAccount { user, credentials },
        };
        match self.commit(&name, &op).await {
            Ok(()) => {
                self.registrations.inc();
                Ok(())
            }
            Err(Error::Rejected(Reject::Conflict)) => Err(RegisterError::Conflict),
            Err(Error::Rejected(Reject::ItemNotFound | Reject::NotAcceptable(_))) => Err(RegisterError::NotInvited),
            Err(_) => Err(RegisterError::Busy),
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
