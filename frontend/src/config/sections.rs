//! The sections of the configuration file, one struct each, with the defaults that `contract.md` promises.
//!
//! It must not know how they are read or what follows from them. What comes next: `check` judges what types cannot.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// `[c2s]`: clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct C2sConfig {
    /// Listeners that offer STARTTLS.
    pub listen: Vec<SocketAddr>,
    /// Listeners that begin with TLS (XEP-0368).
    pub listen_tls: Vec<SocketAddr>,
    /// `false` only for benchmarks, with every `listen` on loopback: then PLAIN is allowed in the clear.
    pub require_tls: bool,
    /// Who may make himself an account (XEP-0077).
    pub registration: Registration,
    /// Bare JIDs of accounts that may administer the server from their clients (XEP-0133).
    pub admins: Vec<String>,
    /// Time from accept to the end of authentication.
    #[serde(with = "duration")]
    pub handshake_timeout: Duration,
    /// Rounds of PBKDF2 for new passwords; at least 4,096 (RFC 5802 §5.1).
    pub scram_iterations: u32,
    /// Whether push notifications (XEP-0357) say what was written: services of third parties read it.
    pub push_body: bool,
    /// Whether posts to many sessions leave in one system call (io_uring), where the kernel has it (6.1). Over loopback
    /// it saves nothing once the kernel's own threads are counted (`benches/RESULTS.md`): measure before turning it on.
    pub io_uring: bool,
}

/// Who may make himself an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody.
    Open,
    /// Who has been invited.
    Invite,
    /// Nobody; the operator makes accounts.
    Closed,
}

/// `[s2s]`: other servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct S2sConfig {
    /// Listeners that offer STARTTLS.
    pub listen: Vec<SocketAddr>,
    /// Listeners that begin with TLS (XEP-0368).
    pub listen_tls: Vec<SocketAddr>,
    /// Whether peers must use TLS.
    pub require_tls: bool,
    /// Whether a peer without a valid certificate may prove itself by dialback (XEP-0220).
    pub dialback: bool,
    /// Resolvers to ask instead of the system's.
    pub dns: Vec<SocketAddr>,
    /// First pause before a peer that is down is tried again.
    #[serde(with = "duration")]
    pub retry_min: Duration,
    /// Longest pause.
    #[serde(with = "duration")]
    pub retry_max: Duration,
    /// Time without a stanza after which a stream is closed.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// How long what cannot be brought to a peer waits for it; then its sender is told.
    #[serde(with = "duration")]
    pub queue_for: Duration,
    /// After how long without an answer a peer that has followers here is taken for gone, and its subscriptions end; 0 is never.
    #[serde(with = "duration")]
    pub retire_after: Duration,
    /// After which time a sender is told that his stanza still waits.
    #[serde(with = "duration")]
    pub warn_after: Duration,
    /// What a peer must do to be talked to: a domain, `*.domain` for its subdomains, or `*` for all others. The longest
    /// that fits counts; who fits none is allowed.
    pub policy: BTreeMap<String, PeerPolicy>,
    /// Asked before DNS: a domain, or `*.domain` for its subdomains, and its address.
    pub resolve: BTreeMap<String, SocketAddr>,
}

/// What a peer must do to be talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerPolicy {
    /// What `require_tls` and `dialback` say.
    Allow,
    /// Nothing: no streams, either way.
    Deny,
    /// TLS, whatever `require_tls` says.
    Tls,
    /// TLS with a certificate that is valid for its domain; dialback does not stand in for it.
    Certificate,
}

/// `[pubsub]`: the generic service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PubsubConfig {
    /// Who may create nodes.
    pub create: Create,
}

/// Who may create nodes on the pubsub service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Create {
    /// Accounts of this server.
    Local,
    /// Remote users too.
    Anyone,
    /// Only the operator.
    Admin,
}

/// `[tls]`: our certificate, and whom we trust.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsConfig {
    /// PEM file with our certificate and its chain; empty: a self-signed one is made in the data directory.
    pub cert: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
    /// PEM file with roots that peers' certificates may lead to, besides the system's; empty: none.
    pub ca: PathBuf,
}

/// `[http]`: WebSocket, BOSH, uploads, metrics, web.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpConfig {
    /// Listeners without TLS.
    pub listen: Vec<SocketAddr>,
    /// Listeners with TLS.
    pub listen_tls: Vec<SocketAddr>,
    /// What links, host-meta and upload slots say; behind a proxy its https address. Empty: the first listener, unless only
    /// this machine reaches it.
    pub public_url: String,
    /// Addresses or networks (`10.0.0.0/8`) whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// Origins (`https://chat.example.org`) whose pages may speak XMPP over WebSocket and BOSH, beside the server's own; `*` is
    /// any: what counts are the credentials within the stream, and no cookie.
    pub origins: Vec<String>,
}

/// `[store]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreConfig {
    /// When a commit counts as done.
    pub durability: Durability,
}

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Once it is on the disk.
    Fsync,
    /// Once the operating system has it: a power failure may lose acknowledged posts.
    Os,
}

impl Default for C2sConfig {
    fn default() -> Self {
        Self {
            listen: vec![loopback(5222)],
            listen_tls: vec![loopback(5223)],
            require_tls: true,
            registration: Registration::Closed,
            admins: Vec::new(),
            handshake_timeout: Duration::from_secs(30),
            scram_iterations: 10_000,
            push_body: false,
            io_uring: false,
        }
    }
}

impl Default for S2sConfig {
    fn default() -> Self {
        Self {
            listen: vec![loopback(5269)],
            listen_tls: Vec::new(),
            require_tls: true,
            dialback: true,
            dns: Vec::new(),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
            idle_timeout: Duration::from_secs(600),
            queue_for: Duration::from_secs(7 * 86_400),
            retire_after: Duration::from_secs(30 * 86_400),
            warn_after: Duration::from_secs(3_600),
            policy: BTreeMap::new(),
            resolve: BTreeMap::new(),
        }
    }
}

impl Default for PubsubConfig {
    fn default() -> Self {
        Self { create: Create::Local }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: vec![loopback(5280)],
            listen_tls: Vec::new(),
            public_url: String::new(),
            trusted_proxies: Vec::new(),
            origins: vec!["*".to_owned()],
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
