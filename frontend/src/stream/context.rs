//! What all client streams of a server share: its name, its certificate, its limits and counters.
//!
//! It must not hold anything of a single stream. What comes next: `listen` makes a negotiation of it and a socket.

use std::sync::Arc;
use std::time::Duration;

use jid::DomainPart;
use reef_stanza::Budget;
use tokio::sync::Semaphore;

use super::Connections;
use super::rate::AddressRate;
use crate::config::{Config, Registration};
use crate::sasl::Decoys;
use crate::tls::Tls;

/// How a listener's connections begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// With a stream that is upgraded (RFC 6120 §5).
    StartTls,
    /// With TLS (XEP-0368).
    DirectTls,
    /// Over a transport of this process, which is protected, or needs no protection (RFC 7395 §3.10: no STARTTLS there).
    Relayed,
}

/// The context of all client streams.
pub struct C2s<H> {
    /// Accounts and shards.
    pub host: H,
    /// Written into the stream features beside the mechanisms and after them, for instance `<c/>` of XEP-0115.
    pub features_extra: Vec<u8>,
    /// How many connections there are; the permits of other listeners may come from it, too.
    pub connections: Arc<Connections>,
    pub(super) domain: DomainPart,
    pub(super) tls: Arc<Tls>,
    pub(super) require_tls: bool,
    pub(super) registration_open: bool,
    /// Whether who brings an invitation registers.
    pub(super) registration_invited: bool,
    pub(super) registrations: AddressRate,
    /// Tries that failed.
    pub(super) tries: AddressRate,
    pub(super) scram_iterations: u32,
    pub(super) sasl_attempts: u32,
    pub(super) decoys: Decoys,
    /// Permits to derive keys from passwords: as many as cores, so that logins never starve what else runs.
    pub(super) derivations: Arc<Semaphore>,
    pub(crate) handshake_timeout: Duration,
    pub(crate) budget: Budget,
}

impl<H> C2s<H> {
    /// `secret` hides which accounts exist and must be the same after a restart. Fails if the domain is none, which
    /// [`Config::load`] has checked.
    pub fn new(host: H, config: &Config, tls: Arc<Tls>, secret: [u8; 32]) -> Result<Self, jid::Error> {
        let limits = &config.limits;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            host,
            features_extra: Vec::new(),
            connections: Connections::new(limits.connections_unauthenticated, limits.connections_per_ip),
            domain: DomainPart::new(&config.domain)?.into_owned(),
            tls,
            require_tls: config.c2s.require_tls,
            registration_open: config.c2s.registration == Registration::Open,
            registration_invited: config.c2s.registration != Registration::Closed,
            registrations: AddressRate::new(limits.registrations_per_minute),
            tries: AddressRate::new(limits.sasl_failures_per_minute),
            scram_iterations: config.c2s.scram_iterations,
            sasl_attempts: limits.sasl_attempts,
            decoys: Decoys::new(secret, config.c2s.scram_iterations),
            derivations: Arc::new(Semaphore::new(cores)),
            handshake_timeout: config.c2s.handshake_timeout,
            budget: Budget {
                stanza_bytes: limits.stanza_bytes_before_auth,
                ..Budget::BEFORE_AUTH
            },
        })
    }

    /// The domain that is served, normalised.
    pub fn domain(&self) -> &str {
        self.domain.as_str()
    }
}
