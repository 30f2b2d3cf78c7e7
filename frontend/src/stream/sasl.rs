//! SASL on the stream (RFC 6120 §6): carries the messages of `crate::sasl`, asks the host for credentials, counts
//! failures.
//!
//! It must not know how a mechanism works. What comes next: after `<success/>` the connection leaves for its shard.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use jid::BareJid;
use minidom::Element;
use reef_stanza::{StreamCondition, StreamFault, ns};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

use crate::limits::TRY_WAIT_SECONDS;

use super::{End, Host, HostError, Negotiation, random, stray};
use crate::sasl::{Basis, ClientFirst, Credentials, Failure, Hash, Mechanism, PlainMessage, account_of};

/// In which elements an exchange goes: those of RFC 6120, or of XEP-0388. They are called alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    Sasl,
    Sasl2,
}

impl Exchange {
    fn ns(self) -> &'static str {
        match self {
            Exchange::Sasl => ns::SASL,
            Exchange::Sasl2 => ns::SASL2,
        }
    }
}

/// What stops an exchange: the attempt, or the whole stream.
pub(super) enum Stop {
    Attempt(Failure),
    Stream(End),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Attempt(failure)
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::Stream(end)
    }
}

/// Who it is.
pub(super) struct Proven {
    pub(super) user: BareJid,
    /// What `<success/>` tells the client (RFC 6120 §6.3.10).
    pub(super) additional: Option<Vec<u8>>,
    pub(super) basis: Basis,
}

