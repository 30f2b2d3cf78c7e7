//! What all streams between servers share: our domains and certificate, whom we trust and what we ask of him, limits, and
//! the streams of peers that may be used in the other direction.
//!
//! Must hold nothing of a single stream. What comes next: `open` dials, `accept` serves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reef_engine::error::Error;
use reef_stanza::Budget;
use tokio::sync::{Semaphore, mpsc, watch};

use super::component::Components;
use super::counters::Counters;
use super::dialback::Secret;
use super::link::{Command, Link, LinkState};
use super::names::domain;
use super::policy::Policy;
use super::rates::Rates;
use super::resolve::Resolver;
use super::trust::Trust;
use super::{Inbox, Unreachable, prove};
use crate::config::Config;
use crate::limits::PEERS_VERIFYING;
use crate::stream::Connections;
use crate::tls::{Tls, TlsError};

/// The context of all streams between servers.
pub(crate) struct S2s {
    /// Ours, normalised; the first is the main one.
    pub(super) domains: Vec<String>,
    pub(super) tls: Arc<Tls>,
    pub(super) trust: Trust,
    pub(super) resolver: Resolver,
    pub(super) policy: Policy,
    pub(super) secret: Secret,
    pub(super) inbox: Arc<dyn Inbox>,
    pub(super) connections: Arc<Connections>,
    pub(super) rates: Arc<Rates>,
    /// Permits to examine keys of dialback.
    pub(super) verifying: Semaphore,
    pub(super) idle_timeout: Duration,
    pub(super) sasl_attempts: u32,
    /// What an element may cost before its sender is proved.
    pub(super) budget_before: Budget,
    /// And after.
    pub(super) budget: Budget,
    pub(super) counters: Counters,
    /// Programs that speak for domains of their own.
    pub(crate) components: Components,
    /// Streams of peers on which we may send, by our domain and theirs. Held for one look-up.
    routes: Mutex<HashMap<(String, String), Route>>,
    numbers: AtomicU64,
    /// From here on nothing more is acknowledged.
    pub(super) stopped: Arc<AtomicBool>,
}

/// A peer's stream on which we may send.
#[derive(Clone)]
pub(super) struct Route {
    /// The stream's: a later one is not removed by an earlier one's end.
    pub(super) stream: u64,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) sm: bool,
    pub(super) stanza_limit: Option<usize>,
}

/// Why there can be no streams to other servers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum S2sError {
    /// The roots of certificates.
    #[error(transparent)]
    Roots(#[from] TlsError),
    /// The name servers.
    #[error("name servers cannot be used: {0}; set s2s.dns")]
    Names(String),
    /// One of our domains.
    #[error("{0:?} is no domain")]
    Domain(String),
}

impl S2s {
    /// For these domains of ours, the main one first. `secret` makes keys of dialback and must be the same after a restart.
    /// Blocks on files.
    pub(crate) fn new(
        config: &Config,
        domains: Vec<String>,
        tls: Arc<Tls>,
        secret: [u8; 32],
        inbox: Arc<dyn Inbox>,
    ) -> Result<Arc<S2s>, S2sError> {
        let limits = &config.limits;
        let normal = |name: String| domain(&name).ok_or(S2sError::Domain(name));
        let budget = |bytes, budget| Budget {
            stanza_bytes: bytes,
            ..budget
        };
        Ok(Arc::new(S2s {
            domains: domains.into_iter().map(normal).collect::<Result<_, _>>()?,
            tls,
            trust: Trust::load(&config.tls.ca)?,
            resolver: Resolver::new(&config.s2s).map_err(|error| S2sError::Names(error.to_string()))?,
            policy: Policy::new(&config.s2s),
            secret: Secret::new(&secret),
            inbox,
            connections: Connections::new(limits.connections_unauthenticated, limits.connections_per_ip),
            rates: Rates::new(limits),
            verifying: Semaphore::new(PEERS_VERIFYING),
            idle_timeout: config.s2s.idle_timeout,
            sasl_attempts: limits.sasl_attempts,
            budget_before: budget(limits.stanza_bytes_before_auth, Budget::BEFORE_AUTH),
            budget: budget(limits.stanza_bytes, Budget::AFTER_AUTH),
            counters: Counters::default(),
            components: Components::new(&config.component),
            routes: Mutex::default(),
            numbers: AtomicU64::new(0),
            stopped: Arc::default(),
        }))
    }

