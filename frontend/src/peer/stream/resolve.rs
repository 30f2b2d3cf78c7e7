//! Where a domain is served: the operator's own table, the address that the domain is, SRV records (RFC 6120 §3.2,
//! XEP-0368), or its own address.
//!
//! Must not know streams. What comes next: `dial` tries what is found in this order.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{ResolverBuilder, TokioResolver};

use super::Unreachable;
use super::names::ByDomain;
use super::services::{in_order, random, services};
use crate::config::S2sConfig;
use crate::limits::{PEER_ADDRESSES, PEER_FIND_SECONDS};

/// Where servers listen for each other, if nothing else is said.
const PORT: u16 = 5269;
/// What one question to one name server may take.
const ASK_TIME_MAX: Duration = Duration::from_secs(3);

/// One place to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// Whether it begins with TLS.
    pub(super) direct: bool,
}

/// Finds domains.
pub(super) struct Resolver {
    fixed: ByDomain<SocketAddr>,
    /// `None` where the system names no name server.
    dns: Option<TokioResolver>,
}

impl Resolver {
    pub(super) fn new(config: &S2sConfig) -> Result<Self, NetError> {
        let dns = match config.dns.as_slice() {
            [] => TokioResolver::builder_tokio()
                .inspect_err(|error| tracing::warn!(%error, "no name server is known: set s2s.dns"))
                .ok(),
            servers => {
                let servers = servers.iter().map(name_server).collect();
                let config = ResolverConfig::from_name_servers(servers);
                Some(TokioResolver::builder_with_config(
                    config,
                    TokioRuntimeProvider::default(),
                ))
            }
        };
        let build = |mut builder: ResolverBuilder<TokioRuntimeProvider>| {
            builder.options_mut().timeout = ASK_TIME_MAX;
            builder.build()
        };
        Ok(Self {
            fixed: ByDomain::new(&config.resolve),
            dns: dns.map(build).transpose()?,
        })
    }

    /// Where to try, in this order; at least one, at most [`PEER_ADDRESSES`].
    pub(super) async fn find(&self, domain: &str) -> Result<Vec<Target>, Unreachable> {
        if let Some(address) = self.fixed.get(domain) {
            return Ok(vec![Target { address, direct: false }]);
        }
        if let Some(ip) = ip_literal(domain) {
            let address = SocketAddr::new(ip, PORT);
            return Ok(vec![Target { address, direct: false }]);
        }
        let dns = self.dns.as_ref().ok_or_else(|| down("no name server is known"))?;
        let found = tokio::time::timeout(Duration::from_secs(PEER_FIND_SECONDS), find(dns, domain)).await;
        found.unwrap_or_else(|_| Err(down("the name servers do not answer")))
    }
}

/// The address that a domain is (RFC 7622 §3.2).
pub(super) fn ip_literal(domain: &str) -> Option<IpAddr> {
    let inner = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(domain).parse().ok()
}

/// A domain as certificates and name servers write it.
pub(super) fn ascii(domain: &str) -> Option<String> {
    let mut name = Name::from_utf8(domain).ok()?;
    name.set_fqdn(false);
    Some(name.to_ascii())
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    connections.iter_mut().for_each(|c| c.port = address.port());
    NameServerConfig::new(address.ip(), true, connections)
}

async fn find(dns: &TokioResolver, domain: &str) -> Result<Vec<Target>, Unreachable> {
    let mut name = Name::from_utf8(domain).map_err(|_| Unreachable::NotFound("it is no name".to_owned()))?;
    name.set_fqdn(true);
    let (direct, plain) = tokio::join!(
        services(dns, "_xmpps-server._tcp", &name, true),
        services(dns, "_xmpp-server._tcp", &name, false),
    );
    // Either may fail by itself; both must be known to be absent before the name's own address counts.
    let failed = direct.is_err() || plain.is_err();
    let refused = plain
        .as_ref()
        .is_ok_and(|services| services.iter().any(|s| s.host.is_root()));
    let mut all = [direct.unwrap_or_default(), plain.unwrap_or_default()].concat();
    all.retain(|service| !service.host.is_root());
    if all.is_empty() {
        return match (refused, failed) {
            (true, _) => Err(Unreachable::NotFound("it says that it has no such service".to_owned())),
            (false, true) => Err(down("a name server failed")),
            (false, false) => addresses(dns, &name, PORT, false).await,
        };
    }
    let mut targets = Vec::new();
    let mut error = None;
    for service in in_order(all, random) {
        match addresses(dns, &service.host, service.port, service.direct).await {
            Ok(found) => targets.extend(found),
            Err(found) => error = Some(found),
        }
        if targets.len() >= PEER_ADDRESSES {
            break;
        }
    }
    targets.truncate(PEER_ADDRESSES);
    match error {
        Some(error) if targets.is_empty() => Err(error),
        _ => Ok(targets),
    }
}

async fn addresses(dns: &TokioResolver, host: &Name, port: u16, direct: bool) -> Result<Vec<Target>, Unreachable> {
    let target = |ip| Target {
        address: SocketAddr::new(ip, port),
        direct,
    };
    match dns.lookup_ip(host.clone()).await {
        Ok(found) => {
            let found: Vec<Target> = found.iter().take(PEER_ADDRESSES).map(target).collect();
            match found.is_empty() {
                true => Err(Unreachable::NotFound(format!("{host} has no address"))),
                false => Ok(found),
            }
        }
        Err(error) if error.is_no_records_found() => Err(Unreachable::NotFound(format!("{host} has no address"))),
        Err(error) => Err(down(error)),
    }
}

fn down(why: impl ToString) -> Unreachable {
    Unreachable::Down(why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_may_be_an_address() {
        assert_eq!(ip_literal("127.0.0.5"), "127.0.0.5".parse().ok());
        assert_eq!(ip_literal("[::1]"), "::1".parse().ok());
        assert_eq!(ip_literal("peer.example"), None);
        assert_eq!(ascii("bücher.example").as_deref(), Some("xn--bcher-kva.example"));
    }
}