impl<H: Host> Negotiation<'_, H> {
    /// One attempt, from `<auth/>` to `<success/>` or `<failure/>`. `None` if it failed and may be repeated; one
    /// failure too many ends the stream.
    pub(super) async fn authenticate(&mut self, auth: &Element) -> Result<Option<BareJid>, End> {
        self.exchange = Exchange::Sasl;
        let failure = match self.attempt(auth).await {
            Ok(proven) => {
                self.send_message("success", proven.additional.as_deref()).await?;
                return Ok(Some(proven.user));
            }
            Err(Stop::Stream(end)) => return Err(end),
            Err(Stop::Attempt(failure)) => failure,
        };
        self.failed(failure).await.map(|()| None)
    }

    /// An attempt has failed.
    pub(super) async fn failed(&mut self, failure: Failure) -> Result<(), End> {
        tracing::debug!(address = %self.address, %failure, "authentication failed");
        let (ns, condition) = (self.exchange.ns(), failure.condition());
        let xml = match self.exchange {
            Exchange::Sasl => format!("<failure xmlns='{ns}'><{condition}/></failure>"),
            Exchange::Sasl2 => format!("<failure xmlns='{ns}'><{condition} xmlns='{}'/></failure>", ns::SASL),
        };
        self.connection.send(xml.as_bytes()).await?;
        self.failures += 1;
        if self.failures >= self.context.sasl_attempts {
            let fault = StreamFault::new(StreamCondition::PolicyViolation);
            return Err(fault.with_text("too many failed authentications").into());
        }
        Ok(())
    }

    async fn attempt(&mut self, auth: &Element) -> Result<Proven, Stop> {
        if !self.may_authenticate() {
            return Err(Failure::EncryptionRequired.into());
        }
        let mechanism = self.offer().pick(auth.attr("mechanism").unwrap_or_default())?;
        // Without an initial response the client waits for an empty challenge (RFC 4422 §3); `=` is an empty response.
        let message = if auth.text().is_empty() {
            self.first_response().await?
        } else {
            decode(&auth.text())?
        };
        self.run_mechanism(mechanism, &message).await
    }

    /// What a client says that has not said it with its request.
    pub(super) async fn first_response(&mut self) -> Result<Vec<u8>, Stop> {
        self.send_message("challenge", None).await?;
        self.response().await
    }

    /// Runs a mechanism from its first message on.
    pub(super) async fn run_mechanism(&mut self, mechanism: Mechanism, message: &[u8]) -> Result<Proven, Stop> {
        match mechanism {
            Mechanism::Scram { hash, plus } => self.scram(hash, plus, message).await,
            Mechanism::Plain => self.plain(message).await,
        }
    }

    async fn scram(&mut self, hash: Hash, plus: bool, message: &[u8]) -> Result<Proven, Stop> {
        let first = ClientFirst::parse(hash, plus, &self.bindings, message)?;
        let user = account_of(&first.authcid, first.authzid.as_deref(), &self.context.domain)?;
        let credentials = self.credentials(user.as_ref()).await?;
        let nonce = BASE64.encode(random::<18>()?);
        let used = credentials.clone();
        let (challenge, challenged) = first.challenge(credentials, &self.context.decoys, &nonce, &self.offered());
        self.send_message("challenge", Some(&challenge)).await?;
        let proof = self.response().await?;
        let wait = self.turn()?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let signature = challenged.verify(&proof, &self.bindings)?;
        self.context.tries.give_back(self.address);
        self.proven(user, used, Some(signature)).await
    }

    async fn plain(&mut self, message: &[u8]) -> Result<Proven, Stop> {
        let plain = PlainMessage::parse(message)?;
        let user = account_of(&plain.authcid, plain.authzid.as_deref(), &self.context.domain)?;
        let credentials = self.credentials(user.as_ref()).await?;
        let (decoys, used) = (self.context.decoys.clone(), credentials.clone());
        let mut core = self.core().await;
        let wait = self.turn()?;
        if !wait.is_zero() {
            drop(core);
            tokio::time::sleep(wait).await;
            core = self.core().await;
        }
        let verified = derive(core, move || plain.verify(credentials.as_ref(), &decoys)).await;
        verified.ok_or(Failure::TemporaryAuthFailure)??;
        self.context.tries.give_back(self.address);
        self.proven(user, used, None).await
    }

    /// Somebody has proven what his account had when he began. A client may take its time over that: it counts if it is so still.
    async fn proven(
        &self,
        user: Option<BareJid>,
        used: Option<Credentials>,
        additional: Option<Vec<u8>>,
    ) -> Result<Proven, Stop> {
        let (user, used) = user.zip(used).ok_or(Failure::NotAuthorized)?;
        let now = self.credentials(Some(&user)).await?;
        match now.filter(|now| *now == used) {
            Some(now) => Ok(Proven {
                user,
                additional,
                basis: Basis::Password(now.to_bytes()),
            }),
            None => Err(Failure::NotAuthorized.into()),
        }
    }

    async fn credentials(&self, user: Option<&BareJid>) -> Result<Option<Credentials>, Failure> {
        let Some(user) = user else {
            return Ok(None);
        };
        self.context.host.credentials(user).await.map_err(|error| match error {
            HostError::Disabled => Failure::AccountDisabled,
            HostError::Busy => Failure::TemporaryAuthFailure,
        })
    }

    /// In how long this address may have what it says about a password judged: at once where few of its tries failed lately.
    /// A token is taken at the last moment, and given back where the password is right, so that many who log in at once, and
    /// know theirs, do not wait for each other. Nobody is kept out by tries from other addresses.
    #[allow(
        clippy::disallowed_methods,
        reason = "the rate of an address is a matter of real time"
    )]
    fn turn(&self) -> Result<Duration, Failure> {
        let patience = Duration::from_secs(TRY_WAIT_SECONDS);
        let tries = &self.context.tries;
        let wait = tries.reserve_within(self.address, Instant::now(), patience);
        wait.ok_or(Failure::TemporaryAuthFailure)
    }

    /// Waits for a core to derive keys on.
    async fn core(&self) -> Option<OwnedSemaphorePermit> {
        self.context.derivations.clone().acquire_owned().await.ok()
    }

    /// Runs what derives keys from a password. `None` if it could not be run.
    pub(super) async fn derive<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        derive(self.core().await, work).await
    }

    /// The data of the client's next `<response/>`.
    async fn response(&mut self) -> Result<Vec<u8>, Stop> {
        let element = self.element().await?;
        let ns = self.exchange.ns();
        if element.is("response", ns) {
            Ok(decode(&element.text())?)
        } else if element.is("abort", ns) {
            Err(Failure::Aborted.into())
        } else if element.has_ns(ns) {
            Err(Failure::MalformedRequest.into())
        } else {
            Err(Stop::Stream(stray(&element).into()))
        }
    }

    async fn send_message(&mut self, name: &str, data: Option<&[u8]>) -> Result<(), End> {
        let ns = self.exchange.ns();
        let xml = match data {
            Some(data) => format!("<{name} xmlns='{ns}'>{}</{name}>", BASE64.encode(data)),
            None => format!("<{name} xmlns='{ns}'/>"),
        };
        self.connection.send(xml.as_bytes()).await
    }
}

/// Runs what derives keys on a blocking thread, as many at a time as there are cores. The core goes along, so that a client who
/// leaves does not make room for the next.
async fn derive<T: Send + 'static>(
    core: Option<OwnedSemaphorePermit>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let core = core?;
    let work = move || {
        let _core = core;
        work()
    };
    tokio::task::spawn_blocking(work).await.ok()
}

/// Base64 without white space (RFC 6120 §6.4.2); `=` alone is no data.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    match text {
        "=" => Ok(Vec::new()),
        _ => BASE64.decode(text).map_err(|_| Failure::IncorrectEncoding),
    }
}