    /// The server stops, or can keep nothing any more: what came and is not done with by now is not acknowledged, so that
    /// peers send it again.
    pub(crate) fn hold(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// The same, where a change was not committed because of that.
    pub(crate) fn hold_if_closed(&self, error: Option<&Error>) {
        if let Some(Error::Closed | Error::Store(_)) = error {
            self.hold();
        }
    }

    /// A proved stream on which stanzas of `local`, one of our domains, can be sent to `remote`: a peer's own, if both
    /// agreed to use it in both directions, else a new one. Takes seconds; may be dropped.
    pub(crate) async fn open(self: &Arc<S2s>, local: &str, remote: &str) -> Result<Link, Unreachable> {
        let refused = |why: &str| Err(Unreachable::Refused(why.to_owned()));
        let Some(local) = domain(local).filter(|local| self.is_ours(local)) else {
            return refused("the sender's domain is not served here");
        };
        let Some(remote) = domain(remote) else {
            return Err(Unreachable::NotFound("it is no domain".to_owned()));
        };
        if let Some(found) = self.component(&remote).await {
            return found;
        }
        if self.is_ours(&remote) {
            return refused("the domain is served here");
        }
        if self.policy.of(&remote).denied {
            return refused("the policy denies it");
        }
        if let Some(link) = self.attach(&local, &remote).await {
            return Ok(link);
        }
        let opened = prove::open(self, &local, &remote).await;
        match &opened {
            Ok(_) => tracing::debug!(local, remote, "a stream to a peer is open"),
            Err(error) => tracing::debug!(local, remote, %error, "no stream to a peer"),
        }
        opened
    }

    /// Reads the roots again, as our own certificate is by [`Tls::reload`]. Streams that are proved stay so. Blocks on files.
    ///
    /// # Errors
    /// They cannot be read; the former stay.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        self.trust.reload()
    }

    /// What is counted.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether a domain, normalised, is one of ours.
    pub(super) fn is_ours(&self, domain: &str) -> bool {
        self.domains.iter().any(|ours| ours == domain)
    }

    /// The domain that speaks where none was asked for.
    pub(super) fn main_domain(&self) -> &str {
        self.domains.first().map_or("localhost", String::as_str)
    }

    /// A number for a stream or a link.
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A link on a stream of the peer's.
    async fn attach(&self, local: &str, remote: &str) -> Option<Link> {
        let route = self.routes().get(&(local.to_owned(), remote.to_owned())).cloned()?;
        self.link(route).await
    }

    /// A link to a component; `None` where the domain is none's.
    async fn component(&self, domain: &str) -> Option<Result<Link, Unreachable>> {
        if !self.components.has(domain) {
            return None;
        }
        let link = match self.components.route(domain) {
            Some(route) => self.link(route).await,
            None => None,
        };
        Some(link.ok_or_else(|| Unreachable::Down("the component is not connected".to_owned())))
    }

    async fn link(&self, route: Route) -> Option<Link> {
        let (state, watched) = watch::channel(LinkState::default());
        let number = self.number();
        let attached = route.commands.send(Command::Attach(number, state)).await;
        attached.ok().map(|()| Link {
            number,
            sm: route.sm,
            stanza_limit: route.stanza_limit,
            told: 0,
            commands: route.commands,
            state: watched,
        })
    }

    /// A peer's stream may be used for this pair; a newer one takes an older one's place.
    pub(super) fn add_route(&self, local: &str, remote: &str, route: Route) {
        self.routes().insert((local.to_owned(), remote.to_owned()), route);
    }

    /// A stream has ended, or is about to.
    pub(super) fn remove_routes(&self, stream: u64) {
        self.routes().retain(|_, route| route.stream != stream);
    }

    fn routes(&self) -> MutexGuard<'_, HashMap<(String, String), Route>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
